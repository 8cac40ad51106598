"""Arrays of evidence as numpy arrays, for every dtype that is carried."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.arrays import family, read, relative_tolerance, wide_enough
from grader.domain.evidence import Tensor
from workers.inside.wire import ITEM_SIZES


def scalars(dtype: str, data: bytes) -> list[object]:
    size = ITEM_SIZES[dtype]
    array = read(Tensor(dtype, (len(data) // size,), data))
    assert array is not None
    return array.tolist()


@pytest.mark.parametrize(
    "dtype",
    sorted(set(ITEM_SIZES) & set(np.sctypeDict) - {"bool"}),
)
def test_what_numpy_knows_comes_back_as_it_is(dtype: str) -> None:
    array = np.array([[0, 1, 2], [3, 100, 7]]).astype(dtype)
    back = read(Tensor(dtype, array.shape, array.tobytes()))
    assert back is not None
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


def test_bools_may_be_any_byte() -> None:
    assert scalars("bool", bytes([0, 1, 2, 255])) == [False, True, True, True]


def test_bfloat16_is_the_upper_half_of_float32() -> None:
    assert scalars("bfloat16", b"\x80\x3f\x00\xc0\x80\x7f") == [1.0, -2.0, np.inf]


def test_complex32_is_two_float16() -> None:
    assert scalars("complex32", np.array([1.5, -2], "<f2").tobytes()) == [1.5 - 2j]


@pytest.mark.parametrize(
    ("dtype", "codes", "values"),
    [
        ("float8_e4m3fn", [0x38, 0x7E, 0x01, 0xC0], [1.0, 448.0, 2.0**-9, -2.0]),
        ("float8_e5m2", [0x3C, 0x7B, 0x01, 0x7C], [1.0, 57344.0, 2.0**-16, np.inf]),
        ("float8_e4m3fnuz", [0x40, 0x7F, 0x01], [1.0, 240.0, 2.0**-10]),
        ("float8_e5m2fnuz", [0x40, 0x7F, 0x01], [1.0, 57344.0, 2.0**-17]),
        ("float8_e8m0fnu", [0x7F, 0x80, 0x00], [1.0, 2.0, 2.0**-127]),
    ],
)
def test_float8_codes(dtype: str, codes: list[int], values: list[float]) -> None:
    assert scalars(dtype, bytes(codes)) == values


@pytest.mark.parametrize(
    ("dtype", "code"),
    [
        ("float8_e4m3fn", 0x7F),
        ("float8_e5m2", 0x7D),
        ("float8_e4m3fnuz", 0x80),
        ("float8_e5m2fnuz", 0x80),
        ("float8_e8m0fnu", 0xFF),
    ],
)
def test_float8_not_a_number(dtype: str, code: int) -> None:
    assert np.isnan(scalars(dtype, bytes([code]))[0])


@pytest.mark.parametrize("dtype", sorted(ITEM_SIZES))
def test_every_dtype_that_travels_is_read_and_has_a_family(dtype: str) -> None:
    array = read(Tensor(dtype, (3,), bytes(3 * ITEM_SIZES[dtype])))
    assert array is not None
    assert array.shape == (3,)
    assert family(dtype) in {"bool", "int", "float", "complex"}


@pytest.mark.parametrize(
    "unread",
    [
        Tensor("float32", (2,), None, unread="too large"),
        Tensor("quint8", (2,), b"12"),
        Tensor("float32", (3,), b"12345678"),
        Tensor("float32", (2,), b"1234567"),
        Tensor("float32", (-1,), b"1234"),
        Tensor("float32", (0, 1 << 70), b""),
        Tensor("float32", (1,) * 65, b"1234"),
    ],
)
def test_what_does_not_fit_is_unread_and_never_an_exception(unread: Tensor) -> None:
    assert read(unread) is None


@given(
    st.sampled_from([*sorted(ITEM_SIZES), "quint8", "", "object"]),
    st.lists(st.integers(-2, 5), max_size=4),
    st.binary(max_size=64),
)
def test_hostile_tensors_are_read_or_not_but_never_raise(
    dtype: str, shape: list[int], data: bytes
) -> None:
    array = read(Tensor(dtype, tuple(shape), data))
    assert array is None or array.shape == tuple(shape)


def test_a_wider_result_will_do_and_another_family_will_not() -> None:
    assert wide_enough("float64", "float32")
    assert wide_enough("float32", "float32")
    assert wide_enough("int32", "int64")
    assert not wide_enough("float16", "float32")
    assert not wide_enough("int64", "float32")
    assert not wide_enough("bool", "float32")
    assert not wide_enough("complex64", "float32")
    assert not wide_enough("quint8", "float32")


def test_the_tolerance_is_that_of_the_coarser_dtype() -> None:
    assert relative_tolerance("float64", "float32") == relative_tolerance("float32")
    assert relative_tolerance("bfloat16", "float32") > relative_tolerance("float16")
    assert relative_tolerance("int64", "bool") == 0
