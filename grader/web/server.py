"""Serving the application: one process of perhaps several, its requests in threads."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from grader.config import Settings
from grader.web.turns import ask_for_short_turns

_TURN_S = 0.001  # of one thread while others wait: a person waits for each of them
_PATIENCE_S = 5  # with requests that are answered, and streams, when it is told to end
_NOT_STARTED = 3


def run(app: FastAPI, settings: Settings, listeners: Sequence[int] = ()) -> None:
    """Answer requests until SIGTERM or SIGINT: at the settings' address, or at `listeners`, bound
    sockets by their descriptors, which other processes may answer at, too."""
    ask_for_short_turns()
    sys.setswitchinterval(_TURN_S)
    sockets = [socket.socket(fileno=one) for one in listeners]
    server = uvicorn.Server(configured(app, settings))
    with suppress(KeyboardInterrupt):  # Ctrl-C, which it passes on when it has ended
        server.run(sockets or None)
    if not server.started:
        sys.exit(_NOT_STARTED)


def configured(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How it is served."""
    return uvicorn.Config(
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
