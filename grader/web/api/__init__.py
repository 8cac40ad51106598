"""The API, version 1: one module for each kind of thing, its bodies beside its routes."""

from __future__ import annotations

from fastapi import APIRouter

from grader.web.api import (
    assignments,
    courses,
    extensions,
    grades,
    nodes,
    people,
    shadow,
    versions,
)
from grader.web.problems import RESPONSES

router = APIRouter(prefix="/api/v1", responses=RESPONSES)
for part in (people, courses, assignments, versions, shadow, grades, extensions, nodes):
    router.include_router(part.router)
