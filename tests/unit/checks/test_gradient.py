"""`gradient`: points for each gradient, follow-through, and the names of mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.domain.evidence import Answer, AnswerStatus, Tensor, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Verdict
from tests.unit.checks._net import (
    INPUTS,
    NAMES,
    Globals,
    backprop,
    forward,
    gradients,
    reference,
    relu,
    sigmoid,
)
from tests.unit.checks._play import Function, Player, judge, spec, tensor

FIELDS: dict[str, Any] = {
    "function": "backprop",
    "args": ["X"],
    "inputs": {**INPUTS, "Y": {"bernoulli": ["N", 2]}},
    "cases": [{"N": 20}, {"N": 5}],
    "oracle": "loss",
    "wrt": list(NAMES),
    "follow": {
        "function": "forward",
        "args": ["X"],
        "loss": "sum_squared_error",
        "target": "Y",
    },
}


def judged(
    function: Function | None, own_forward: Function = forward, seed: int = 0, **more: Any
) -> Verdict:
    student = Player({"backprop": function, "forward": own_forward})
    return judge(spec("gradient", **FIELDS | more), student, reference(), seed=seed)


def times(factor: Any, *names: str) -> Function:
    """A backprop whose named gradients are off by a factor, which may depend on the batch."""

    def wrong(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
        k = factor(len(x)) if callable(factor) else factor
        found = gradients(g, x)
        return tuple(k * found[name] if name in names else found[name] for name in NAMES)

    return wrong


def outcomes(verdict: Verdict) -> dict[str, str]:
    detail: Any = verdict.detail["gradients"]
    return {name: detail[name]["outcome"] for name in NAMES}


@pytest.mark.parametrize("seed", range(20))
def test_right_gradients_pass_whatever_is_drawn(seed: int) -> None:
    verdict = judged(backprop, seed=seed)
    assert (verdict.outcome, verdict.fraction, verdict.cause) == (Outcome.PASSED, 1.0, None)


@pytest.mark.parametrize(
    "right",
    [
        lambda g, x: list(backprop(g, x)),
        lambda g, x: gradients(g, x),
        lambda g, x: tuple(one.squeeze() for one in backprop(g, x)),
        lambda g, x: tuple(one[None] for one in backprop(g, x)),
        lambda g, x: tuple(one.astype(np.float64) for one in backprop(g, x)),
    ],
    ids=["list", "dict", "squeezed", "a dimension more", "float64"],
)
def test_other_ways_to_be_right(right: Function) -> None:
    assert judged(right).outcome is Outcome.PASSED


def cast(array: np.ndarray, dtype: str) -> Tensor:
    """An array in another dtype, as it is described."""
    if dtype == "bfloat16":  # the upper half of a float32
        return tensor((array.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16), dtype)
    return tensor(array.astype(dtype))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("seed", range(3))
def test_gradients_of_half_precision_are_refused_by_their_dtype(dtype: str, seed: int) -> None:
    verdict = judged(lambda g, x: [cast(one, dtype) for one in backprop(g, x)], seed=seed)
    assert (verdict.fraction, verdict.cause) == (0, None)
    assert f"The gradient of W1 has dtype {dtype}; float32 was expected." in verdict.message


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_only_the_gradients_of_half_precision_are_refused(dtype: str) -> None:
    def mixed(g: Globals, x: np.ndarray) -> list[Any]:
        found = backprop(g, x)
        return [cast(found[0], dtype), cast(found[1], dtype), *found[2:]]

    verdict = judged(mixed)
    assert (verdict.fraction, verdict.cause) == (0.5, None)
    assert verdict.message.count(f"has dtype {dtype}; float32 was expected.") == 2


def test_what_is_wrong_besides_the_dtype_keeps_its_name() -> None:
    def mixed(g: Globals, x: np.ndarray) -> list[Any]:
        found = backprop(g, x)
        return [cast(found[0], "float16"), *found[1:3], -found[3]]

    verdict = judged(mixed)
    assert (verdict.fraction, verdict.cause) == (0.5, "sign")
    assert "B2 is right but for the sign" in verdict.message
    (panel, *_) = verdict.exhibits
    causes = {part.name: part.cause or "" for part in panel.parts}  # type: ignore[union-attr]
    assert "dtype float16" in causes["W1"]
    assert "sign" in causes["B2"]


def test_shapes_can_be_asked_for_exactly() -> None:
    def flat(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(one.squeeze() for one in backprop(g, x))

    assert judged(flat, shape="exact").fraction == 0.5


def test_points_are_split_evenly_or_by_weight() -> None:
    wrong = times(0, "W1")
    assert judged(wrong).fraction == 0.75
    assert judged(wrong, weights={"W1": 3, "B2": 1}).fraction == 0.25
    assert judged(wrong, weights={"B2": 1}).outcome is Outcome.PASSED


def test_a_single_parameter_may_come_alone() -> None:
    verdict = judged(lambda g, x: gradients(g, x)["W2"], wrt=["W2"])
    assert verdict.outcome is Outcome.PASSED


@pytest.mark.parametrize("container", [tuple, list, set])
def test_the_gradient_of_a_single_parameter_needs_no_order(container: Any) -> None:
    verdict = judged(lambda g, x: container([tensor(gradients(g, x)["W2"])]), wrt=["W2"])
    assert verdict.outcome is Outcome.PASSED


def unsummed(g: Globals, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every gradient for every sample."""
    rows = [gradients(g | {"Y": g["Y"][n : n + 1]}, x[n : n + 1]) for n in range(len(x))]
    return {name: np.stack([row[name] for row in rows]) for name in NAMES}


