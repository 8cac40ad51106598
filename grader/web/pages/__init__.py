"""The pages that people see: made on the server, a module for each kind of page."""

from __future__ import annotations

from fastapi import APIRouter

from grader.web.pages import (
    account,
    audit,
    course_settings,
    courses,
    enrolling,
    extensions,
    gradebook,
    people,
    releasing,
    settings,
    shadows,
    versions,
    workers,
)

_PARTS = (
    account,
    audit,
    course_settings,
    courses,
    enrolling,
    extensions,
    gradebook,
    people,
    releasing,
    settings,
    shadows,
    versions,
    workers,
)

router = APIRouter()
for part in _PARTS:
    router.include_router(part.router)
