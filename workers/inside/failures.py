"""Exceptions of student code as data: bounded, without colours, without our own frames."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from types import TracebackType

import IPython

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_IPYTHON = os.path.dirname(os.path.abspath(IPython.__file__)) + os.sep
_FRAMES = 100
_CHAIN = 8
_HEAD, _TAIL = 4000, 12_000
_MESSAGE = 2000
_NAME = 200

_TracebackException = traceback.TracebackException
_from_list = traceback.StackSummary.from_list
_type_name = type.__dict__["__name__"].__get__
_traceback_of = BaseException.__dict__["__traceback__"].__get__

_cells: dict[str, int] = {}  # the file name that a cell is compiled under -> its index


def register_cell(filename: str, index: int) -> None:
    """Remember that code compiled under `filename` is that of cell `index`."""
    _cells[filename] = index


def forget_cells() -> None:
    """Forget every cell."""
    _cells.clear()


def type_name(value: object) -> str:
    """The name of a value's real type, whatever the value or its metaclass claim."""
    name = _type_name(type(value))
    return str.__str__(name)[:_NAME]  # a class may have a str subclass for its name


def raised(error: BaseException) -> dict[str, object]:
    """An exception as a described value: its type, message, and where in which cell."""
    line, cell = None, None
    for trace in _frames(_traceback_of(error)):
        index = _cells.get(trace.tb_frame.f_code.co_filename)
        if index is not None:
            line, cell = trace.tb_lineno, index
    if cell is None and isinstance(error, SyntaxError):
        cell = _cells.get(str(error.filename))
        line = error.lineno if cell is not None and type(error.lineno) is int else None
    return {
        "k": "raised",
        "type": type_name(error),
        "message": message(error),
        "line": line,
        "cell": cell,
    }


def message(error: BaseException) -> str:
    """The exception's message; a plain remark where it has none that can be had."""
    try:
        return str.__str__(str(error))[:_MESSAGE]
    except BaseException as failure:
        return f"(its message raised {type_name(failure)})"


def summary(error: BaseException) -> str:
    """Type and message in one line."""
    name, text = type_name(error), message(error)
    return f"{name}: {text}" if text else name


def output(error: BaseException) -> dict[str, object]:
    """An exception as the content of an nbformat error output."""
    text = _formatted(error)
    if len(text) > _HEAD + _TAIL:
        text = text[:_HEAD] + "\n[...]\n" + text[-_TAIL:]
    return {
        "ename": type_name(error),
        "evalue": message(error),
        "traceback": text.splitlines()[:1000],
    }


def _formatted(error: BaseException) -> str:
    try:
        trace = _from_first_cell(_traceback_of(error))
        # A negative limit keeps the innermost frames, where it went wrong.
        told = _TracebackException(type(error), error, trace, limit=-_FRAMES, compact=True)
        _strip(told)
        return "".join(told.format())
    except BaseException:  # its own methods had a part in it, or it was interrupted
        return summary(error)


def _frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _from_first_cell(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is in a cell; nothing where none is."""
    for one in _frames(trace):
        if one.tb_frame.f_code.co_filename in _cells:
            return one
    return None


def _strip(told: traceback.TracebackException | None, depth: int = 0) -> None:
    """Drop frames of this folder and of IPython, from the causes of an exception too."""
    if told is None:
        return
    told.stack = _from_list([f for f in told.stack if not f.filename.startswith((_HERE, _IPYTHON))])
    if depth == _CHAIN:
        told.__cause__ = told.__context__ = None
    _strip(told.__cause__, depth + 1)
    _strip(told.__context__, depth + 1)
