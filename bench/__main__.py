"""Measure what grading costs and where the time goes; print it as a table and as JSON.

    python -m bench            all parts
    python -m bench cpu        CPU seconds of one submission with 300 training steps
    python -m bench folder     submissions a second over a folder of 200, two at a time
    python -m bench memory     a sandbox's own memory before student code
    python -m bench grades     the gradebook, operators' figures and the web process, much stored
    python -m bench lists      lists of 100,000 submissions and 2,000,000 check results

CPU time is that of every process, by a control group around all of them: the worker, the zygote,
supervisors, inits, runners, probes. The submissions' own compute is measured in the same run, in a
warm process without any sandbox, so that each figure has its yardstick beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.table import Table

from bench import grades, lists, submissions
from grader.domain.results import Result
from grader.domain.rubric import Bundle, Limits
from grader.notebooks.read import Submission, parse
from grader.rubricfile import load_bundle
from workers.inside import cgroups
from workers.pipeline import grade
from workers.zygote import Zygote

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Figure:
    """One measured number, with what it may be at most or least."""

    name: str
    value: float
    unit: str
    aim: str = ""


@dataclass(frozen=True)
class Bench:
    """What the parts measure with."""

    bundle: Bundle
    zygote: Zygote
    clock: _CpuClock

    def grade(self, submission: Submission, seed: int | None = None) -> Result:
        """Grade one submission of the assignment."""
        return grade(self.zygote, self.bundle, submission, seed=seed)

    def grading(self, source: str) -> Callable[[int], object]:
        """The work of grading this source under a seed; warmed up."""
        submission = _submission(source)
        self.grade(submission, seed=0)
        return partial(self.grade, submission)

    def open_and_close(self, seed: int) -> object:
        """The work of making one sandbox."""
        return self.zygote.open(Limits(), files={}, seed=seed).close()

    def cpu_of(self, work: Callable[[int], object], seed: int) -> float:
        """CPU seconds of everybody for `work`."""
        before = self.clock.read()
        work(seed)
        self._settle()
        return self.clock.read() - before

    def own_cpu_of(self, work: Callable[[int], object], seed: int) -> float:
        """CPU seconds of this process alone for `work`."""
        before = time.process_time()
        work(seed)
        return time.process_time() - before

    def _settle(self) -> None:
        """Wait until no supervisor is left but those of references."""
        while len(_children(self.zygote.pid)) > 1:
            time.sleep(0.001)


def main() -> None:
    """Run the named parts, or all."""
    parts: dict[str, Callable[[Bench], Iterator[Figure]]] = {
        "cpu": cpu_per_submission,
        "folder": folder_throughput,
        "memory": memory_per_sandbox,
        "grades": lambda _: (Figure(*one) for one in grades.measured()),
        "lists": lambda _: (Figure(*one) for one in lists.measured()),
    }
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", choices=[*parts, []], help="default: all")
    parser.add_argument("--json", action="store_true", help="figures as JSON, nothing else")
    chosen = parser.parse_args()
    bundle = load_bundle("uw-cse447-a0", ROOT)
    figures: list[Figure] = []
    with _CpuClock() as clock, Zygote(bundle.rubric.runtime) as zygote:
        bench = Bench(bundle, zygote, clock)
        for name in chosen.part or parts:
            figures += parts[name](bench)
    if chosen.json:
        json.dump([vars(figure) for figure in figures], sys.stdout, indent=2)
        return
    table = Table("", "measured", "unit", "aim")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:.3f}", figure.unit, figure.aim)
    Console().print(table)


def cpu_per_submission(bench: Bench, rounds: int = 15) -> Iterator[Figure]:
    """CPU seconds for one submission in all, and how they are spent.

    In turns, each once a round: a machine that slows down does so for all of them.
    """
    parts = {
        "the same submission, graded": bench.grading(submissions.TRAINED),
        "of that: all exercises but no training": bench.grading(submissions.UNTRAINED),
        "of that: a submission with one statement": bench.grading("x = 1\n"),
        "of that: one sandbox opened and closed": bench.open_and_close,
    }
    judged = bench.grading(submissions.TRAINED)
    with _Yardstick() as yardstick:
        measures: dict[str, Callable[[int], float]] = {
            "its own compute: 300 steps in a warm process": lambda _: yardstick.round(),
            **{name: partial(bench.cpu_of, work) for name, work in parts.items()},
            "of that: in the worker (judging, reading)": partial(bench.own_cpu_of, judged),
        }
        rows = [{name: one(n) for name, one in measures.items()} for n in range(rounds)]
    took = {name: statistics.median(row[name] for row in rows) for name in measures}
    _, whole, *_ = took.values()
    for name, value in took.items():
        yield Figure(name, value, "CPU s", "at most 0.200" if value is whole else "")
    ratios = [whole / own for own, whole, *_ in (row.values() for row in rows)]
    ratio = statistics.median(ratios)
    yield Figure("graded, as a multiple of its own compute", ratio, "", "at most 2.000")


def folder_throughput(bench: Bench, count: int = 200) -> Iterator[Figure]:
    """Submissions a second whose own compute is negligible, two at a time."""
    files = [_submission(f"{submissions.UNTRAINED}\n# {n}\n") for n in range(count)]
    bench.grade(files[0], seed=0)
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(bench.grade, files))
    took = time.perf_counter() - started
    assert {result.exercises[0].score for result in results} == {4.0}
    yield Figure(f"a folder of {count}, two at a time", count / took, "1/s", "at least 15")


def memory_per_sandbox(bench: Bench, count: int = 4) -> Iterator[Figure]:
    """A sandbox's own memory, all of its processes and its supervisor, before student code."""
    pid = bench.zygote.pid
    others = set(_descendants(pid))
    sessions = [bench.zygote.open(Limits(), files={}, seed=n) for n in range(count)]
    try:
        private = sum(map(_private_bytes, set(_descendants(pid)) - others)) / count
    finally:
        for session in sessions:
            session.close()
    yield Figure("a sandbox's own memory before student code", private / 1e6, "MB", "below 60")


