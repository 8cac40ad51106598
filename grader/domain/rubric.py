"""A rubric in memory: exercises, checks, where they look, and the limits of a run.

`grader.rubricfile` builds these from YAML with pydantic, which reads `__pydantic_config__`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

# What students see of a check: all, title and points alone, or the rest after the due date.
Visibility = Literal["visible", "hidden", "after_due"]

_STRICT: dict[str, Any] = {"extra": "forbid", "str_strip_whitespace": True}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in the run a check looks; exactly one of the fields is set.

    Places of a check are tried in order of the run until the check passes; the best counts.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    marker: str | None = None  # after the cell that carries this marker
    first_definition: str | None = None  # after the first cell that binds this name
    last_definition: str | None = None  # after the last cell that binds this name
    trained: bool = False  # after every cell in which a model was optimised
    end: bool = False

    def __post_init__(self) -> None:
        given = [self.marker, self.first_definition, self.last_definition, self.trained, self.end]
        if sum(bool(one) for one in given) != 1:
            raise ValueError(
                "a place needs exactly one of marker, first_definition, last_definition, "
                "trained, end"
            )


@dataclass(frozen=True, kw_only=True)
class CheckSpec:
    """What every kind of check has. A kind's own fields are in its module of `grader.checks`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    id: str
    points: float = 0.0
    title: str = ""
    depends_on: tuple[str, ...] = ()  # ids of checks; not passed means that this one is skipped
    look: tuple[Place, ...] = ()  # empty: the kind's own default
    hints: Mapping[str, str] = field(default_factory=dict)  # cause -> words, over the built-in ones
    limit_s: float = 10.0  # wall seconds for each of its probes
    visibility: Visibility = "visible"
    exhibits: bool = True  # False: nothing is shown beside the words
    partial: bool = True  # False: what earns less than all of the points earns none


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """A part of the assignment with its own score."""

    id: str
    title: str
    checks: tuple[CheckSpec, ...]

    @property
    def max_score(self) -> float:
        return sum(check.points for check in self.checks)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one attempt may use. Sizes in bytes, times in seconds."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    wall_s: float = 120.0  # running cells; each probe has its own limit besides
    cpu_s: float = 180.0  # of all processes of the sandbox together, probes included
    cell_s: float = 60.0  # one cell; it is interrupted and the run goes on
    memory_bytes: int = 1 << 30  # of all processes together, beyond the zygote's shared pages
    processes: int = 64  # threads count
    output_bytes: int = 32 << 20  # written to stdout and stderr before the run is ended
    kept_output_bytes: int = 1 << 20  # of that, what the executed notebook keeps
    disk_bytes: int = 64 << 20  # the working directory
    shm_bytes: int = 64 << 20
    files: int = 4096  # inodes in the working directory
    evidence_bytes: int = 8 << 20  # one answer


# What no rubric may go beyond: answers and outputs fit a frame, numbers fit what the kernel takes,
# and no attempt holds a worker's slot for a day.
HIGHEST = Limits(
    wall_s=4 * 3600.0,
    cpu_s=24 * 3600.0,
    cell_s=4 * 3600.0,
    memory_bytes=1 << 40,
    processes=1 << 15,
    output_bytes=1 << 30,
    kept_output_bytes=14 << 20,
    disk_bytes=1 << 36,
    shm_bytes=1 << 36,
    files=1 << 20,
    evidence_bytes=14 << 20,
)

MAX_GPUS = 8


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The environment in which a submission runs."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    python: str | None = None  # an interpreter's path; None: the one that runs the worker
    preload: tuple[str, ...] = ()  # modules beyond torch, numpy and IPython; absent ones are let be
    gpu: int = 0  # devices that each attempt has to itself; 0: it runs on the CPU

    def __post_init__(self) -> None:
        if not 0 <= self.gpu <= MAX_GPUS:
            raise ValueError(f"gpu is a number of devices from 0 to {MAX_GPUS}")


@dataclass(frozen=True, kw_only=True)
class Training:
    """Where the cells that a re-run under another seed repeats begin, and when a cell trained."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    start: Place  # this cell is the first one that a re-run repeats
    steps: int = 10  # optimiser steps or backward passes that make a cell one that trained

    def __post_init__(self) -> None:
        if self.start.trained or self.start.end:
            raise ValueError("training starts at a marker or at a definition")


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """An assignment's rubric, validated."""

    slug: str
    title: str
    exercises: tuple[Exercise, ...]
    limits: Limits = Limits()
    runtime: Runtime = Runtime()
    training: Training | None = None

    @property
    def max_score(self) -> float:
        return sum(exercise.max_score for exercise in self.exercises)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """An AssignmentVersion on disk: immutable, named by the hash of its content."""

    rubric: Rubric
    version: str  # "sha256:..." over rubric, reference, starter and files
    folder: Path
    reference: str  # the source of the reference solution
    files: Mapping[str, bytes] = field(default_factory=dict)  # laid into the working directory
    tests: Mapping[str, bytes] = field(default_factory=dict)  # beside the reference, by path


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a submission as written."""

    kind: Literal["code", "markdown"]
    source: str
    name: str  # how a person finds it: "cell 7", "line 12"
    line: int | None = None  # of a .py file, where the cell begins
    markers: tuple[str, ...] = ()  # of its "# chainrule: <name>" lines and "chainrule:<name>" tags
    attachments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # as nbformat has it
