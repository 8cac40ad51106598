"""Exhibits made of arrays: where a tensor is wrong, or that its shape is another."""

from __future__ import annotations

import numpy as np

from grader.checks.arrays import Array
from grader.checks.numbers.compare import Mismatch, Stage
from grader.checks.reading import shown
from grader.checks.verdicts import NearMiss
from grader.domain.exhibits import (
    MAX_DIMENSIONS,
    MAX_PARTS,
    MAX_SIDE,
    MAX_TEXT,
    Difference,
    Exhibit,
    Found,
    GradientPart,
    Gradients,
    Largest,
    Shapes,
)

_LARGEST = 4_000_000  # elements of a tensor that is mapped


def of_mismatch(name: str, mismatch: Mismatch | None, *, fresh: bool) -> tuple[Exhibit, ...]:
    """What there is to see of a tensor that differs.

    An error map tells all that was expected: only where the inputs are `fresh` in each attempt.
    """
    if mismatch is None or mismatch.pair is None:
        return ()
    got, want = mismatch.pair
    if max(got.ndim, want.ndim) > MAX_DIMENSIONS:
        return ()
    name = shown(name, MAX_TEXT)
    if mismatch.stage in (Stage.RANK, Stage.SHAPE):
        return of_shapes(name, want.shape, got.shape)
    if mismatch.stage not in (Stage.FINITE, Stage.VALUES) or mismatch.index is None:
        return ()
    if not fresh or not 1 < want.size <= _LARGEST:
        return ()
    return (_difference(name, got, want, mismatch),)


def of_shapes(
    name: str, expected: tuple[int | str, ...], received: tuple[int, ...]
) -> tuple[Exhibit, ...]:
    """A tensor of another shape than expected."""
    if max(len(expected), len(received)) > MAX_DIMENSIONS:
        return ()
    return (Shapes(name=shown(name, MAX_TEXT), expected=expected, received=received),)


def _difference(name: str, got: Array, want: Array, mismatch: Mismatch) -> Difference:
    index = mismatch.index
    assert index is not None
    rows, columns = _laid_out(want.shape)
    blocks, row_starts, column_starts = _blocks(_errors(got, want).reshape(rows, columns))
    row, column = divmod(int(np.ravel_multi_index(index, want.shape)), columns)
    return Difference(
        name=name,
        shape=want.shape,
        rows=rows,
        columns=columns,
        blocks=tuple(tuple(_plain(value) for value in line) for line in blocks.tolist()),
        largest=Largest(
            index=index,
            row=int(np.searchsorted(row_starts, row, "right")) - 1,
            column=int(np.searchsorted(column_starts, column, "right")) - 1,
            expected=mismatch.expected or "",
            received=mismatch.got or "",
        ),
    )


def _errors(got: Array, want: Array) -> Array:
    """Received less expected; of complex numbers the magnitude. Where both are the same, zero."""
    if "c" in (got.dtype.kind, want.dtype.kind):
        wide: type = np.complex128
    else:
        wide = np.float64
    errors: Array
    with np.errstate(all="ignore"):
        errors = got.astype(wide) - want.astype(wide)
        same = (got == want) | ((got != got) & (want != want))
    return np.where(same, 0.0, np.abs(errors) if wide is np.complex128 else errors)


def _laid_out(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns: the dimensions cut in two where that is nearest to a square."""
    if len(shape) < 2:
        return 1, shape[0] if shape else 1
    cuts = [(int(np.prod(shape[:at])), int(np.prod(shape[at:]))) for at in range(1, len(shape))]
    return min(cuts, key=lambda cut: max(cut) / min(cut))


def _blocks(errors: Array) -> tuple[Array, Array, Array]:
    """At most `MAX_SIDE` by `MAX_SIDE`, each what is largest in it; and where they begin."""
    starts = [_starts(size) for size in errors.shape]
    sizes = np.where(np.isfinite(errors), errors, np.inf)
    low, high = (
        reduced.reduceat(reduced.reduceat(sizes, starts[0], axis=0), starts[1], axis=1)
        for reduced in (np.minimum, np.maximum)
    )
    return np.where(-low > high, low, high), starts[0], starts[1]


def _starts(size: int) -> Array:
    """Where each block begins, of about the same size."""
    count = min(size, MAX_SIDE)
    return np.arange(count) * size // count


def _plain(value: float) -> float | None:
    return float(f"{value:.3g}") if np.isfinite(value) else None


def gradient_part(
    name: str, error: float | None, tolerance: float, outcome: Found, cause: str | None = None
) -> GradientPart:
    """How far one gradient is off, with texts no longer than they may be."""
    return GradientPart(
        name=shown(name, MAX_TEXT),
        error=None if error is None else float(f"{error:.3g}"),
        tolerance=tolerance,
        outcome=outcome,
        cause=shown(cause, MAX_TEXT) if cause else None,
    )


def cause_words(near_miss: NearMiss | None) -> str | None:
    """What a named mistake is called beside a gradient."""
    if near_miss is None:
        return None
    return near_miss.words or near_miss.hint or near_miss.cause.replace("-", " ")


def gradient_panel(parts: list[GradientPart]) -> tuple[Exhibit, ...]:
    """All of them together."""
    return (Gradients(parts=tuple(parts[:MAX_PARTS])),) if parts else ()
