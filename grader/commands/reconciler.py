"""`chainrule reconciler`: sets right what lost messages and dead workers left behind."""

from __future__ import annotations

import click

from grader.commands.staying import all_of_it_stays


@click.command()
def reconciler() -> None:
    """Set right what was lost, every 15 seconds, and send what is owed to others outside.

    Leases that ran out end, lost messages are sent again; grades go to where courses are linked,
    whose people are asked for now and then, and messages to webhooks. Every hour, blobs that
    nothing refers to are removed. Several of these at a time do no harm.
    """
    import signal
    import threading

    with all_of_it_stays():
        from grader.config import load_settings
        from grader.logs import configure
        from grader.services import delivering, lmsroster, reconciling
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
        beside = [
            threading.Thread(target=part.run, args=(site, over), name=part.__name__)
            for part in (delivering, lmsroster)
        ]
        for thread in beside:
            thread.start()
        try:
            reconciling.run(site, over)
        finally:
            over.set()
            for thread in beside:
                thread.join()
    finally:
        site.close()