def per_row_biases(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
    found, rows = gradients(g, x), unsummed(g, x)
    return found["W1"], rows["B1"][:, 0], found["W2"], rows["B2"][:, 0]


def biases_of_samples(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
    found, rows = gradients(g, x), unsummed(g, x)
    return found["W1"], rows["B1"].sum(axis=(1, 2)), found["W2"], rows["B2"].sum(axis=(1, 2))


def biases_in_all(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
    found = gradients(g, x)
    return found["W1"], found["B1"].sum(), found["W2"], found["B2"].sum()


def accumulating() -> Function:
    total: dict[tuple[str, tuple[int, ...]], np.ndarray] = {}

    def wrong(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
        for name, gradient in gradients(g, x).items():
            key = (name, gradient.shape)
            total[key] = total.get(key, 0) + gradient
        return tuple(total[key].copy() for key in total)

    return wrong


def first_layer(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
    return backprop(g, x, to_hidden=lambda early, late: early @ g["W2"].T)


def ordered(*names: str) -> Function:
    return lambda g, x: tuple(gradients(g, x)[name] for name in names)


def in_a(container: Callable[[list[Any]], object]) -> Function:
    return lambda g, x: container([tensor(one) for one in backprop(g, x)])


A_TUPLE = "backprop() returned a {}: return a tuple or a list."
ALL = NAMES
NAMED: list[tuple[str, Function, float, str]] = [
    ("factor", times(0.5, *ALL), 0, "0.5 times"),
    ("factor", times(2, *ALL), 0, "2 times"),
    ("factor", times(lambda n: 1 / n, *ALL), 0, "0.05 and 0.2 times"),
    ("factor", times(lambda n: n, *ALL), 0, "20 and 5 times"),
    ("factor", times(lambda n: 1 / (2 * n), *ALL), 0, "0.025 and 0.1 times"),
    ("factor", times(3.5, *ALL), 0, "3.5 times"),
    ("factor", times(lambda n: 1 / n, "B1", "B2"), 0.5, "B1 and B2 are 0.05 and 0.2 times"),
    ("factor", times(lambda n: 1 / n, "B2"), 0.75, "B2 is 0.05 and 0.2 times"),
    ("sign", times(-1, *ALL), 0, "sign"),
    ("transposed", lambda g, x: tuple(one.T for one in backprop(g, x)), 0.5, "W1 and W2"),
    ("order", ordered("W1", "W2", "B1", "B2"), 0.5, "W1, W2, B1, B2"),
    ("order", ordered("W2", "B2", "W1", "B1"), 0, "W2, B2, W1, B1"),
    ("per-sample", per_row_biases, 0.5, "B1 and B2 are not summed"),
    ("per-sample", lambda g, x: tuple(unsummed(g, x).values()), 0, "W1, B1, W2 and B2"),
    ("wrong-axis", biases_of_samples, 0.5, "B1 and B2 are summed, but not over the batch alone"),
    ("wrong-axis", biases_in_all, 0.5, "B1 and B2 are summed, but not over the batch alone"),
    ("accumulated", accumulating(), 0, "second call"),
    ("right-from-the-end", first_layer, 0.5, "W2 and B2 are right"),
    ("returns-none", lambda g, x: None, 0, "None"),
    ("wrong-count", lambda g, x: backprop(g, x)[:2], 0, "a tuple of 2"),
    ("wrong-count", lambda g, x: {"W1": x}, 0, "a dict of 1"),
    ("wrong-count", lambda g, x: x, 0, "a tensor"),
    ("returns-iterator", lambda g, x: Thing("generator"), 0, A_TUPLE.format("generator")),
    ("returns-iterator", lambda g, x: Thing("map"), 0, A_TUPLE.format("map object")),
    ("returns-iterator", lambda g, x: Thing("zip"), 0, A_TUPLE.format("zip object")),
    ("returns-iterator", lambda g, x: Thing("tuple_iterator"), 0, "returned an iterator: return"),
    ("returns-coroutine", lambda g, x: Thing("coroutine"), 0, A_TUPLE.format("coroutine")),
    ("wrong-count", lambda g, x: Thing("map", is_class=True), 0, "the class map"),
    ("wrong-count", lambda g, x: Thing("Gradients"), 0, "a Gradients; the gradients of W1"),
    ("returns-set", in_a(set), 0, "backprop() returned a set, which has no order: return a tuple."),
    ("returns-set", in_a(frozenset), 0, "returned a frozenset, which has no order"),
    ("returns-set", lambda g, x: set(ALL[:2]), 0, "returned a set, which has no order"),
]


@pytest.mark.parametrize(("cause", "function", "fraction", "words"), NAMED)
@pytest.mark.parametrize("seed", range(3))
def test_a_known_mistake_gets_its_name_and_a_hint(
    cause: str, function: Function, fraction: float, words: str, seed: int
) -> None:
    verdict = judged(function, seed=seed)
    assert verdict.fraction == fraction
    assert verdict.cause == cause
    assert words in verdict.message
    assert verdict.hint


@pytest.mark.parametrize(
    ("type", "words"),
    [
        ("generator", "yield"),
        ("map", "tuple(...)"),
        ("async_generator", "async"),
        ("coroutine", "async"),
    ],
)
def test_the_hint_says_how_the_results_are_computed(type: str, words: str) -> None:
    verdict = judged(lambda g, x: Thing(type))
    assert words in str(verdict.hint)


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (0.5, "derivative of a square"),
        (lambda n: 1 / n, "mean over the batch"),
        (lambda n: 1 / (2 * n), "mean over all entries"),
        (lambda n: n, "the loss here is a mean"),
        (3.5, "constant factors"),
    ],
)
def test_the_hint_knows_the_usual_factors(factor: Any, words: str) -> None:
    assert words in str(judged(times(factor, *ALL)).hint)


def noise(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal(g[name].shape) for name in NAMES)


UNRELATED: list[tuple[Function, float]] = [
    (noise, 0),
    (times(0, *ALL), 0),
    (lambda g, x: tuple(np.ones_like(g[name]) for name in NAMES), 0),
    (times(0, "W1"), 0.75),
    (lambda g, x: tuple(one + np.float32(0.1) for one in backprop(g, x)), 0),
    (lambda g, x: tuple(np.abs(one) for one in backprop(g, x)), 0),
    (
        lambda g, x: tuple(k * one for k, one in zip((2, 3, 0.5, -1), backprop(g, x), strict=True)),
        0,
    ),
]


@pytest.mark.parametrize(("function", "fraction"), UNRELATED)
@pytest.mark.parametrize("seed", range(5))
def test_an_unrelated_mistake_gets_no_name(function: Function, fraction: float, seed: int) -> None:
    verdict = judged(function, seed=seed)
    assert verdict.fraction == fraction
    assert verdict.cause is None
    assert verdict.hint is None


def test_wrong_in_one_gradient_of_a_layer_is_not_wrong_from_there_down() -> None:
    def wrong(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
        found = gradients(g, x)
        return found["W1"] + 1, found["B1"], found["W2"], found["B2"]

    assert judged(wrong).cause is None


VARIANTS: dict[str, dict[str, Any]] = {
    "sigmoid-derivative-missing": {"sigmoid_slope": np.ones_like},
    "relu-derivative-missing": {"relu_slope": np.ones_like},
}


@pytest.mark.parametrize("cause", VARIANTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_rubric_names_mistakes_by_functions_of_its_reference(cause: str, seed: int) -> None:
    made = {
        name: (lambda g, x, parts=parts: backprop(g, x, **parts))
        for name, parts in VARIANTS.items()
    }
    near_misses = {name: {"function": name, "hint": f"Mend the {name}."} for name in VARIANTS}
    check = spec("gradient", **FIELDS, near_misses=near_misses)
    student = Player({"backprop": made[cause], "forward": forward})
    verdict = judge(check, student, reference(functions=made), seed=seed)
    assert (verdict.cause, verdict.hint) == (cause, f"Mend the {cause}.")


def test_a_variant_has_to_fit_the_right_gradients_too() -> None:
    def mixed(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
        wrong = backprop(g, x, relu_slope=np.ones_like)
        return wrong[0], wrong[1], wrong[2], wrong[3] * 7

    made = {"no_mask": lambda g, x: backprop(g, x, relu_slope=np.ones_like)}
    near_misses = {"relu-derivative-missing": {"function": "no_mask", "hint": "The mask."}}
    check = spec("gradient", **FIELDS, near_misses=near_misses)
    student = Player({"backprop": mixed, "forward": forward})
    assert judge(check, student, reference(functions=made)).cause is None


# -- follow-through ---------------------------------------------------------------------------


def linear_output(g: Globals, x: np.ndarray) -> np.ndarray:
    return relu(x @ g["W1"] + g["B1"]) @ g["W2"] + g["B2"]


def for_linear_output(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
    z1 = x @ g["W1"] + g["B1"]
    z2_grad = 2 * (linear_output(g, x) - g["Y"])
    z1_grad = z2_grad @ g["W2"].T * (z1 > 0)
    return x.T @ z1_grad, z1_grad.sum(0), relu(z1).T @ z2_grad, z2_grad.sum(0)


def swapped(g: Globals, x: np.ndarray) -> np.ndarray:
    return relu(sigmoid(x @ g["W1"] + g["B1"]) @ g["W2"] + g["B2"])


def for_swapped(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
    h = sigmoid(x @ g["W1"] + g["B1"])
    z2 = h @ g["W2"] + g["B2"]
    z2_grad = 2 * (relu(z2) - g["Y"]) * (z2 > 0)
    z1_grad = z2_grad @ g["W2"].T * h * (1 - h)
    return x.T @ z1_grad, z1_grad.sum(0), h.T @ z2_grad, z2_grad.sum(0)


FOLLOWED = [(linear_output, for_linear_output), (swapped, for_swapped)]


@pytest.mark.parametrize(("own_forward", "own_backprop"), FOLLOWED)
@pytest.mark.parametrize("seed", range(40))
def test_a_backward_pass_that_is_right_for_its_own_forward_pass_earns_the_points(
    own_forward: Function, own_backprop: Function, seed: int
) -> None:
    verdict = judged(own_backprop, own_forward, seed)
    assert verdict.outcome is Outcome.PASSED
    assert "your own forward()" in verdict.message
    assert set(outcomes(verdict).values()) <= {"right", "followed"}


@pytest.mark.parametrize(
    ("dtype", "fraction"), [("bfloat16", 0), ("float16", 0), ("float64", 1), ("float32", 1)]
)
def test_what_is_followed_has_to_be_as_precise(dtype: str, fraction: float) -> None:
    def own(g: Globals, x: np.ndarray) -> list[Any]:
        return [cast(one, dtype) for one in for_linear_output(g, x)]

    assert judged(own, linear_output).fraction == fraction


def test_what_is_wrong_for_both_earns_nothing() -> None:
    verdict = judged(times(0.5, *ALL), linear_output)
    assert verdict.fraction == 0
    assert verdict.cause == "factor"


def test_some_may_follow_and_others_not() -> None:
    def wrong(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
        found = for_linear_output(g, x)
        return (found[0] * 3, *found[1:])

    verdict = judged(wrong, linear_output)
    assert verdict.fraction == 0.75
    assert outcomes(verdict) == {
        "W1": "wrong",
        "B1": "followed",
        "W2": "followed",
        "B2": "followed",
    }


def test_the_sweep_is_only_asked_where_something_is_wrong() -> None:
    student = Player({"backprop": backprop, "forward": forward})
    judge(spec("gradient", **FIELDS), student, reference())
    assert [getattr(probe, "kind", None) for probe in student.asked] == ["call"]


def zeros(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.zeros_like(g[name]) for name in NAMES)


def sums(g: Globals, x: np.ndarray) -> np.ndarray:
    return np.zeros_like(g["Y"]) + sum(g[name].sum() for name in NAMES)


def for_sums(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
    slope = 2 * (sums(g, x) - g["Y"]).sum()
    return tuple(np.full(g[name].shape, slope) for name in NAMES)


@pytest.mark.parametrize(
    ("own_forward", "own_backprop"),
    [
        (lambda g, x: np.zeros_like(g["Y"]), zeros),
        (lambda g, x: np.full_like(g["Y"], x.sum()), zeros),
        (sums, for_sums),
    ],
    ids=["nothing", "no parameters", "no argument"],
)
def test_a_forward_pass_that_is_none_can_not_be_followed(
    own_forward: Function, own_backprop: Function
) -> None:
    verdict = judged(own_backprop, own_forward)
    assert verdict.fraction == 0
    assert "followed" not in outcomes(verdict).values()


@pytest.mark.parametrize(
    "own_forward",
    [
        lambda g, x: None,
        lambda g, x: linear_output(g, x)[:1],
        lambda g, x: linear_output(g, x)[:, :1],
        lambda g, x: linear_output(g, x) * np.nan,
        lambda g, x: 1 / 0,
        lambda g, x: [linear_output(g, x)],
    ],
)
def test_a_forward_pass_that_can_not_be_swept_is_not_followed(own_forward: Function) -> None:
    verdict = judged(for_linear_output, own_forward)
    assert verdict.fraction == 0


@pytest.mark.parametrize("status", [AnswerStatus.TIME_LIMIT, AnswerStatus.DIED])
def test_a_sweep_without_an_answer_is_not_followed(status: AnswerStatus) -> None:
    student = Player({"backprop": for_linear_output, "forward": linear_output})
    student.instead = lambda probe: (
        Answer(status, {}) if getattr(probe, "kind", "") == "sweep" else None
    )
    assert judge(spec("gradient", **FIELDS), student, reference()).fraction == 0


def test_coordinates_at_a_kink_are_left_out_and_either_slope_will_do() -> None:
    """The pre-activations of one hidden node are exactly 0, whatever its weights shift."""
    inputs = FIELDS["inputs"] | {
        "X": {"values": [[0.0, 0.0, 0.0], [1.0, -1.0, 0.5], [0.3, 0.2, 2.0]]},
        "B1": {"values": [[0.0, 1.0, -1.0, 0.5]]},
        "Y": {"values": [[0, 1], [1, 0], [1, 1]]},
    }
    for slope_at_zero in (np.greater, np.greater_equal):

        def own(g: Globals, x: np.ndarray, above: Any = slope_at_zero) -> tuple[np.ndarray, ...]:
            z1 = x @ g["W1"] + g["B1"]
            z2_grad = 2 * (linear_output(g, x) - g["Y"])
            z1_grad = z2_grad @ g["W2"].T * above(z1, 0)
            return x.T @ z1_grad, z1_grad.sum(0), relu(z1).T @ z2_grad, z2_grad.sum(0)

        verdict = judged(own, linear_output, inputs=inputs, cases=[{}])
        assert verdict.outcome is Outcome.PASSED


# -- the rest ---------------------------------------------------------------------------------


def test_a_second_call_has_to_give_the_same() -> None:
    calls = iter(range(100))

    def changing(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(one * (1 + next(calls) % 2) ** 2 for one in [*backprop(g, x)])

    assert judged(changing).fraction < 1


def test_changing_an_input_in_place_fails_as_a_whole() -> None:
    student = Player({"backprop": backprop, "forward": forward}, changes=["W1", "args[0]"])
    verdict = judge(spec("gradient", **FIELDS), student, reference())
    assert (verdict.fraction, verdict.cause) == (0, "changes-inputs")
    allowed = spec("gradient", **FIELDS, may_change_inputs=True)
    assert judge(allowed, student, reference()).outcome is Outcome.PASSED


def test_an_exception_in_one_case_fails_as_a_whole() -> None:
    def twenty(g: Globals, x: np.ndarray) -> tuple[np.ndarray, ...]:
        if len(x) != 20:
            raise ValueError("20 rows only")
        return backprop(g, x)

    verdict = judged(twenty)
    assert (verdict.fraction, verdict.cause) == (0, "raised")


def test_nan_fails_by_name() -> None:
    verdict = judged(times(np.nan, "B2"))
    assert verdict.fraction == 0.75
    assert "NaN" in verdict.message


@pytest.mark.parametrize(
    "fault",
    [
        lambda g, x: {name: g[name] * 0 for name in NAMES},
        lambda g, x: {name: g[name][0] for name in NAMES},
    ],
    ids=["all zeros", "wrong shapes"],
)
def test_a_fault_of_the_oracle_is_never_a_zero(fault: Function) -> None:
    student = Player({"backprop": backprop, "forward": forward})
    verdict = judge(spec("gradient", **FIELDS), student, reference(gradients=fault))
    assert verdict.outcome is Outcome.NOT_JUDGED


@given(
    st.sampled_from([0.5, 2.0, -1.0, 3.0]),
    st.sets(st.sampled_from(NAMES), min_size=1),
    st.integers(0, 1000),
)
def test_the_fraction_is_that_of_the_right_gradients(
    factor: float, names: set[str], seed: int
) -> None:
    verdict = judged(times(factor, *names), seed=seed, follow=None)
    assert verdict.fraction == 1 - len(names) / 4
    assert verdict.cause in {"factor", "sign"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"wrt": []},
        {"wrt": ["Z"]},
        {"weights": {"Z": 1}},
        {"weights": {"W1": 0}},
        {"weights": {"W1": 2, "B1": -1}},
        {"follow": {**FIELDS["follow"], "target": "Z"}},
        {"follow": {**FIELDS["follow"], "loss": "none"}},
        {"oracle": None},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("gradient", **FIELDS | wrong)
