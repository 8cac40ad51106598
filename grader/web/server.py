"""Serving the application: one process, its requests in threads."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI

from grader.config import Settings
from grader.web.turns import ask_for_short_turns

_TURN_S = 0.001  # of one thread while others wait: a person waits for each of them
_PATIENCE_S = 5  # with requests that are answered, and streams, when it is told to end


def run(app: FastAPI, settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT."""
    ask_for_short_turns()
    sys.setswitchinterval(_TURN_S)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        # Given here, it is not read from a variable that nothing checks.
        forwarded_allow_ips=list(settings.proxies),
        log_config=None,  # ours is there already
        access_log=False,  # the application has a line for each request
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE_S,
    )
