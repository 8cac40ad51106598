"""What a test stumbles over besides its own assertions."""

from __future__ import annotations

import builtins
from collections.abc import Iterable


class AnswerError(Exception):
    """What was asked for cannot be had. The message is for a person."""

    shown: str | None = None  # what str() gives a test, where that is not the message

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        # KeyError and others have ways of their own.
        return self.message if self.shown is None else self.shown


class StudentError(AnswerError):
    """The submission's fault: it raised, was too slow, or lacks a name."""


class ReferenceFailed(AnswerError):
    """The reference's fault."""


class OutOfTime(BaseException):
    """The test's own code runs too long; `except Exception` in it does not catch that."""


# Raised in a loop, or as an assertion, these would mean something else.
_NEVER = (StopIteration, StopAsyncIteration, AssertionError)


def failing(kind: type[AnswerError], message: str, bases: Iterable[str] = ()) -> AnswerError:
    """An error that is also the first known one of the builtin exceptions `bases`.

    So `pytest.raises(ValueError)` sees that the submission raised one.
    """
    for name in bases:
        base = getattr(builtins, name, None)
        if isinstance(base, type) and issubclass(base, Exception) and base is not Exception:
            if base in _NEVER:
                break
            made: type[AnswerError] = type(name, (kind, base), {})
            return made(message)
    return kind(message)
