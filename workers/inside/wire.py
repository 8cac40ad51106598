"""The wire format: plain values and arrays as bytes, bounded on both sides.

A value is a tag byte followed by its body; integers are little-endian:

    N                     None
    T F                   True, False
    i  <i64>              an int that fits
    I  <u32 n> <ascii>    any other int, decimal, n <= 4096
    d  <f64>              float
    c  <f64 f64>          complex
    s  <u32 n> <utf-8>    str
    b  <u32 n> <bytes>    bytes
    l  <u32 n> n values   list
    m  <u32 n> n (s, value) pairs   dict with str keys
    a  <u8 n> <dtype> <u8 rank> rank*<u64> <u64 n> <bytes>   array

Nothing is ever unpickled or evaluated. `loads` trusts no length: each is checked against the
bytes that are left before anything is allocated, arrays against their own dtype and shape.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

MAX_DEPTH = 32
MAX_ITEMS = 100_000
MAX_RANK = 64
MAX_INT_DIGITS = 4096

# Bytes per element. What torch calls quantised or sub-byte travels as something else.
ITEM_SIZES = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "float8_e4m3fnuz": 1,
    "float8_e5m2fnuz": 1,
    "float8_e8m0fnu": 1,
    "uint16": 2,
    "int16": 2,
    "float16": 2,
    "bfloat16": 2,
    "uint32": 4,
    "int32": 4,
    "float32": 4,
    "complex32": 4,
    "uint64": 8,
    "int64": 8,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}

_I64 = struct.Struct("<q")
_F64 = struct.Struct("<d")
_C128 = struct.Struct("<dd")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")

# Student code patches modules; the runner decodes beside it.
_unpack, _StructError = struct.unpack, struct.error


class WireError(ValueError):
    """The bytes are no value, or the value does not fit the format."""


class Array(NamedTuple):
    """C-contiguous little-endian bytes with their dtype and shape."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


Plain = (
    None | bool | int | float | complex | str | bytes | list["Plain"] | dict[str, "Plain"] | Array
)


def dumps(value: object, limit: int = 1 << 30) -> bytes:
    """Encode `value`; raise WireError where it does not fit the format or `limit` bytes."""
    out = bytearray()
    _put(out, value, 0, limit)
    if len(out) > limit:
        raise WireError(f"the value is longer than {limit} bytes")
    return bytes(out)


def _put(out: bytearray, value: object, depth: int, limit: int) -> None:
    if depth > MAX_DEPTH:
        raise WireError("nested too deeply")
    if len(out) > limit:
        raise WireError(f"the value is longer than {limit} bytes")
    kind = type(value)
    if value is None:
        out += b"N"
    elif kind is bool:
        out += b"T" if value else b"F"
    elif kind is int:
        _put_int(out, value)  # type: ignore[arg-type]
    elif kind is float:
        out += b"d" + _F64.pack(value)
    elif kind is complex:
        out += b"c" + _C128.pack(value.real, value.imag)  # type: ignore[attr-defined]
    elif kind is str:
        try:
            body = value.encode()  # type: ignore[attr-defined]
        except UnicodeEncodeError:  # half of a surrogate pair
            body = value.encode("utf-8", "surrogatepass")  # type: ignore[attr-defined]
            body = body.decode("utf-8", "replace").encode()
        out += b"s" + _U32.pack(len(body)) + body
    elif kind is bytes:
        out += b"b" + _U32.pack(len(value)) + value  # type: ignore[arg-type,operator]
    elif kind is list or kind is tuple:
        _put_count(out, b"l", len(value))  # type: ignore[arg-type]
        for item in value:  # type: ignore[attr-defined]
            _put(out, item, depth + 1, limit)
    elif kind is dict:
        _put_count(out, b"m", len(value))  # type: ignore[arg-type]
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str:
                raise WireError("a key is not a str")
            _put(out, key, depth + 1, limit)
            _put(out, item, depth + 1, limit)
    elif kind is Array:
        _put_array(out, value)  # type: ignore[arg-type]
    else:
        raise WireError(f"cannot carry a {kind.__name__}")


def _put_int(out: bytearray, value: int) -> None:
    if -(1 << 63) <= value < 1 << 63:
        out += b"i" + _I64.pack(value)
        return
    if value.bit_length() > MAX_INT_DIGITS * 3:  # 3 < log2(10): never too strict, never slow
        raise WireError("an int is too long")
    digits = str(value).encode()
    out += b"I" + _U32.pack(len(digits)) + digits


def _put_count(out: bytearray, tag: bytes, count: int) -> None:
    if count > MAX_ITEMS:
        raise WireError(f"more than {MAX_ITEMS} items")
    out += tag + _U32.pack(count)


