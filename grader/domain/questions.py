"""Questions: what a check asks of the submission and of the reference.

A check is a generator. It yields `Ask` to have probes answered by the submission and by the
reference, `RunTests` to have a test file run, or `NextLook` to be asked again at a later point of
the run, and returns a `Verdict`: no check does any input or output, and a test drives one with
made-up evidence.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from grader.domain.evidence import Answer
from grader.domain.exhibits import Exhibit
from grader.domain.outcomes import Outcome
from grader.domain.rubric import Cell


@dataclass(frozen=True)
class Probe:
    """One question to a sandbox. A probe that may run the submission's code does so in a fork.

    `kind` names a module of `workers/inside/probes`; `payload` is plain data and numpy arrays
    (which arrive as tensors); docs/protocol.md lists both. `limit_s` is wall time.
    """

    kind: str
    payload: Mapping[str, object]
    limit_s: float = 10.0


@dataclass(frozen=True)
class Rerun:
    """Run the training cells again from the state before them, under another seed, then probe.

    The cells are those from the kept snapshot to the place named by `until` (a code cell's
    index; inclusive). Everything happens in a fork: the submission's own state stays.
    """

    seed: int
    until: int
    probe: Probe
    limit_s: float = 60.0


@dataclass(frozen=True)
class Ask:
    """Probes for the submission and for the reference; both are answered in order."""

    student: tuple[Probe | Rerun, ...] = ()
    reference: tuple[Probe, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunTests:
    """Run a test file of the instructor's, in a process that never holds student code.

    What the tests ask is answered where the run stands. `names` leaves out all other tests, a
    function's standing for all its cases; `on_reference` has the reference stand in for the
    submission; with `native` values are what they are in the submission.
    """

    file: str
    seed: int
    cells: tuple[Cell, ...]  # to find a line of the submission by
    names: frozenset[str] | None = None
    on_reference: bool = False
    library: Literal["torch", "numpy"] = "torch"  # what arrays arrive as
    precision: Literal["float32", "float64"] = "float32"  # what float64 arrives as, in torch
    operators: frozenset[str] = frozenset()  # classes whose objects may be calculated with
    show_values: bool = False
    native: bool = False
    probe_s: float = 10.0  # each question
    test_s: float = 30.0  # one test: what it asks, and as long again for its own code
    file_s: float = 120.0  # the tests' own code, all together


class RanOutcome(StrEnum):
    """How one test came out."""

    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "broken"  # it raised something that is neither the submission's nor an assertion's
    LEFT_OUT = "left_out"  # it is marked to be skipped, or to fail


@dataclass(frozen=True, kw_only=True)
class RanTest:
    """One test: `name` is pytest's, `message` for the student, `said` for staff.

    `fraction` is what it earns of its weight where it passes.
    """

    name: str
    function: str
    title: str
    weight: float
    outcome: RanOutcome
    fraction: float = 1.0
    message: str = ""
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class RanTests:
    """What became of a test file; with a `fault` it could not be run to its end."""

    tests: tuple[RanTest, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class NextLook:
    """Wait for the next place where the rubric lets this check look."""


@dataclass(frozen=True)
class Look:
    """Where the run stands: after code cell `cell`; `end` once all cells have run.

    `last` says that no further look follows. `alive` is False when the run was cut short.
    """

    cell: int
    end: bool = False
    last: bool = False
    alive: bool = True


@dataclass(frozen=True)
class Replies:
    """The answers to an `Ask`, in its order."""

    student: tuple[Answer, ...] = ()
    reference: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a check found: the fraction of its points earned, and the words for it.

    `message` is for the student; `hint` names the likely cause where there is a known one
    (`cause` is its short name, by which staff group answers); `detail` is JSON-able and bounded;
    `exhibits` are for whoever sees the message.
    """

    outcome: Outcome
    fraction: float
    message: str
    hint: str | None = None
    cause: str | None = None
    detail: Mapping[str, object] = field(default_factory=dict)
    exhibits: tuple[Exhibit, ...] = ()


Step = Ask | RunTests | NextLook
# What is sent back: Replies for an Ask, RanTests for a RunTests; for a NextLook the Look, or None
# when there is none left.
Received = Replies | RanTests | Look | None
Judging = Generator[Step, Received, Verdict]
