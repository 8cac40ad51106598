"""The pages that people see: made on the server, a module for each kind of page."""

from __future__ import annotations

from fastapi import APIRouter

from grader.web.pages import (
    account,
    assignments,
    audit,
    comments,
    course_settings,
    courses,
    enrolling,
    extensions,
    gradebook,
    grading,
    handing_in,
    lms,
    lti_launch,
    lti_linking,
    lti_picking,
    lti_registration,
    marking,
    notebooks,
    people,
    platforms,
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
    workers,
)

_PARTS = (
    account,
    assignments,
    audit,
    comments,
    course_settings,
    courses,
    enrolling,
    extensions,
    gradebook,
    grading,
    handing_in,
    lms,
    lti_launch,
    lti_linking,
    lti_picking,
    lti_registration,
    marking,
    notebooks,
    people,
    platforms,
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
    workers,
)

router = APIRouter()
for part in _PARTS:
    router.include_router(part.router)
