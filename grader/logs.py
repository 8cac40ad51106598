"""Logs: the standard library's loggers, written by structlog as JSON or as text, one event a line.

Every module logs by `logging.getLogger(__name__)` as usual; facts go into `extra`. What was bound
by `bound` (the request, the attempt) is on every line that is logged meanwhile, also by libraries.
Secrets never appear: neither under their names nor where they are known by their form.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from grader.config import Settings
from grader.safetext import printable

# It would load rich, for tracebacks that it never writes here: 4 MB of each process that serves.
_is_missing = sys.modules.setdefault("rich", None) is None  # type: ignore[arg-type]
try:
    import structlog
finally:
    if _is_missing:
        del sys.modules["rich"]

# Libraries that bring handlers of their own; without them their records go to the root's.
_WITH_HANDLERS = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "celery",
    "celery.task",
    "celery.redirected",
)
_SECRET_NAME = re.compile(r"authorization|password|secret|token|cookie|api_?key|credential", re.I)
_SECRET_FORM = re.compile(
    r"(?P<token>crt_)[A-Za-z0-9_-]+"  # ours
    r"|(?P<scheme>\b(?:bearer|basic)\s+)[^\s\"',\\]+"
    r"|(?P<user>://[^/@\s:]*:)[^/@\s]+(?=@)",  # the password in a URL
    re.I,
)
_HIDDEN = "[hidden]"
_LONGEST_EVENT = 2000
_LONGEST_TRACEBACK = 20_000

Event = MutableMapping[str, Any]


def configure(settings: Settings) -> None:
    """Have this process log to standard error as `settings.log` says; may be called again.

    uvicorn is to be started with `log_config=None`, and Celery with its signal `setup_logging`
    connected, so that neither sets up anything of its own.
    """
    pre: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper("iso", utc=True),
        _without_secrets,
    ]
    final: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
    ]
    if settings.log == "text":
        # Never with the values of local variables: some of them are secrets.
        plain = structlog.dev.plain_traceback
        colors = sys.stderr.isatty()
        final += [_fit_for_a_terminal]
        final += [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    else:
        final += [structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(foreign_pre_chain=pre, processors=final))
    # It tells which parts of itself it has loaded, and which database it looks at.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in _WITH_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    # The middleware writes a line for each request, without its query string.
    logging.getLogger("uvicorn.access").disabled = True
    logging.captureWarnings(True)


@contextmanager
def bound(**values: object) -> Iterator[None]:
    """These values are on every line that is logged inside the block, in this thread or task.

    A thread that is started inside it does not have them; one of the web's pool does.
    """
    with structlog.contextvars.bound_contextvars(**values):
        yield


def without_secrets(text: str) -> str:
    """`text` with what has the form of a secret blotted out."""
    return _SECRET_FORM.sub(_blotted, text)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Looks over the finished line once more: a traceback, too, may quote a token."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def _blotted(found: re.Match[str]) -> str:
    return (found["token"] or found["scheme"] or found["user"]) + _HIDDEN


def _without_secrets(_: object, __: str, event: Event) -> Event:
    for name in event:
        if _SECRET_NAME.search(name):
            event[name] = _HIDDEN
    return event


def _fit_for_a_terminal(_: object, __: str, event: Event) -> Event:
    # A line that somebody else's text continues could be taken for one of ours.
    event["event"] = _indented(str(event["event"]).strip(), _LONGEST_EVENT)
    if "exception" in event:
        event["exception"] = "    " + _indented(str(event["exception"]), _LONGEST_TRACEBACK)
    return event


def _indented(text: str, limit: int) -> str:
    return printable(text, limit).replace("\n", "\n    ")
