"""Whether any value is the reference's: numbers, text, tensors, and containers item by item.

The message names the place in the result: "The second item of the result of f()".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from grader.checks.arrays import Array, family, read, relative_tolerance
from grader.checks.looks import ReferenceFault
from grader.checks.numbers.compare import Expected, Mismatch, Stage, compare, within
from grader.checks.reading import in_words, is_unordered, shown
from grader.domain.evidence import Mapped, Sequence, Tensor, Text, Thing, Value

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_LARGEST_INT = 1 << 63


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How near a result must be.

    `relative` goes before the tolerance by dtype. A float of Python counts as `number_dtype`: it
    may come from a tensor's item(). With `strict_type`, a number is no tensor, a list no tuple and
    a float no int.
    """

    relative: float | None = None
    number_dtype: str = "float64"
    strict_type: bool = False


def differs(value: Value, want: Value, rules: Rules, subject: str) -> Mismatch | None:
    """How `value` differs from what the reference gave, or None where it does not."""
    return _Comparison(rules, subject).differs(value, want, ())


def comparable(want: Value) -> None:
    """Raise ReferenceFault where the reference gave what cannot be compared."""
    match want:
        case Thing():
            raise ReferenceFault(f"the reference gave {in_words(want)}, which can't be compared")
        case Tensor() if read(want) is None:
            raise ReferenceFault(f"the reference's tensor can't be read: {want.unread}")
        case Sequence() | Mapped() if want.cut:
            raise ReferenceFault("the reference gave more items than can be carried")
    for item in parts(want):
        comparable(item)


def parts(value: Value) -> Iterator[Value]:
    """The items of a container; nothing of any other value."""
    if isinstance(value, Sequence):
        yield from value.items
    elif isinstance(value, Mapped):
        for pair in value.items:
            yield from pair


