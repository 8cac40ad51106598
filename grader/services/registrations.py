"""What a platform is registered by: its values judged, and what another registration says to them.

People are known by their issuer, so whoever holds the keys of one registration can come in as
everybody of the issuer's others. And what we sign names us by the platform's id of us: where two
know us by the same, what one gets of us may be good at the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grader.db import platforms
from grader.db.session import Session
from grader.errors import BadFields, BadInput
from grader.lms.claims import LONGEST_ADDRESS, LONGEST_ID, is_address, origin_of, shown
from grader.lms.outside import NotAllowed, Outside, Unreachable
from grader.services.site import Site

_ADDRESSES = ("login_url", "token_url", "jwks_url")
_LONGEST_PAGES = 1000
_TLS_ALONE = "only https:// is allowed"


@dataclass(frozen=True)
class Registration:
    """A platform as somebody has typed it, or as it says of itself."""

    name: str
    issuer: str
    client_id: str
    login_url: str
    token_url: str
    jwks_url: str
    token_audience: str | None = None
    pages: str = ""
    product: str = ""
    is_private: bool = False

    @property
    def values(self) -> dict[str, Any]:
        """The columns of its row."""
        return {**self.__dict__, "pages": origins(self.pages)}


def checked(site: Site, given: Registration) -> None:
    """Raise BadFields for what can't be a platform, or is at an address that we don't go to.

    Asks for the hosts' names. One that nobody knows may be known later: that is told whenever it is
    asked.
    """
    wrong: dict[str, str] = {}
    for name in ("issuer", "client_id"):
        _note(wrong, plain, name, getattr(given, name))
    for name in _ADDRESSES:
        _note(wrong, address, name, getattr(given, name))
    if given.token_audience is not None:
        _note(wrong, audience, "token_audience", given.token_audience)
    _note(wrong, origins, "pages", given.pages)
    _may_be_asked(site, given, wrong)
    if wrong:
        raise BadFields(wrong)


def plain(text: str) -> str:
    """A text by which an LMS may name something; raises BadInput."""
    return _plain(text, LONGEST_ID)


def audience(text: str) -> str:
    """Whom tokens may be for; raises BadInput."""
    return _plain(text, LONGEST_ADDRESS)


def address(text: str) -> str:
    """An address that a platform may have; raises BadInput."""
    if not is_address(text):
        raise BadInput("an address on the web, as https://lms.example/auth")
    return text


def origins(pages: str) -> str:
    """Addresses as their origins, which is all that a policy for frames knows; raises BadInput."""
    found = []
    for one in pages.split():
        origin = origin_of(one)
        if origin is None:
            raise BadInput("addresses on the web with spaces between them")
        found.append(origin)
    joined = " ".join(dict.fromkeys(found))
    if len(joined) > _LONGEST_PAGES:
        raise BadInput("too many addresses")
    return joined


def other_keys_of(session: Session, given: Registration, *, but: int | None = None) -> str | None:
    """Of keys at another address than those of the issuer's other registration: which it is, and
    what can be done. None where there is none."""
    found = platforms.with_other_keys(session, given.issuer, given.jwks_url, but=but)
    if found is None:
        return None
    state = ", disabled" if found.disabled_at is not None else ""
    return (
        f"the issuer {given.issuer} is registered already, as {found.name} (client ID "
        f"{found.client_id}{state}), with keys at {shown(found.jwks_url)}; client ID "
        f"{given.client_id} has them at {shown(given.jwks_url)}"
    )


def same_client_of(session: Session, given: Registration) -> str | None:
    """Of a client id by which a platform of another issuer knows us, too: which platform it is.
    None where there is none."""
    found = platforms.with_same_client(session, given.issuer, given.client_id)
    if found is None:
        return None
    state = ", disabled" if found.disabled_at is not None else ""
    return (
        f"the issuer {found.issuer} ({found.name}{state}) knows Chainrule by the client ID "
        f"{found.client_id} as well; here the issuer {given.issuer} does"
    )


def _may_be_asked(site: Site, given: Registration, wrong: dict[str, str]) -> None:
    way = site.to_platforms if given.is_private else site.outside
    judged: dict[str | None, str] = {}
    for name in _ADDRESSES:
        if name in wrong:
            continue
        url = getattr(given, name)
        origin = origin_of(url)
        if origin not in judged:
            judged[origin] = _why_not(way, url)
        if judged[origin]:
            wrong[name] = judged[origin] + _what_helps(given)
    # Those only browsers go to.
    if "pages" in wrong or way.private:
        return
    if any(one.startswith("http:") for one in origins(given.pages).split()):
        wrong["pages"] = _TLS_ALONE + _what_helps(given)


def _why_not(way: Outside, url: str) -> str:
    """Why we don't go there; empty where we do, or nobody knows the name yet."""
    try:
        way.check(url)
    except NotAllowed as error:
        return str(error)
    except Unreachable:
        return _TLS_ALONE if url.startswith("http:") and not way.private else ""
    return ""


def _what_helps(given: Registration) -> str:
    if given.is_private:
        return "; without TLS the LMS has to lie in a private network"
    return (
        ". An LMS in your own network is registered by hand, with the tick that its addresses may "
        "lie in private networks"
    )


def _plain(text: str, most: int) -> str:
    if not text or len(text) > most or not text.isprintable() or not text.isascii():
        raise BadInput(f"from 1 to {most} plain characters")
    return text


def _note(wrong: dict[str, str], judge: Callable[[str], str], name: str, text: str) -> None:
    try:
        judge(text)
    except BadInput as error:
        wrong[name] = str(error)
