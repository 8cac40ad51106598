"""`chainrule worker`: judges what is handed in, until it is told to end."""

from __future__ import annotations

from dataclasses import replace

import click

from grader.commands.staying import all_of_it_stays
from workers.commands.options import accept_missing, known_layers


@click.command()
@accept_missing
def worker(accept_missing: tuple[str, ...]) -> None:
    """Judge what waits in CHAINRULE_QUEUES, CHAINRULE_SLOTS at a time.

    SIGTERM or Ctrl-C: nothing new is taken, and what runs is finished, or soon put back for
    another worker.
    """
    with all_of_it_stays():
        from grader.config import load_settings
        from grader.logs import configure
        from workers.service.run import run_worker

    settings = load_settings()
    configure(settings)
    accepted = known_layers({*settings.accept_missing, *accept_missing})
    run_worker(replace(settings, accept_missing=accepted))
