"""`tensor`: each property has its share, and each that is wrong is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from grader.domain.evidence import Answer, AnswerStatus, Raised, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Verdict
from tests.unit.checks._play import Player, answered, judge, spec, tensor
from tests.unit.checks._play import described as as_evidence

ROWS = np.zeros((3, 2), dtype=np.float32)


def seen(value: Any, contiguous: bool | None = True) -> dict[str, Any]:
    return {"value": as_evidence(value), "contiguous": contiguous}


def held(
    value: Any, *, sharing: Any = (), lies: Any = True, name: str = "x", **wanted: Any
) -> Verdict:
    tensors = {name: seen(value, lies), "y": seen(ROWS)}
    answer = answered(tensors=tensors, sharing=[list(group) for group in sharing])
    check = spec("tensor", name="x", **wanted)
    return judge(check, Player(instead=lambda _: answer))


def returned(*results: Any, **wanted: Any) -> Verdict:
    def case(result: Any) -> dict[str, Any]:
        return result if isinstance(result, dict) else one(result)

    answer = answered(found=Thing("function", callable=True), cases=[case(r) for r in results])
    fields = {"args": ["x"], "inputs": {"x": {"normal": ["N", 2]}}, "cases": [{"N": 3}], **wanted}
    return judge(spec("tensor", function="f", **fields), Player(instead=lambda _: answer))


def one(value: Any, same: Any = (), changed: Any = (), sharing: Any = ()) -> dict[str, Any]:
    return {
        "result": seen(value),
        "same": list(same),
        "changed": list(changed),
        "sharing": [list(group) for group in sharing],
    }


RIGHT: list[dict[str, Any]] = [
    {"shape": [3, 2]},
    {"shape": ["n", 2]},
    {"dtype": "float32"},
    {"device": "cpu"},
    {"layout": "strided"},
    {"requires_grad": False},
    {"contiguous": True},
    {"library": "torch"},
    {"not_shares_storage_with": "y"},
]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"shape": [2, 3]}, "x has shape (3, 2); (2, 3) was expected."),
    ({"shape": ["n", "n"]}, "x has shape (3, 2); (n, n) was expected."),
    ({"dtype": "int64"}, "x has dtype float32; int64 was expected."),
    ({"device": "cuda"}, "x is on cpu; cuda was expected."),
    ({"layout": "sparse_coo"}, "x has layout strided; sparse_coo was expected."),
    ({"requires_grad": True}, "x has requires_grad=False."),
    ({"contiguous": False}, "x is contiguous."),
    ({"library": "numpy"}, "x is a tensor of shape (3, 2); a numpy array was expected."),
    ({"shares_storage_with": "y"}, "x has memory of its own, not that of y."),
]


@pytest.mark.parametrize("wanted", RIGHT)
def test_a_property_that_is_right_passes(wanted: dict[str, Any]) -> None:
    assert held(ROWS, **wanted).outcome is Outcome.PASSED


@pytest.mark.parametrize(("wanted", "message"), WRONG)
def test_a_property_that_is_wrong_is_named(wanted: dict[str, Any], message: str) -> None:
    verdict = held(ROWS, **wanted)
    assert (verdict.outcome, verdict.message) == (Outcome.FAILED, message)
    assert verdict.cause == f"tensor-{next(iter(wanted))}"
    assert verdict.hint


def test_each_property_has_an_equal_share() -> None:
    verdict = held(ROWS, shape=[3, 2], dtype="int64", contiguous=True, device="cuda")
    assert (verdict.outcome, verdict.fraction) == (Outcome.PARTIAL, 0.5)
    assert verdict.message == (
        "x has dtype float32; int64 was expected; it is on cpu; cuda was expected."
    )


def test_storage_is_shared_or_not() -> None:
    both = [["x", "y"]]
    assert held(ROWS, sharing=both, shares_storage_with="y").outcome is Outcome.PASSED
    wrong = held(ROWS, sharing=both, not_shares_storage_with="y")
    assert wrong.message == "x has the memory of y: what changes one changes both."
    apart = [["x", "z"], ["y", "w"]]
    assert held(ROWS, sharing=apart, shares_storage_with="y").outcome is Outcome.FAILED


def test_what_is_not_contiguous_and_what_requires_gradients_is_seen() -> None:
    for lies in (True, False, None):
        passes = held(ROWS, lies=lies, contiguous=True).outcome is Outcome.PASSED
        assert passes is (lies is True)
    assert held(ROWS, lies=False, contiguous=False).outcome is Outcome.PASSED
    assert held(tensor(ROWS, requires_grad=True), requires_grad=True).outcome is Outcome.PASSED
    assert held(tensor(ROWS, device="cuda:0"), device="cuda").outcome is Outcome.PASSED
    assert held(tensor(ROWS, library="numpy"), library="torch").outcome is Outcome.FAILED


@pytest.mark.parametrize("value", [None, 3, [1, 2], Thing("Liar")])
def test_what_is_no_tensor_earns_nothing(value: Any) -> None:
    verdict = held(value, not_shares_storage_with="y", requires_grad=False)
    assert (verdict.fraction, verdict.cause) == (0, "not-a-tensor")


def test_a_name_that_is_missing_is_said() -> None:
    assert held(ROWS, name="other", dtype="float32").message.startswith("x is not defined")
    assert held(ROWS, shares_storage_with="z").message.startswith("z is not defined")


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"tensors": 3, "sharing": []},
        {"tensors": {"x": 3}, "sharing": []},
        {"tensors": {"x": {"value": ROWS, "contiguous": "yes"}}, "sharing": []},
        {"tensors": {"x": {"value": None, "contiguous": 1}}, "sharing": []},
        {"tensors": {"x": {"value": 3, "contiguous": None}}, "sharing": "xy"},
        {"tensors": {"x": {"value": 3, "contiguous": None}}, "sharing": ["xy"]},
        {"tensors": {"x": {"value": 3, "contiguous": None}}, "sharing": [[3]]},
    ],
)
def test_evidence_that_is_none_is_unreadable(evidence: dict[str, Any]) -> None:
    answer = answered(**evidence)
    verdict = judge(spec("tensor", name="x", dtype="int64"), Player(instead=lambda _: answer))
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "unreadable")


def test_what_a_function_returns_is_held_against_the_sizes_of_the_case() -> None:
    assert returned(ROWS, shape=["N", 2]).outcome is Outcome.PASSED
    assert returned(ROWS, shape=[2, "N"]).message == (
        "The result of f() has shape (3, 2); (2, 3) was expected."
    )


def test_a_property_has_to_be_right_in_all_cases() -> None:
    cases = [{"N": 3}, {"N": 4}]
    verdict = returned(ROWS, ROWS, cases=cases, shape=["N", 2], dtype="float32")
    assert verdict.fraction == 0.5
    assert "(4, 2) was expected" in verdict.message


def test_in_place_means_changed_and_returned() -> None:
    wanted = {"in_place_on": "x"}
    assert returned(one(ROWS, ["x"], ["x"]), **wanted).outcome is Outcome.PASSED
    unchanged = returned(one(ROWS, ["x"]), **wanted)
    assert unchanged.message == ("The result of f() is x as it was: nothing was changed in place.")
    for case in (one(ROWS, [], ["x"]), one(ROWS, ["y"], ["y"]), one(ROWS)):
        verdict = returned(case, **wanted)
        assert verdict.message == "The result of f() is not x itself, changed in place."


def test_a_result_may_share_an_inputs_storage() -> None:
    view = one(ROWS, sharing=[["", "x"]])
    assert returned(view, shares_storage_with="x").outcome is Outcome.PASSED
    assert returned(view, not_shares_storage_with="x").outcome is Outcome.FAILED
    assert returned(ROWS, shares_storage_with="x").outcome is Outcome.FAILED


def test_a_function_that_raises_returns_nothing_or_is_none_says_so() -> None:
    error = {"result": {"value": Raised("ValueError", "no"), "contiguous": None}}
    assert returned(error, dtype="int64").message.startswith("f() raised ValueError: no")
    assert returned(None, dtype="int64").cause == "returns-none"
    check = spec("tensor", function="f", dtype="int64")
    for found, words in ((None, "is not defined"), (3, "is the int 3, not a function")):
        answer = answered(found=found, cases=[])
        assert words in judge(check, Player(instead=lambda _, a=answer: a)).message


@pytest.mark.parametrize("status", [AnswerStatus.TIME_LIMIT, AnswerStatus.DIED])
def test_no_answer_fails(status: AnswerStatus) -> None:
    student = Player(instead=lambda _: Answer(status, {}))
    for place in ({"name": "x"}, {"function": "f"}):
        assert judge(spec("tensor", dtype="int64", **place), student).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "fields",
    [
        {"dtype": "int64"},
        {"name": "x", "function": "f", "dtype": "int64"},
        {"name": "x"},
        {"name": "x", "dtype": "torch.int64"},
        {"name": "x", "in_place_on": "y"},
        {"name": "x", "dtype": "int64", "args": [1]},
        {"function": "f", "shares_storage_with": "y"},
        {"function": "f", "shape": ["N"]},
        {"function": "f", "dtype": "int64", "args": ["x"]},
    ],
)
def test_a_tensor_of_which_nothing_can_be_asked_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("tensor", **fields)
