"""`chainrule grade`: one submission, or a folder of them, judged here and now."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.commands.options import accept_missing, chosen_gpus, gpu, known_layers

if TYPE_CHECKING:
    from grader.domain.rubric import Bundle


@dataclass(frozen=True, kw_only=True)
class Order:
    """What one call of the command asks for."""

    assignment: str  # as it was given
    bundle: Bundle
    accepted: frozenset[str]
    gpus: tuple[int, ...]
    path: Path
    as_json: bool
    jobs: int | None
    table: Path | None
    out: Path | None
    seed: int | None
    quiet: bool


@click.command()
@click.argument("assignment")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result document, nothing else.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Sandboxes at a time; default: per CPU.")
@click.option(
    "--csv", "table", type=click.Path(dir_okay=False, path_type=Path), help="Write a score table."
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Write reports to a folder."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Draw all inputs from this seed.")
@gpu
@accept_missing
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.pass_context
def grade(ctx: click.Context, /, **options: Any) -> None:
    """Grade PATH by the rubric of ASSIGNMENT.

    ASSIGNMENT is the name of a bundle in rubrics/, or the path of another one's folder. PATH is a
    notebook or a Python file; of a folder, every .ipynb and .py file below it is graded, and
    --json prints one line for each.
    """
    from grader.cli import FAILURE
    from grader.config import load_config
    from grader.rubricfile import load_bundle
    from workers.commands.folder import grade_folder

    config = load_config()
    accepted = known_layers({*config.accept_missing, *options.pop("accept_missing")})
    bundle = load_bundle(options["assignment"], config.root)
    gpus = chosen_gpus(bundle.rubric.runtime.gpu, options.pop("gpu"))
    order = Order(bundle=bundle, accepted=accepted, gpus=gpus, **options)
    done = grade_folder(order) if order.path.is_dir() else grade_file(order)
    if not done:
        ctx.exit(FAILURE)


def grade_file(order: Order) -> bool:
    """Grade one submission and print its report or document; False where a part failed for us."""
    from rich.console import Console

    from grader.notebooks.read import read_submission
    from grader.report import print_report
    from grader.resultdoc import document
    from workers.commands.outputs import ScoreTable, prepared, report_stems, write_reports
    from workers.commands.rows import judged, row_of, tell_faults
    from workers.pipeline import grade as judge
    from workers.zygote import Zygote

    submission = read_submission(order.path)
    numbers, count = submission.code_numbers, len(submission.cells)
    trains = order.bundle.rubric.training is not None
    progress = Console(stderr=True, quiet=order.quiet or not Console(stderr=True).is_terminal)

    def started(index: int) -> None:
        if index < len(numbers):  # it is the runner's word
            status.update(f"cell {numbers[index]} of {count}")

    def judged_so_far(checked: int, checks: int, last: bool, _: object) -> None:
        if last:
            repeats = " (a training that misses is repeated)" if trains and checked < checks else ""
            status.update(f"{checked} of {checks} checks judged{repeats}")

    with ExitStack() as stack:
        table = stack.enter_context(ScoreTable.opened(order.table, order.bundle))
        out = prepared(order.out)
        status = stack.enter_context(progress.status("starting"))
        zygote = stack.enter_context(
            Zygote(
                order.bundle.rubric.runtime,
                accept_missing=order.accepted,
                gpus=order.gpus,
                single=True,
            )
        )
        result = judged(
            lambda one: judge(
                zygote,
                order.bundle,
                one,
                seed=order.seed,
                on_cell=started,
                on_judged=judged_so_far,
            ),
            submission,
        )
        if out is not None:
            [stem] = report_stems([order.path.name], out)
            write_reports(stem, result, submission)
        row = row_of(result)
        table.add(row)
    if order.as_json:
        click.echo(row.line)
    else:
        console = Console(highlight=False)
        print_report(document(result), submission, console, result.outputs)
    tell_faults(row.faults, order.assignment)
    return result.is_judged
