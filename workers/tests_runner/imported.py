"""What the test files of imported assignments stand on: the ways of the tools they come from.

`chainrule import` writes files that import from here; a test of your own has no need of it.
"""

from __future__ import annotations

import contextlib
import io
import re
import unittest
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from workers.tests_runner.subject import Subject

_EXCEPTION = re.compile(r"Traceback \((?:most recent call last|innermost last)\):")


@contextlib.contextmanager
def expecting(want: str) -> Iterator[None]:
    """What is printed and shown within has to be `want`, as doctest compares it.

    What the submission's own functions print is not seen here.
    """
    if _EXCEPTION.match(want):
        with _raising(want.strip().splitlines()[-1]):
            yield
        return
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        yield
    got = out.getvalue()
    blank = re.sub(r"(?m)^<BLANKLINE>$", "", want)
    if got not in (want, blank):
        raise AssertionError("This is not what was expected.")


@contextlib.contextmanager
def _raising(want: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        name = type(error).__name__
        got = f"{name}: {error}" if str(error) else name
        if got != want:
            raise AssertionError("Another exception was expected.") from None
    else:
        raise AssertionError(f"No {want.partition(':')[0]} was raised.")


def show(value: object) -> None:
    """Print a value as Python's prompt does."""
    if value is not None:
        print(repr(value))


def credit(value: object, points: float, earn: Callable[[float], None]) -> None:
    """The value of a cell's last expression: nbgrader takes a number for the points earned."""
    try:
        earned = float(repr(value))
    except ValueError:
        return
    if earned > points:
        raise RuntimeError(f"the test gives {earned:g} of {points:g} points")
    if earned >= 0:
        earn(earned / points)


def given(student: Subject, name: str) -> Any:
    """What a name holds; None where it holds nothing, as otter has it."""
    return getattr(student, name, None) if name != "session" else environment(student).get(name)


class environment:  # used like a function
    """The submission's names as the dictionary that otter gives a test as `env`.

    `libraries` are the test's own, in the place of what the submission calls so.
    """

    def __init__(self, student: Subject, **libraries: Any) -> None:
        self._student = student
        self._libraries = libraries

    def __getitem__(self, name: str) -> Any:
        if name in self._libraries:
            return self._libraries[name]
        try:
            return self._student[name]
        except AttributeError:
            raise KeyError(name) from None

    def __contains__(self, name: str) -> bool:
        return self.get(name, self) is not self

    def get(self, name: str, otherwise: Any = None) -> Any:
        """What the name holds, or `otherwise`."""
        try:
            return self[name]
        except KeyError:
            return otherwise


class earning:  # used like a function
    """Where a test's earnings go, for a test that is a method: set before each of them."""

    to: Callable[[float], None] | None = None


class _Remark:
    """Decorators of gradescope-utils that the rubric has taken over: they change nothing here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, function: Any) -> Any:
        return function


weight = number = visibility = hide_errors = tags = leaderboard = _Remark


class partial_credit:
    """gradescope-utils: the test says by `set_score` what it earns."""

    def __init__(self, points: float) -> None:
        self._points = points

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The test with a `set_score`."""

        def set_score(score: float) -> None:
            assert earning.to is not None
            earning.to(max(0.0, min(1.0, score / self._points)) if self._points else 1.0)

        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, set_score=set_score, **kwargs)

        del wrapper.__wrapped__  # or pytest asks for a fixture `set_score`
        return wrapper


_ASSERTIONS = unittest.TestCase()


def __getattr__(name: str) -> Any:
    """The assertions of nose.tools, which were those of unittest under other names."""
    if name == "ok_":
        return _ASSERTIONS.assertTrue
    if name == "eq_":
        return _ASSERTIONS.assertEqual
    if name.startswith("assert_"):
        camel = re.sub(r"_(\w)", lambda found: found[1].upper(), name)
        if hasattr(_ASSERTIONS, camel):
            return getattr(_ASSERTIONS, camel)
    raise AttributeError(name)
