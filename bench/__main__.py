"""Measure what grading costs and where the time goes; print it as a table and as JSON.

    python -m bench            all parts
    python -m bench cpu        CPU seconds of one submission with 300 training steps
    python -m bench folder     submissions a second over a folder of 200, two at a time
    python -m bench memory     a sandbox's own memory before student code

CPU time is that of every process: the worker's own, and the zygote's with all that it waited for
(supervisors, inits, runners, probes). The submissions' own compute is measured in the same run, in
a warm process without any sandbox, so that each figure has its yardstick beside it.
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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import submissions
from grader.domain.rubric import Bundle, Limits
from grader.notebooks.read import Submission, parse
from grader.rubricfile import load_bundle
from workers.pipeline import grade
from workers.zygote import Zygote

ROOT = Path(__file__).parent.parent
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figure:
    """One measured number, with what it may be at most or least."""

    name: str
    value: float
    unit: str
    aim: str = ""


def main() -> None:
    """Run the named parts, or all."""
    parts: dict[str, Callable[[Zygote, Bundle], Iterator[Figure]]] = {
        "cpu": cpu_per_submission,
        "folder": folder_throughput,
        "memory": memory_per_sandbox,
    }
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", choices=[*parts, []], help="default: all")
    parser.add_argument("--json", action="store_true", help="figures as JSON, nothing else")
    chosen = parser.parse_args()
    bundle = load_bundle("uw-cse447-a0", ROOT)
    figures: list[Figure] = []
    with Zygote(bundle.rubric.runtime) as zygote:
        for name in chosen.part or parts:
            figures += parts[name](zygote, bundle)
    if chosen.json:
        json.dump([vars(figure) for figure in figures], sys.stdout, indent=2)
        return
    table = Table("", "measured", "unit", "aim")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:.3f}", figure.unit, figure.aim)
    Console().print(table)


def cpu_per_submission(zygote: Zygote, bundle: Bundle, rounds: int = 15) -> Iterator[Figure]:
    """CPU seconds for one submission in all, and how they are spent."""
    trained = _submission(submissions.TRAINED)
    untrained = _submission(submissions.UNTRAINED)
    empty = _submission("x = 1\n")
    grade(zygote, bundle, trained, seed=0)
    own = _own_compute(rounds)
    whole = _median_cpu(zygote, lambda seed: grade(zygote, bundle, trained, seed=seed), rounds)
    still = _median_cpu(zygote, lambda seed: grade(zygote, bundle, untrained, seed=seed), rounds)
    bare = _median_cpu(zygote, lambda seed: grade(zygote, bundle, empty, seed=seed), rounds)
    one = _median_cpu(zygote, lambda seed: _open_and_close(zygote, seed), rounds)
    with _cpu(zygote) as spent:
        for seed in range(rounds):
            grade(zygote, bundle, trained, seed=seed)
    yield Figure("its own compute: 300 steps in a warm process", own, "CPU s")
    yield Figure("the same submission, graded", whole, "CPU s", "at most 0.200")
    yield Figure("ratio to its own compute", whole / own, "")
    yield Figure("of that: one sandbox opened and closed", one, "CPU s")
    yield Figure("of that: a submission with one statement", bare, "CPU s")
    yield Figure("of that: all exercises but no training", still, "CPU s")
    yield Figure("of that: in the worker (judging, reading)", spent.worker / rounds, "CPU s")


def folder_throughput(zygote: Zygote, bundle: Bundle, count: int = 200) -> Iterator[Figure]:
    """Submissions a second whose own compute is negligible, two at a time."""
    files = [_submission(f"{submissions.UNTRAINED}\n# {n}\n") for n in range(count)]
    grade(zygote, bundle, files[0], seed=0)
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda one: grade(zygote, bundle, one), files))
    took = time.perf_counter() - started
    assert {result.exercises[0].score for result in results} == {4.0}
    yield Figure(f"a folder of {count}, two at a time", count / took, "1/s", "at least 15")


def memory_per_sandbox(zygote: Zygote, _bundle: Bundle, count: int = 4) -> Iterator[Figure]:
    """A sandbox's own memory, all of its processes and its supervisor, before student code."""
    sessions = [zygote.open(Limits(), files={}, seed=n) for n in range(count)]
    try:
        private = sum(map(_private_bytes, _descendants(zygote.pid))) / count
    finally:
        for session in sessions:
            session.close()
    yield Figure("a sandbox's own memory before student code", private / 1e6, "MB", "below 60")


def _submission(source: str) -> Submission:
    return parse("bench.py", source.encode())


def _open_and_close(zygote: Zygote, seed: int) -> None:
    zygote.open(Limits(), files={}, seed=seed).close()


def _own_compute(rounds: int) -> float:
    """Median CPU seconds of the training alone, warm, in a process of its own."""
    code = submissions.YARDSTICK.format(rounds=rounds)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True
    )
    return statistics.median(json.loads(said.stdout))


@dataclass
class _Spent:
    worker: float = 0.0
    zygote: float = 0.0


@contextmanager
def _cpu(zygote: Zygote) -> Iterator[_Spent]:
    spent = _Spent()
    worker, below = time.process_time(), _tree_cpu(zygote.pid)
    yield spent
    spent.worker = time.process_time() - worker
    spent.zygote = _settled_tree_cpu(zygote.pid) - below


def _median_cpu(zygote: Zygote, work: Callable[[int], object], rounds: int) -> float:
    """The kernel counts a tree's time in ticks of 10 ms: so take the mean of each five."""
    means = []
    for part in range(3):
        with _cpu(zygote) as spent:
            for seed in range(rounds // 3):
                work(part * rounds + seed)
        means.append((spent.worker + spent.zygote) / (rounds // 3))
    return statistics.median(means)


def _settled_tree_cpu(pid: int) -> float:
    """The zygote's time once it has waited for every supervisor."""
    while _descendants(pid)[1:]:
        time.sleep(0.002)
    return _tree_cpu(pid)


def _tree_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        children = Path(f"/proc/{parent}/task/{parent}/children")
        if children.exists():
            found += map(int, children.read_text().split())
    return found


def _private_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kib = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return kib * 1024


if __name__ == "__main__":
    main()
