"""`chainrule rubric new`: a bundle to begin with."""

from __future__ import annotations

import click


@click.command()
@click.argument("slug")
def new(slug: str) -> None:
    """Write a small bundle SLUG that works: rubric, starter, reference and model answer.

    They are in rubrics/ and reference/ of the current folder, where the other commands find them.
    """
    from pathlib import Path

    from grader.config import new_bundles
    from grader.scaffold import scaffold

    for path in scaffold(new_bundles(), slug):
        click.echo(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    click.echo(f"Next: chainrule rubric test {slug}")
