"""`chainrule web`: the API and the pages, in this process."""

from __future__ import annotations

import click

from grader.commands.staying import all_of_it_stays


@click.command()
# How `serve` has several of them answer at one address.
@click.option("--listener", "listeners", type=int, multiple=True, hidden=True)
@click.option("--metrics", type=click.Path(), hidden=True)
def web(listeners: tuple[int, ...], metrics: str | None) -> None:
    """Serve the API and the pages at CHAINRULE_LISTEN, until SIGTERM or Ctrl-C."""
    import os

    # What prometheus_client reads when it is imported; nobody else says so.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if metrics is not None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics

    with all_of_it_stays():
        from grader.config import load_settings
        from grader.logs import configure
        from grader.services.schema import check_schema
        from grader.services.site import open_site
        from grader.web.app import create_app
        from grader.web.server import run

    settings = load_settings()
    configure(settings)
    site = open_site(settings)
    try:
        check_schema(site)
        run(create_app(site), site.settings, listeners)
    finally:
        site.close()
