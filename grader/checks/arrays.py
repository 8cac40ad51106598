"""Arrays of evidence as numpy arrays, and what is known of their dtypes.

numpy has no bfloat16, float8 or complex32: these become float32 and complex64, exactly.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.domain.evidence import Tensor

Array = npt.NDArray[Any]

# How far a right result may be from the reference's, relative to its magnitude. Wide enough for
# another order of summation, far below what a wrong formula does.
RELATIVE = {
    "float64": 1e-7,
    "complex128": 1e-7,
    "float32": 1e-4,
    "complex64": 1e-4,
    "float16": 1e-2,
    "complex32": 1e-2,
    "bfloat16": 5e-2,
    "float8_e4m3fn": 0.2,
    "float8_e4m3fnuz": 0.2,
    "float8_e5m2": 0.4,
    "float8_e5m2fnuz": 0.4,
    "float8_e8m0fnu": 0.8,
}
_NUMPY = {
    "bool": "?",
    "uint8": "u1",
    "int8": "i1",
    "uint16": "<u2",
    "int16": "<i2",
    "float16": "<f2",
    "uint32": "<u4",
    "int32": "<i4",
    "float32": "<f4",
    "uint64": "<u8",
    "int64": "<i8",
    "float64": "<f8",
    "complex64": "<c8",
    "complex128": "<c16",
}
# exponent bits, mantissa bits, bias, and what the reserved codes mean
_FLOAT8 = {
    "float8_e4m3fn": (4, 3, 7, "fn"),
    "float8_e5m2": (5, 2, 15, "ieee"),
    "float8_e4m3fnuz": (4, 3, 8, "fnuz"),
    "float8_e5m2fnuz": (5, 2, 16, "fnuz"),
}


def read(tensor: Tensor) -> Array | None:
    """The tensor's values, or None where they were not carried or do not fit its shape."""
    if not isinstance(tensor.data, bytes):
        return None
    try:
        flat = _flat(tensor.dtype, tensor.data)
        if flat is None or flat.size != math.prod(tensor.shape):
            return None
        return flat.reshape(tensor.shape)
    except (ValueError, OverflowError, TypeError):  # a shape or a length that numpy refuses
        return None


def family(dtype: str) -> str | None:
    """`bool`, `int`, `float` or `complex`; None for a dtype that is not known."""
    if dtype == "bool":
        return "bool"
    for start, name in (("uint", "int"), ("int", "int"), ("complex", "complex")):
        if dtype.startswith(start) and dtype in _NUMPY | RELATIVE:
            return name
    return "float" if dtype in RELATIVE else None


def relative_tolerance(*dtypes: str) -> float:
    """That of the coarsest of the dtypes; 0 where all are exact."""
    return max((RELATIVE.get(dtype, 0.0) for dtype in dtypes), default=0.0)


def wide_enough(got: str, want: str) -> bool:
    """Whether a result of dtype `got` will do for `want`: the same family, at least as precise."""
    if got == want:
        return True
    if family(got) is None or family(got) != family(want):
        return False
    return RELATIVE.get(got, 0.0) <= RELATIVE.get(want, 0.0)


def _flat(dtype: str, data: bytes) -> Array | None:
    if dtype in _NUMPY:
        code = np.dtype(_NUMPY[dtype])
        # Any byte but 0 is true for torch; numpy wants 0 and 1.
        return np.frombuffer(data, "u1") != 0 if dtype == "bool" else np.frombuffer(data, code)
    if dtype == "bfloat16":
        widened: Array = np.frombuffer(data, "<u2").astype("<u4") << 16
        return widened.view("<f4")
    if dtype == "complex32":
        pairs: Array = np.frombuffer(data, "<f2").astype("<f4")
        return pairs.view("<c8")
    if dtype in _FLOAT8:
        return np.take(_float8(*_FLOAT8[dtype]), np.frombuffer(data, "u1"))
    if dtype == "float8_e8m0fnu":
        return np.take(_powers_of_two(), np.frombuffer(data, "u1"))
    return None


@cache
def _float8(exponent_bits: int, mantissa_bits: int, bias: int, reserved: str) -> Array:
    """The values of all 256 codes (Micikevicius et al. 2022; Noune et al. 2022 for fnuz)."""
    codes = np.arange(256)
    top = (1 << exponent_bits) - 1
    exponent = (codes >> mantissa_bits) & top
    mantissa = (codes & ((1 << mantissa_bits) - 1)) / (1 << mantissa_bits)
    scale = np.exp2(np.maximum(exponent, 1).astype(float) - bias)
    values = np.where(codes < 128, 1.0, -1.0) * scale * (mantissa + (exponent > 0))
    if reserved == "fn":
        values[codes & 127 == 127] = np.nan
    elif reserved == "fnuz":
        values[128] = np.nan
    else:
        infinite = np.where(codes < 128, np.inf, -np.inf)
        values = np.where(exponent == top, np.where(mantissa == 0, infinite, np.nan), values)
    return np.asarray(values, dtype=np.float32)


@cache
def _powers_of_two() -> Array:
    values = np.exp2(np.arange(256, dtype=np.float64) - 127)
    values[255] = np.nan
    return values.astype(np.float32)
