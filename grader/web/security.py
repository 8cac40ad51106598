"""Who sends a request, and what every route is handed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from grader.errors import NotSignedIn
from grader.services.access import Actor
from grader.services.people import actor_of_token
from grader.services.site import Site

_bearer = HTTPBearer(auto_error=False, description="An API token: POST /api/v1/tokens")


async def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


CurrentSite = Annotated[Site, Depends(_site)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def actor_of(request: Request, site: CurrentSite, credentials: Credentials) -> Actor:
    """Who sends the request; raises NotSignedIn."""
    if credentials is None:
        raise NotSignedIn("send a token: Authorization: Bearer crt_...")
    actor = actor_of_token(site, credentials.credentials)
    request.state.actor_id = actor.person_id  # for the log
    return actor


CurrentActor = Annotated[Actor, Depends(actor_of)]
Cursor = Annotated[str | None, Query(max_length=500, description="next_cursor of a page")]
RowInPath = Annotated[int, Path(ge=1, lt=1 << 63)]
RowInQuery = Annotated[int, Query(ge=1, lt=1 << 63)]
Limit = Annotated[int, Query(ge=1, le=200)]
