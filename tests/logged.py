"""What is logged, as a process of the service writes it."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest

from grader.config import load_settings
from grader.logs import configure

Configured = Callable[[str], io.StringIO]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configured]:
    """Sets the logs up as `json` or `text`, and gives what is written; all is undone afterwards."""
    loggers = [logging.getLogger(name) for name in (None, "uvicorn", "uvicorn.access", "celery")]
    before = [(one, one.handlers, one.level, one.propagate, one.disabled) for one in loggers]

    def configure_as(kind: str) -> io.StringIO:
        written = io.StringIO()
        monkeypatch.setattr(sys, "stderr", written)
        configure(load_settings({"CHAINRULE_LOG": kind}))
        return written

    yield configure_as
    logging.captureWarnings(False)
    for one, handlers, level, propagate, disabled in before:
        one.handlers, one.propagate, one.disabled = handlers, propagate, disabled
        one.setLevel(level)


def events(written: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]
