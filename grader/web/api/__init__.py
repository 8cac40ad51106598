"""The API, version 1: one module for each kind of thing, its bodies beside its routes."""

from __future__ import annotations

from fastapi import APIRouter

from grader.web.api import courses, extensions, grades, nodes, people
from grader.web.problems import RESPONSES

router = APIRouter(prefix="/api/v1", responses=RESPONSES)
for part in (people, courses, grades, extensions, nodes):
    router.include_router(part.router)
