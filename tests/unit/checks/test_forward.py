"""`forward`: right results pass, and wrong ones fail with the name of their mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.checks.calling.nearmiss import Case, named
from grader.domain.evidence import Answer, AnswerStatus, Raised, Tensor, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Look, Probe, Rerun, Verdict
from tests.unit.checks._net import INPUTS, Globals, forward, reference, relu, sigmoid
from tests.unit.checks._play import END, Function, Player, answered, cells_of, judge, spec, tensor

FIELDS: dict[str, Any] = {
    "function": "forward",
    "args": ["x"],
    "inputs": {"x": {"normal": ["N", 3]}, **INPUTS},
    "cases": [{"N": 20}, {"N": 7}, {"N": 1}],
}


def judged(
    function: Function | Any, player: Player | None = None, seed: int = 0, **more: Any
) -> Verdict:
    student = player or Player(functions={"forward": function})
    return judge(spec("forward", **FIELDS | more), student, reference(), seed=seed)


def pre_activation(g: Globals, x: np.ndarray) -> np.ndarray:
    return relu(x @ g["W1"] + g["B1"]) @ g["W2"] + g["B2"]


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def no_relu(g: Globals, x: np.ndarray) -> np.ndarray:
    return sigmoid((x @ g["W1"] + g["B1"]) @ g["W2"] + g["B2"])


@pytest.mark.parametrize("seed", range(20))
def test_a_right_function_passes_whatever_is_drawn(seed: int) -> None:
    verdict = judged(forward, seed=seed)
    assert (verdict.outcome, verdict.fraction, verdict.cause) == (Outcome.PASSED, 1.0, None)


@pytest.mark.parametrize(
    "right",
    [
        lambda g, x: forward(g, x.astype(np.float64)),
        lambda g, x: np.stack([forward(g, row)[0] for row in x]),
        lambda g, x: (forward(g, x) * (1 + 1e-6)).astype(np.float32),
    ],
    ids=["float64", "row by row", "another order of summation"],
)
def test_other_ways_to_be_right(right: Function) -> None:
    assert judged(right).outcome is Outcome.PASSED


def test_the_dtype_of_a_wider_result_is_told_to_staff() -> None:
    verdict = judged(lambda g, x: forward(g, x).astype(np.float64))
    assert verdict.detail["cases"][0]["dtype"] == "float64"  # type: ignore[index]


NAMED: list[tuple[str, Function, str]] = [
    ("argument-ignored", lambda g, x: forward(g, g["X"]), "global X"),
    ("missing-activation", pre_activation, "sigmoid is missing"),
    ("extra-activation", lambda g, x: sigmoid(forward(g, x)), "one more sigmoid"),
    ("extra-activation", lambda g, x: softmax(forward(g, x)), "one more softmax"),
    ("other-activation", lambda g, x: softmax(pre_activation(g, x)), "softmax"),
    ("other-activation", lambda g, x: np.tanh(pre_activation(g, x)), "tanh"),
    ("other-activation", lambda g, x: relu(pre_activation(g, x)), "relu"),
    ("no-hidden-activation", no_relu, "linearly"),
    ("no-hidden-activation", lambda g, x: (x @ g["W1"] + g["B1"]) @ g["W2"], "linearly"),
    ("unused", lambda g, x: forward(g | {"B1": 0 * g["B1"]}, x), "without B1."),
    ("unused", lambda g, x: forward(g | {"B2": 0 * g["B2"]}, x), "without B2."),
    (
        "unused",
        lambda g, x: forward(g | {"B1": 0 * g["B1"], "B2": 0 * g["B2"]}, x),
        "without B1 and B2",
    ),
    ("transposed", lambda g, x: forward(g, x).T, "transposed"),
    ("shape", lambda g, x: forward(g, x).squeeze(), "another shape"),
    ("shape", lambda g, x: forward(g, x)[None], "another shape"),
    ("order", lambda g, x: forward(g, x)[:, ::-1].copy(), "[1, 0]"),
    ("sign", lambda g, x: -forward(g, x), "sign"),
    ("returns-none", lambda g, x: None, "None"),
    ("returns-several", lambda g, x: (pre_activation(g, x), forward(g, x)), "items is right"),
    ("returns-several", lambda g, x: [x, x], "a list of 2"),
    ("returns-iterator", lambda g, x: Thing("generator"), "returned a generator: return a tensor."),
    ("returns-iterator", lambda g, x: Thing("map"), "forward() returned a map object: return a"),
    ("returns-coroutine", lambda g, x: Thing("coroutine"), "a coroutine: return a tensor."),
    ("not-a-tensor", lambda g, x: Thing("Result"), "a Result; a tensor was expected"),
    ("not-a-tensor", lambda g, x: 0.5, "the float 0.5"),
    ("not-a-tensor", lambda g, x: tensor(forward(g, x), library="numpy"), "numpy"),
]


@pytest.mark.parametrize(("cause", "function", "words"), NAMED)
@pytest.mark.parametrize("seed", range(3))
def test_a_known_mistake_gets_its_name_and_a_hint(
    cause: str, function: Function, words: str, seed: int
) -> None:
    verdict = judged(function, seed=seed)
    assert (verdict.outcome, verdict.fraction) == (Outcome.FAILED, 0.0)
    assert verdict.cause == cause
    assert words in verdict.message
    assert verdict.hint


def replaced(g: Globals, x: np.ndarray, hidden: str, last: str) -> np.ndarray:
    functions = {"relu": relu, "sigmoid": sigmoid, "tanh": np.tanh, "": lambda z: z}
    return functions[last](functions[hidden](x @ g["W1"] + g["B1"]) @ g["W2"] + g["B2"])


def replacing(*, raises: str) -> Player:
    """A reference that can be asked with its activations replaced; one of them makes it raise."""

    def instead(question: Probe | Rerun) -> Answer | None:
        assert isinstance(question, Probe)
        wanted: Any = question.payload.get("activations")
        if wanted is None:
            return None
        names = ["relu", "sigmoid"]
        used = [wanted["use"] if n in wanted["at"] else name for n, name in enumerate(names)]

        def function(g: Globals, x: np.ndarray) -> np.ndarray:
            if raises in used:
                raise ValueError("between 0 and 1")
            return replaced(g, x, *used)

        answer = Player(functions={"forward": function}).answer(
            Probe("call", {k: v for k, v in question.payload.items() if k != "activations"})
        )
        return answered(**answer.evidence, activations=names)

    return reference(instead=instead)


@pytest.mark.parametrize("seed", range(3))
def test_another_activation_in_the_hidden_layer_has_a_name(seed: int) -> None:
    student = Player(functions={"forward": lambda g, x: replaced(g, x, "tanh", "sigmoid")})
    verdict = judge(spec("forward", **FIELDS), student, replacing(raises="none"), seed=seed)
    assert verdict.cause == "other-activation"
    assert "tanh in place of relu (activation 1 of 2)" in verdict.message


def test_a_mistake_with_which_the_reference_raises_explains_nothing() -> None:
    student = Player(functions={"forward": lambda g, x: replaced(g, x, "tanh", "sigmoid")})
    verdict = judge(spec("forward", **FIELDS), student, replacing(raises="tanh"))
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, None)


UNRELATED: list[Function] = [
    lambda g, x: np.zeros((len(x), 2), np.float32),
    lambda g, x: np.full((len(x), 2), 0.5, np.float32),
    lambda g, x: np.random.default_rng(0).random((len(x), 2)).astype(np.float32),
    lambda g, x: sigmoid(np.tanh(x @ g["W1"] + g["B1"]) @ g["W2"] + g["B2"]),
    lambda g, x: (forward(g, x) > 0.5).astype(np.float32),
    lambda g, x: forward(g, x) + np.float32(0.01),
    lambda g, x: forward(g, x) * np.float32(1.0005),
    lambda g, x: np.where(np.arange(len(x))[:, None] < 3, forward(g, x), 0).astype(np.float32),
    lambda g, x: np.ones((len(x), 5), np.float32),
]


@pytest.mark.parametrize("function", UNRELATED)
@pytest.mark.parametrize("seed", range(5))
def test_an_unrelated_mistake_gets_no_name(function: Function, seed: int) -> None:
    verdict = judged(function, seed=seed)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.cause is None
    assert verdict.hint is None


def test_no_activation_is_named_that_cannot_have_given_the_right_results() -> None:
    case = Case(argument=np.ones(3), got=np.array([1.5, 0.2]), want=np.array([-0.2, 2.0]))
    assert named([case]) is None


def test_one_name_has_to_explain_all_cases() -> None:
    def mixed(g: Globals, x: np.ndarray) -> np.ndarray:
        return pre_activation(g, x) if len(x) == 20 else no_relu(g, x)

    assert judged(mixed).cause is None


def test_a_rubric_names_mistakes_by_functions_of_its_reference() -> None:
    def doubled(g: Globals, x: np.ndarray) -> np.ndarray:
        return forward(g, 2 * x)

    near_misses = {"input-doubled": {"function": "doubled", "hint": "Why twice?"}}
    check = spec("forward", **FIELDS, near_misses=near_misses)
    verdict = judge(check, Player({"forward": doubled}), reference(functions={"doubled": doubled}))
    assert (verdict.cause, verdict.hint) == ("input-doubled", "Why twice?")


def test_a_rubric_words_a_hint_in_its_own_way() -> None:
    hints = {"missing-activation": "Remember the last step."}
    assert judged(pre_activation, hints=hints).hint == "Remember the last step."


def test_the_message_says_which_cases_are_right() -> None:
    verdict = judged(lambda g, x: forward(g, x).squeeze())
    assert "2 of 3 cases are right; this one has N = 1." in verdict.message


def test_all_cases_must_hold_unless_the_rubric_gives_parts() -> None:
    def small_only(g: Globals, x: np.ndarray) -> np.ndarray:
        return forward(g, x) if len(x) < 20 else 0 * forward(g, x)

    assert judged(small_only).fraction == 0
    partial = judged(small_only, partial=True)
    assert partial.outcome is Outcome.PARTIAL
    assert partial.fraction == pytest.approx(2 / 3)


def test_changing_an_input_in_place_fails_unless_it_is_allowed() -> None:
    student = Player({"forward": forward}, changes=["W1"])
    verdict = judged(None, student)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "changes-inputs")
    assert "W1" in verdict.message
    assert judged(None, student, may_change_inputs=True).outcome is Outcome.PASSED


def test_an_exception_is_told_with_its_place() -> None:
    def broken(g: Globals, x: np.ndarray) -> np.ndarray:
        raise ValueError("shapes do not match")

    check = spec("forward", **FIELDS)
    student = Player({"forward": broken})
    verdict = judge(check, student, reference(), cells=cells_of("a = 1"), code=("a = 1",))
    assert verdict.cause == "raised"
    assert "raised ValueError: shapes do not match (cell 1, line 2)" in verdict.message


def test_who_works_in_float64_is_asked_in_float64() -> None:
    def strict(g: Globals, x: np.ndarray) -> np.ndarray:
        if x.dtype != np.float64:
            raise RuntimeError("expected double")
        return forward(g, x)

    student = Player({"forward": strict}, values={"W1": np.zeros((3, 4))})
    assert judged(None, student).outcome is Outcome.PASSED
    assert judged(strict).cause == "raised"


@pytest.mark.parametrize(
    ("status", "cause", "words"),
    [
        (AnswerStatus.TIME_LIMIT, "time-limit", "longer than 10 s"),
        (AnswerStatus.DIED, "died", "process ended"),
        (AnswerStatus.MALFORMED, "unreadable", "cannot be read"),
        (AnswerStatus.NOT_RUN, "not-run", "run had ended"),
    ],
)
def test_no_answer_is_told_in_plain_words(status: AnswerStatus, cause: str, words: str) -> None:
    student = Player(instead=lambda probe: Answer(status, {}))
    verdict = judged(None, student)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, cause)
    assert words in verdict.message


def test_a_name_that_is_missing_or_no_function() -> None:
    assert judged(None, Player()).cause == "missing"
    taken = Player({"forward": np.zeros(3)})
    verdict = judged(None, taken)
    assert verdict.cause == "not-callable"
    assert "a tensor of shape (3,)" in verdict.message


def hostile(**evidence: Any) -> Player:
    def instead(question: Probe | Rerun) -> Answer:
        return answered(**evidence)

    return Player(instead=instead)


FUNCTION = Thing("function", callable=True)


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"found": FUNCTION},
        {"found": FUNCTION, "cases": []},
        {"found": FUNCTION, "cases": "abc"},
        {"found": FUNCTION, "cases": [1, 2, 3]},
        {"found": FUNCTION, "cases": [{}, {}, {}]},
        {"found": object(), "cases": []},
        {"found": FUNCTION, "cases": [{"values": [], "inputs_changed": [], "autograd": 0}] * 3},
        {"found": FUNCTION, "cases": [{"values": [{}], "inputs_changed": [], "autograd": 0}] * 3},
        {"found": FUNCTION, "cases": [{"values": [1], "inputs_changed": [3], "autograd": 0}] * 3},
        {"found": FUNCTION, "cases": [{"values": [1], "inputs_changed": [], "autograd": -1}] * 3},
        {"found": FUNCTION, "cases": [{"values": [1], "inputs_changed": [], "autograd": "2"}] * 3},
    ],
)
def test_evidence_that_is_none_fails_the_check_and_raises_nothing(
    evidence: dict[str, Any],
) -> None:
    verdict = judged(None, hostile(**evidence))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.message


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.complex_numbers()
    | st.builds(Tensor, st.text(), st.tuples(st.integers()), st.none() | st.binary())
    | st.builds(Raised, st.text(), st.text(), st.none() | st.integers(), st.none() | st.integers())
    | st.builds(Thing, st.text(), st.booleans(), st.booleans(), st.booleans()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(VALUES, VALUES)
def test_any_evidence_comes_to_a_failed_verdict(found: Any, value: Any) -> None:
    case = {"values": [value], "inputs_changed": [], "autograd": 0}
    for evidence in ({"found": found, "cases": value}, {"found": FUNCTION, "cases": [case] * 3}):
        assert judged(None, hostile(**evidence)).outcome is Outcome.FAILED


def test_a_fault_of_the_reference_is_never_a_zero() -> None:
    def broken(g: Globals, x: np.ndarray) -> np.ndarray:
        raise ValueError("ours")

    for fault in (
        Player(),
        Player({"forward": broken}),
        Player({"forward": lambda g, x: None}),
        Player({"forward": lambda g, x: np.zeros((len(x), 2))}),
        Player(instead=lambda probe: Answer(AnswerStatus.DIED, {})),
        hostile(found=FUNCTION, cases=3),
    ):
        verdict = judge(spec("forward", **FIELDS), Player({"forward": forward}), fault)
        assert verdict.outcome is Outcome.NOT_JUDGED
        assert verdict.detail["fault"]


def test_the_best_look_counts_and_the_first_that_passes_is_the_last() -> None:
    tries = iter([pre_activation, forward, pre_activation])
    student = Player()
    student.instead = lambda probe: Player({"forward": next(tries)}).answer(probe)
    looks = [Look(1), Look(4), END]
    verdict = judge(spec("forward", **FIELDS), student, reference(), looks)
    assert verdict.outcome is Outcome.PASSED
    assert len(student.asked) == 2


def test_a_run_that_was_cut_short_keeps_what_was_seen_before() -> None:
    student = Player({"forward": pre_activation})
    looks = [Look(1), Look(4, end=True, last=True, alive=False)]
    verdict = judge(spec("forward", **FIELDS), student, reference(), looks)
    assert verdict.cause == "missing-activation"


@pytest.mark.parametrize(
    "wrong",
    [{"args": ["z"]}, {"cases": [{}]}, {"inputs": {"x": {}}}, {"colour": 1}, {"points": "many"}],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("forward", **FIELDS | wrong)
