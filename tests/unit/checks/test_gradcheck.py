"""`gradcheck`: gradients are held against the differences of the very same function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.checks.numbers.differences import COARSE, FINE, Finding, Shifts
from grader.domain.evidence import Answer, AnswerStatus, Raised, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Probe, Rerun, Verdict
from tests.unit.checks._derive import Bound, Gradients, differentiable
from tests.unit.checks._play import Player, answered, judge, spec, tensor

FIELDS: dict[str, Any] = {
    "function": "f",
    "args": ["x", "w"],
    "inputs": {"x": {"normal": ["N", 3]}, "w": {"normal": [3, 2]}},
    "cases": [{"N": 5}, {"N": 1}],
    "wrt": ["x", "w"],
}


def relu(g: Bound, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.maximum(x @ w, 0)


def relu_gradients(g: Bound, above: np.ndarray) -> dict[str, np.ndarray]:
    up = above * (g["x"] @ g["w"] > 0)
    return {"x": up @ g["w"].T, "w": g["x"].T @ up}


def scaled(**factors: float | None) -> Gradients:
    def gradients(g: Bound, above: np.ndarray) -> dict[str, np.ndarray | None]:
        right = relu_gradients(g, above)
        return {
            name: None if (by := factors.get(name, 1)) is None else by * one
            for name, one in right.items()
        }

    return gradients


def judged(player: Player, seed: int = 0, **more: Any) -> Verdict:
    return judge(spec("gradcheck", **FIELDS | more), player, seed=seed)


@pytest.mark.parametrize("seed", range(10))
def test_a_right_gradient_passes_also_beside_kinks(seed: int) -> None:
    assert judged(differentiable(relu, relu_gradients), seed).outcome is Outcome.PASSED


@pytest.mark.parametrize("seed", range(5))
def test_float32_inside_is_looked_at_more_coarsely(seed: int) -> None:
    player = differentiable(relu, relu_gradients, dtype=np.float32)
    assert judged(player, seed).outcome is Outcome.PASSED
    wrong = differentiable(relu, scaled(x=1.2), dtype=np.float32)
    assert judged(wrong, seed).fraction == 0.5


@pytest.mark.parametrize(
    ("factors", "fraction", "cause"),
    [
        ({"x": 2.0}, 0.5, "factor"),
        ({"x": -1.0, "w": -1.0}, 0, "sign"),
        ({"x": 1.01}, 0.5, "factor"),
        ({"w": None}, 0.5, "detached"),
        ({"x": None, "w": None}, 0, "detached"),
        ({"x": 0.0}, 0.5, "wrong-backward"),
        ({"w": float("nan")}, 0.5, "wrong-backward"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_gradient_costs_its_share(
    factors: dict[str, float | None], fraction: float, cause: str, seed: int
) -> None:
    verdict = judged(differentiable(relu, scaled(**factors)), seed)
    assert (verdict.fraction, verdict.cause) == (fraction, cause)
    assert verdict.hint


def test_the_message_names_the_entry_and_both_numbers() -> None:
    verdict = judged(differentiable(relu, scaled(x=2.0)))
    assert verdict.message.startswith("w: right. The gradient of x is ")
    assert " at [" in verdict.message
    assert "but the result changes at a rate of " in verdict.message


def test_where_a_case_lies_flat_another_is_drawn() -> None:
    # Seed 4 has its first point where it is flat.
    shy = differentiable(lambda g, x, w: np.maximum(x[:1, :1] - 0.5, 0), _shy)
    assert judged(shy, 4, wrt=["x"], cases=[{"N": 1}]).outcome is Outcome.PASSED
    assert len(shy.asked) > 1


def test_a_result_that_does_not_depend_on_its_input_fails() -> None:
    player = differentiable(lambda g, x, w: x, lambda g, above: {"x": above, "w": None})
    verdict = judged(player)
    assert (verdict.fraction, verdict.cause) == (0.5, "independent")
    assert "does not depend on w" in verdict.message


def _shy(g: Bound, above: np.ndarray) -> dict[str, np.ndarray]:
    gradient = np.zeros_like(g["x"])
    gradient[0, 0] = above[0, 0] * (g["x"][0, 0] > 0.5)
    return {"x": gradient}


def test_a_result_that_jumps_has_no_gradient() -> None:
    jumping = differentiable(lambda g, x, w: np.sign(np.sin(1e7 * x @ w)), relu_gradients)
    verdict = judged(jumping)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "not-smooth")
    assert "in jumps" in verdict.message


def test_parameters_of_a_module_are_looked_at_too() -> None:
    fields = {"function": None, "module": "Layer", "args": ["x"], "wrt": ["x"]}
    weight = np.random.default_rng(0).standard_normal((3, 2))

    def layer(g: Bound, x: np.ndarray) -> np.ndarray:
        return np.tanh(x @ g["self.weight"])

    def gradients(g: Bound, above: np.ndarray) -> dict[str, np.ndarray | None]:
        up = above * (1 - layer(g, g["x"]) ** 2)
        return {"x": up @ g["self.weight"].T, "self.weight": g["x"].T @ up}

    parameters = {"weight": weight}
    right = differentiable(layer, gradients, parameters=parameters)
    assert judged(right, **fields).outcome is Outcome.PASSED
    cut = differentiable(
        layer, lambda g, a: {**gradients(g, a), "self.weight": None}, parameters=parameters
    )
    verdict = judged(cut, **fields)
    assert (verdict.fraction, verdict.cause) == (0.5, "detached")
    assert "back to self.weight" in verdict.message


IN_PLACE = "one of the variables needed ... has been modified by an inplace operation"


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ({"failed": Raised("RuntimeError", IN_PLACE)}, "in-place"),
        ({"failed": Raised("RuntimeError", "shapes")}, "raised"),
        ({"value": Raised("ValueError", "no")}, "raised"),
        ({"unswept": Raised("ValueError", "no")}, "raised"),
        ({"value": None, "total": None}, "returns-none"),
        ({"value": 3.0, "total": None}, "not-a-tensor"),
        ({"value": Thing("generator"), "total": None}, "returns-iterator"),
        ({"value": Thing("coroutine"), "total": None}, "returns-coroutine"),
        ({"total": float("nan")}, "not-finite"),
        ({"total": 1e9}, "other-under-autograd"),
        ({"gradients": {}}, "detached"),
        ({"gradients": {"x": tensor(np.zeros(7)), "w": tensor(np.zeros(7))}}, "shape"),
    ],
)
def test_what_is_wrong_as_a_whole_has_a_name(more: dict[str, Any], cause: str) -> None:
    verdict = judged(differentiable(relu, relu_gradients, instead=more))
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, cause)


@pytest.mark.parametrize("status", [AnswerStatus.TIME_LIMIT, AnswerStatus.DIED])
def test_no_answer_fails(status: AnswerStatus) -> None:
    assert judged(Player(instead=lambda probe: Answer(status, {}))).outcome is Outcome.FAILED


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.builds(lambda n: tensor(np.full(n, 0.5)), st.sampled_from([(), (2,), (5, 3), (3, 2)]))
    | st.builds(lambda n: tensor(np.full(n, 1j)), st.sampled_from([(), (60,), (5, 3)])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["x", "w", "self.a", "z"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
KEYS = ("value", "shapes", "total", "gradients", "failed", "base", "shifted", "unswept")


@given(st.sampled_from(KEYS), ANYTHING)
def test_any_evidence_comes_to_a_verdict_without_points(key: str, value: Any) -> None:
    player = differentiable(relu, scaled(x=2.0, w=2.0), instead={key: value})
    assert judged(player).fraction in (0, 0.5)


@given(ANYTHING)
def test_evidence_that_is_none_fails(value: Any) -> None:
    def instead(question: Probe | Rerun) -> Answer:
        return answered(found=Thing("function", callable=True), fits=value, cases=value)

    assert judged(Player(instead=instead)).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "wrong",
    [
        {"function": None},
        {"module": "Layer"},
        {"make": [3]},
        {"wrt": []},
        {"wrt": ["z"]},
        {"args": ["z"]},
        {"inputs": {"x": {"normal": [3]}, "w": {"integers": [3], "high": 4}}},
        {"tolerance": 1},
        {"cases": [{}]},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("gradcheck", **FIELDS | wrong)


# -- differences ------------------------------------------------------------------------------


def swept(function: Any, x: np.ndarray, fineness: Any = FINE) -> Any:
    shifts = Shifts.planned({"x": x.size}, np.random.default_rng(0), fineness)
    shifted = []
    for one in shifts.payload():
        moved = x.copy()
        moved[one["index"]] += one["delta"]
        shifted.append(function(moved))
    return shifts.differences(function(x), np.asarray(shifted))


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6))
def test_differences_agree_with_a_smooth_gradient(entries: list[float]) -> None:
    x = np.asarray(entries)
    found = swept(lambda x: float(np.sin(x).sum() + 2 * x.sum()), x)
    assert not found.is_rough("x")
    assert not found.is_flat("x")
    assert found.finding("x", np.cos(x) + 2, x.shape, 1e-4) is Finding.AGREES
    assert found.finding("x", np.cos(x) + 2.01, x.shape, 1e-4) is Finding.DIFFERS


def test_nothing_is_said_at_a_kink() -> None:
    at_kinks = np.array([0.0, 2e-6, 1.0])
    found = swept(lambda x: float(np.abs(x).sum()), at_kinks)
    for slope in (-1.0, 0.0, 1.0):
        gradient = np.array([slope, slope, 1.0])
        assert found.finding("x", gradient, (3,), 1e-4) is Finding.OPEN
    mostly_smooth = np.array([0.0, 1.0, -1.0])
    found = swept(lambda x: float(np.abs(x).sum()), mostly_smooth)
    assert found.finding("x", np.array([0.3, 1, -1]), (3,), 1e-4) is Finding.AGREES
    assert found.finding("x", np.array([0.3, 1, 1]), (3,), 1e-4) is Finding.DIFFERS


def test_coarse_differences_do_for_float32() -> None:
    def rounded(x: np.ndarray) -> float:
        return float(np.float32(np.exp(x).sum()))

    x = np.array([0.1, 0.5, -0.3])
    assert swept(rounded, x).is_rough("x")
    found = swept(rounded, x, COARSE)
    assert found.finding("x", np.exp(x), x.shape, 5e-2) is Finding.AGREES
    assert found.finding("x", 2 * np.exp(x), x.shape, 5e-2) is Finding.DIFFERS
