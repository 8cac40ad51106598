"""The web application: one `Site` behind the API. It never imports torch, nor runs student code."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from grader.services.site import Site
from grader.services.watching import look
from grader.web import operations, problems
from grader.web.api import router
from grader.web.api.bodies import Problem
from grader.web.limits import BodyLimit
from grader.web.operations import Metrics
from grader.web.requests import Requests
from grader.web.watcher import Watcher


def create_app(site: Site) -> FastAPI:
    """The application for one installation, whose schema is there already."""
    app = FastAPI(
        title="Chainrule",
        version=version("chainrule"),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # the ready-made pages load their scripts from elsewhere
        redoc_url=None,
    )
    app.state.site = site
    app.state.metrics = Metrics(site)
    app.state.watcher = Watcher(partial(look, site))
    app.include_router(router)
    app.include_router(operations.router)
    problems.install(app)
    app.add_middleware(BodyLimit, limit=site.settings.upload_bytes)
    app.add_middleware(Requests, routed=app, observe=app.state.metrics.observe)  # the outermost
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document, with problem details in the place of the framework's own validation error."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schemas = document["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        app.openapi_schema = document
    return app.openapi_schema
