"""`chainrule rubric preview`: a rubric as students may see it."""

from __future__ import annotations

import click


@click.command()
@click.argument("bundle")
def preview(bundle: str) -> None:
    """Show what students may know of the rubric of BUNDLE: titles, points, what is looked at."""
    from rich.console import Console

    from grader.config import load_config
    from grader.preview import print_preview
    from grader.rubricfile import load_bundle

    loaded = load_bundle(bundle, load_config().root)
    print_preview(loaded.rubric, Console(highlight=False))