@dataclass(frozen=True)
class _Comparison:
    rules: Rules
    whole: str

    def differs(self, value: Value, want: Value, path: tuple[str, ...]) -> Mismatch | None:
        match want:
            case None:
                return None if value is None else self._type(value, "None", path)
            case str() | Text():
                return self._text(value, want, path)
            case bool() | int() | float() | complex():
                return self._number(value, want, path)
            case Tensor():
                return self._tensor(value, want, path)
            case Sequence():
                return self._sequence(value, want, path)
            case Mapped():
                return self._mapping(value, want, path)
        raise ReferenceFault(f"the reference gave {in_words(want)}")

    def _subject(self, path: tuple[str, ...]) -> str:
        words = " of the ".join((*reversed(path), self.whole))
        return f"The {words}"

    def _type(self, value: Value, expected: str, path: tuple[str, ...]) -> Mismatch:
        stage = Stage.EXISTS if value is None else Stage.TYPE
        words = f"{self._subject(path)} is {in_words(value)}; {expected} was expected."
        return Mismatch(stage, words)

    def _text(self, value: Value, want: str | Text, path: tuple[str, ...]) -> Mismatch | None:
        if not isinstance(value, str | Text):
            return self._type(value, "a str", path)
        if value == want:
            return None
        got, expected = _quoted(value), _quoted(want)
        words = f"{self._subject(path)} is {got}; {expected} was expected."
        return Mismatch(Stage.VALUES, words, got=got, expected=expected)

    def _number(
        self,
        value: Value,
        want: bool | int | float | complex,
        path: tuple[str, ...],
        want_dtype: str = "float64",
    ) -> Mismatch | None:
        kind = type(want).__name__
        expected = f"{'an' if kind == 'int' else 'a'} {kind}"
        number = _as_number(value)
        if number is None or (self.rules.strict_type and type(value) is not type(want)):
            return self._type(value, expected, path)
        got, dtype = number
        if (got.dtype.kind == "b") is not isinstance(want, bool):
            return self._type(value, expected, path)
        if isinstance(want, bool | int):
            if got == want:
                return None
        else:
            dtypes = (self.rules.number_dtype, dtype, want_dtype)
            relative = self.rules.relative or relative_tolerance(*dtypes)
            if _near(got, want, relative):
                return None
        have = _number_text(got)
        words = f"{self._subject(path)} is {have}; {_number_text(want)} was expected."
        return Mismatch(Stage.VALUES, words, got=have, expected=_number_text(want))

    def _tensor(self, value: Value, want: Tensor, path: tuple[str, ...]) -> Mismatch | None:
        array = read(want)
        assert array is not None  # comparable() has seen to it
        if not isinstance(value, Tensor):
            if self.rules.strict_type or array.ndim:
                return self._type(value, in_words(want), path)
            return self._number(value, array.item(), path, want.dtype)
        if self.rules.strict_type and value.library != want.library:
            return self._type(value, in_words(want), path)
        if want.library == "numpy" or array.ndim == 0:  # else numpy's arrays are none of torch's
            value = replace(value, library="torch")
        expected = Expected(array=array, dtype=want.dtype, relative=self.rules.relative)
        return compare(value, expected, self._subject(path))

    def _sequence(self, value: Value, want: Sequence, path: tuple[str, ...]) -> Mismatch | None:
        unordered = is_unordered(want)
        if (
            not isinstance(value, Sequence)
            or is_unordered(value) is not unordered
            or (self.rules.strict_type and value.type != want.type)
        ):
            return self._type(value, f"a {want.type} of {len(want.items)}", path)
        if len(value.items) != len(want.items) or value.cut:
            return self._count(value, want, path)
        got_items, want_items = list(value.items), list(want.items)
        if unordered:
            got_items.sort(key=repr)
            want_items.sort(key=repr)
        for at, (item, wanted) in enumerate(zip(got_items, want_items, strict=True)):
            name = f"{_ORDINALS[at]} item" if at < len(_ORDINALS) else f"item {at + 1}"
            found = self.differs(item, wanted, (*path, name))
            if found is not None and unordered:
                words = f"{self._subject(path)} has other members than expected."
                return Mismatch(Stage.VALUES, words)
            if found is not None:
                return found
        return None

    def _count(self, value: Value, want: Value, path: tuple[str, ...]) -> Mismatch:
        words = f"{self._subject(path)} is {in_words(value)}; {in_words(want)} was expected."
        return Mismatch(Stage.SHAPE, words)

    def _mapping(self, value: Value, want: Mapped, path: tuple[str, ...]) -> Mismatch | None:
        if not isinstance(value, Mapped):
            return self._type(value, in_words(want), path)
        # 1, 1.0 and True are one key for Python, too.
        found = {_key(key): item for key, item in value.items}
        for key, wanted in want.items:
            if _key(key) not in found:
                words = f"{self._subject(path)} has no entry {_name(key)}."
                return Mismatch(Stage.SHAPE, words)
            difference = self.differs(found[_key(key)], wanted, (*path, f"entry {_name(key)}"))
            if difference is not None:
                return difference
        return self._count(value, want, path) if len(found) > len(want.items) else None


def _as_number(value: Value) -> tuple[Array, str] | None:
    """A number of Python, or a tensor or array without dimensions, with its dtype."""
    if isinstance(value, Tensor):
        array = read(value) if value.shape == () else None
        return None if array is None else (array, value.dtype)
    if isinstance(value, bool | int | float | complex):
        # An int of any length stays one.
        wide = isinstance(value, int) and abs(value) >= _LARGEST_INT
        array = np.asarray(value, dtype=object if wide else None)
        return array, str(array.dtype)
    return None


def _near(got: Array, want: float | complex, relative: float) -> bool:
    if got.dtype.kind == "O":  # beyond int64: float() may overflow
        try:
            got = np.asarray(float(got.item()))
        except OverflowError:
            return False
    return bool(within(got, np.asarray(want), relative).all())


def _number_text(value: object) -> str:
    number = value.item() if isinstance(value, np.ndarray) else value
    if isinstance(number, int):  # a bool, too
        return str(number) if abs(number) < 10**30 else "an int of many digits"
    return f"{number:.6g}"


def _quoted(text: str | Text) -> str:
    return repr(shown(text.value if isinstance(text, Text) else text, 60))


def _name(key: Value) -> str:
    return f"“{shown(key, 40)}”" if isinstance(key, str) else shown(repr(key), 40)


def _key(key: Value) -> object:
    """A key as one that can be looked up."""
    if isinstance(key, None | bool | int | float | complex | str):
        return key
    number = _as_number(key)
    return repr(key) if number is None or family(number[1]) is None else number[0].item()
