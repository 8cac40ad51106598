"""What is found at the addresses by which a platform is registered, for who has typed them.

A registration is kept whatever is found: an LMS may not be there yet.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread

from grader.errors import Conflict
from grader.lms.claims import origin_of
from grader.lms.keysets import PATIENCE_S
from grader.lms.outside import NotAllowed, Outside, Unreachable
from grader.services.access import Actor
from grader.services.platforms import facts_of, get_platform
from grader.services.site import Site

_NO_ANSWER = f"its name is not known within {PATIENCE_S:.0f} seconds: the DNS does not answer"


@dataclass(frozen=True)
class Found:
    """How many keys that can be used a platform publishes, and by field what is wrong with which
    of its addresses."""

    keys: int
    problems: Mapping[str, str]


def try_addresses(site: Site, actor: Actor, platform_id: int) -> Found:
    """Read its keys, and look up the names of what only browsers and we ask later; for admins.

    It takes seconds at most. Raises Conflict for a platform that is disabled, which is asked
    nothing.
    """
    row, _ = get_platform(site, actor, platform_id)
    if row.disabled_at is not None:
        raise Conflict("this platform is disabled, and is asked nothing; let it in first")
    others = {
        name: url
        for name, url in (("login_url", row.login_url), ("token_url", row.token_url))
        if origin_of(url) != origin_of(row.jwks_url)
    }
    found: dict[str, str] = {}
    way = site.to_platforms if row.is_private else site.outside
    # A name's look-up has no limit of its own: it is left behind where it takes too long, and
    # keeps no other one from being done.
    looking = [
        Thread(target=_look_up, args=(way, name, url, found), daemon=True)
        for name, url in others.items()
    ]
    for one in looking:
        one.start()
    keys, failure = site.platform_keys.look(facts_of(row))
    deadline = time.monotonic() + PATIENCE_S
    for one in looking:
        one.join(max(deadline - time.monotonic(), 0.0))
    told = {name: found.get(name, _NO_ANSWER) for name in others}
    told = {name: words for name, words in told.items() if words}
    return Found(keys, told | ({"jwks_url": failure} if failure else {}))


def _look_up(way: Outside, name: str, url: str, found: dict[str, str]) -> None:
    try:
        way.check(url)
        found[name] = ""
    except (NotAllowed, Unreachable) as error:
        found[name] = str(error)
