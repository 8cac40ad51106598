"""`chainrule migrate`: the database's schema, brought to that of this version."""

from __future__ import annotations

import click


@click.command()
def migrate() -> None:
    """Bring the schema of CHAINRULE_DATABASE up to this version's.

    A database of a newer version is left as it is. Several at a time wait for one another.
    """
    from grader.config import load_settings
    from grader.services.schema import migrate as bring_up
    from grader.services.site import open_site

    settings = load_settings()
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    site = open_site(settings)
    try:
        before, after = bring_up(site)
    finally:
        site.close()
    click.echo(f"from {before or 'nothing'} to {after}")
