"""The names of mistakes in gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from grader.checks.arrays import Array
from grader.checks.calling.nearmiss import agree
from grader.checks.numbers.compare import fitted, squeezed
from grader.checks.verdicts import NearMiss

Gradients = Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class GradientCase:
    """The gradients of one case, by parameter.

    `got` are those of the first call and `again` those of a second one, in the shapes in which
    they came back; what can't be read is missing. `batch` is the number of rows, `entries` that
    of the numbers in the target (0 where that is not known).
    """

    got: Gradients
    again: Gradients
    want: Gradients
    batch: int
    entries: int = 0


Cases = Sequence[GradientCase]


def named_gradients(
    cases: Cases,
    wrong: Sequence[str],
    variants: Sequence[tuple[NearMiss, Sequence[Gradients]]] = (),
) -> NearMiss | None:
    """The one name that explains every wrong gradient in every case, or None.

    `variants` are gradients with a mistake made on purpose; all of them must fit, also those that
    the mistake leaves right. The most specific name wins.
    """
    with np.errstate(all="ignore"):
        if _everywhere(cases, wrong, _accumulated):
            return NearMiss("accumulated", "A second call adds to what the first one returned.")
        for near_miss, made in variants:
            pairs = list(zip(cases, made, strict=True))
            if pairs and all(_all_as(case.got, on_purpose) for case, on_purpose in pairs):
                return near_miss
        if order := _order(cases):
            return NearMiss("order", f"They come back in the order {', '.join(order)}.")
        if _everywhere(cases, wrong, _per_sample):
            return NearMiss("per-sample", f"{_them(wrong)} not summed over the batch.")
        if _everywhere(cases, wrong, _over_the_wrong_axis):
            return NearMiss("wrong-axis", f"{_them(wrong)} summed, but not over the batch alone.")
        if _everywhere(cases, wrong, _transposed):
            return NearMiss("transposed", f"{_them(wrong)} right, but transposed.")
        return _factor(cases, wrong) or _from_the_end(cases, wrong)


def _everywhere(
    cases: Cases, names: Sequence[str], holds: Callable[[GradientCase, str], bool]
) -> bool:
    return bool(cases and names) and all(
        name in case.got and holds(case, name) for case in cases for name in names
    )


def _them(names: Sequence[str]) -> str:
    words = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"{words} {'are' if len(names) > 1 else 'is'}"


def _fit(got: Array, want: Array) -> bool:
    return agree(fitted(got, want.shape), want)


def _all_as(got: Gradients, other: Gradients) -> bool:
    return all(name in got and _fit(got[name], array) for name, array in other.items())


def _accumulated(case: GradientCase, name: str) -> bool:
    got, again, want = case.got[name], case.again.get(name), case.want[name]
    if again is None or again.shape != got.shape:
        return False
    return _fit(again - got, want) and not _fit(again, want)


def _per_sample(case: GradientCase, name: str) -> bool:
    got, want = case.got[name], case.want[name]
    if not got.ndim or len(got) != case.batch or got.size != case.batch * want.size:
        return False
    return _fit(got.sum(axis=0), want) or _fit(got.mean(axis=0), want)


def _over_the_wrong_axis(case: GradientCase, name: str) -> bool:
    """Summed within each sample, or over everything: what is left adds up to the same number."""
    got, want = case.got[name], case.want[name]
    if want.size < 2 or got.shape not in {(), (1,), (1, 1), (case.batch,), (case.batch, 1)}:
        return False
    return agree(got.sum(keepdims=True).ravel(), want.sum(keepdims=True).ravel())


def _transposed(case: GradientCase, name: str) -> bool:
    got, want = case.got[name], case.want[name]
    return len(squeezed(want.shape)) == 2 and agree(got, want.T) and not agree(got, want)


def _order(cases: Cases) -> tuple[str, ...]:
    """The parameters in the order of the gradients that came back; empty where it is right."""
    found: set[tuple[str, ...]] = set()
    for case in cases:
        names = tuple(case.want)
        order = []
        for place in names:
            fitting = [
                name
                for name in names
                if place in case.got and _fit(case.got[place], case.want[name])
            ]
            if len(fitting) != 1:
                return ()
            order += fitting
        if sorted(order) != sorted(names) or tuple(order) == names:
            return ()
        found.add(tuple(order))
    return found.pop() if len(found) == 1 else ()


def _factor(cases: Cases, wrong: Sequence[str]) -> NearMiss | None:
    """All wrong gradients are the right ones times a factor, one for each case.

    One number is always a multiple of another: alone, it has to be so in several cases, by a known
    factor or by the same one.
    """
    factors = [_factor_of(case, wrong) for case in cases]
    known = [factor for factor in factors if factor is not None]
    alone = not any(np.count_nonzero(_joined(case.want, wrong)) > 1 for case in cases)
    if not known or len(known) < len(factors) or (alone and len(known) < 2):
        return None
    if all(np.isclose(factor, -1, rtol=1e-3) for factor in known):
        return NearMiss("sign", f"{_them(wrong)} right but for the sign.")
    pairs = list(zip(known, cases, strict=True))
    names = [
        name
        for name, of in _FACTORS.items()
        if all(np.isclose(factor, of(case), rtol=1e-3) for factor, case in pairs)
    ]
    if alone and not names and not np.allclose(known, known[0], rtol=1e-3):
        return None
    shown = " and ".join(dict.fromkeys(f"{factor:.4g}" for factor in known[:3]))
    words = f"{_them(wrong)} {shown} times what it should be."
    if len(wrong) > 1:
        words = f"{_them(wrong)} {shown} times what they should be."
    return NearMiss("factor", words, names[0] if len(names) == 1 else "")


_FACTORS: dict[str, Callable[[GradientCase], float]] = {
    "half": lambda case: 0.5,
    "double": lambda case: 2,
    "mean": lambda case: 1 / max(case.batch, 1),
    "sum": lambda case: case.batch,
    "mean-of-entries": lambda case: 1 / max(case.entries, 1),
    "sum-of-entries": lambda case: case.entries,
}


def _factor_of(case: GradientCase, wrong: Sequence[str]) -> float | None:
    """The factor between the wrong gradients of one case and the right ones, where there is one."""
    got = {}
    for name in wrong:
        if name not in case.got or case.got[name].dtype.kind not in "fiub":
            return None
        one = fitted(case.got[name], case.want[name].shape)
        if one.shape != case.want[name].shape:
            return None
        got[name] = one.astype(np.float64)
    flat, right = _joined(got, wrong), _joined(case.want, wrong)
    size = float(right @ right)
    if not np.isfinite(size) or not size:
        return None
    factor = float(flat @ right) / size
    alike = all(
        agree(got[name] / factor, case.want[name].astype(np.float64))
        for name in wrong
        if case.want[name].any()
    )
    return factor if factor and np.isfinite(factor) and alike else None


def _joined(gradients: Gradients, names: Sequence[str]) -> Array:
    return np.concatenate([gradients[name].astype(np.float64).ravel() for name in names])


def _from_the_end(cases: Cases, wrong: Sequence[str]) -> NearMiss | None:
    """Right for the last layers, and wrong from one layer down to the first."""
    layers = _layers(cases[0].want) if cases else []
    states = [sum(name in wrong for name in layer) for layer in layers]
    right = next((n for n, state in enumerate(reversed(states)) if state), len(states))
    below = list(zip(layers, states, strict=True))[: len(layers) - right]
    if not right or not below or any(state < len(layer) for layer, state in below):
        return None
    last = layers[-1] if right == 1 else [name for layer in layers[-right:] for name in layer]
    words = f"{_them(last)} right; what comes before them on the way back is not."
    return NearMiss("right-from-the-end", words)


def _layers(parameters: Gradients) -> list[list[str]]:
    """Parameters in groups: a weight, and the biases that follow it."""
    layers: list[list[str]] = []
    for name, array in parameters.items():
        bias = all(size == 1 for size in array.shape[:-1])
        if bias and layers:
            layers[-1].append(name)
        else:
            layers.append([name])
    return layers
