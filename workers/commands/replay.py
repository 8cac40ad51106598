"""`chainrule replay`: a stored attempt judged again, bit for bit."""

from __future__ import annotations

from pathlib import Path

import click

from workers.commands.options import accept_missing, chosen_gpus, gpu, known_layers

DIFFERENT = 1


@click.command()
@click.argument("result", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("submission", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--assignment", help="The bundle's name or folder; default: as the result names it.")
@gpu
@accept_missing
@click.pass_context
def replay(
    ctx: click.Context,
    /,
    result: Path,
    submission: Path,
    assignment: str | None,
    gpu: tuple[int, ...],
    accept_missing: tuple[str, ...],
) -> None:
    """Judge SUBMISSION again from the seed in RESULT, a document of `chainrule grade --json`.

    Refuses another file or another version of the assignment. Exit status 0 where everything but
    times and memory is the same, 1 where something differs, which is then listed.
    """
    from grader.config import load_config
    from grader.notebooks.read import read_submission
    from grader.rubricfile import load_bundle
    from workers.replay import differences, judged_again, refuse_others, stored_document
    from workers.zygote import Zygote

    config = load_config()
    accepted = known_layers({*config.accept_missing, *accept_missing})
    stored = stored_document(result)
    bundle = load_bundle(assignment or stored["assignment"], config.root)
    handed_in = read_submission(submission)
    refuse_others(stored, bundle, handed_in)
    # It is compared as it was called then: a copy under another name is the same file.
    handed_in = read_submission(submission, stored["submission"]["name"])
    runtime = bundle.rubric.runtime
    gpus = chosen_gpus(runtime.gpu, gpu)
    with Zygote(runtime, accept_missing=accepted, gpus=gpus, single=True) as zygote:
        again = judged_again(zygote, bundle, handed_in, stored)
    found = differences(stored, again)
    if not found:
        click.echo(f"the same again: {again['score']:g} of {again['max_score']:g} points")
        return
    for line in found:
        click.echo(line)
    ctx.exit(DIFFERENT)