def _put_array(out: bytearray, array: Array) -> None:
    _check_array(array)
    dtype = array.dtype.encode("ascii")
    out += b"a" + bytes([len(dtype)]) + dtype + bytes([len(array.shape)])
    for size in array.shape:
        out += _U64.pack(size)
    out += _U64.pack(len(array.data)) + array.data


def _check_array(array: Array) -> None:
    size = ITEM_SIZES.get(array.dtype)
    if size is None:
        raise WireError(f"unknown dtype {array.dtype[:40]!r}")
    if len(array.shape) > MAX_RANK:
        raise WireError("too many dimensions")
    if any(dim < 0 or dim >= 1 << 62 for dim in array.shape):
        raise WireError("a dimension is out of range")
    count = 1
    for dim in array.shape:
        count *= dim  # at most 64 factors below 2**62: no allocation follows from it
    if count * size != len(array.data):
        raise WireError(f"{len(array.data)} bytes do not fill {array.dtype} of {array.shape}")


def loads(data: bytes) -> Plain:
    """Decode exactly one value; raise WireError for anything else."""
    reader = _Reader(data)
    try:
        value = reader.value(0)
    except (IndexError, _StructError):
        raise WireError("the value is cut off") from None
    if reader.at != len(data):
        raise WireError(f"{len(data) - reader.at} bytes are left over")
    return value


class _Reader:
    """Reads at `at`; what lies beyond the end raises IndexError, struct.error or WireError."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.items = 0

    def take(self, count: int) -> bytes:
        begin = self.at
        end = begin + count
        if end > len(self.data):
            raise WireError("the value is cut off")
        self.at = end
        return self.data[begin:end]

    def length(self) -> int:
        at = self.at
        self.at = at + 4
        length: int = _U32.unpack_from(self.data, at)[0]
        return length

    def count(self) -> int:
        count = self.length()
        self.items += count
        # Every item takes a byte at least: a lying count is found before anything is built.
        if self.items > MAX_ITEMS or count > len(self.data) - self.at:
            raise WireError("too many items")
        return count

    def text(self) -> str:
        # Half of all that is read, and so without further calls.
        data, begin = self.data, self.at + 4
        end = begin + _U32.unpack_from(data, begin - 4)[0]
        if end > len(data):
            raise WireError("the value is cut off")
        self.at = end
        try:
            return data[begin:end].decode()
        except UnicodeDecodeError:
            raise WireError("a str is not UTF-8") from None

    def value(self, depth: int) -> Plain:
        if depth > MAX_DEPTH:
            raise WireError("nested too deeply")
        at = self.at
        tag = self.data[at]
        self.at = at + 1
        # The most frequent first.
        if tag == 0x73:  # s
            return self.text()
        if tag == 0x6D:  # m
            return self.mapping(depth)
        if tag == 0x69:  # i
            self.at = at + 9
            number: int = _I64.unpack_from(self.data, at + 1)[0]
            return number
        if tag == 0x64:  # d
            self.at = at + 9
            real: float = _F64.unpack_from(self.data, at + 1)[0]
            return real
        if tag == 0x6C:  # l
            return [self.value(depth + 1) for _ in range(self.count())]
        if tag == 0x61:  # a
            return self.array()
        return self.rare(tag)

    def rare(self, tag: int) -> Plain:
        match tag:
            case 0x4E:  # N
                return None
            case 0x54:  # T
                return True
            case 0x46:  # F
                return False
            case 0x62:  # b
                return self.take(self.length())
            case 0x49:  # I
                return self.big_int()
            case 0x63:  # c
                return complex(*_C128.unpack(self.take(16)))
        raise WireError(f"unknown tag {tag}")

    def big_int(self) -> int:
        digits = self.take(self.length())
        body = digits[1:] if digits[:1] == b"-" else digits
        if not (0 < len(body) <= MAX_INT_DIGITS and body.isdigit()):
            raise WireError("an int is not decimal or too long")
        return int(digits)

    def mapping(self, depth: int) -> dict[str, Plain]:
        found: dict[str, Plain] = {}
        for _ in range(self.count()):
            if self.data[self.at] != 0x73:
                raise WireError("a key is not a str")
            self.at += 1
            key = self.text()
            if key in found:
                raise WireError("a key stands twice")
            found[key] = self.value(depth + 1)
        return found

    def array(self) -> Array:
        try:
            dtype = self.take(self.take(1)[0]).decode("ascii")
        except UnicodeDecodeError:
            raise WireError("a dtype is not ASCII") from None
        rank = self.take(1)[0]
        if rank > MAX_RANK:
            raise WireError("too many dimensions")
        *shape, size = _unpack(f"<{rank + 1}Q", self.take(8 * (rank + 1)))
        array = Array(dtype, tuple(shape), self.take(size))
        _check_array(array)
        return array
