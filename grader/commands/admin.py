"""`chainrule admin`: the first person of an installation, who can make all the others."""

from __future__ import annotations

from datetime import timedelta

import click


@click.command()
@click.argument("email")
@click.option("--name", help="How they are called; by default the address.")
@click.option("--days", type=click.IntRange(1, 366), default=30, help="How long the token holds.")
def admin(email: str, name: str | None, days: int) -> None:
    """Make EMAIL an admin of the database CHAINRULE_DATABASE, and print a token for them.

    For who has the database already: nothing else is asked. Somebody of that address who is there
    becomes an admin; tokens that they have stay, until another password is set for them. A password
    that they chose by a link of an instructor's ends, and so do their tokens.
    """
    from grader.config import load_settings
    from grader.services.people import make_admin
    from grader.services.site import open_site

    settings = load_settings()
    site = open_site(settings)
    try:
        issued = make_admin(site, email=email, name=name or email, lasts=timedelta(days=days))
    finally:
        site.close()
    click.echo(issued.secret)
