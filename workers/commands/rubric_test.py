"""`chainrule rubric test`: whether a rubric pays for what is right, and for nothing else."""

from __future__ import annotations

import json
from typing import Any

import click

from workers.commands.options import accept_missing, chosen_gpus, gpu, known_layers


@click.command()
@click.argument("bundle")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, nothing else.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Sandboxes at a time; default: per CPU.")
@click.option("--seeds", type=click.IntRange(1, 1000), default=20, help="For the model answer.")
@click.option("--only", default="", metavar="TEXT", help="Try mutants with this in their names.")
@gpu
@accept_missing
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.pass_context
def test(
    ctx: click.Context,
    /,
    bundle: str,
    as_json: bool,
    jobs: int | None,
    seeds: int,
    only: str,
    gpu: tuple[int, ...],
    accept_missing: tuple[str, ...],
    quiet: bool,
) -> None:
    """Try the rubric of BUNDLE out.

    The model answer reference/NAME/answer.py (or .ipynb) must get full marks under every seed, the
    untouched starter nothing, and every small mistake made in the answer must cost points, in its
    own exercise. Exit status 0 where all of that holds, 1 where it does not.
    """
    from rich.console import Console

    from grader.cli import FAILURE
    from grader.config import load_config
    from grader.rubricfile import load_bundle
    from workers.commands.testreport import findings_document, print_findings
    from workers.rubrictest.run import try_out
    from workers.rubrictest.trial import trial_of
    from workers.zygote import Zygote

    config = load_config()
    accepted = known_layers({*config.accept_missing, *accept_missing})
    loaded = load_bundle(bundle, config.root)
    trial = trial_of(loaded, seeds, only)
    runtime = loaded.rubric.runtime
    gpus = chosen_gpus(runtime.gpu, gpu)
    with Zygote(runtime, accept_missing=accepted, gpus=gpus) as zygote, _Bar(quiet) as bar:
        findings = try_out(zygote, trial, jobs, bar.advance)
    if as_json:
        click.echo(json.dumps(findings_document(trial, findings), ensure_ascii=False))
    else:
        print_findings(trial, findings, Console(highlight=False))
    if findings.failures:
        ctx.exit(FAILURE)
    if not findings.passed:
        ctx.exit(1)


class _Bar:
    """A progress bar on stderr, where a person watches it."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
            redirect_stdout=False,  # documents go there
        )
        self._task = self._progress.add_task("starting", total=None)

    def __enter__(self) -> _Bar:
        self._progress.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._progress.__exit__(*exc)

    def advance(self, phase: str, count: int) -> None:
        """A phase of `count` steps begins, or, without a name, one step is done."""
        if phase:
            self._progress.reset(self._task, total=count, description=phase)
        else:
            self._progress.advance(self._task)
