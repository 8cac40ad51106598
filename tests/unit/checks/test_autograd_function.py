"""`autograd_function`: forward and backward are judged apart, by the reference's function."""

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
from tests.unit.checks._derive import Bound, Gradients, differentiable
from tests.unit.checks._play import Player, answered, judge, spec, tensor

FIELDS: dict[str, Any] = {
    "name": "Scaled",
    "reference": "scaled",
    "args": ["x", "a", 2],
    "inputs": {"x": {"normal": ["N", 3]}, "a": {"uniform": [1], "low": 1, "high": 2}},
    "cases": [{"N": 4}, {"N": 1}],
}


def scaled(g: Bound, x: np.ndarray, a: np.ndarray, power: int) -> np.ndarray:
    return np.maximum(a * x, 0) ** power


def gradients(g: Bound, above: np.ndarray) -> dict[str, np.ndarray]:
    up = above * 2 * np.maximum(g["a"] * g["x"], 0)
    return {"x": up * g["a"], "a": (up * g["x"]).sum(keepdims=True).reshape(1)}


def times(**factors: float) -> Gradients:
    def made(g: Bound, above: np.ndarray) -> dict[str, np.ndarray]:
        return {name: factors.get(name, 1) * one for name, one in gradients(g, above).items()}

    return made


def judged(student: Player, seed: int = 0, reference: Any = scaled, **more: Any) -> Verdict:
    check = spec("autograd_function", **FIELDS | more)
    return judge(check, student, differentiable(reference), seed=seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_a_right_one_passes(seed: int, dtype: type) -> None:
    student = differentiable(scaled, gradients, dtype=dtype)
    assert judged(student, seed).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("student", "fraction", "cause"),
    [
        (differentiable(lambda g, x, a, n: a * x, gradients), 2 / 3, None),
        (differentiable(scaled, times(x=0.5)), 2 / 3, "factor"),
        (differentiable(scaled, times(x=-1, a=-1)), 1 / 3, "sign"),
        (differentiable(scaled, times(x=0)), 2 / 3, "wrong-backward"),
        (differentiable(scaled, lambda g, a: {"x": gradients(g, a)["x"]}), 2 / 3, "no-gradient"),
        (differentiable(lambda g, x, a, n: a * x, times(x=2, a=2)), 0, None),
        (
            differentiable(scaled, gradients, instead={"failed": Raised("RuntimeError", "no")}),
            1 / 3,
            "raised",
        ),
        (
            differentiable(scaled, gradients, instead={"value": Raised("ValueError", "no")}),
            0,
            "raised",
        ),
        (
            differentiable(scaled, gradients, instead={"value": 1.0, "total": None}),
            0,
            None,
        ),
        (
            differentiable(scaled, gradients, instead={"gradients": {"x": tensor(np.zeros(9))}}),
            1 / 3,
            "shape",
        ),
    ],
)
def test_each_part_has_its_share(student: Player, fraction: float, cause: str | None) -> None:
    verdict = judged(student)
    assert verdict.fraction == pytest.approx(fraction)
    assert verdict.cause == cause


def test_the_parts_may_be_weighed() -> None:
    wrong = differentiable(scaled, times(x=-1, a=-1))
    assert judged(wrong, parts={"forward": 3, "backward": 1}).fraction == 0.75
    assert judged(wrong, parts={"forward": 1}).outcome is Outcome.PASSED


def test_a_reference_whose_gradients_tell_nothing_is_our_fault() -> None:
    student = differentiable(scaled, gradients)
    for reference in (
        lambda g, x, a, n: 0 * x,
        lambda g, x, a, n: np.sign(np.sin(1e9 * a * x)),
    ):
        assert judged(student, reference=reference).outcome is Outcome.NOT_JUDGED
    check = spec("autograd_function", **FIELDS)
    for fault in (Player(instead=lambda probe: Answer(AnswerStatus.DIED, {})), hostile(cases=3)):
        assert judge(check, student, fault).outcome is Outcome.NOT_JUDGED


def hostile(**evidence: Any) -> Player:
    def instead(question: Probe | Rerun) -> Answer:
        return answered(**evidence)

    return Player(instead=instead)


def test_what_is_no_autograd_function_is_told() -> None:
    other = hostile(found=Thing("function", callable=True), fits=False)
    assert judged(other).cause == "not-a-function"
    assert judged(hostile(found=None, fits=False)).cause == "missing"


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.builds(lambda n: tensor(np.full(n, 0.5)), st.sampled_from([(), (2,), (4, 3), (1,)])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["x", "a", "z"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@given(st.sampled_from(["value", "total", "gradients", "failed"]), ANYTHING)
def test_any_evidence_comes_to_a_verdict_below_all_points(key: str, value: Any) -> None:
    student = differentiable(scaled, times(x=3, a=3), instead={key: value})
    assert judged(student).fraction in (0, pytest.approx(1 / 3))


@pytest.mark.parametrize(
    "wrong",
    [
        {"args": ["z"]},
        {"args": [1]},
        {"wrt": ["z"]},
        {"parts": {"forward": 0}},
        {"parts": {"sideways": 1}},
        {"tolerance": 0},
        {"cases": []},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("autograd_function", **FIELDS | wrong)
