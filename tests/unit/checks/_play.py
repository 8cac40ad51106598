"""Plays a submission and a reference for checks, in numpy: answers probes as the sandbox would.

A function of a notebook is a Python function of the bound globals (a dict) and its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from grader.checks import KINDS
from grader.checks.base import Context
from grader.domain.evidence import Answer, AnswerStatus, Mapped, Raised, Tensor, Thing
from grader.domain.evidence import Sequence as Items
from grader.domain.questions import Ask, Look, NextLook, Probe, Replies, Rerun, Verdict
from grader.domain.rubric import Cell

Function = Callable[..., Any]
END = Look(9, end=True, last=True)


def tensor(array: Any, dtype: str | None = None, **more: Any) -> Tensor:
    """An array as it is described."""
    array = np.asarray(array)
    return Tensor(dtype or str(array.dtype), array.shape, array.tobytes(), **more)


def described(value: Any) -> Any:
    """A value of a played function as evidence; evidence itself stays."""
    match value:
        case np.ndarray() | np.generic():
            return tensor(value)
        case tuple() | list():
            return Items(type(value).__name__, tuple(described(item) for item in value))
        case set() | frozenset():  # of what is described already: arrays can't be in one
            return Items(type(value).__name__, tuple(value))
        case dict():
            return Mapped(tuple((key, described(item)) for key, item in value.items()))
    return value


def answered(**evidence: Any) -> Answer:
    """An answer that holds this evidence."""
    return Answer(AnswerStatus.ANSWERED, evidence)


@dataclass
class Model:
    """A played model: parameters by name, a forward pass of them and the input.

    `without_gradient` names the parameters that get none; `fail` stands in for its making.
    """

    parameters: dict[str, np.ndarray]
    forward: Callable[[list[np.ndarray], np.ndarray], Any]
    without_gradient: Sequence[str] = ()
    type: str = "ToyModel"
    fail: Raised | None = None


@dataclass
class Player:
    """A submission or a reference.

    `functions` and `values` are what its names hold, `classes` make models, `gradients` are those
    of its loss. `changes` are inputs that each call reports as changed, `autograd` the calls of
    autograd that a watch sees. `reruns` makes the model that a re-run under a seed ends in.
    """

    functions: Mapping[str, Function] = field(default_factory=dict)
    classes: Mapping[str, Callable[[], Model]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    gradients: Function | None = None
    changes: Sequence[str] = ()
    autograd: int = 0
    reruns: Callable[[int], Any] | None = None
    instead: Callable[[Probe | Rerun], Answer | None] | None = None
    asked: list[Probe | Rerun] = field(default_factory=list)

    def answer(self, question: Probe | Rerun) -> Answer:
        """The answer to one question."""
        self.asked.append(question)
        other = self.instead(question) if self.instead else None
        if other is not None:
            return other
        if isinstance(question, Rerun):
            assert self.reruns is not None, "nothing can run again here"
            made = self.reruns(question.seed)
            return made if isinstance(made, Answer) else self._module(question.probe.payload, made)
        played = getattr(self, f"_{question.kind}")
        result: Answer = played(question.payload)
        return result

    def _call(self, payload: Mapping[str, Any]) -> Answer:
        function = self.functions.get(payload["function"])
        if not callable(function):
            return answered(found=described(function), cases=[])
        cases = []
        for case in payload["cases"]:
            bound = dict(case["bind"])
            values = [_result(function, bound, case["args"]) for _ in range(payload["repeat"])]
            cases.append(
                {"values": values, "inputs_changed": list(self.changes), "autograd": self.autograd}
            )
        return answered(found=Thing("function", callable=True), cases=cases)

    def _sweep(self, payload: Mapping[str, Any]) -> Answer:
        function = self.functions.get(payload["function"])
        if function is None:
            return answered(found=None, base=None, outputs=[])
        wide = {name: array.astype(np.float64) for name, array in payload["bind"].items()}
        base = _result(function, wide, payload["args"])
        outputs = []
        for shift in payload["shifts"]:
            bound = {name: array.copy() for name, array in wide.items()}
            bound[shift["name"]].reshape(-1)[shift["index"]] += shift["delta"]
            outputs.append(_result(function, bound, payload["args"]))
        found = Thing("function", callable=True)
        if not all(isinstance(one, Tensor) and one.shape == outputs[0].shape for one in outputs):
            return answered(found=found, base=base, outputs=outputs)
        data = b"".join(one.data or b"" for one in outputs)
        stacked = Tensor("float64", (len(outputs), *outputs[0].shape), data, library="numpy")
        return answered(found=found, base=base, stacked=stacked)

    def _autograd(self, payload: Mapping[str, Any]) -> Answer:
        assert self.gradients is not None
        cases = []
        for case in payload["cases"]:
            wide = {name: array.astype(np.float64) for name, array in case["bind"].items()}
            made = self.gradients(wide, *_arguments(wide, case["args"]))
            arrays = {name: tensor(made[name], library="numpy") for name in payload["wrt"]}
            cases.append({"value": 0.0, "gradients": arrays})
        return answered(found=Thing("function", callable=True), cases=cases)

    def _values(self, payload: Mapping[str, Any]) -> Answer:
        held = {
            name: described(self.values[name]) for name in payload["names"] if name in self.values
        }
        return answered(values=held)

    def _module(self, payload: Mapping[str, Any], model: Any = None) -> Answer:
        if model is None and payload["make"] and payload["name"] in self.classes:
            model = self.classes[payload["name"]]()
        elif model is None:
            model = self.values.get(payload["name"])
        if model is None:
            return answered(found=False, is_module=False, **{"class": ""})
        if not isinstance(model, Model):
            return answered(found=True, is_module=False, **{"class": "int"})
        if model.fail is not None:
            fields = {"class": model.type, "raised": model.fail}
            return answered(found=True, is_module=False, **fields)
        own = list(model.parameters.values())
        given = [np.asarray(one["value"]) for one in payload["parameters"]]
        matchings = _matchings(given, own)
        fields = {
            "class": model.type,
            "parameters": [
                {"name": name, "shape": list(value.shape), "value": tensor(value, library="numpy")}
                for name, value in model.parameters.items()
            ],
        }
        return answered(
            found=True,
            is_module=True,
            modules=[model.type],
            matchings=len(matchings),
            outputs=[_outputs(model, weights, payload["inputs"]) for weights in matchings],
            own=_outputs(model, own, payload["inputs"]),
            without_gradient=list(model.without_gradient),
            training=True,
            **fields,
        )


def _arguments(bound: Mapping[str, Any], args: Iterable[Any]) -> list[Any]:
    return [bound[one["name"]] if isinstance(one, dict) else one for one in args]


def _result(function: Function, bound: dict[str, Any], args: Iterable[Any]) -> Any:
    try:
        return described(function(bound, *_arguments(bound, args)))
    except Exception as error:
        return Raised(type(error).__name__, str(error), line=2, cell=0)


def _outputs(model: Model, weights: list[np.ndarray], inputs: Iterable[np.ndarray]) -> list[Any]:
    return [_result(lambda _, x: model.forward(weights, x), {}, [x]) for x in inputs]


def _matchings(given: list[np.ndarray], own: list[np.ndarray]) -> list[list[np.ndarray]]:
    """The given values in the order and the shapes of a model's own parameters."""
    if not given or len(given) != len(own):
        return []
    found = []
    for order in permutations(range(len(own))):
        fitting = [_as(given[at], one.shape) for at, one in zip(order, own, strict=True)]
        if all(one is not None for one in fitting):
            found.append([one for one in fitting if one is not None])
    return found[:24]


