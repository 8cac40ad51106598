"""The pages that people see: made on the server, a module for each kind of page."""

from __future__ import annotations

from fastapi import APIRouter

from grader.web.pages import account, courses, notebooks, similarity

_PARTS = (account, courses, notebooks, similarity)

router = APIRouter()
for part in _PARTS:
    router.include_router(part.router)
