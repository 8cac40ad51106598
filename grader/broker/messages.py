"""Telling workers that there is work: Celery tasks, sent by name and after the commit."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from celery import Celery
from kombu.exceptions import LimitExceeded, OperationalError

JUDGE = "chainrule.judge"  # claims one attempt, whose turn it is
TRY_OUT = "chainrule.try_out"  # claims one trial of a version
COMPARE = "chainrule.compare"  # claims one comparison of an assignment's submissions

_PATIENCE_S = 0.5  # for a broker that does not answer

# Whoever handed something in waits for the answer meanwhile, and the reconciler sends again.
_SENDING = {"socket_timeout": _PATIENCE_S, "max_retries": 0}

log = logging.getLogger(__name__)


def celery_app(redis: str, **transport: float) -> Celery:
    """The application that both ends use; `redis` is as in CHAINRULE_REDIS."""
    app = Celery("chainrule", broker=redis.replace("unix://", "redis+socket://", 1))
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=False,  # the row says whether it was done, not the broker
        worker_prefetch_multiplier=1,
        broker_connection_timeout=_PATIENCE_S,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "socket_connect_timeout": _PATIENCE_S,
            "socket_timeout": 30.0,
            "retry_on_timeout": False,
            **transport,
        },
    )
    return app


class Messages:
    """Sends one message for each row that waits. A row whose message is lost is sent again."""

    def __init__(self, redis: str) -> None:
        self._app = celery_app(redis, **_SENDING)

    def send(self, task: str, rows: Iterable[tuple[int, str]]) -> bool:
        """Say that the rows (id, queue) wait for `task`; False where the broker does not answer."""
        try:
            # Of a pool: to connect and to declare the queue takes longer than all the rest.
            with self._app.producer_pool.acquire(block=True, timeout=_PATIENCE_S) as producer:
                for row_id, queue in rows:
                    self._app.send_task(
                        task,
                        args=[row_id],
                        queue=str(queue),
                        producer=producer,
                        retry=False,
                    )
        except (LimitExceeded, OperationalError, OSError) as error:
            log.warning("the broker does not answer (%s): messages are sent later", error)
            return False
        return True

    def backlog(self, queue: str) -> int | None:
        """How many messages wait in a queue; None where the broker does not answer."""
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=_PATIENCE_S)
                declared = connection.default_channel.queue_declare(str(queue))
                return int(declared.message_count)
        except (OperationalError, OSError) as error:
            log.warning("the broker does not answer (%s): nothing is sent again", error)
            return None
