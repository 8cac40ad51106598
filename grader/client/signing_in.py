"""Which service is meant, and by which token: told, in the environment, or kept by the login."""

from __future__ import annotations

import re

from grader.client.addresses import address
from grader.client.kept import Kept
from grader.config import ClientSettings
from grader.errors import BadInput

_TOKEN = re.compile(r"[\x21-\x7e]{1,500}")


def token_in(text: str) -> str:
    """The token that somebody gives as text."""
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise BadInput("a token is one word, as crt_...: make one on your account's page")
    return token


def service_and_token(
    settings: ClientSettings, kept: Kept, server: str | None, token: str | None
) -> tuple[str, str]:
    """The address and the token; what is told goes before the environment, and that before a login.

    A kept token goes to the service that it is for, and to no other.
    """
    given = server or settings.server
    login = kept.login() if given is None or not (token or settings.token) else None
    if given is not None:
        there = address(given)
    elif login is not None:
        there = login.server
    else:
        raise BadInput("sign in first: chainrule login https://ADDRESS-OF-THE-SERVICE")
    secret = token or settings.token
    if secret is not None:
        return there, token_in(secret)
    if login is None or login.server != there:
        raise BadInput(f"you are not signed in there: chainrule login {there}")
    return there, login.token
