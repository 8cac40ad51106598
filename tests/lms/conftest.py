"""An installation on SQLite, with people; what is about rows runs on PostgreSQL besides."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.services.site import Site
from tests.sites import People, people_of, site_at


@pytest.fixture
def site(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Site]:
    """An installation without a broker."""
    shutil.copy(migrated_sqlite, tmp_path / "chainrule.db")
    made = site_at(f"sqlite:///{tmp_path}/chainrule.db", tmp_path)
    yield made
    made.close()


@pytest.fixture
def people(site: Site) -> People:
    """A course `dl` with staff and students, another course, and an admin."""
    return people_of(site)
