"""The web application: one `Site` behind the API and the pages.

It never imports torch, nor runs student code.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.gzip import GZipMiddleware

from grader.services.notebooks import Notebooks
from grader.services.site import Site
from grader.services.watching import look
from grader.web import api, operations, pages, problems
from grader.web.apart import APART
from grader.web.api.bodies import Problem
from grader.web.api.told import told
from grader.web.incoming import Bodies
from grader.web.limits import BodyLimit
from grader.web.operations import Metrics
from grader.web.pages.files import Files
from grader.web.pages.rendering import STATIC
from grader.web.pages.safety import SafeHeaders
from grader.web.requests import Requests
from grader.web.watcher import Watcher

_AT_A_TIME = 8  # requests
_USES_EVERY_S = 5.0

log = logging.getLogger(__name__)


def create_app(site: Site) -> FastAPI:
    """The application for one installation, whose schema is there already."""
    app = FastAPI(
        title="Chainrule",
        version=version("chainrule"),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # the ready-made pages load their scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
        routes=[*api.ROUTES, *operations.router.routes, *pages.ROUTES],
        webhooks=told,
    )
    serve(app, site)
    app.mount("/static", Files(directory=STATIC), name="static")
    problems.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Requests, routed=app)  # the outermost
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def serve(app: FastAPI, site: Site) -> None:
    """Have the application answer for this installation from now on, by the routes it has."""
    app.state.site = site
    app.state.metrics = Metrics(site)
    app.state.notebooks = Notebooks()
    app.state.bodies = Bodies()
    app.state.apart = CapacityLimiter(APART)
    app.state.watcher = Watcher(partial(look, site))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # More at a time would take turns and be late all together: what they wait for is the CPU.
    to_thread.current_default_thread_limiter().total_tokens = _AT_A_TIME
    alone = CapacityLimiter(1)
    writing = asyncio.create_task(_write_uses(app, alone))
    yield
    writing.cancel()
    await _write_uses_once(app, alone)


async def _write_uses(app: FastAPI, limiter: CapacityLimiter) -> None:
    while True:
        await asyncio.sleep(_USES_EVERY_S)
        await _write_uses_once(app, limiter)


async def _write_uses_once(app: FastAPI, limiter: CapacityLimiter) -> None:
    site: Site = app.state.site
    try:
        await to_thread.run_sync(site.uses.write, limiter=limiter)
    except Exception:
        log.exception("when tokens and sessions were used could not be noted this time")


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document, with problem details in the place of the framework's own validation error."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            routes=app.routes,
            webhooks=app.webhooks.routes,
        )
        schemas = document["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path in (*document["paths"].values(), *document["webhooks"].values()):
            for operation in path.values():
                operation["responses"].pop("422", None)
        app.openapi_schema = document
    return app.openapi_schema
