"""`module`: models are matched by structure, and what is wrong with one has a name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.domain.evidence import Answer, AnswerStatus, Raised, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Probe, Rerun, Verdict
from tests.unit.checks._net import model, reference, relu, run, sigmoid, weights
from tests.unit.checks._play import Model, Player, answered, judge, spec, tensor

FIELDS: dict[str, Any] = {
    "name": "ToyModel",
    "inputs": [{"normal": ["N", 3]}],
    "cases": [{"N": 16}],
    "parts": {"parameters": 1, "forward": 2, "gradients": 1},
}
Weights = list[np.ndarray]


def judged(made: Any, seed: int = 0, **more: Any) -> Verdict:
    student = Player(classes={"ToyModel": lambda: made})
    return judge(spec("module", **FIELDS | more), student, reference(), seed=seed)


def forward(function: Any) -> Model:
    return model(forward=function)


def reshaped(*order: int) -> Model:
    """The right network, with its parameters defined in another order."""
    held, names = weights(), ["a", "b", "c", "d"]
    back = [order.index(n) for n in range(4)]
    return Model({names[n]: held[n] for n in order}, lambda w, x: run([w[n] for n in back], x))


def raw() -> Model:
    """Parameters in the shapes of the formula: (3, 4), (1, 4), (4, 2), (1, 2)."""
    w = weights()
    held = {"W1": w[0].T, "B1": w[1][None], "W2": w[2].T, "B2": w[3][None]}
    return Model(held, lambda v, x: sigmoid(relu(x @ v[0] + v[1]) @ v[2] + v[3]))


@pytest.mark.parametrize(
    "made", [model(), reshaped(2, 3, 0, 1), reshaped(1, 0, 3, 2), raw()],
    ids=["as the reference", "last layer first", "biases first", "raw"],
)  # fmt: skip
@pytest.mark.parametrize("seed", range(5))
def test_a_right_model_passes_however_it_is_written(made: Model, seed: int) -> None:
    verdict = judged(made, seed)
    assert (verdict.outcome, verdict.fraction) == (Outcome.PASSED, 1.0)
    assert verdict.detail["parts"] == {"parameters": True, "forward": True, "gradients": True}


def test_layers_of_one_shape_may_be_defined_in_any_order() -> None:
    def deep(order: tuple[int, ...]) -> Model:
        rng = np.random.default_rng(3)
        held = [rng.standard_normal((3, 3)).astype(np.float32) for _ in range(3)]

        def through(w: Weights, x: np.ndarray) -> np.ndarray:
            for n in order:
                x = np.tanh(x @ w[n].T)
            return x

        return Model({str(n): one for n, one in enumerate(held)}, through)

    check = spec("module", **FIELDS)
    ours = Player(classes={"ToyModel": lambda: deep((0, 1, 2))})
    theirs = Player(classes={"ToyModel": lambda: deep((2, 0, 1))})
    assert judge(check, theirs, ours).outcome is Outcome.PASSED


def linear(w: Weights, x: np.ndarray) -> np.ndarray:
    return relu(x @ w[0].T + w[1]) @ w[2].T + w[3]


def wide() -> Model:
    rng = np.random.default_rng(0)
    shapes = [(5, 3), (5,), (2, 5), (2,)]
    return model([rng.standard_normal(one).astype(np.float32) for one in shapes])


def deeper() -> Model:
    w = dict(enumerate([*weights()[:2], np.eye(4), np.ones(4), *weights()[2:]]))
    held = {str(name): value.astype(np.float32) for name, value in w.items()}
    return Model(held, lambda v, x: run([*v[:2], *v[4:]], x))


def without_bias() -> Model:
    w = weights()
    return Model({"1": w[0], "2": w[2]}, lambda v, x: sigmoid(relu(x @ v[0].T) @ v[1].T))


def one_layer() -> Model:
    w = weights()
    return Model({"1": w[0], "2": w[1]}, lambda v, x: sigmoid(x @ v[0].T + v[1]))


EVERY = ["0.weight", "0.bias", "2.weight", "2.bias"]
NAMED: list[tuple[str, Any, float, str]] = [
    ("missing-activation", forward(linear), 0.5, "sigmoid is missing"),
    (
        "no-hidden-activation",
        forward(lambda w, x: sigmoid((x @ w[0].T + w[1]) @ w[2].T + w[3])),
        0.5,
        "linearly",
    ),
    ("extra-activation", forward(lambda w, x: sigmoid(run(w, x))), 0.5, "sigmoid"),
    ("transposed", forward(lambda w, x: run(w, x).T), 0.5, "transposed"),
    ("wrong-width", wide(), 0.25, "(5, 3)"),
    ("extra-layer", deeper(), 0.25, "more layers"),
    ("missing-layer", one_layer(), 0.25, "fewer layers"),
    ("no-bias", without_bias(), 0.25, "biases are missing"),
    ("no-parameters", Model({}, lambda w, x: run(weights(), x)), 0, "no parameters"),
    ("detached", model(without_gradient=EVERY), 0.75, "No gradient gets from"),
    ("unused-parameters", model(without_gradient=EVERY[:1]), 0.75, "reaches 0.weight"),
    ("returns-none", forward(lambda w, x: None), 0.25, "None"),
    (
        "returns-iterator",
        forward(lambda w, x: Thing("generator")),
        0.25,
        "ToyModel's forward returned a generator: return a tensor.",
    ),
    ("returns-several", forward(lambda w, x: (run(w, x), x)), 0.25, "not return a tensor"),
    ("batch-of-one", forward(lambda w, x: run(w, x).squeeze()), 0.5, "batch of one row"),
    ("not-a-module", 3, 0, "not a torch.nn.Module"),
]


@pytest.mark.parametrize(("cause", "made", "fraction", "words"), NAMED)
@pytest.mark.parametrize("seed", range(3))
def test_a_known_mistake_gets_its_name_and_a_hint(
    cause: str, made: Any, fraction: float, words: str, seed: int
) -> None:
    verdict = judged(made, seed)
    assert verdict.cause == cause
    assert verdict.fraction == fraction
    assert words in verdict.message
    assert verdict.hint


DEEP = ["sigmoid", "sigmoid"]
FUNCTIONS = {"sigmoid": sigmoid, "relu": relu, "tanh": np.tanh, "": lambda z: z}


def deep(*activations: str) -> Model:
    """A network of three layers, with these activations after the first two."""
    rng = np.random.default_rng(5)
    shapes = [(5, 3), (5,), (3, 5), (3,), (1, 3), (1,)]
    held = {str(n): rng.standard_normal(one).astype(np.float32) for n, one in enumerate(shapes)}

    def through(w: Weights, x: np.ndarray) -> np.ndarray:
        for n, name in enumerate(activations):
            x = FUNCTIONS[name](x @ w[2 * n].T + w[2 * n + 1])
        return x @ w[4].T + w[5]

    return Model(held, through)


def deep_reference() -> Player:
    """A reference that can be asked with its activations replaced."""

    def instead(question: Probe | Rerun) -> Answer | None:
        assert isinstance(question, Probe)
        wanted: Any = question.payload.get("activations")
        if wanted is None:
            return None
        used = [wanted["use"] if n in wanted["at"] else name for n, name in enumerate(DEEP)]
        plain = {name: value for name, value in question.payload.items() if name != "activations"}
        answer = Player(classes={"ToyModel": lambda: deep(*used)}).answer(
            Probe("module", plain, question.limit_s)
        )
        return answered(**answer.evidence, activations=DEEP)

    return Player(classes={"ToyModel": lambda: deep(*DEEP)}, instead=instead)


@pytest.mark.parametrize(
    ("activations", "cause", "words"),
    [
        (("relu", "relu"), "other-activation", "relu in place of sigmoid."),
        (("tanh", "tanh"), "other-activation", "tanh in place of sigmoid."),
        (("sigmoid", "tanh"), "other-activation", "tanh in place of sigmoid (activation 2 of 2)."),
        (("sigmoid", ""), "missing-activation", "without sigmoid (activation 2 of 2)."),
        (("", ""), "no-hidden-activation", "linearly"),
        (("relu", "tanh"), None, ""),
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_a_wrong_activation_between_layers_has_a_name(
    activations: tuple[str, str], cause: str | None, words: str, seed: int
) -> None:
    student = Player(classes={"ToyModel": lambda: deep(*activations)})
    verdict = judge(spec("module", **FIELDS), student, deep_reference(), seed=seed)
    assert (verdict.fraction, verdict.cause) == (0.5, cause)
    assert words in verdict.message


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (
            Raised("AttributeError", "cannot assign module before Module.__init__() call"),
            "no-super-init",
        ),
        (
            Raised("TypeError", "ToyModel.__init__() missing 1 required positional argument: 'n'"),
            "constructor-arguments",
        ),
        (Raised("NameError", "name 'nn' is not defined"), "raised"),
    ],
)
def test_a_class_that_can_not_be_made_an_instance_of(error: Raised, cause: str) -> None:
    verdict = judged(model(fail=error))
    assert (verdict.fraction, verdict.cause) == (0, cause)
    assert error.type in verdict.message


def test_a_model_without_forward() -> None:
    def none(w: Weights, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError('Module [ToyModel] is missing the required "forward" function')

    assert judged(forward(none)).cause == "no-forward"


@pytest.mark.parametrize(
    "function",
    [
        lambda w, x: sigmoid(np.tanh(x @ w[0].T + w[1]) @ w[2].T + w[3]),
        lambda w, x: np.full((len(x), 2), 0.5, np.float32),
        lambda w, x: run(w, x) + np.float32(0.05),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_an_unrelated_mistake_gets_no_name(function: Any, seed: int) -> None:
    verdict = judged(forward(function), seed)
    assert (verdict.fraction, verdict.cause, verdict.hint) == (0.5, None, None)


def test_parts_split_the_points() -> None:
    made = forward(linear)
    assert judged(made, parts={"forward": 1}).fraction == 0
    assert judged(made, parts={"parameters": 3, "forward": 1}).fraction == 0.75


def test_who_works_in_float64_is_asked_in_float64() -> None:
    def strict(w: Weights, x: np.ndarray) -> np.ndarray:
        if x.dtype != np.float64:
            raise RuntimeError("expected double")
        return run(w, x)

    wide_weights = [one.astype(np.float64) for one in weights()]
    assert judged(model(wide_weights, forward=strict)).outcome is Outcome.PASSED
    assert judged(forward(strict)).cause == "raised"


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (AnswerStatus.TIME_LIMIT, "time-limit"),
        (AnswerStatus.DIED, "died"),
        (AnswerStatus.MALFORMED, "unreadable"),
        (AnswerStatus.NOT_RUN, "not-run"),
    ],
)
def test_no_answer_is_told_in_plain_words(status: AnswerStatus, cause: str) -> None:
    student = Player(instead=lambda probe: Answer(status, {}))
    verdict = judge(spec("module", **FIELDS), student, reference())
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, cause)


def test_a_class_that_is_missing() -> None:
    assert judge(spec("module", **FIELDS), Player(), reference()).cause == "missing"


SOUND: dict[str, Any] = {
    "found": True,
    "is_module": True,
    "class": "ToyModel",
    "parameters": [{"name": "w", "shape": [3], "value": tensor(np.ones(3))}],
    "modules": ["ToyModel"],
    "matchings": 1,
    "outputs": [[None, None]],
    "own": [None, None],
    "without_gradient": [],
    "training": True,
}
JUNK = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=3)


@given(st.sampled_from(sorted(SOUND)), JUNK | st.lists(st.dictionaries(st.text(), JUNK)))
def test_any_evidence_comes_to_a_failed_verdict(key: str, value: Any) -> None:
    def instead(question: Probe | Rerun) -> Answer:
        return answered(**SOUND | {key: value})

    verdict = judge(spec("module", **FIELDS), Player(instead=instead), reference())
    assert verdict.outcome is not Outcome.PASSED
    assert verdict.message


def test_a_fault_of_the_reference_is_never_a_zero() -> None:
    broken = Raised("ValueError", "ours")
    for fault in (
        Player(),
        reference(classes={"ToyModel": lambda: model(fail=broken)}),
        reference(classes={"ToyModel": lambda: Model({}, run)}),
        reference(classes={"ToyModel": lambda: forward(lambda w, x: None)}),
        Player(instead=lambda probe: answered(found=True, is_module=True)),
    ):
        student = Player(classes={"ToyModel": model})
        verdict = judge(spec("module", **FIELDS), student, fault)
        assert verdict.outcome is Outcome.NOT_JUDGED


@pytest.mark.parametrize(
    "wrong",
    [
        {"inputs": []},
        {"cases": [{}]},
        {"parts": {"forward": 0}},
        {"parts": {"colour": 1}},
        {"parts": {"forward": 2, "gradients": -1}},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("module", **FIELDS | wrong)
