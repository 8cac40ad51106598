"""Deep linking: an instructor picks assignments within the LMS, in a frame of it."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from grader.errors import BadInput, Forbidden
from grader.lms.claims import origin_of
from grader.services import deeplinks, launching
from grader.web.pages.forms import sentence
from grader.web.pages.framing import Posted, first, framed, refused
from grader.web.pages.visitors import refuse_other_sites
from grader.web.routers import for_people
from grader.web.security import CurrentSite

router = for_people("/lti")


@router.post("/pick")
def pick(request: Request, site: CurrentSite, posted: Posted) -> Response:
    """What was chosen goes to the LMS: by a form that this page sends there."""
    refuse_other_sites(request)
    ticket = first(posted, "ticket") or ""
    chosen = posted.get("assignments", [])
    try:
        picked = set() if "nothing" in posted else _ids(chosen)
        found = deeplinks.bring(site, ticket, picked)
    except Forbidden as error:
        origins = launching.origins_of_ticket(site, ticket)
        return refused(request, "Nothing was chosen", str(error), error.status, origins)
    except BadInput as error:
        offer = deeplinks.offer(site, ticket)
        context = {
            "offer": offer,
            "ticket": ticket,
            "problem": sentence(str(error).partition(": ")[2] or str(error)),
            "chosen": chosen,
        }
        return framed(request, "lti/pick.html", context, offer.origins, status=422)
    forms = [origin for origin in (origin_of(found.return_url), *found.origins) if origin]
    return framed(request, "lti/return.html", {"found": found}, found.origins, forms=forms)


def _ids(chosen: list[str]) -> set[int]:
    if not chosen:
        raise BadInput("assignments: choose at least one")
    if not all(one.isascii() and one.isdecimal() and len(one) < 19 for one in chosen):
        raise BadInput("assignments: choose among those of the course")
    return {int(one) for one in chosen}
