"""Reading evidence: typed access to what a sandbox said, which may be anything.

Each function returns what it names or raises BadEvidence; no check reads evidence otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from grader.checks.arrays import Array, read
from grader.domain.evidence import Mapped, Raised, Sequence, Tensor, Text, Thing, Value

_DESCRIBED = (bool, int, float, complex, str, Tensor, Sequence, Mapped, Text, Thing)
_MANY = 10_000


class BadEvidence(ValueError):
    """The evidence is not what its probe kind promises."""


def mapping(value: object) -> Mapping[str, object]:
    """`value` as a mapping with str keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise BadEvidence("a mapping was expected")
    return value


def listing(evidence: Mapping[str, object], key: str, length: int | None = None) -> list[object]:
    """The list under `key`, of exactly `length` items where that is given."""
    value = evidence.get(key)
    if not isinstance(value, list | tuple) or len(value) > _MANY:
        raise BadEvidence(f"{key} is not a list")
    if length is not None and len(value) != length:
        raise BadEvidence(f"{key} has {len(value)} items and not {length}")
    return list(value)


def described(value: object) -> Value | Raised:
    """A described value, or the exception in its place."""
    if value is None or isinstance(value, (*_DESCRIBED, Raised)):
        return value
    raise BadEvidence("a described value was expected")


def flag(evidence: Mapping[str, object], key: str) -> bool:
    """The bool under `key`."""
    value = evidence.get(key)
    if not isinstance(value, bool):
        raise BadEvidence(f"{key} is not a bool")
    return value


def count(evidence: Mapping[str, object], key: str) -> int:
    """The count under `key`: an int of 0 or more, and no larger than a float can tell."""
    value = evidence.get(key)
    if type(value) is not int or not 0 <= value <= 1 << 53:
        raise BadEvidence(f"{key} is not a count")
    return value


def text(evidence: Mapping[str, object], key: str) -> str:
    """The str under `key`."""
    return as_text(evidence.get(key), key)


def as_text(value: object, what: str = "a name") -> str:
    """`value` as a str."""
    if not isinstance(value, str):
        raise BadEvidence(f"{what} is not text")
    return value


def names(evidence: Mapping[str, object], key: str) -> list[str]:
    """The list of str under `key`."""
    return [as_text(item, key) for item in listing(evidence, key)]


def array(value: object) -> Array:
    """The values of a tensor or a bare array."""
    values = read(value) if isinstance(value, Tensor) else None
    if values is None:
        raise BadEvidence("an array was expected")
    return values


def shown(value: str, length: int = 60) -> str:
    """A name or a message of the student's process, fit for a sentence: printable and cut."""
    clean = "".join(char if char.isprintable() else " " for char in value[: length + 1])
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def is_unordered(value: Value) -> bool:
    """Whether these are a set's items: they come in no order that means anything."""
    return isinstance(value, Sequence) and value.type in ("set", "frozenset")


def in_words(value: Value) -> str:
    """What kind of value this is, for a message: "a tuple of 3"."""
    match value:
        case None:
            return "None"
        case bool() | int() | float() | complex():
            return f"the {type(value).__name__} {value!r:.20}"
        case str() | Text():
            return "a str"
        case Tensor():
            kind = "a tensor" if value.library == "torch" else "a numpy array"
            return f"{kind} of shape {value.shape}"
        case Sequence():
            return f"a {shown(value.type, 30)} of {len(value.items)}{' and more' * value.cut}"
        case Mapped():
            return f"a dict of {len(value.items)}{' and more' * value.cut}"
        case Thing(is_class=True):
            return f"the class {shown(value.type, 40)}"
    return f"a {shown(value.type, 40)}"
