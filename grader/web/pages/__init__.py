"""The pages that people see: made on the server, a module for each kind of page."""

from __future__ import annotations

from fastapi import APIRouter

from grader.web.pages import (
    account,
    assignments,
    audit,
    canvas,
    comments,
    course_settings,
    courses,
    enrolling,
    extensions,
    gradebook,
    gradefiles,
    grades_out,
    grading,
    handing_in,
    marking,
    notebooks,
    people,
    releasing,
    requests,
    review,
    settings,
    shadows,
    similarity,
    submissions,
    submissions_table,
    versions,
    watching,
    webhooks,
    workers,
)

_PARTS = (
    account,
    assignments,
    audit,
    canvas,
    comments,
    course_settings,
    courses,
    enrolling,
    extensions,
    gradebook,
    gradefiles,
    grades_out,
    grading,
    handing_in,
    marking,
    notebooks,
    people,
    releasing,
    requests,
    review,
    settings,
    shadows,
    similarity,
    submissions,
    submissions_table,
    versions,
    watching,
    webhooks,
    workers,
)

router = APIRouter()
for part in _PARTS:
    router.include_router(part.router)
