"""Wrong results that are wrong in a way that has a name.

A name is only given where what it says explains every case exactly, and where it would have made
a difference: an unrelated wrong answer gets none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from grader.checks.arrays import Array
from grader.checks.numbers.compare import fitted, within
from grader.checks.verdicts import NearMiss

# Looser than right results are held to, so that rounding hides no name, and tighter than what
# tells two formulas apart.
_EXACT = 1e-3
_DIFFERENT = 1e-2
_MAX_COLUMNS = 5
_SATURATED = 11.0  # beyond it a float32 sigmoid has too few digits left to be undone


@dataclass(frozen=True)
class Case:
    """One case of a check: what went in first, what came out, and what should have."""

    argument: Array
    got: Array
    want: Array


@dataclass(frozen=True)
class Explanation:
    """What the results would be if the named mistake had been made, one array for each case."""

    near_miss: NearMiss
    results: Sequence[Array | None]


def agree(got: Array, want: Array, relative: float = _EXACT) -> bool:
    """Whether two results are the same but for rounding."""
    return got.shape == want.shape and bool(within(got, want, relative).all())


def explains(cases: Sequence[Case], results: Sequence[Array | None]) -> bool:
    """Whether `results` are what came out in every case, and not what should have."""
    pairs = list(zip(cases, results, strict=True))
    return all(result is not None and agree(case.got, result) for case, result in pairs) and any(
        result is not None and not agree(result, case.want, _DIFFERENT) for case, result in pairs
    )


def named(cases: Sequence[Case], asked: Sequence[Explanation] = ()) -> NearMiss | None:
    """The name of the mistake in a forward result, or None.

    `asked` are explanations that the reference computed; they are the most specific ones and go
    first, in their order.
    """
    if not cases or any(case.got.dtype.kind not in "fiub" for case in cases):
        return None
    with np.errstate(all="ignore"):
        for one in itertools.chain(asked, _explanations(cases)):
            if explains(cases, one.results):
                return one.near_miss
        return _linear(cases)


def _explanations(cases: Sequence[Case]) -> Iterator[Explanation]:
    def explained(near_miss: NearMiss, result: Callable[[Case], Array | None]) -> Explanation:
        return Explanation(near_miss, [result(case) for case in cases])

    words = "It is right, but transposed."
    yield explained(NearMiss("transposed", words), lambda case: case.want.T)
    words = "It has the right values in another shape."
    yield explained(NearMiss("shape", words), lambda case: _in_shape_of(case))
    for order in _orders(cases):
        near_miss = NearMiss("order", f"Its columns are in the order {order}.")
        yield Explanation(near_miss, [case.want[..., order] for case in cases])
    yield explained(NearMiss("sign", "It has the opposite sign."), lambda case: -case.want)
    yield from _activations(cases)


def _in_shape_of(case: Case) -> Array:
    """The expected values as the student has them, where the shapes differ in 1s only."""
    return case.want if case.got.shape == case.want.shape else fitted(case.want, case.got.shape)


def _orders(cases: Sequence[Case]) -> Iterator[list[int]]:
    """The orders in which the columns may wrongly be."""
    columns = {case.want.shape[-1] if case.want.ndim > 1 else 0 for case in cases}
    if len(columns) == 1 and 1 < (count := columns.pop()) <= _MAX_COLUMNS:
        yield from map(list, itertools.islice(itertools.permutations(range(count)), 1, None))


# -- activations ------------------------------------------------------------------------------


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _softmax(z: Array) -> Array:
    if not z.ndim or not z.size:
        return z
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _relu(z: Array) -> Array:
    return np.maximum(z, 0)


_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": _sigmoid,
    "relu": _relu,
    "tanh": np.tanh,
    "softmax": _softmax,
}
_INVERSES: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda y: np.log(y) - np.log1p(-y),
    "tanh": np.arctanh,
}


_NO_HIDDEN = NearMiss(
    "no-hidden-activation",
    "Up to the last activation it depends linearly on the input: there is no activation in the "
    "hidden layer, or it has no effect.",
)


def _wide(array: Array) -> Array:
    return array.astype(np.float64)


def _activations(cases: Sequence[Case]) -> Iterator[Explanation]:
    """The last activation: missing, once too often, or another one."""
    for name, activation in _ACTIVATIONS.items():
        undone = [_before(case, activation) for case in cases]
        words = f"It is what comes before the last {name}: the {name} is missing."
        yield Explanation(NearMiss("missing-activation", words, name), undone)
    for name, activation in _ACTIVATIONS.items():
        words = f"It is the right result with one more {name} applied to it."
        done = [activation(_wide(case.want)) for case in cases]
        yield Explanation(NearMiss("extra-activation", words, name), done)
    for (wanted, inverse), (used, activation) in itertools.product(
        _INVERSES.items(), _ACTIVATIONS.items()
    ):
        if used != wanted:
            words = f"The last activation is {used}; it should be {wanted}."
            other = [_instead(case, inverse, activation) for case in cases]
            yield Explanation(NearMiss("other-activation", words, f"{used}-for-{wanted}"), other)


def _before(case: Case, activation: Callable[[Array], Array]) -> Array | None:
    """The student's own result where the activation of it is the right one."""
    if case.got.shape != case.want.shape:
        return None
    return case.got if agree(activation(_wide(case.got)), case.want) else None


