"""An application that is served over TCP, and a student's terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader.services.site import Site
from tests.client._serving import listening
from tests.client._terminal import terminal  # noqa: F401 - a fixture
from tests.sites import People, app_of, people_of, site_at
from tests.web._work import Recorded


@pytest.fixture
def site(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Site]:
    """An installation without workers."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "chainrule.db").write_bytes(migrated_sqlite.read_bytes())
    opened = site_at(f"sqlite:///{folder}/chainrule.db", folder)
    made = replace(opened, messages=Recorded())  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.fixture
def people(site: Site) -> People:
    """Who is in it."""
    return people_of(site)


@pytest.fixture
def server(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its address; whoever watches hears of a change at once."""
    monkeypatch.setattr("grader.web.watcher._EVERY_S", 0.02)
    with app_of(site) as app, listening(app) as address:
        yield address
