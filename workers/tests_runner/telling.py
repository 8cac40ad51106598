"""What is said of a test: its title, and why it failed, for the student and for staff.

The student reads neither the test's source nor, unless the rubric shows values, what was expected.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.checks.reading import shown
from grader.domain.questions import RanOutcome
from workers.tests_runner.failing import OutOfTime, ReferenceFailed, StudentError
from workers.tests_runner.points import function_of

AUTOMATIC_ID = "case"
_CASES = re.compile(r"case\d*(-case\d*)*")
_COMPARED = re.compile(r"(?:^|\n)assert ")  # where pytest's account of a comparison begins
_NOT_RAISED = re.compile(r"DID NOT RAISE (.+)")
_CLASSES = re.compile(r"\w+(?=[,)'>]|$)")
_FUNCTION = re.compile(r"<(?:built-in )?(?:function|method|ufunc) '?(?:\w+\.)*(\w+)'?[^<>]*>")
_OF_MODULE = re.compile(r"(?:where|and) +(\w+) = .*\.\1")  # "where allclose = np.allclose"
_TITLE, _MESSAGE, _SAID = 120, 500, 500


@dataclass(frozen=True)
class Told:
    """How a phase of a test came out, with the words for it."""

    outcome: RanOutcome
    message: str = ""
    said: str = ""


def name_of(item: pytest.Item) -> str:
    """The name of a test within its file, cases told apart."""
    return item.nodeid.split("::", 1)[-1]


def title_of(item: pytest.Item, items: Sequence[pytest.Item]) -> str:
    """The first line of a test's docstring, or its name in words; and which case it is."""
    function = getattr(item, "function", None)
    lines = (inspect.getdoc(function) or "").strip().splitlines() if function else []
    name = getattr(item, "originalname", item.name)
    title = lines[0].rstrip(".") if lines else name.removeprefix("test_").replace("_", " ")
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return _line(title, _TITLE)
    case = callspec.id
    if _CASES.fullmatch(case):
        siblings = [one for one in items if function_of(one) == function_of(item)]
        case = f"case {siblings.index(item) + 1}"
    return f"{_line(title, _TITLE)} ({_line(case, _TITLE)})"


def one_of(
    excinfo: pytest.ExceptionInfo[BaseException], folder: Path, last_look: str, *, show_values: bool
) -> Told:
    """Why a phase of a test did not come to its end."""
    error = excinfo.value
    said = _line(f"{_place(excinfo, folder)}{type(error).__name__}: {error}", _SAID)
    hidden = _hidden(last_look)
    match error:
        case StudentError():
            return Told(RanOutcome.FAILED, _line(error.message, _MESSAGE), said)
        case OutOfTime() | ReferenceFailed():
            return Told(RanOutcome.BROKEN, said=said)
        case pytest.skip.Exception() | pytest.xfail.Exception():
            words = _line(error.msg or "", _MESSAGE)
            return Told(RanOutcome.FAILED, words or hidden, said)
        case AssertionError() | pytest.fail.Exception() if _place(excinfo, folder):
            raised_here = Path(excinfo.traceback[-1].path).is_relative_to(folder)
            own = raised_here or isinstance(error, pytest.fail.Exception)
            words = _words(str(error), own, show_values)
            return Told(RanOutcome.FAILED, words or hidden, said)
    # What the test could not do may be the submission's fault: the reference will tell.
    message = f"The test cannot go on with that. {hidden}"
    return Told(RanOutcome.BROKEN, message, said)


def _hidden(last_look: str) -> str:
    if not last_look:
        return "This does not hold."
    return _line(f"This does not hold. The test looked at this last: {last_look}.", _MESSAGE)


def _words(text: str, own: bool, show_values: bool) -> str:
    """The message that the test gives of its own; else what was compared, where that may be shown.

    pytest's account follows the test's own message. What a library says has only values.
    """
    not_raised = _NOT_RAISED.match(text)
    if not_raised:
        return f"No {' or '.join(_CLASSES.findall(not_raised[1]))} was raised."
    account = _COMPARED.search(text)
    message = text[: account.start()] if account else text
    if message.strip() and own:
        return _line(message, _MESSAGE)
    if not show_values:
        return ""
    compared = text[account.end() :] if account else text
    lines = [_plain(line) for line in compared.strip().splitlines()[:8]]
    telling = [line for line in lines if line and not _OF_MODULE.fullmatch(line)]
    return _line(f"This does not hold: {', '.join(telling)}", _MESSAGE)


def _plain(line: str) -> str:
    return _FUNCTION.sub(r"\1", line).strip().removeprefix("+").strip()


def _place(excinfo: pytest.ExceptionInfo[BaseException], folder: Path) -> str:
    """The innermost line of the test files, as "test_linear.py:12: "; empty where there is none."""
    for entry in reversed(excinfo.traceback):
        if Path(entry.path).is_relative_to(folder):
            return f"{Path(entry.path).relative_to(folder)}:{entry.lineno + 1}: "
    return ""


def _line(text: str, length: int) -> str:
    return shown(" ".join(text[: 4 * length].split()), length)