def _instead(
    case: Case, inverse: Callable[[Array], Array], activation: Callable[[Array], Array]
) -> Array | None:
    """The right results with their activation replaced; saturated rows tell nothing and fit."""
    if case.got.shape != case.want.shape or not case.want.ndim:
        return None
    before = inverse(_wide(case.want))
    if np.isnan(before).any():
        return None  # the right results are none of this activation
    rows = (np.abs(before) < _SATURATED).all(axis=-1, keepdims=True)
    return np.where(rows, activation(np.where(rows, before, 0)), case.got)


def _linear(cases: Sequence[Case]) -> NearMiss | None:
    """Results that are linear in the input up to the last activation, where the right ones aren't.

    A network of several layers is that when the activations in between are missing.
    """
    for undo in (None, *_INVERSES.values()):
        told = _all_fits(cases, undo)
        if _is_linear(told) and any(want > 0.05 for _, want in told):
            return _NO_HIDDEN
    return None


def placed(missing: NearMiss, cases: Sequence[Case]) -> NearMiss:
    """A missing activation by the name of its place: it is the hidden layer's where without it the
    results are linear in the input, however little the right ones differ from that."""
    is_hidden = missing.cause == "missing-activation" and _is_linear(_all_fits(cases, None))
    return _NO_HIDDEN if is_hidden else missing


def _is_linear(told: Sequence[tuple[float, float]]) -> bool:
    return bool(told) and all(got < _EXACT for got, _ in told)


def _all_fits(
    cases: Sequence[Case], undo: Callable[[Array], Array] | None
) -> list[tuple[float, float]]:
    return [fit for case in cases if (fit := _fits(case, undo)) is not None]


def _fits(case: Case, undo: Callable[[Array], Array] | None) -> tuple[float, float] | None:
    """How far results, with the last activation undone, are from a linear function of the input.

    The student's, and the reference's; None where that can't be told.
    """
    x, got, want = (_wide(part) for part in (case.argument, case.got, case.want))
    if x.ndim != 2 or got.ndim != 2 or got.shape != want.shape or len(x) != len(got):
        return None
    if undo is not None:
        got, want = undo(got), undo(want)
    if np.isnan(got).any():
        return 1.0, 0.0  # no result of this activation
    # A row that is saturated says nothing.
    most = np.inf if undo is None else _SATURATED
    rows = (np.abs(got) < most).all(axis=1) & (np.abs(want) < most).all(axis=1)
    if rows.sum() < x.shape[1] + 4:
        return None
    inputs = np.column_stack([x[rows], np.ones(int(rows.sum()))])
    return _residual(inputs, got[rows]), _residual(inputs, want[rows])


def _residual(inputs: Array, outputs: Array) -> float:
    """The largest error of the best linear fit, relative to how far the outputs spread."""
    spread = float(np.abs(outputs - outputs.mean(axis=0)).max())
    if spread == 0:
        return 1.0  # a constant is linear in everything and says nothing
    solution = np.linalg.lstsq(inputs, outputs, rcond=None)[0]
    return float(np.abs(inputs @ solution - outputs).max()) / spread
