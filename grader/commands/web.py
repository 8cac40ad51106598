"""`chainrule web`: the API, in this process."""

from __future__ import annotations

import click


@click.command()
def web() -> None:
    """Serve the API at CHAINRULE_LISTEN, until SIGTERM or Ctrl-C."""
    import gc

    # All that is imported stays: looking through it for garbage is a fifth of the start.
    gc.disable()

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
        app = create_app(site)
        gc.freeze()
        gc.enable()
        run(app, site.settings)
    finally:
        site.close()
