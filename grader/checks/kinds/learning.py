"""`learning`: a training function trains, by what it does to a model and data of the grader's own.

The probe makes a small network, data, a loss and an optimiser, hands them over, and tells what
happened step by step. What that means is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from grader.checks.arrays import Array
from grader.checks.base import Context
from grader.checks.looks import Asking, ask_student, at_each_look
from grader.checks.observed.lessons import EXPECTATIONS, Expectation, Lesson, lesson
from grader.checks.reading import described, in_words, mapping
from grader.checks.verdicts import Failure, NearMiss, failed, graded, missing, passed, raised
from grader.checks.verdicts import unanswered as not_answered
from grader.domain.evidence import Raised, Thing
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place

Word = Literal[
    "model",
    "criterion",
    "optimizer",
    "train_loader",
    "held_out_loader",
    "train_dataset",
    "held_out_dataset",
    "inputs",
    "targets",
    "held_out_inputs",
    "held_out_targets",
    "device",
]
Given = Word | bool | int | float | None
Task = Literal["regression", "binary", "multiclass"]

_FEATURES, _HIDDEN, _CLASSES = 4, 8, 3
_LOSSES: dict[Task, str] = {
    "regression": "mse",
    "binary": "bce_with_logits",
    "multiclass": "cross_entropy",
}
_WHOLE = {"train_loader", "train_dataset", "inputs"}
_ABOUT_HELD_OUT: set[Expectation] = {"eval_mode", "no_grad", "leaves_held_out"}


@dataclass(frozen=True, kw_only=True)
class LearningSpec(CheckSpec):
    """Call `function(*args, **kwargs)` and see that it trains.

    A str among the arguments is one of the words for what the grader makes. `other_names` are
    what the function may be called instead. `expects` lists what it has to do, each worth the
    same, or gives each its share.
    """

    kind: Literal["learning"] = "learning"
    function: str
    other_names: tuple[str, ...] = ()
    args: tuple[Given, ...]
    kwargs: Mapping[str, Given] = field(default_factory=dict)
    task: Task = "regression"
    flat_targets: bool = False  # of shape (rows,): for loops that flatten the model's results
    rows: int = 64
    batch: int = 16
    # With Adam the loss falls also where gradients pile up: one mistake costs one expectation.
    optimizer: Literal["sgd", "adam"] = "adam"
    lr: float = 0.01
    expects: tuple[Expectation, ...] | Mapping[Expectation, float] = (
        "loss_decreases",
        "zeroes_gradients",
        "moves_parameters",
        "steps_each_batch",
    )

    def __post_init__(self) -> None:
        given = {one for one in (*self.args, *self.kwargs.values()) if isinstance(one, str)}
        unknown = given.difference(get_args(Word))
        if unknown:
            known = ", ".join(get_args(Word))
            raise ValueError(f"there is no {min(unknown)} to pass; there are {known}")
        if "model" not in given:
            raise ValueError("the function must be given the model: only that one can be watched")
        if not self.shares or not all(share > 0 for share in self.shares.values()):
            raise ValueError("expects must name what the function has to do, with shares above 0")
        about = _ABOUT_HELD_OUT.intersection(self.shares)
        if about and not any(one.startswith("held_out") for one in given):
            raise ValueError(f"{min(about)} needs held-out data among the arguments")
        if not 2 <= self.batch <= self.rows <= 1000:
            raise ValueError("batch must be at least 2, and rows from batch to 1000")
        if self.flat_targets and self.task == "multiclass":
            raise ValueError("classes are flat as they are: leave flat_targets out")
        if not self.lr > 0:
            raise ValueError("lr must be above 0")

    @property
    def shares(self) -> Mapping[Expectation, float]:
        """What is expected, with its share of the points."""
        if isinstance(self.expects, Mapping):
            return self.expects
        return dict.fromkeys(self.expects, 1.0)


def places(spec: LearningSpec) -> tuple[Place, ...]:
    """Where to look by default: after each cell that may define the function, and at the end."""
    names = (spec.function, *spec.other_names)
    return (*(Place(last_definition=name) for name in names), Place(end=True))


def judge(spec: LearningSpec, context: Context) -> Judging:
    """Have the function train once, and judge what was seen."""
    probe = _probe(spec, context.rng)

    def at_look(look: Look) -> Asking[Verdict]:
        answer = yield from ask_student(probe)
        failure = not_answered(answer, f"{spec.function}()", spec.limit_s)
        if failure is not None:
            return failed(spec, failure)
        found = _lesson(spec, context, mapping(answer.evidence), probe)
        return failed(spec, found) if isinstance(found, Failure) else _verdict(spec, found)

    return (yield from at_each_look(spec, context, at_look))


def _probe(spec: LearningSpec, rng: np.random.Generator) -> Probe:
    x = rng.standard_normal((2 * spec.rows, _FEATURES)).astype(np.float32)
    y = _targets(spec.task, x, rng)
    if spec.flat_targets:
        y = y.reshape(-1)
    outputs = _CLASSES if spec.task == "multiclass" else 1
    shapes = [(_HIDDEN, _FEATURES), (_HIDDEN,), (outputs, _HIDDEN), (outputs,)]
    payload = {
        "functions": [spec.function, *spec.other_names],
        "args": [_argument(one) for one in spec.args],
        "kwargs": {name: _argument(one) for name, one in spec.kwargs.items()},
        "data": {
            "inputs": x[: spec.rows],
            "targets": y[: spec.rows],
            "held_out_inputs": x[spec.rows :],
            "held_out_targets": y[spec.rows :],
        },
        "weights": [(0.4 * rng.standard_normal(shape)).astype(np.float32) for shape in shapes],
        "loss": _LOSSES[spec.task],
        "optimizer": spec.optimizer,
        "lr": spec.lr,
        "batch": spec.batch,
        # A function that has to choose the mode is given a model in the wrong one.
        "training": "train_mode" not in spec.shares,
        "seed": int(rng.integers(1 << 31)),
    }
    return Probe("learning", payload, spec.limit_s)


def _argument(given: Given) -> object:
    return {"word": given} if isinstance(given, str) else given


def _targets(task: Task, x: Array, rng: np.random.Generator) -> Array:
    """Targets that the network can learn from the inputs in a few steps."""
    if task == "multiclass":
        found: Array = (x @ rng.standard_normal((_FEATURES, _CLASSES))).argmax(axis=1)
        return found.astype(np.int64)
    direction = rng.standard_normal((_FEATURES, 1))
    line = x @ (direction / np.linalg.norm(direction))
    return (line > 0 if task == "binary" else 1 + line).astype(np.float32)


def _lesson(
    spec: LearningSpec, context: Context, evidence: Mapping[str, object], probe: Probe
) -> Lesson | Failure:
    """What the function did, or why it did nothing."""
    found = described(evidence.get("found"))
    if found is None:
        return missing(spec.function)
    if not isinstance(found, Thing) or not found.callable or found.is_class:
        what = "an exception" if isinstance(found, Raised) else in_words(found)
        return Failure(f"{spec.function} is {what}, not a function.", NearMiss("not-callable"))
    error = described(evidence.get("raised"))
    if isinstance(error, Raised):
        return raised(context, error, f"{spec.function}()")
    data = probe.payload["data"]
    assert isinstance(data, dict)
    rows = spec.rows if _WHOLE.intersection(map(str, _given(spec))) else 0
    return lesson(evidence, data["targets"], spec.task, rows)


def _given(spec: LearningSpec) -> list[Given]:
    return [*spec.args, *spec.kwargs.values()]


def _verdict(spec: LearningSpec, seen: Lesson) -> Verdict:
    if not seen.backwards:
        message = f"{spec.function}() makes no backward pass through the model it is given."
        return failed(spec, Failure(message, NearMiss("no-training"), seen.detail()))
    wrong = {one: why for one in spec.shares if (why := EXPECTATIONS[one](seen)) is not None}
    detail = {**seen.detail(), "expects": {one: one not in wrong for one in spec.shares}}
    if not wrong:
        return passed(f"{spec.function}() trains as it should.", detail)
    lost = sum(spec.shares[one] for one in wrong)
    message = " ".join(f"{spec.function}() {why.message}." for why in wrong.values())
    near_miss = next(iter(wrong.values())).near_miss
    fraction = 1 - lost / sum(spec.shares.values())
    return graded(spec, fraction, Failure(message, near_miss, detail))
