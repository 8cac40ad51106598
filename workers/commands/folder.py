"""Grading a folder: one warm zygote, several sandboxes at a time, results in the files' order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from grader.errors import BadInput, SandboxUnavailable
from grader.report import points
from workers.commands.outputs import ScoreTable, prepared, report_stems, submissions_in
from workers.commands.rows import NOT_A_SUBMISSION, Row, judged_row, tell_faults
from workers.pipeline import grade as judge
from workers.zygote import Zygote

if TYPE_CHECKING:
    from workers.commands.grade import Order


def grade_folder(order: Order) -> bool:
    """Grade every submission below a folder; False where one failed for a reason of ours.

    A file that is no submission is a row with its error, and the others go on. Raises BadInput
    for a folder without any, in the end also where no file was one, and SandboxUnavailable where
    not even the first gets a sandbox.
    """
    names = submissions_in(order.path, leave_out=order.out)
    if not names:
        raise BadInput(f"there is no .ipynb or .py file in {order.path}")
    rows: list[Row] = []
    with ExitStack() as stack:
        table = stack.enter_context(ScoreTable.opened(order.table, order.bundle))
        for row in stack.enter_context(_judging(order, names)):
            if row.unavailable and not any(one.score is not None for one in rows):
                raise SandboxUnavailable(row.error)
            rows.append(row)
            table.add(row)
            if order.as_json:
                click.echo(row.line)
    if not order.as_json:
        _print_scores(rows, Console(highlight=False))
    tell_faults({key: fault for row in rows for key, fault in row.faults.items()}, order.assignment)
    if all(row.status == NOT_A_SUBMISSION for row in rows):
        raise BadInput(f"none of the {len(rows)} files in {order.path} is a submission")
    return not any(row.failure for row in rows)


@contextmanager
def _judging(order: Order, names: list[str]) -> Iterator[Iterator[Row]]:
    """The rows in order, while up to `jobs` submissions are judged at a time.

    On the way out nothing new begins, and ending the zygote ends what still runs.
    """
    out = prepared(order.out)
    stems = report_stems(names, out) if out else [None] * len(names)
    jobs = order.jobs or len(os.sched_getaffinity(0))
    with (
        Zygote(
            order.bundle.rubric.runtime, accept_missing=order.accepted, gpus=order.gpus
        ) as zygote,
        _progress(order.quiet) as progress,
    ):
        bar = progress.add_task("", total=len(names))
        pool = ThreadPoolExecutor(jobs)
        try:
            futures: list[Future[Row]] = []
            for name, stem in zip(names, stems, strict=True):
                future = pool.submit(
                    judged_row,
                    lambda one: judge(zygote, order.bundle, one, seed=order.seed),
                    order.path / name,
                    name,
                    stem,
                )
                future.add_done_callback(lambda _: progress.advance(bar))
                futures.append(future)
            yield (future.result() for future in futures)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "", style="progress.data.speed")


def _progress(quiet: bool) -> Progress:
    """A bar on stderr, where a person watches it."""
    console = Console(stderr=True)
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        disable=quiet or not console.is_terminal,
        transient=True,
        redirect_stdout=False,  # documents go there
    )


def _print_scores(rows: list[Row], console: Console) -> None:
    """The scores, then what has none and why, then how many there were of each."""
    table = Table(box=None, pad_edge=False)
    table.add_column("submission", overflow="fold")
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("wait", justify="right", no_wrap=True)
    table.add_column("run", no_wrap=True)
    without = []
    for row in rows:
        if row.score is None or row.max_score is None:
            without.append(Text(row.error if row.name in row.error else f"{row.name}: {row.error}"))
            continue
        table.add_row(
            Text(row.name),
            f"{points(row.score)} of {points(row.max_score)}",
            points(row.pending) if row.pending else "",
            Text(row.status.replace("_", " "), "" if row.status == "completed" else "yellow"),
        )
    if table.row_count:
        console.print(table, Text(), sep="\n")
    if without:
        console.print(*without, Text(), sep="\n", style="red")
    no_submissions = sum(row.status == NOT_A_SUBMISSION for row in rows)
    failures = sum(row.failure for row in rows)
    console.print(
        f"{len(rows) - no_submissions - failures} judged"
        + (f", {no_submissions} no submissions" if no_submissions else "")
        + (f", {failures} not judged through a failure of ours" if failures else "")
    )
