"""`chainrule backup`: a copy of the database and the blobs, while the service runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def backup(folder: Path) -> None:
    """Copy the SQLite database and the blobs of CHAINRULE_DATA to FOLDER.

    The service may run meanwhile. An earlier backup in FOLDER is brought up to date. To restore,
    stop the service and start it with CHAINRULE_DATA naming a copy of FOLDER.
    """
    from grader.config import load_settings
    from grader.errors import BadInput
    from grader.services.backup import back_up
    from grader.services.site import open_site

    settings = load_settings()
    if not settings.data.is_dir():
        raise BadInput(f"CHAINRULE_DATA: there is no folder {settings.data}")
    site = open_site(settings)
    try:
        done = back_up(site, folder)
    finally:
        site.close()
    plural = "" if done.new_blobs == 1 else "s"
    click.echo(f"{folder}: the database, and {done.new_blobs} new blob{plural}")
