"""Routers whose routes are whole as they are written: prefix, tags and what they may answer.

The application takes their routes over. Included, each would be put together a second time, and
looked for in routers within routers for every request.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from fastapi import APIRouter
from starlette.routing import BaseRoute

PROBLEM = "application/problem+json"

# What any route may answer; the routes' own are beside it in the OpenAPI document.
_RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Problem details (RFC 9457)",
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


def for_programs(tag: str, prefix: str = "") -> APIRouter:
    """A router of the API: below `/api/v1` and `prefix`, in the document under `tag`."""
    return APIRouter(
        prefix=f"/api/v1{prefix}",
        tags=[tag],
        responses=_RESPONSES,
        # Clients name their functions by it; without the path, which says the same again.
        generate_unique_id_function=lambda route: route.name,
    )


def for_people(prefix: str = "") -> APIRouter:
    """A router of pages: below `prefix`, and outside the API's document."""
    return APIRouter(prefix=prefix, include_in_schema=False)


def routes_of(modules: Iterable[ModuleType]) -> list[BaseRoute]:
    """The routes of each module's `router`, in turn."""
    return [route for module in modules for route in module.router.routes]
