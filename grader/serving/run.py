"""Starting everything, saying where it is, and ending it in order."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from grader.config import Settings
from grader.errors import BadInput, InternalError
from grader.services import judging
from grader.services.demo import Demo, seed
from grader.services.schema import migrate
from grader.services.site import Site, open_site
from grader.serving import redis
from grader.serving.children import Children
from grader.serving.folder import held
from grader.serving.listeners import listeners_at
from grader.serving.metrics import folder_of_metrics

_TICK_S = 0.1
_WEBS = 2  # Python computes on one core in a process, and people wait for it
_READY_S = 180.0  # a worker warms up; on a machine with little memory that takes long
_PATIENCE_S = {"redis": 5.0, "reconciler": 5.0, "worker": 20.0, "web": 10.0}

log = logging.getLogger(__name__)


class _ToldToEnd(Exception):
    """A signal came before everything was ready."""


def run(settings: Settings, root: Path, say: Callable[[str], None]) -> None:
    """Serve from the data folder until SIGTERM or SIGINT.

    `root` holds the bundled assignments; `say` prints what a person should know. Raises BadInput
    where it can't be served from here, and InternalError where a part does not start.
    """
    if find_spec("workers") is None:
        raise BadInput("this installation has no workers: chainrule web and others run its parts")
    with ExitStack() as stack:
        stack.enter_context(held(settings.data))
        listeners = stack.enter_context(listeners_at(settings.host, settings.port))
        metrics = stack.enter_context(folder_of_metrics())
        children = Children()
        told = stack.enter_context(_signals(children))
        stack.callback(children.end)
        try:
            site = stack.enter_context(_site(settings, children, stack, told))
            migrate(site)
            judging.goodbye(site)  # of a worker that was killed
            demo = seed(site, root)
            for listener in listeners:
                stack.callback(listener.close)  # before they end: then nobody is let in for nothing
            _start_parts(children, metrics, [one.fileno() for one in listeners])
            _wait(children, told, lambda: _answers(settings) and judging.is_announced(site))
        except _ToldToEnd:
            return
        say(_welcome(settings, demo))
        while not told.wait(_TICK_S):
            children.tend()
        log.info("ending")


def _start_parts(children: Children, metrics: Path, listeners: Sequence[int]) -> None:
    for name in ("reconciler", "worker"):
        children.start(name, _command(name), patience_s=_PATIENCE_S[name])
    command = _command("web", f"--metrics={metrics}", *(f"--listener={one}" for one in listeners))
    for _ in range(_WEBS):
        children.start("web", command, patience_s=_PATIENCE_S["web"], descriptors=listeners)


def _command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "grader.cli", name, *arguments]


@contextmanager
def _signals(children: Children) -> Iterator[threading.Event]:
    """Set by the first SIGTERM or SIGINT; the second one ends the children at once."""
    told = threading.Event()

    def handle(_: int, __: FrameType | None) -> None:
        if told.is_set():
            children.kill()
        told.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _site(
    settings: Settings, children: Children, stack: ExitStack, told: threading.Event
) -> Iterator[Site]:
    """The installation, with its Redis where it has one of its own."""
    socket = settings.own_socket
    if socket is not None:
        server = redis.executable()
        stack.enter_context(redis.folder_for(socket, settings.data))
        stack.callback(children.end)  # before the folder goes
        command = redis.command(server, socket)
        children.start("redis", command, patience_s=_PATIENCE_S["redis"])
    site = open_site(settings)
    try:
        if socket is not None:
            _wait(children, told, site.progress.answers)
        yield site
    finally:
        site.close()


def _wait(children: Children, told: threading.Event, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _READY_S
    while not ready():
        children.check()
        if told.wait(_TICK_S):
            raise _ToldToEnd
        if time.monotonic() > deadline:
            raise InternalError(f"not everything is ready after {_READY_S:g} s")


def _answers(settings: Settings) -> bool:
    """Whether the web is ready."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    try:
        with urllib.request.urlopen(f"http://{host}:{settings.port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _welcome(settings: Settings, demo: Demo) -> str:
    lines = ["", f"Chainrule is ready: {settings.url}", ""]
    if demo.people:
        lines.append("People of the course demo:")
        width = max(len(one.email) for one in demo.people)
        lines += [f"  {one.email:{width}}  {one.password}  {one.role}" for one in demo.people]
        lines += ["", f"Their passwords are in {demo.file}, too, and nowhere else. To sign in:", ""]
        one = demo.people[0]
        body = f'{{"email": "{one.email}", "password": "{one.password}"}}'
        lines.append(
            f"  curl {settings.url}/api/v1/sign-in -H 'content-type: application/json' -d '{body}'"
        )
    elif demo.file.exists():
        lines.append(f"The people of the course demo and their passwords are in {demo.file}.")
    lines += ["", "Ctrl-C ends it.", ""]
    return "\n".join(lines)
