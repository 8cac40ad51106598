"""The pages that people see: made on the server, a module for each kind of page."""

from __future__ import annotations

from fastapi import APIRouter

from grader.web.pages import (
    account,
    assignments,
    courses,
    handing_in,
    requests,
    submissions,
    watching,
)

_PARTS = (
    account,
    assignments,
    courses,
    handing_in,
    requests,
    submissions,
    watching,
)

router = APIRouter()
for part in _PARTS:
    router.include_router(part.router)
