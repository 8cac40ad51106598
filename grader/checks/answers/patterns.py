"""Regular expressions without backtracking, so that no answer can keep the worker busy.

A pattern is parsed by `re`; matching keeps the set of all places where a part may end, instead of
trying one after the other (Thompson 1968). Nested repeats are bounded, texts are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from re import error
from typing import Any

MAX_TEXT = 500
MAX_PATTERN = 500
_NESTED = 2  # repeats in repeats: each multiplies the work by the length of the text
_MAX_TIMES = 1_000

Places = frozenset[int]
_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    codes.CATEGORY_DIGIT: str.isdecimal,
    codes.CATEGORY_NOT_DIGIT: lambda char: not char.isdecimal(),
    codes.CATEGORY_SPACE: str.isspace,
    codes.CATEGORY_NOT_SPACE: lambda char: not char.isspace(),
    codes.CATEGORY_WORD: lambda char: char.isalnum() or char == "_",
    codes.CATEGORY_NOT_WORD: lambda char: not (char.isalnum() or char == "_"),
}


def _at_boundary(text: str, at: int) -> bool:
    word = _CATEGORIES[codes.CATEGORY_WORD]
    before = at > 0 and word(text[at - 1])
    return before is not (at < len(text) and word(text[at]))


_AT: dict[Any, Callable[[str, int], bool]] = {
    codes.AT_BEGINNING: lambda text, at: at == 0,
    codes.AT_BEGINNING_STRING: lambda text, at: at == 0,
    codes.AT_END: lambda text, at: at == len(text),
    codes.AT_END_STRING: lambda text, at: at == len(text),
    codes.AT_BOUNDARY: _at_boundary,
    codes.AT_NON_BOUNDARY: lambda text, at: not _at_boundary(text, at),
}


def check_pattern(pattern: str) -> None:
    """Raise ValueError for what is no pattern, or needs backtracking."""
    if not pattern or len(pattern) > MAX_PATTERN:
        raise ValueError(f"a pattern has 1 to {MAX_PATTERN} characters")
    try:
        tree = parser.parse(pattern)
    except (error, OverflowError, RecursionError) as fault:
        raise ValueError(f"the pattern is not valid: {fault}") from None
    if tree.state.flags & ~int(codes.SRE_FLAG_UNICODE):
        raise ValueError("a pattern has no flags; `exact: true` tells upper from lower case")
    _check(tree, 0)


def fits(pattern: str, text: str, *, exact: bool) -> bool:
    """Whether the whole text is what the pattern says; case is told apart only with `exact`.

    A text of more than MAX_TEXT characters never is.
    """
    if len(text) > MAX_TEXT:
        return False
    return len(text) in _Matcher(text, exact).ends(parser.parse(pattern), frozenset({0}))


def _check(tree: Iterable[Any], depth: int) -> None:
    for code, value in tree:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            low, high, body = value
            if depth >= _NESTED:
                raise ValueError(f"a pattern has at most {_NESTED} repeats in one another")
            if low > _MAX_TIMES or (high != codes.MAXREPEAT and high > _MAX_TIMES):
                raise ValueError(f"a pattern repeats at most {_MAX_TIMES} times")
            _check(body, depth + 1)
        elif code is codes.BRANCH:
            for body in value[1]:
                _check(body, depth)
        elif code is codes.SUBPATTERN:
            if value[1] or value[2]:
                raise ValueError("a pattern has no flags; `exact: true` tells case apart")
            _check(value[3], depth)
        elif code not in (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN, codes.AT):
            raise ValueError(f"a pattern may not use {str(code).lower()}")
        elif code is codes.AT and value not in _AT:
            raise ValueError(f"a pattern may not use {str(value).lower()}")


class _Matcher:
    """One text, and where parts of a pattern end in it."""

    def __init__(self, text: str, exact: bool) -> None:
        self._text = text
        self._cases = (str,) if exact else (str.lower, str.upper)

    def ends(self, tree: Iterable[Any], starts: Places) -> Places:
        """Where the parts of `tree`, one after the other, may end that begin at `starts`."""
        for code, value in tree:
            if not starts:
                return starts
            starts = self._part(code, value, starts)
        return starts

    def _part(self, code: Any, value: Any, starts: Places) -> Places:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            low, high, body = value
            return self._repeat(low, high, body, starts)
        if code is codes.BRANCH:
            return frozenset().union(*(self.ends(body, starts) for body in value[1]))
        if code is codes.SUBPATTERN:
            return self.ends(value[3], starts)
        if code is codes.AT:
            return frozenset(at for at in starts if _AT[value](self._text, at))
        size = len(self._text)
        return frozenset(
            at + 1 for at in starts if at < size and self._is(code, value, self._text[at])
        )

    def _repeat(self, low: int, high: Any, body: Any, starts: Places) -> Places:
        for _ in range(low):
            further = self.ends(body, starts)
            if further == starts:  # as it will be each time
                break
            starts = further
        reached = newly = starts
        rounds = len(self._text) + 1 if high == codes.MAXREPEAT else high - low
        for _ in range(rounds):
            newly = self.ends(body, newly) - reached
            if not newly:
                break
            reached |= newly
        return reached

    def _is(self, code: Any, value: Any, char: str) -> bool:
        if code is codes.ANY:
            return char != "\n"
        if code is codes.IN:
            negated = value[0][0] is codes.NEGATE
            return any(self._is(kind, one, char) for kind, one in value[negated:]) is not negated
        if code is codes.CATEGORY:
            return _CATEGORIES[value](char)
        if code is codes.RANGE:
            return any(value[0] <= ord(one) <= value[1] for one in self._variants(char))
        same = any(
            one == variant for one in self._variants(chr(value)) for variant in self._variants(char)
        )
        return same is (code is codes.LITERAL)

    def _variants(self, char: str) -> list[str]:
        return [one for one in (case(char) for case in self._cases) if len(one) == 1] or [char]
