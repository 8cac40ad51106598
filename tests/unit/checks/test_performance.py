"""`performance`: right first, then not too much work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from grader.checks.kinds.performance import Growth, grows_at_most
from grader.domain.evidence import Answer, AnswerStatus, Raised, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Probe, Rerun, Verdict
from tests.unit.checks._play import END, Player, answered, described, judge, spec

FIELDS: dict[str, Any] = {
    "function": "f",
    "args": ["x"],
    "inputs": {"x": {"normal": ["N"]}},
    "growth": "constant",
}


ENTRY = {"values": [None, None], "lines": 1, "operations": 0, "watched": True}


def f(bound: Any, x: np.ndarray) -> np.ndarray:
    total: np.ndarray = np.asarray((x * x).sum())
    return total


def judged(
    lines: Sequence[int] = (3, 3, 3),
    operations: Sequence[int] = (2, 2, 2),
    *,
    result: Any = f,
    other: Any = None,
    evidence: dict[str, Any] | None = None,
    watched: bool = True,
    reference: Any = f,
    **more: Any,
) -> Verdict:
    def instead(question: Probe | Rerun) -> Answer:
        assert isinstance(question, Probe)
        asked: Any = question.payload["cases"]
        cases = []
        for case, n, m in zip(asked, lines, operations, strict=True):
            value = result({}, case["bind"]["x"]) if callable(result) else result
            again = value if other is None else other
            values = [described(value), described(again)]
            cases.append({"values": values, "lines": n, "operations": m, "watched": watched})
        fields = {"found": Thing("function", callable=True), "cases": cases}
        return answered(**fields | (evidence or {}))

    check = spec("performance", **FIELDS | more)
    return judge(check, Player(instead=instead), Player(functions={"f": reference}), [END])


def test_right_and_without_growth_passes() -> None:
    verdict = judged()
    assert verdict.outcome is Outcome.PASSED
    assert verdict.detail["work"] == [
        {"size": size, "operations": 2, "lines": 3} for size in (16, 64, 256)
    ]


def test_a_line_or_an_operation_for_each_element_is_growth() -> None:
    for fields in ({"lines": (20, 68, 260)}, {"operations": (18, 66, 258)}):
        verdict = judged(**fields)  # type: ignore[arg-type]
        assert (verdict.fraction, verdict.cause) == (0, "grows")
        assert "constant growth was expected" in verdict.message


def test_a_wrong_result_is_worth_nothing_however_fast() -> None:
    verdict = judged(result=lambda bound, x: f(bound, x) * 1.01)
    assert (verdict.fraction, verdict.cause) == (0, "wrong-result")
    assert "(Size 16.)" in verdict.message
    assert judged(result=None).cause == "wrong-result"
    assert judged(other=np.zeros(())).cause == "wrong-result"  # right in one of the calls only
    assert judged(result=Raised("ValueError", "no")).cause == "raised"


def test_whoever_stops_the_counting_earns_nothing() -> None:
    assert judged(watched=False).cause == "not-counted"


def test_a_number_at_the_largest_size() -> None:
    most = {"at_most": {"operations": 5, "lines": 9}, "growth": None}
    assert judged(**most).outcome is Outcome.PASSED  # type: ignore[arg-type]
    many = judged((9, 9, 9), (9, 9, 6), **most)  # type: ignore[arg-type]
    assert many.message == "For size 256, f() runs 6 operations of PyTorch; at most 5 are needed."
    assert judged((1, 1, 10), **most).cause == "too-much-work"  # type: ignore[arg-type]


CURVES = {
    "flat": [7, 7, 7],
    "nearly flat": [7, 9, 11],
    "logarithmic": [86, 124, 162],
    "linear": [20, 68, 260],
    "linear with a large constant": [516, 564, 756],
    "n log n": [64, 384, 2048],
    "quadratic": [260, 4100, 65540],
    "cubic": [4096, 262144, 16777216],
}


@pytest.mark.parametrize(("growth", "fitting"), [("constant", 2), ("linear", 6), ("quadratic", 7)])
def test_what_a_growth_means(growth: Growth, fitting: int) -> None:
    found = [grows_at_most(growth, (16, 64, 256), steps) for steps in CURVES.values()]
    assert found == [True] * fitting + [False] * (len(CURVES) - fitting)


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [
        ({"found": None}, "missing"),
        ({"found": 3}, "not-callable"),
        ({"cases": []}, "unreadable"),
        ({"cases": [ENTRY | {"lines": -1}] * 3}, "unreadable"),
        ({"cases": [ENTRY | {"lines": 10**400}] * 3}, "unreadable"),
        ({"cases": [ENTRY | {"values": []}] * 3}, "unreadable"),
    ],
)
def test_evidence_of_nothing_earns_nothing(evidence: dict[str, Any], cause: str) -> None:
    verdict = judged(evidence=evidence)
    assert (verdict.fraction, verdict.cause) == (0, cause)


def test_no_answer_is_told_in_plain_words() -> None:
    student = Player(instead=lambda probe: Answer(AnswerStatus.TIME_LIMIT, {}))
    verdict = judge(spec("performance", **FIELDS), student, Player(functions={"f": f}))
    assert verdict.cause == "time-limit"


def test_a_fault_of_the_reference_is_never_a_zero() -> None:
    for fault in (lambda bound, x: np.asarray(0.0), lambda bound, x: None):
        assert judged(reference=fault).outcome is Outcome.NOT_JUDGED


@pytest.mark.parametrize(
    "fields",
    [
        {"growth": None},
        {"growth": "cubic"},
        {"inputs": {"x": {"normal": [3]}}},
        {"inputs": {"x": {"normal": ["N", "M"]}}},
        {"sizes": [16, 64]},
        {"sizes": [16, 20, 256]},
        {"sizes": [0, 64, 256]},
        {"args": ["y"]},
        {"at_most": {}},
        {"at_most": {"operations": 0}},
        {"tolerance": 2},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("performance", **FIELDS | fields)
