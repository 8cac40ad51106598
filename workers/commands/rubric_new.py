"""`chainrule rubric new`: a bundle to begin with."""

from __future__ import annotations

import click


@click.command()
@click.argument("slug")
def new(slug: str) -> None:
    """Write a small bundle SLUG that works: rubric, starter, reference and model answer."""
    from pathlib import Path

    from grader.config import load_config
    from grader.scaffold import scaffold

    root = load_config().root
    for path in scaffold(root, slug):
        click.echo(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    click.echo(f"Next: chainrule rubric test {slug}")
