"""Logs: one event a line, with what is bound and without secrets, whoever logs."""

from __future__ import annotations

import io
import logging
from threading import Thread

import pytest

from grader.logs import bound
from tests.logged import Configured, events

TOKEN = "crt_Ab-9_xyzxyzxyzxyz"

log = logging.getLogger("grader.tests")


def test_an_event_is_a_line_of_json_with_what_is_bound(configured: Configured) -> None:
    written = configured("json")
    with bound(request="r1"), bound(attempt=7):
        log.info("claimed by %s", "w1", extra={"queue": "cpu"})
    log.info("after")
    first, second = events(written)
    assert first.pop("timestamp").endswith("Z")  # type: ignore[attr-defined]
    assert first == {
        "event": "claimed by w1",
        "level": "info",
        "logger": "grader.tests",
        "request": "r1",
        "attempt": 7,
        "queue": "cpu",
    }
    assert "attempt" not in second


def test_one_thread_s_values_are_not_another_s(configured: Configured) -> None:
    written = configured("json")
    with bound(attempt=7):
        other = Thread(target=log.info, args=("elsewhere",))
        other.start()
        other.join()
    (event,) = events(written)
    assert "attempt" not in event


@pytest.mark.parametrize("name", ["uvicorn.error", "celery.worker", "celery.task"])
def test_libraries_log_by_the_same_way_and_once(configured: Configured, name: str) -> None:
    logging.getLogger(name.partition(".")[0]).addHandler(logging.StreamHandler(io.StringIO()))
    written = configured("json")
    with bound(attempt=7):
        logging.getLogger(name).warning("hello")
    (event,) = events(written)
    assert (event["event"], event["logger"], event["attempt"]) == ("hello", name, 7)


def test_the_server_s_own_line_for_a_request_is_not_written(configured: Configured) -> None:
    written = configured("json")
    logging.getLogger("uvicorn.access").info('GET /x?token=%s" 200', TOKEN)
    assert written.getvalue() == ""


@pytest.mark.parametrize("kind", ["json", "text"])
def test_no_secret_is_written_under_its_name_or_in_its_form(
    configured: Configured, kind: str
) -> None:
    written = configured(kind)
    with bound(api_key="hunter2"):
        log.info(
            "sent %s with Authorization: Bearer hunter3",
            TOKEN,
            extra={"headers": {"authorization": "Bearer hunter4"}, "Password": "hunter5"},
        )
        try:
            secret_token = TOKEN
            raise ConnectionError(f"redis://user:hunter6@host/0 refused {secret_token}")
        except ConnectionError:
            log.exception("no broker at %s", "postgresql+psycopg://me:hunter7@db/x")
    said = written.getvalue()
    assert "hunter" not in said
    assert TOKEN not in said
    assert "redis://user:[hidden]@host/0 refused crt_[hidden]" in said


@pytest.mark.parametrize("kind", ["json", "text"])
def test_nobody_writes_a_line_that_looks_like_ours(configured: Configured, kind: str) -> None:
    written = configured(kind)
    log.info("name: %s", "x\n2026-11-25T16:00:00Z [error    ] all is lost\x1b[31m")
    lines = written.getvalue().splitlines()
    assert sum(line.startswith(("20", "{")) for line in lines) == 1
    assert "\x1b" not in written.getvalue()


def test_a_traceback_shows_no_local_variable(configured: Configured) -> None:
    written = configured("text")
    answer = "forty-" + "two"
    try:
        raise ValueError(len(answer))
    except ValueError:
        log.exception("failed")
    assert "ValueError: 9" in written.getvalue()
    assert "forty-two" not in written.getvalue()


def test_setting_up_twice_writes_once(configured: Configured) -> None:
    configured("json")
    written = configured("json")
    log.info("once")
    assert len(events(written)) == 1
