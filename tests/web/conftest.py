"""The web application on SQLite and on PostgreSQL, with people who are signed in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.services.site import Site
from tests.sites import People, client_of, people_of, site_at


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    """An installation without a broker."""
    made = site_at(database_url, tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    """Somebody who sends requests; nobody yet."""
    with client_of(site) as client:
        yield client


@pytest.fixture
def people(site: Site) -> People:
    """A course `dl` with staff and students, another course, and an admin; all hold tokens."""
    return people_of(site)


@pytest.fixture
def sent(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, str]]:
    """The messages that a broker which answers is given: task, row and queue."""
    messages: list[tuple[str, int, str]] = []

    def send(task: str, rows: Any) -> bool:
        messages.extend((task, row_id, str(queue)) for row_id, queue in rows)
        return True

    monkeypatch.setattr(site.messages, "send", send)
    return messages
