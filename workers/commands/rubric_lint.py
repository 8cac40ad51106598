"""`chainrule rubric lint`: what is valid in a rubric and wrong all the same."""

from __future__ import annotations

import click

PROBLEMS = 1


@click.command()
@click.argument("bundle")
@click.pass_context
def lint(ctx: click.Context, /, bundle: str) -> None:
    """Read the rubric of BUNDLE and say what is wrong with it; nothing is run.

    Exit status 0 where nothing is, 1 where something is, 2 where the rubric is not valid.
    """
    from grader.config import load_config
    from grader.report import points
    from grader.rubricfile import load_bundle
    from grader.rubriclint import lint as problems_of

    loaded = load_bundle(bundle, load_config().root)
    problems = problems_of(loaded)
    for problem in problems:
        click.echo(problem)
    rubric = loaded.rubric
    sums = ", ".join(f"{points(one.max_score)} {one.id}" for one in rubric.exercises)
    click.echo(f"{rubric.slug}: {points(rubric.max_score)} points ({sums})")
    if problems:
        ctx.exit(PROBLEMS)
