"""The wire format: what goes in comes out, and no bytes make it do anything but raise WireError."""

from __future__ import annotations

import math
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.inside import wire
from workers.inside.wire import Array, WireError

SIZES = st.sampled_from(sorted(wire.ITEM_SIZES.items()))


@st.composite
def arrays(draw: st.DrawFn) -> Array:
    """Arrays of every dtype, zero-size and 0-dimensional ones among them."""
    dtype, size = draw(SIZES)
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    count = math.prod(shape) * size
    return Array(dtype, shape, draw(st.binary(min_size=count, max_size=count)))


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary(max_size=100)
    | arrays()
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(values)
def test_what_goes_in_comes_out(value: object) -> None:
    assert wire.loads(wire.dumps(value)) == value


@given(st.floats())
def test_floats_keep_their_bits(value: float) -> None:
    decoded = wire.loads(wire.dumps(value))
    assert isinstance(decoded, float)
    assert struct.pack("<d", decoded) == struct.pack("<d", value)


def test_a_tuple_arrives_as_a_list_and_a_lone_surrogate_as_a_replacement() -> None:
    assert wire.loads(wire.dumps((1, (2,)))) == [1, [2]]
    assert wire.loads(wire.dumps("a\ud800b")) == "a???b".replace("???", "\ufffd" * 3)


@given(values)
def test_every_truncation_is_refused(value: object) -> None:
    data = wire.dumps(value)
    for end in range(len(data)):
        with pytest.raises(WireError):
            wire.loads(data[:end])


@given(values, st.binary(min_size=1, max_size=8))
def test_left_over_bytes_are_refused(value: object, more: bytes) -> None:
    with pytest.raises(WireError):
        wire.loads(wire.dumps(value) + more)


@settings(max_examples=500)
@given(st.binary(max_size=400))
def test_random_bytes_are_a_value_or_a_wire_error(data: bytes) -> None:
    decoded_or_refused(data)


@settings(max_examples=500)
@given(values, st.data())
def test_a_changed_byte_is_a_value_or_a_wire_error(value: object, data: st.DataObject) -> None:
    encoded = bytearray(wire.dumps(value))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] = data.draw(st.integers(0, 255))
    decoded_or_refused(bytes(encoded))


@settings(max_examples=500)
@given(st.lists(st.sampled_from([*b"NTFiIdcsblma\x00\x01\x04\xff"]), max_size=60).map(bytes))
def test_bytes_made_of_tags_are_a_value_or_a_wire_error(data: bytes) -> None:
    decoded_or_refused(data)


def decoded_or_refused(data: bytes) -> None:
    """Decode; any exception but WireError fails the test. What decodes, encodes to one form."""
    try:
        value = wire.loads(data)
    except WireError:
        return
    once = wire.dumps(value)
    assert wire.dumps(wire.loads(once)) == once


HUGE = b"\xff\xff\xff\xff"


@pytest.mark.parametrize(
    "data",
    [
        b"s" + HUGE,
        b"b" + HUGE,
        b"I" + HUGE,
        b"l" + HUGE,
        b"m" + HUGE,
        b"a\x07float32\x01" + b"\xff" * 16,
        b"a\x07float32\x02" + struct.pack("<QQQ", 1 << 40, 1 << 40, 4) + b"1234",
        b"a\x07float32\x40" + struct.pack("<Q", (1 << 62) - 1) * 64 + struct.pack("<Q", 0),
        b"l" + struct.pack("<I", 100_000) + b"N" * 10,
    ],
)
def test_a_lying_length_is_refused_before_anything_is_allocated(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            wire.loads(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 16
    finally:
        tracemalloc.stop()


def test_nesting_is_bounded_on_both_sides() -> None:
    nested: object = None
    for _ in range(wire.MAX_DEPTH):
        nested = [nested]
    assert wire.loads(wire.dumps(nested)) == nested
    with pytest.raises(WireError, match="deep"):
        wire.dumps([nested])
    with pytest.raises(WireError, match="deep"):
        wire.loads(b"l\x01\x00\x00\x00" * 100_000 + b"N")


def test_items_are_bounded_altogether() -> None:
    half = b"l" + struct.pack("<I", 60_000) + b"N" * 60_000
    assert wire.loads(half) == [None] * 60_000
    with pytest.raises(WireError, match="too many items"):
        wire.loads(b"l" + struct.pack("<I", 2) + half + half)
    with pytest.raises(WireError, match="items"):
        wire.dumps([None] * (wire.MAX_ITEMS + 1))


def test_the_limit_of_an_encoding_holds() -> None:
    assert len(wire.dumps(b"x" * 95, limit=100)) == 100
    with pytest.raises(WireError, match="longer"):
        wire.dumps(b"x" * 96, limit=100)


@pytest.mark.parametrize("value", [10**5000, -(10**5000)], ids=["positive", "negative"])
def test_an_int_without_end_is_refused(value: int) -> None:
    with pytest.raises(WireError, match="too long"):
        wire.dumps(value)


@pytest.mark.parametrize(
    "data",
    [
        b"I\x01\x00\x00\x00x",
        b"I\x01\x00\x00\x00-",
        b"I\x00\x00\x00\x00",
        b"I\x02\x00\x00\x00\xb2\xb3",
        b"s\x01\x00\x00\x00\xff",
        b"m\x01\x00\x00\x00NN",
        b"m\x02\x00\x00\x00" + b"s\x01\x00\x00\x00aN" * 2,
        b"a\x04evil\x00" + struct.pack("<Q", 0),
        b"a\x01\xff\x00" + struct.pack("<Q", 0),
        b"a\x07float32\xff",
        b"z",
        b"",
    ],
)
def test_what_is_no_value_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.loads(data)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1: 2},
        {"a": {1}},
        type("Text", (str,), {})("x"),
        type("Number", (int,), {})(1),
        type("List", (list,), {})([1]),
        Array("float32", (2,), b"1234"),
        Array("float32", (-1,), b""),
        Array("float33", (), b"1234"),
        Array("float32", (1,) * 65, b"1234"),
    ],
)
def test_only_plain_values_can_be_sent(value: object) -> None:
    with pytest.raises(WireError):
        wire.dumps(value)
