"""People who look at pages: what their browsers send."""

from __future__ import annotations

from grader.services import signing_in
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE, HEADER, Visitor
from tests.sites import Signed


def as_(site: Site, who: Signed | None) -> dict[str, str]:
    """Headers of somebody signed in, whose forms prove themselves; of nobody, none."""
    if who is None:
        return {}
    secret = signing_in.begin(site, who.actor).secret
    return {"Cookie": f"{COOKIE}={secret}", HEADER: Visitor(who.actor, secret).form_token()}
