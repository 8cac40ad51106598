"""`chainrule serve`: one command from nothing to a verdict, and nothing is left when it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.client._terminal import Terminal, terminal  # noqa: F401 - a fixture
from tests.service._installation import ROOT
from tests.serving import Serving, ancestry, served
from tests.waiting import wait_until

SAMPLE = ROOT / "rubrics" / "uw-cse447-a0" / "sample.ipynb"


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder with a short path."""
    with tempfile.TemporaryDirectory(prefix="chainrule-data-") as name:
        yield Path(name)


def test_from_nothing_to_a_verdict_and_back_to_nothing(
    data: Path,
    terminal: Terminal,  # noqa: F811
) -> None:
    with served(data) as first:
        signing_in = re.search(r"curl (\S+) .*-d '(.+)'", first.printed)
        assert signing_in
        token = httpx2.post(signing_in[1], json=json.loads(signing_in[2])).json()["secret"]
        student = httpx2.Client(
            base_url=first.url, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        with student, SAMPLE.open("rb") as file:
            assert student.get("/readyz").json()["status"] == "ok"
            (course,) = student.get("/api/v1/courses").json()["items"]
            found = student.get(f"/api/v1/courses/{course['id']}/assignments").json()["items"]
            (assignment,) = (one for one in found if one["slug"] == "uw-cse447-a0")
            path = f"/api/v1/assignments/{assignment['id']}/submissions"
            receipt = student.post(path, files={"file": ("a0.ipynb", file)})
            assert receipt.status_code == 202
            url = receipt.json()["url"]
            wait_until(lambda: student.get(url).json()["state"] == "done")
            assert student.get(url).json()["score"] == 15
        terminal.sign_in(first.url, token)
        submitted = terminal.run("submit", "demo/uw-cse447-a0", SAMPLE)
        assert submitted.status == 0, submitted.err
        assert "15 of 20 points" in submitted.out
        below = first.descendants()
        assert len(below) > 5
    assert not below & set(ancestry())
    assert not (data / "redis.sock").exists()

    with served(data) as again:
        assert "curl" not in again.printed
        assert "demo-passwords.txt" in again.printed
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx2.get(f"{again.url}{url}", headers=headers, timeout=60).json()["score"] == 15

        for _ in range(20):
            _alive(again)
        # Whichever of its two web processes is asked, it knows of what both have answered.
        wait_until(lambda: _counted(again, "/healthz") == 20)
        assert {_counted(again, "/healthz") for _ in range(10)} == {20}
        gone, left = _webs(again)
        os.kill(gone, signal.SIGKILL)
        wait_until(lambda: gone not in ancestry())
        for _ in range(20):
            _alive(again)  # nobody is turned away meanwhile
        wait_until(lambda: len(_webs(again)) == 2)
        assert left in _webs(again)
        wait_until(lambda: _counted(again, "/healthz") == 40)

        below = again.descendants()
        again.process.kill()  # as the kernel does when memory is short
        wait_until(lambda: not below & set(ancestry()))


def _webs(serving: Serving) -> set[int]:
    """The processes that answer at its address."""
    found = set()
    for pid in serving.descendants():
        with suppress(OSError):  # it has ended
            if b"grader.cli\0web\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def _alive(serving: Serving) -> None:
    """Ask, by a connection of its own."""
    assert httpx2.get(f"{serving.url}/healthz", timeout=60).json() == {"status": "ok"}


def _counted(serving: Serving, route: str) -> float:
    """How many requests for it the figures tell of."""
    told = httpx2.get(f"{serving.url}/metrics", timeout=60).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if sample.name == "chainrule_requests_total" and sample.labels["route"] == route
    )
