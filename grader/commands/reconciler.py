"""`chainrule reconciler`: sets right what lost messages and dead workers left behind."""

from __future__ import annotations

import click


@click.command()
def reconciler() -> None:
    """Every 15 seconds: end leases that ran out and send lost messages again.

    Every hour: remove blobs that nothing refers to. Several at a time do no harm.
    """
    import signal
    import threading

    from grader.config import load_settings
    from grader.logs import configure
    from grader.services.reconciling import run
    from grader.services.schema import check_schema
    from grader.services.site import open_site

    settings = load_settings()
    configure(settings)
    site = open_site(settings)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    try:
        check_schema(site)
        run(site, over)
    finally:
        site.close()
