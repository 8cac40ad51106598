"""`chainrule serve`: web, worker, reconciler, database and Redis, from one data folder."""

from __future__ import annotations

import click


@click.command()
def serve() -> None:
    """Run everything on this machine, from the folder CHAINRULE_DATA (by default ./data).

    The first start makes a course to try things out in, and prints who can sign in. Ctrl-C or
    SIGTERM ends everything.
    """
    from grader.config import load_config, load_settings
    from grader.logs import configure
    from grader.serving.run import run

    settings = load_settings()
    configure(settings)
    run(settings, load_config().root, click.echo)
