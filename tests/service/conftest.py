"""Real workers on a real Redis, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.services.site import Site
from tests.redis_server import redis_url  # noqa: F401 - a fixture
from tests.service._installation import Installation, installation
from tests.sites import site_at
from workers.service.bundles import Bundles
from workers.service.devices import Devices
from workers.service.heartbeat import Heartbeat
from workers.service.service import Service
from workers.service.zygotes import Zygotes


@pytest.fixture
def site(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Site]:  # noqa: F811
    """An installation with short leases."""
    made = site_at(database_url, tmp_path / "data", redis_url, LEASE_S="2", NODE="tests")
    yield made
    made.close()


@pytest.fixture
def here(site: Site, tmp_path: Path) -> Installation:
    """The installation with an assignment."""
    return installation(site, tmp_path / "bundle")


@pytest.fixture(scope="session")
def zygotes() -> Iterator[Zygotes]:
    """What keeps a warm zygote for all tests of a process."""
    made = Zygotes(frozenset())
    yield made
    made.close()


@pytest.fixture
def service(here: Installation, zygotes: Zygotes) -> Iterator[Service]:
    """A worker's slots in this process; its leases are prolonged only when a test says so."""
    heart = Heartbeat(here.site, dict)
    made = Service(here.site, zygotes, Bundles(here.site), Devices([]), heart)
    yield made
    made.leave()
