"""From the runner's bytes to domain evidence. Whatever does not fit is a malformed answer."""

from __future__ import annotations

from collections.abc import Mapping

from grader.domain.evidence import (
    Answer,
    AnswerStatus,
    Mapped,
    Raised,
    Sequence,
    Tensor,
    Text,
    Thing,
    Value,
)
from workers.inside import wire

_TEXT = 20_000


class Malformed(ValueError):
    """An answer that is no evidence."""


def answer_from_wire(item: object) -> Answer:
    """One entry of an ANSWERS frame."""
    try:
        entry = _mapping(item)
        status = AnswerStatus(_text(entry, "status"))
        detail = _text(entry, "detail")[:2000]
        cpu = entry.get("cpu_s")
        cpu_s = cpu if isinstance(cpu, float) and 0 <= cpu < 1e9 else 0.0
        if status is not AnswerStatus.ANSWERED:
            return Answer(status, {}, detail, cpu_s)
        blob = entry.get("evidence")
        if not isinstance(blob, bytes):
            raise Malformed("the evidence is not bytes")
        evidence = _converted(wire.loads(blob))
        if not isinstance(evidence, dict):
            raise Malformed("the evidence is not a mapping")
    except (Malformed, wire.WireError, ValueError, RecursionError) as error:
        return Answer(AnswerStatus.MALFORMED, {}, str(error)[:200])
    return Answer(AnswerStatus.ANSWERED, evidence, detail, cpu_s)


def _converted(value: object) -> object:
    """Plain data with described values, exceptions and bare arrays as domain objects."""
    if isinstance(value, wire.Array):
        return Tensor(value.dtype, value.shape, value.data, library="numpy")
    if isinstance(value, list):
        return [_converted(item) for item in value]
    if isinstance(value, dict):
        if isinstance(value.get("k"), str):
            return _described(value)
        return {key: _converted(item) for key, item in value.items()}
    return value


def _described(value: object) -> Value | Raised:
    entry = _mapping(value)
    match entry.get("k"):
        case "plain":
            return _plain(entry.get("v"))
        case "text":
            return Text(_text(entry, "v")[:_TEXT], _count(entry, "length"))
        case "tensor":
            return _tensor(entry)
        case "sequence":
            items = tuple(_value(item) for item in _list(entry, "items"))
            return Sequence(_text(entry, "type")[:200], items, _flag(entry, "cut"))
        case "mapping":
            return Mapped(tuple(_pair(pair) for pair in _list(entry, "items")), _flag(entry, "cut"))
        case "thing":
            return Thing(
                _text(entry, "type")[:200],
                _flag(entry, "callable"),
                _flag(entry, "is_module"),
                _flag(entry, "is_class"),
            )
        case "raised":
            return Raised(
                _text(entry, "type")[:200],
                _text(entry, "message")[:2000],
                _optional_count(entry, "line"),
                _optional_count(entry, "cell"),
            )
    raise Malformed("an unknown kind of value")


def _value(value: object) -> Value:
    described = _described(value)
    if isinstance(described, Raised):
        raise Malformed("an exception inside a value")
    return described


def _plain(value: object) -> Value:
    if value is None or isinstance(value, bool | int | float | complex):
        return value
    if isinstance(value, str):
        return value if len(value) <= _TEXT else Text(value[:_TEXT], len(value))
    raise Malformed("a plain value is none")


def _tensor(entry: Mapping[str, object]) -> Tensor:
    shape = tuple(_size(dim) for dim in _list(entry, "shape"))
    if len(shape) > wire.MAX_RANK or any(dim >= 1 << 62 for dim in shape):
        raise Malformed("a shape that no tensor has")
    dtype = _text(entry, "dtype")[:60]
    data = entry.get("data")
    if data is not None:
        # The array has been checked against its own dtype and shape; it must be this tensor's.
        if not isinstance(data, wire.Array) or data.dtype != dtype or data.shape != shape:
            raise Malformed("an array that is not what its tensor says")
        data = data.data
    return Tensor(
        dtype,
        shape,
        data,
        library=_text(entry, "library")[:20],
        device=_text(entry, "device")[:40],
        layout=_text(entry, "layout")[:40],
        requires_grad=_flag(entry, "requires_grad"),
        has_graph=_flag(entry, "has_graph"),
        subclass=_optional_text(entry, "subclass"),
        unread=_optional_text(entry, "unread"),
    )


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Malformed("not a mapping")
    return value


def _list(entry: Mapping[str, object], key: str) -> list[object]:
    value = entry.get(key)
    if not isinstance(value, list):
        raise Malformed(f"{key} is not a list")
    return value


def _text(entry: Mapping[str, object], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise Malformed(f"{key} is not text")
    return value


def _optional_text(entry: Mapping[str, object], key: str) -> str | None:
    return None if entry.get(key) is None else _text(entry, key)[:200]


def _flag(entry: Mapping[str, object], key: str) -> bool:
    return entry.get(key) is True


def _size(value: object) -> int:
    if type(value) is not int or value < 0:
        raise Malformed("a size is not a count")
    return value


def _count(entry: Mapping[str, object], key: str) -> int:
    return _size(entry.get(key))


def _optional_count(entry: Mapping[str, object], key: str) -> int | None:
    return None if entry.get(key) is None else _count(entry, key)


def _pair(pair: object) -> tuple[Value, Value]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise Malformed("an item of a mapping is no pair")
    return _value(pair[0]), _value(pair[1])
