"""`function`: any values in and out, edge cases, refusals, and a small example of what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.checks.calling.given import Input, given_cases
from grader.checks.calling.shrink import smaller
from grader.checks.calling.signature import value_text
from grader.checks.numbers.agreement import Rules, differs
from grader.domain.evidence import Answer, AnswerStatus, Mapped, Tensor, Text, Thing
from grader.domain.evidence import Sequence as Items
from grader.domain.outcomes import Outcome
from grader.domain.questions import Probe, Rerun, Verdict
from tests.unit.checks._play import Function, Player, answered, described, judge, spec, tensor

FIELDS: dict[str, Any] = {
    "function": "f",
    "args": ["x"],
    "inputs": {"x": {"normal": ["N"]}},
    "cases": [{"N": 9}, {"N": 4}],
}


def softmax(g: Any, x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(initial=-np.inf))
    shares: np.ndarray = powers / powers.sum()
    return shares


def judged(student: Function, reference: Function = softmax, seed: int = 0, **more: Any) -> Verdict:
    check = spec("function", **FIELDS | more)
    return judge(check, Player({"f": student}), Player({"f": reference}), seed=seed)


@pytest.mark.parametrize("seed", range(10))
def test_a_right_function_passes_whatever_is_drawn(seed: int) -> None:
    assert judged(softmax, seed=seed).outcome is Outcome.PASSED


@pytest.mark.parametrize("seed", range(10))
def test_a_wrong_function_is_shown_by_a_small_example(seed: int) -> None:
    verdict = judged(lambda g, x: np.exp(x) / np.exp(x).max(), seed=seed)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.message.startswith("f(tensor([")
    assert "gave tensor([" in verdict.message
    assert "was expected." in verdict.message
    shown = verdict.message.split("tensor([")[1].split("]")[0].split(", ")
    assert len(shown) == 2  # with one entry both give 1
    assert all(abs(float(one)) in (1, 2) for one in shown)


def test_nothing_is_shrunk_where_the_rubric_does_not_want_it() -> None:
    student = Player({"f": lambda g, x: 0 * x})
    verdict = judge(spec("function", **FIELDS, shrink=False), student, Player({"f": softmax}))
    assert len(student.asked) == 1
    assert verdict.outcome is Outcome.FAILED


def test_an_example_stays_within_what_the_rubric_draws() -> None:
    inputs = {
        "x": Input(uniform=("N",), low=0.5, high=2.5),
        "k": Input(integers=(), low=3, high=9, python=True),
        "b": Input(bernoulli=("N",)),
    }
    first = given_cases(inputs, [{"N": 6}], np.random.default_rng(0))[0]
    seen = list(smaller(inputs, first))
    assert len(seen) > 4
    for one in seen:
        x, k, b = (np.asarray(one.values[name]) for name in "xkb")
        assert x.shape == b.shape == (one.sizes["N"],)
        assert ((x >= 0.5) & (x <= 2.5)).all()
        assert 3 <= k <= 8
        assert set(b.tolist()) <= {0, 1}
        assert len(np.unique(x)) == x.size


def test_values_that_the_rubric_gives_are_shown_as_they_are() -> None:
    inputs = {"x": Input(values=(1.5, -3.25))}
    first = given_cases(inputs, [{}], np.random.default_rng(0))[0]
    assert list(smaller(inputs, first)) == []


@pytest.mark.parametrize("seed", range(5))
def test_an_exception_is_shown_by_a_small_example_too(seed: int) -> None:
    def broken(g: Any, x: np.ndarray) -> np.ndarray:
        if len(x) > 2:
            raise ValueError("too long")
        return softmax(g, x)

    verdict = judged(broken, seed=seed)
    assert verdict.cause == "raised"
    assert "raised ValueError: too long" in verdict.message
    assert verdict.message.count(",") == 2  # three entries


def test_an_example_for_which_the_reference_has_no_answer_is_not_used() -> None:
    def picky(g: Any, x: np.ndarray) -> np.ndarray:
        if len(x) < 4:
            raise ValueError("ours")
        return softmax(g, x)

    verdict = judged(lambda g, x: 2 * softmax(g, x), picky)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.message.split(" gave")[0].count(",") == 3


# -- what goes in -----------------------------------------------------------------------------


def test_inputs_may_be_numbers_lists_text_and_choices() -> None:
    received: list[Any] = []

    def f(g: Any, *args: Any) -> int:
        received.append(args)
        return 1

    inputs = {
        "n": {"integers": [], "low": 2, "high": 5, "python": True},
        "xs": {"normal": ["N"], "python": True},
        "table": {"integers": [2, 2], "high": 9, "python": True},
        "flag": {"bernoulli": [], "dtype": "bool", "python": True},
        "word": {"text": "N", "alphabet": "ab"},
        "how": {"choices": ["mean", None, [1, 2]]},
    }
    args = ["n", "xs", "table", "flag", "word", "how", 3.5]
    verdict = judged(f, f, inputs=inputs, args=args, cases=[{"N": 4}])
    assert verdict.outcome is Outcome.PASSED
    n, xs, table, flag, word, how, last = received[0]
    assert type(n) is int
    assert [type(one) for one in xs] == [float] * 4
    assert [len(row) for row in table] == [2, 2]
    assert type(flag) is bool
    assert len(word) == 4
    assert set(word) <= {"a", "b"}
    assert how in ("mean", None, [1, 2])
    assert last == 3.5


EDGES = {"x": {"normal": ["N"], "edges": ["zero", "one", "negative", "large", "empty", "nan"]}}


def test_each_edge_is_one_more_case() -> None:
    inputs = {"x": Input(normal=("N",), edges=("zero", "one", "negative", "large", "empty", "nan"))}
    cases = given_cases(inputs, [{"N": 5}], np.random.default_rng(0))
    zero, one, negative, large, empty, nan = (np.asarray(case.values["x"]) for case in cases[1:])
    assert not zero.any()
    assert (one == 1).all()
    assert (negative < 0).all()
    assert np.abs(large).max() > 100
    assert empty.shape == (0,)
    assert np.isnan(nan).sum() == 1
    assert cases[4].special == "x is large"


def test_an_edge_that_is_wrong_costs_its_share_and_is_named() -> None:
    def unstable(g: Any, x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            powers = np.exp(x)
            shares: np.ndarray = powers / powers.sum()
            return shares

    inputs = {"x": {"normal": ["N"], "edges": ["zero", "large"]}}
    verdict = judged(unstable, inputs=inputs)
    assert verdict.outcome is Outcome.PARTIAL
    assert verdict.fraction == pytest.approx(3 / 4)
    assert verdict.cause == "edge-case"
    assert "Here x is large. 3 of 4 cases are right." in verdict.message


def test_a_function_that_is_right_at_edges_alone_earns_nothing() -> None:
    inputs = {"x": {"normal": ["N"], "edges": ["zero", "one"]}}
    flat = judged(lambda g, x: np.full_like(x, 1 / len(x)), inputs=inputs)
    assert flat.fraction == 0
    assert "2 of 4 cases are right." in flat.message


def test_other_dtypes_are_cases_of_their_own() -> None:
    inputs = {"x": {"integers": ["N"], "high": 9, "dtypes": ["float32", "int32"]}}
    seen: list[str] = []

    def total(g: Any, x: np.ndarray) -> np.ndarray:
        seen.append(str(x.dtype))
        return x.sum()  # type: ignore[no-any-return]

    assert judged(total, total, inputs=inputs, cases=[{"N": 3}]).outcome is Outcome.PASSED
    assert seen[:3] == ["int64", "float32", "int32"]


def test_what_is_right_for_inputs_that_are_always_the_same_is_not_told() -> None:
    inputs = {"x": {"choices": ["mean", "sum"]}}
    fixed = judged(
        lambda g, x: 3, lambda g, x: {"mean": 41, "sum": 42}[x], inputs=inputs, cases=[{}]
    )
    assert fixed.message.endswith(" gave 3, which is not right.")
    at_zero = {"x": {"normal": [2], "edges": ["zero"]}}
    edge = judged(lambda g, x: x + 0.5 * (x == 0), lambda g, x: x, inputs=at_zero, cases=[{}])
    assert edge.message.startswith(
        "f(tensor([0., 0.])) gave tensor([0.5, 0.5]), which is not right."
    )


# -- what has to be refused -------------------------------------------------------------------


def raising(error: type[Exception]) -> Function:
    def f(g: Any, x: np.ndarray) -> None:
        raise error("no")

    return f


def test_inputs_that_have_to_be_refused_need_no_reference() -> None:
    check = spec("function", **FIELDS, raises=["ValueError"])
    verdicts = [
        judge(check, Player({"f": student}))
        for student in (raising(ValueError), raising(UnicodeError), raising(TypeError), softmax)
    ]
    assert [one.outcome for one in verdicts] == [Outcome.PASSED] * 2 + [Outcome.FAILED] * 2
    assert "raised TypeError; ValueError was expected." in verdicts[2].message
    assert "raised nothing; ValueError was expected." in verdicts[3].message


# -- what comes out ---------------------------------------------------------------------------


def told(value: Any, want: Any, **rules: Any) -> str | None:
    found = differs(described(value), described(want), Rules(**rules), "result of f()")
    return found.message if found else None


HALF = tensor(np.float32(0.5))
SAME: list[tuple[Any, Any]] = [
    (3, 3),
    (3.0, 3),
    (3, 3.0),
    (0.1 + 0.2, 0.3),
    (HALF, 0.5),
    (0.5, HALF),
    (1, tensor(np.float32(1))),
    (tensor(np.int64(3)), 3),
    (tensor(np.array(True)), True),
    (True, tensor(np.array(True))),
    (tensor(np.float64(0.5), library="numpy"), 0.5),
    (tensor(np.float64(0.5), library="numpy"), HALF),
    (float("nan"), float("nan")),
    (float("inf"), float("inf")),
    ("ab", "ab"),
    (Text("ab", 5), Text("ab", 5)),
    (None, None),
    ([1, 2], (1, 2)),
    (Items("Size", (1, 2)), [1, 2]),
    (Items("set", (2, "a")), Items("set", ("a", 2))),
    ({"a": [1, None], "b": HALF}, {"b": 0.5, "a": (1, None)}),
    (np.float32([1, 2]), np.float32([1, 2])),
    (np.float64([1, 2]), np.float32([1, 2])),
    (np.float64([1, 2]), tensor(np.float64([1, 2]), library="numpy")),
    (10**40, 10**40),
]  # fmt: skip


@pytest.mark.parametrize("pair", SAME)
def test_what_is_the_same_but_for_its_spelling_agrees(pair: tuple[Any, Any]) -> None:
    assert told(*pair) is None


DIFFERENT: list[tuple[Any, Any, str]] = [
    (None, 3, "The result of f() is None; an int was expected."),
    (3, None, "The result of f() is the int 3; None was expected."),
    (4, 3, "The result of f() is 4; 3 was expected."),
    (3.0001, 3, "is 3.0001; 3 was expected"),
    (0.31, 0.3, "is 0.31; 0.3 was expected"),
    (True, 1, "is the bool True; an int was expected"),
    (1, True, "is the int 1; a bool was expected"),
    ("1", 1, "is a str; an int was expected"),
    (1, "1", "is the int 1; a str was expected"),
    ("b", "a", "is 'b'; 'a' was expected"),
    (float("nan"), 1.0, "is nan; 1 was expected"),
    (10**400, 1.5, "an int of many digits"),
    (np.float32([1]), 1.0, "a tensor of shape (1,); a float was expected"),
    ([1, 2], np.float32([1, 2]), "is a list of 2; a tensor of shape (2,) was expected"),
    (np.float32([1, 2]), [1, 2], "is a tensor of shape (2,); a list of 2 was expected"),
    ([1], [1, 2], "is a list of 1; a list of 2 was expected"),
    ([1, 3], (1, 2), "The second item of the result of f() is 3; 2 was expected."),
    ([1, [5, np.float32([1, 2])]], [1, [5, np.float32([1, 3])]],
     "The second item of the second item of the result of f() is off by up to 1"),
    ({"a": 1}, {"b": 1}, "has no entry “b”"),
    ({"a": 1, "b": 1}, {"a": 1}, "is a dict of 2; a dict of 1 was expected"),
    ({"a": 1}, {"a": 2}, "The entry “a” of the result of f() is 1; 2 was expected."),
    (Items("set", (1, 2)), Items("set", (1, 3)), "has other members than expected"),
    (Items("set", (1, 2)), [1, 2], "is a set of 2; a list of 2 was expected"),
    (Items("list", (1, 2), cut=True), [1, 2], "a list of 2 and more"),
    ([*list(range(9)), 0], list(range(10)), "The item 10 of the result of f() is 0"),
    (Thing("Liar"), 3, "is a Liar; an int was expected"),
    (Tensor("float32", (), None, unread="a meta tensor"), 0.5, "a float was expected"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "want", "words"), DIFFERENT)
def test_what_differs_is_told_with_its_place(value: Any, want: Any, words: str) -> None:
    message = told(value, want)
    assert message is not None
    assert words in message


@pytest.mark.parametrize(
    ("value", "want"),
    [(3.0, 3), (3, 3.0), (HALF, 0.5), (0.5, HALF), ([1], (1,)), (Items("Size", (1,)), [1])],
)
def test_strict_types_are_told_apart(value: Any, want: Any) -> None:
    assert told(value, want) is None
    assert told(value, want, strict_type=True) is not None


def test_a_float_is_as_precise_as_what_it_was_computed_from() -> None:
    assert told(1.00001, 1.0, number_dtype="float32") is None
    assert told(1.00001, 1.0) is not None
    assert told(1.001, 1.0, number_dtype="float32") is not None
    assert told(1.001, 1.0, relative=0.01) is None


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.complex_numbers() | st.builds(Thing, st.text(max_size=5))
    | st.builds(Text, st.text(max_size=5), st.integers(0, 9))
    | st.builds(Tensor, st.sampled_from(["float32", "int64", "object", "bool"]),
                st.sampled_from([(), (1,), (2,)]), st.none() | st.binary(max_size=8)),
    lambda inner: st.builds(Items, st.sampled_from(["list", "set", "tuple"]),
                            st.lists(inner, max_size=3).map(tuple), st.booleans())
    | st.builds(Mapped, st.lists(st.tuples(inner, inner), max_size=3).map(tuple)),
    max_leaves=6,
)  # fmt: skip
WANTED = [1, 2.5, True, None, "a", HALF, [1, "b"], {"a": 1, 2: None}, np.float32([1, 2])]


@given(ANYTHING)
def test_any_result_is_compared_and_told(value: Any) -> None:
    for want in WANTED:
        message = told(value, want)
        assert message is None or len(message) < 400
    text = value_text(value)
    assert text is None or len(text) <= 120


def test_a_reference_that_gives_what_cannot_be_compared_is_our_fault() -> None:
    for reference in (
        lambda g, x: Thing("Net", is_module=True),
        lambda g, x: [1, Thing("object")],
        lambda g, x: 0 * x,
        raising(ValueError),
    ):
        assert judged(softmax, reference).outcome is Outcome.NOT_JUDGED


# -- hostile evidence -------------------------------------------------------------------------


def hostile(**evidence: Any) -> Player:
    def instead(question: Probe | Rerun) -> Answer:
        return answered(**evidence)

    return Player(instead=instead)


@given(ANYTHING)
def test_any_evidence_comes_to_a_failed_verdict(value: Any) -> None:
    case = {"values": [value], "inputs_changed": [], "autograd": 0}
    function = Thing("function", callable=True)
    for cases in (value, [case], [case] * 2, [value] * 2):
        student = hostile(found=function, cases=cases)
        verdict = judge(spec("function", **FIELDS), student, Player({"f": softmax}))
        assert verdict.outcome is Outcome.FAILED


def test_a_submission_that_stops_answering_keeps_the_first_example() -> None:
    student = Player({"f": lambda g, x: 0 * x})

    def instead(question: Probe | Rerun) -> Answer | None:
        return Answer(AnswerStatus.TIME_LIMIT, {}) if len(student.asked) > 1 else None

    student.instead = instead
    verdict = judge(spec("function", **FIELDS), student, Player({"f": softmax}))
    assert verdict.outcome is Outcome.FAILED
    assert "was expected." in verdict.message


def test_changing_an_input_in_place_fails_unless_it_is_allowed() -> None:
    student = Player({"f": softmax}, changes=["x"])
    check = spec("function", **FIELDS)
    assert judge(check, student, Player({"f": softmax})).cause == "changes-inputs"
    check = spec("function", **FIELDS, may_change_inputs=True)
    assert judge(check, student, Player({"f": softmax})).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "wrong",
    [
        {"args": ["z"]},
        {"cases": [{}]},
        {"inputs": {"x": {"normal": ["N"], "choices": [1]}}},
        {"inputs": {"x": {}}},
        {"inputs": {"x": {"choices": []}}},
        {"inputs": {"x": {"normal": [3], "edges": ["empty"]}}},
        {"inputs": {"x": {"integers": ["N"], "high": 3, "edges": ["nan"]}}},
        {"inputs": {"x": {"text": "M"}}},
        {"inputs": {"x": {"normal": ["N"]}, "y": {"choices": [1]}}},
        {"raises": ["ValueError"], "reference": "g"},
        {"tolerance": 0},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("function", **FIELDS | wrong)
