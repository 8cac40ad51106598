"""What a platform is registered by: its values judged, and what another registration says to them.

People are known by their issuer, so whoever holds the keys of one registration can come in as
everybody of the issuer's others. And what we sign names us by the platform's id of us: where two
know us by the same, what one gets of us may be good at the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from grader.db import platforms
from grader.db.session import Session
from grader.errors import BadInput
from grader.lms.claims import LONGEST_ID, is_address, origin_of, shown
from grader.lms.outside import NotAllowed, Unreachable
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
    """Raise BadInput for what can't be a platform, or is at an address that we don't go to.

    Asks for the hosts' names. One that nobody knows may be known later: that is told whenever it is
    asked.
    """
    for name in ("issuer", "client_id"):
        plain(name, getattr(given, name))
    for name in _ADDRESSES:
        if not is_address(getattr(given, name)):
            raise BadInput(f"{name}: an address on the web, as https://lms.example/auth")
    if given.token_audience is not None:
        plain("token_audience", given.token_audience, 2000)
    _may_be_asked(site, given)


def plain(name: str, text: str, most: int = LONGEST_ID) -> None:
    """Raise BadInput for a text that no LMS would name anything by."""
    if not text or len(text) > most or not text.isprintable() or not text.isascii():
        raise BadInput(f"{name}: from 1 to {most} plain characters")


def origins(pages: str) -> str:
    """Addresses as their origins, which is all that a policy for frames knows."""
    found = []
    for one in pages.split():
        origin = origin_of(one)
        if origin is None:
            raise BadInput("pages: addresses on the web with spaces between them")
        found.append(origin)
    joined = " ".join(dict.fromkeys(found))
    if len(joined) > _LONGEST_PAGES:
        raise BadInput("pages: too many addresses")
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


def _may_be_asked(site: Site, given: Registration) -> None:
    way = site.to_platforms if given.is_private else site.outside
    judged: set[str | None] = set()
    for name in _ADDRESSES:
        url = getattr(given, name)
        if origin_of(url) in judged:
            continue
        judged.add(origin_of(url))
        try:
            way.check(url)
        except NotAllowed as error:
            _refuse(name, str(error), given)
        except Unreachable:
            if url.startswith("http:") and not way.private:
                _refuse(name, _TLS_ALONE, given)
    # Those only browsers go to.
    if not way.private and any(one.startswith("http:") for one in origins(given.pages).split()):
        _refuse("pages", _TLS_ALONE, given)


def _refuse(name: str, problem: str, given: Registration) -> NoReturn:
    more = (
        "; without TLS the LMS has to lie in a private network"
        if given.is_private
        else ". An LMS in your own network is registered by hand, with the tick that its addresses "
        "may lie in private networks (is_private)"
    )
    raise BadInput(f"{name}: {problem}{more}")