def _submission(source: str) -> Submission:
    return parse("bench.py", source.encode())


class _Yardstick:
    """The training alone, warm, in a process of its own."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", submissions.YARDSTICK],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.round()
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.communicate()

    def round(self) -> float:
        """CPU seconds for it, once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("once\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


class _CpuClock:
    """CPU seconds of this process and all below it, those of gone and inner processes too.

    A control group of its own: what /proc adds up loses the children of a killed pid namespace.
    """

    def __init__(self) -> None:
        hierarchies = cgroups.find()
        controller = "cpuacct" if "cpuacct" in hierarchies.folders else "cpu"
        if controller not in hierarchies.folders:
            sys.exit(f"no control group to measure with: {hierarchies.missing}")
        self._home = Path(hierarchies.folders[controller])
        self._own = self._home / f"chainrule-bench-{os.getpid()}"

    def __enter__(self) -> Self:
        self._own.mkdir()
        (self._own / "cgroup.procs").write_text(str(os.getpid()))
        return self

    def __exit__(self, *exc: object) -> None:
        (self._home / "cgroup.procs").write_text(str(os.getpid()))
        self._own.rmdir()

    def read(self) -> float:
        """Seconds so far."""
        old = self._own / "cpuacct.usage"
        if old.exists():
            return int(old.read_text()) / 1e9
        (line,) = (
            line
            for line in (self._own / "cpu.stat").read_text().splitlines()
            if line.startswith("usage_usec")
        )
        return int(line.split()[1]) / 1e6


def _children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return list(map(int, children.read_text().split())) if children.exists() else []


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        found += _children(parent)
    return found


def _private_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kib = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return kib * 1024


if __name__ == "__main__":
    main()
