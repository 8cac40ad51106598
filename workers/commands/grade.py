"""`chainrule grade`: one submission, or a folder of them, judged here and now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.commands.options import accept_missing, known_layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from grader.domain.rubric import Bundle
    from workers.commands.rows import Row

_FAILURE = 3


@click.command()
@click.argument("assignment")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The result document, nothing else.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Sandboxes at a time; default: per CPU.")
@click.option(
    "--csv", "table", type=click.Path(dir_okay=False, path_type=Path), help="Write a score table."
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Write reports below a folder."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Draw inputs from this seed.")
@accept_missing
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.pass_context
def grade(ctx: click.Context, **options: Any) -> None:
    """Grade PATH, a notebook, a Python file or a folder of them, by the rubric of ASSIGNMENT.

    ASSIGNMENT is the name of a bundle in rubrics/, or the path of another. Of a folder, every
    .ipynb and .py file below it is graded; with --json each gives one line.
    """
    from grader.config import load_config
    from grader.rubricfile import load_bundle

    config = load_config()
    accepted = known_layers({*config.accept_missing, *options.pop("accept_missing")})
    bundle = load_bundle(options.pop("assignment"), config.root)
    work = _Folder if options["path"].is_dir() else _File
    if not work(bundle, accepted, **options).grade():
        ctx.exit(_FAILURE)


class _Work:
    """What one call of the command was asked for."""

    def __init__(
        self,
        bundle: Bundle,
        accepted: frozenset[str],
        *,
        path: Path,
        as_json: bool,
        jobs: int | None,
        table: Path | None,
        out: Path | None,
        seed: int | None,
        quiet: bool,
    ) -> None:
        from rich.console import Console

        self.bundle = bundle
        self.accepted = accepted
        self.path = path
        self.as_json = as_json
        self.jobs = jobs
        self.table = table
        self.out = out
        self.seed = seed
        self.stdout = Console(highlight=False)
        self.stderr = Console(stderr=True, highlight=False, quiet=quiet)
        self.shows_progress = self.stderr.is_terminal and not quiet
