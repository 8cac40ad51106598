"""The order of a comparison, its tolerances and its messages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from grader.checks.numbers.compare import (
    Expected,
    Mismatch,
    Stage,
    compare,
    relative_error,
    told_error,
)
from grader.domain.evidence import Sequence, Tensor, Text, Thing, Value
from tests.unit.checks._play import tensor

WANT = Expected(array=np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), dtype="float32")


def mismatch(value: Value, want: Expected = WANT) -> Mismatch:
    found = compare(value, want, "Your result")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("value", "stage", "words"),
    [
        (None, Stage.EXISTS, "None"),
        (Sequence("tuple", (1, 2)), Stage.TYPE, "a tuple of 2"),
        (Text("a" * 50, 99_999), Stage.TYPE, "a str"),
        (Thing("Linear"), Stage.TYPE, "a Linear"),
        (1.5, Stage.TYPE, "the float 1.5"),
        (tensor(WANT.array, library="numpy"), Stage.TYPE, "a numpy array"),
        (Tensor("float32", (9,), None, unread="sparse"), Stage.TYPE, "sparse"),
        (tensor(WANT.array[0]), Stage.RANK, "(2,)"),
        (tensor(WANT.array[:1]), Stage.SHAPE, "(1, 2)"),
        (tensor(WANT.array.astype(np.int64)), Stage.DTYPE, "int64"),
        (tensor(WANT.array.astype(np.float16)), Stage.DTYPE, "float16"),
        (tensor(WANT.array * np.float32(np.nan)), Stage.FINITE, "NaN at [0, 0]"),
        (tensor(np.full((2, 2), np.inf, np.float32)), Stage.FINITE, "infinite"),
        (tensor(WANT.array + np.float32(0.5)), Stage.VALUES, "0.5"),
    ],
)
def test_the_first_respect_in_which_a_value_differs_is_named(
    value: Value, stage: Stage, words: str
) -> None:
    found = mismatch(value)
    assert found.stage is stage
    assert words in found.message


def test_the_largest_error_comes_with_its_place_and_both_values() -> None:
    got = WANT.array.copy()
    got[1, 0] += 0.25
    got[0, 1] += 0.125
    found = mismatch(tensor(got))
    assert found.largest_error == 0.25
    assert found.index == (1, 0)
    assert (found.got, found.expected) == ("3.25", "3")
    assert found.message == "Your result is off by up to 0.25: 3.25 at [1, 0], expected 3."


@pytest.mark.parametrize("shape", [(3,), (1, 3), (3, 3), (1, 3, 1)])
def test_nothing_is_broadcast(shape: tuple[int, ...]) -> None:
    want = Expected(array=np.ones((3, 1), np.float32), dtype="float32")
    assert mismatch(tensor(np.ones(shape, np.float32)), want).stage in (Stage.RANK, Stage.SHAPE)


def test_with_squeeze_dimensions_of_one_may_be_missing_but_no_others() -> None:
    want = Expected(array=np.ones((1, 4)), dtype="float64", squeeze=True)
    assert compare(tensor(np.ones(4)), want, "It") is None
    assert compare(tensor(np.ones((4, 1))), want, "It") is None
    assert mismatch(tensor(np.ones((2, 2))), want).stage is Stage.SHAPE


def test_a_wider_dtype_is_no_mismatch() -> None:
    assert compare(tensor(WANT.array.astype(np.float64)), WANT, "It") is None


def test_nan_and_infinities_are_right_where_the_reference_has_them() -> None:
    array = np.array([np.nan, np.inf, -np.inf, 1.0])
    want = Expected(array=array, dtype="float64")
    assert compare(tensor(array), want, "It") is None
    assert mismatch(tensor(np.array([np.nan, -np.inf, -np.inf, 1.0])), want).index == (1,)
    assert mismatch(tensor(np.array([0.0, np.inf, -np.inf, 1.0])), want).index == (0,)


def test_integers_and_bools_are_compared_exactly() -> None:
    want = Expected(array=np.array([1, 1 << 53]), dtype="int64")
    assert compare(tensor(np.array([1, 1 << 53])), want, "It") is None
    assert mismatch(tensor(np.array([1, (1 << 53) + 1])), want).index == (1,)


def test_a_single_number_may_be_one_of_python() -> None:
    want = Expected(array=np.array(2.5, np.float32), dtype="float32")
    assert compare(2.5, want, "It") is None
    assert mismatch(2.6, want).stage is Stage.VALUES
    assert mismatch(2, want).stage is Stage.DTYPE
    assert mismatch(10**400, want).stage is Stage.TYPE
    assert mismatch("2.5", want).stage is Stage.TYPE


def test_a_tolerance_of_the_rubric_goes_before_that_of_the_dtype() -> None:
    rough = Expected(array=WANT.array, dtype="float32", relative=0.2)
    assert compare(tensor(WANT.array * np.float32(1.1)), rough, "It") is None


@given(st.floats(-1e30, 1e30).filter(lambda scale: abs(scale) > 1e-30))
def test_tolerance_scales_with_the_magnitude(scale: float) -> None:
    want = Expected(array=np.array([0.1, 1.0]) * scale, dtype="float32")
    assert compare(tensor(want.array * (1 + 1e-6)), want, "It") is None
    assert compare(tensor(want.array * 1.01), want, "It") is not None


@given(
    arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=st.floats(allow_nan=True)),
    arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=st.floats(allow_nan=True)),
)
def test_any_two_arrays_are_compared_without_an_exception(one: np.ndarray, two: np.ndarray) -> None:
    assert compare(tensor(one), Expected(array=one, dtype="float64"), "It") is None
    found = compare(tensor(one), Expected(array=two, dtype="float64"), "It")
    assert (found is None) <= (one.shape == two.shape)
    relative_error(one, two)


def test_what_is_wrong_is_told_with_the_error_that_anybody_computes() -> None:
    want = np.array([1.0, -2.0, 4.0])
    assert told_error(want / 2, want) == pytest.approx(0.5)
    assert told_error(want, want) == 0.0
    assert told_error(want[:2], want) is None
    beside_zero = np.array([0.0, 4.0])
    assert told_error(np.array([0.2, 4.0]), beside_zero) == pytest.approx(0.5)  # as measured
