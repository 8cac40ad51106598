"""`chainrule migrate`: up to this version's schema, and never down from a newer one's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from grader.db.revisions import head
from grader.errors import Conflict
from grader.services.schema import check_schema, migrate
from grader.services.site import Site
from tests.sites import site_at


@pytest.fixture
def bare(empty: Engine, tmp_path: Path) -> Iterator[Site]:
    """An installation whose database has no tables."""
    made = site_at(empty.url.render_as_string(hide_password=False), tmp_path)
    yield made
    made.close()


def test_an_empty_database_gets_the_schema_and_a_second_time_changes_nothing(bare: Site) -> None:
    with pytest.raises(Conflict, match="chainrule migrate"):
        check_schema(bare)
    assert migrate(bare) == (None, head())
    assert migrate(bare) == (head(), head())
    check_schema(bare)


def test_a_database_of_a_newer_version_is_left_as_it_is(
    bare: Site, caplog: pytest.LogCaptureFixture
) -> None:
    migrate(bare)
    with bare.database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match="newer"):
        migrate(bare)
    check_schema(bare)  # what runs goes on while another one is upgraded
    assert "newer" in caplog.text