def _as(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    for one in (value, value.T):
        if [n for n in one.shape if n != 1] == [n for n in shape if n != 1]:
            return one.reshape(shape)
    return None


def spec(kind: str, **fields: Any) -> Any:
    """A check's spec, read as from YAML."""
    return TypeAdapter(KINDS[kind].spec).validate_python({"id": "it", "kind": kind, **fields})


def judge(
    check: Any,
    student: Player,
    reference: Player | None = None,
    looks: Sequence[Look] = (END,),
    *,
    seed: int = 0,
    cells: Sequence[Cell] = (),
    code: Sequence[str | None] = (),
) -> Verdict:
    """Drive a check to its verdict: answer what it asks, look by look."""
    waiting = list(looks)
    context = Context(
        look=waiting.pop(0), rng=np.random.default_rng(seed), cells=tuple(cells), code=tuple(code)
    )
    judging = KINDS[check.kind].judge(check, context)
    reply: Replies | Look | None = None
    try:
        while True:
            step = judging.send(reply)
            if isinstance(step, NextLook):
                reply = waiting.pop(0) if waiting else None
                continue
            assert isinstance(step, Ask)
            reply = Replies(
                tuple(student.answer(one) for one in step.student),
                tuple(reference.answer(one) for one in step.reference) if reference else (),
            )
    except StopIteration as done:
        verdict: Verdict = done.value
        return verdict


def cells_of(*sources: str) -> tuple[Cell, ...]:
    """Code cells."""
    return tuple(
        Cell(kind="code", source=source, name=f"cell {number}")
        for number, source in enumerate(sources, 1)
    )
