"""The Celery application of a worker, and running it until it is told to end."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from celery.worker import state

from grader.broker.messages import celery_app
from grader.config import Settings
from grader.db.models import Queue

log = logging.getLogger(__name__)

Handler = Callable[[int, Queue], None]


def worker_app(settings: Settings, handlers: Mapping[str, Handler]) -> Celery:
    """The application with the thin tasks, each of which hands a message to its handler."""
    app = celery_app(settings.redis)
    app.conf.update(
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        broker_connection_max_retries=None,  # as long as it takes
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    for name, handler in handlers.items():
        app.task(name=name, bind=True)(_task(handler))
    return app


def _task(handler: Handler) -> Callable[[Any, int], None]:
    def task(self: Any, row_id: int) -> None:
        handler(row_id, Queue(self.request.delivery_info["routing_key"]))

    return task


def serve(
    app: Celery,
    settings: Settings,
    *,
    leave: Callable[[], None],
    abort: Callable[[], None],
    patience_s: float,
) -> None:
    """Take messages until SIGTERM or SIGINT, and end when what runs then has come to an end.

    `leave` is called at the signal; `abort` where that takes longer than `patience_s`, and at a
    second signal.
    """
    setup_logging.connect(_leave_logging_alone)
    for name in ("celery.app.trace", "celery.worker.strategy"):
        logging.getLogger(name).setLevel(logging.WARNING)  # a line for each message
    worker = app.WorkController(
        pool="threads",
        concurrency=settings.slots,
        queues=list(settings.queues),
        hostname=f"chainrule@{settings.node}",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    impatience = threading.Timer(patience_s, abort)
    impatience.daemon = True

    def told(number: int, _: FrameType | None) -> None:
        if impatience.is_alive():
            abort()
            return
        leave()
        impatience.start()
        state.should_stop = 0  # an exit status

    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        worker.start()
    finally:
        impatience.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_logging_alone(**_: object) -> None:
    pass
