"""`chainrule login` and `chainrule logout`: a token for a service, kept for `chainrule submit`."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from grader.client.kept import Login

_LASTS_DAYS = 180  # longer than a term


@click.command()
@click.argument("server")
@click.option(
    "--token-file",
    type=click.File("r", errors="replace"),
    help="A token that you have made, in a file; - reads it from the standard input.",
)
def login(server: str, token_file: TextIO | None) -> None:
    """Sign in to the service at SERVER, and stay signed in on this machine.

    You are asked for your address and password. Who comes to the service by way of an LMS has
    none: make a token with the scopes read and submit on your account's page, and give it by
    --token-file.
    """
    import socket

    from grader.client.addresses import address, can_be_overheard
    from grader.client.kept import Kept, Login
    from grader.client.service import Service
    from grader.client.signing_in import token_in
    from grader.config import load_client_settings
    from grader.errors import BadInput
    from grader.safetext import one_line

    kept = Kept(load_client_settings().folder)
    earlier: Login | None = None
    there = address(server)
    if can_be_overheard(there):
        click.echo(f"Careful: what is sent to {there} can be read on the way.", err=True)
    token_id: int | None = None
    if token_file is not None:
        token = token_in(token_file.read(1000))
    else:
        email, password = _asked()
        name = f"chainrule login on {one_line(socket.gethostname(), 100)}"
        with Service(there) as nobody:
            issued = nobody.sign_in(email, password, name=name, days=_LASTS_DAYS)
        token, token_id = issued.secret, issued.id
    with Service(there, token) as service:
        person = service.me()
    with suppress(BadInput):  # what is damaged is replaced
        earlier = kept.login()
    path = kept.keep_login(Login(server=there, token=token, token_id=token_id))
    who = one_line(f"{person.name} <{person.email}>")
    click.echo(f"Signed in to {there} as {who}; kept in {one_line(str(path))}")
    if earlier is not None and earlier.token_id is not None:
        _end(earlier, there)


def _asked() -> tuple[str, str]:
    """Address and password. Raises BadInput where nobody is there to give them."""
    from grader.errors import BadInput

    try:
        email: str = click.prompt("E-mail address", err=True)
        password: str = click.prompt("Password", hide_input=True, err=True)
    except click.Abort as abort:
        if sys.stdin.isatty() or not isinstance(abort.__context__, EOFError):
            raise
        click.echo(err=True)  # the question's line ends
        raise BadInput(
            "nobody answers here: make a token on your account's page and give it by --token-file"
        ) from None
    return email, password


def _end(earlier: Login, there: str) -> None:
    """A token that was made for this machine holds no more once another is kept."""
    from grader.client.service import Service
    from grader.errors import ChainruleError

    with suppress(ChainruleError):
        if earlier.server == there and earlier.token_id is not None:
            with Service(there, earlier.token) as service:
                service.revoke(earlier.token_id)
            return
    click.echo(f"Your earlier token holds until you revoke it: {earlier.server}/account", err=True)


@click.command()
def logout() -> None:
    """Forget what `chainrule login` has kept, and have its token hold no more."""
    from grader.client.kept import Kept
    from grader.client.service import Service
    from grader.config import load_client_settings
    from grader.errors import ChainruleError, NotSignedIn

    kept = Kept(load_client_settings().folder)
    found = kept.login()
    if found is None:
        click.echo("You are not signed in.")
        return
    kept.forget_login()
    if found.token_id is None:
        click.echo(f"Forgotten. The token itself holds until you revoke it: {found.server}/account")
        return
    try:
        with Service(found.server, found.token) as service:
            service.revoke(found.token_id)
    except NotSignedIn:
        pass  # it held no more
    except ChainruleError:
        click.echo(f"Forgotten. The token could not be revoked: {found.server}/account", err=True)
        raise
    click.echo(f"Signed out of {found.server}")
