"""Evidence: what a sandbox says that it computed. Untrusted, typed and bounded.

A described value is one of the dataclasses below, or a plain None, bool, int, float, complex or
str. Arrays keep their bytes; `grader.checks.arrays` reads them with numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Tensor:
    """A torch tensor or a numpy array.

    `data` is C-contiguous little-endian bytes of `dtype` and `shape`, or None where it could not
    or may not be read; `unread` then says why (too large, meta, a subclass, ...).
    """

    dtype: str  # "float32", "bfloat16", "int64", "bool", "quint8", ...
    shape: tuple[int, ...]
    data: bytes | None
    library: str = "torch"  # or "numpy"
    device: str = "cpu"
    layout: str = "strided"
    requires_grad: bool = False
    has_graph: bool = False  # grad_fn is set
    subclass: str | None = None  # the type's name where it is not the plain one
    unread: str | None = None


@dataclass(frozen=True)
class Sequence:
    """A list, tuple, set or named tuple; `cut` where items were left out."""

    type: str
    items: tuple[Value, ...]
    cut: bool = False


@dataclass(frozen=True)
class Mapped:
    """A dict, in its order; keys are described too."""

    items: tuple[tuple[Value, Value], ...]
    cut: bool = False


@dataclass(frozen=True)
class Text:
    """A str that was longer than what is carried."""

    value: str
    length: int


@dataclass(frozen=True)
class Thing:
    """Any other object, by the name of its type; `callable` where it can be called."""

    type: str
    callable: bool = False
    is_module: bool = False  # a torch.nn.Module
    is_class: bool = False


@dataclass(frozen=True)
class Raised:
    """An exception of the student's code: where it is only text, and only theirs."""

    type: str
    message: str
    line: int | None = None  # in the student's cell
    cell: int | None = None


Value = None | bool | int | float | complex | str | Tensor | Sequence | Mapped | Text | Thing


class AnswerStatus(StrEnum):
    """Whether a probe was answered."""

    ANSWERED = "answered"
    TIME_LIMIT = "time_limit"
    DIED = "died"  # the process that computed it ended, was killed or ran out of memory
    MALFORMED = "malformed"  # it answered something that is no evidence
    NOT_RUN = "not_run"  # the run had ended before


@dataclass(frozen=True)
class Answer:
    """One probe's answer.

    `evidence` is filled where the status is ANSWERED: its keys are the probe kind's, its values
    plain data, described values or `Raised`. `detail` says more where it is not.
    """

    status: AnswerStatus
    evidence: Mapping[str, object]
    detail: str = ""
    cpu_s: float = 0.0
