"""`chainrule backup`: what was handed in is in it, and an installation starts from it."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from grader.commands.backup import backup
from grader.db.migrate import upgrade
from grader.db.models import Course
from grader.errors import BadInput, InternalError
from grader.services.backup import back_up
from grader.services.site import Site
from tests.sites import site_at


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of an installation."""
    folder = tmp_path / "data"
    folder.mkdir()
    site = at(folder)
    upgrade(site.database.engine)
    site.close()
    return folder


@pytest.fixture
def site(data: Path) -> Iterator[Site]:
    """That installation, at work."""
    opened = at(data)
    yield opened
    opened.close()


def test_an_installation_starts_from_its_backup(site: Site, tmp_path: Path) -> None:
    stored = site.blobs.put([b"a submission"])
    add_course(site, "dl")
    back_up(site, tmp_path / "backup")

    restored = at(tmp_path / "backup")
    assert courses(restored) == ["dl"]
    assert restored.blobs.read(stored.sha256) == b"a submission"
    restored.close()


def test_what_is_being_written_is_not_in_it(site: Site, tmp_path: Path) -> None:
    add_course(site, "dl")
    with site.database.writing() as session:
        session.add(Course(slug="unfinished", title="U"))
        session.flush()
        back_up(site, tmp_path / "backup")
    restored = at(tmp_path / "backup")
    assert courses(restored) == ["dl"]
    restored.close()


def test_an_earlier_backup_is_brought_up_to_date(site: Site, tmp_path: Path) -> None:
    site.blobs.put([b"first"])
    assert back_up(site, tmp_path / "backup").new_blobs == 1
    add_course(site, "later")
    second = site.blobs.put([b"second"])
    assert back_up(site, tmp_path / "backup").new_blobs == 1

    restored = at(tmp_path / "backup")
    assert courses(restored) == ["later"]
    assert restored.blobs.read(second.sha256) == b"second"
    restored.close()


def test_a_blob_that_is_swept_stays_in_the_backup(site: Site, tmp_path: Path) -> None:
    stored = site.blobs.put([b"a submission"])
    back_up(site, tmp_path / "backup")
    assert site.blobs.sweep((), older_than_s=-1, now_s=os.stat(tmp_path).st_mtime + 3600) == 1
    restored = at(tmp_path / "backup")
    assert restored.blobs.read(stored.sha256) == b"a submission"
    restored.close()


def test_on_another_file_system_blobs_are_copied(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    stored = site.blobs.put([b"a submission"])
    back_up(site, tmp_path / "backup")
    restored = at(tmp_path / "backup")
    assert restored.blobs.read(stored.sha256) == b"a submission"
    files = [path.name for path in (tmp_path / "backup/blobs").rglob("*") if path.is_file()]
    assert files == [stored.sha256]
    restored.close()


def test_a_damaged_database_does_not_replace_the_last_backup(
    site: Site, data: Path, tmp_path: Path
) -> None:
    add_course(site, "dl")
    back_up(site, tmp_path / "backup")
    site.close()
    damage(data / "chainrule.db")
    with pytest.raises((InternalError, sqlite3.DatabaseError)):
        back_up(site, tmp_path / "backup")
    restored = at(tmp_path / "backup")
    assert courses(restored) == ["dl"]
    restored.close()
    assert {path.name for path in (tmp_path / "backup").iterdir()} <= {"blobs", *FILES}


def test_the_command_takes_the_installation_of_the_environment(data: Path, tmp_path: Path) -> None:
    site = at(data)
    site.blobs.put([b"a submission"])
    site.close()
    done = run(tmp_path / "backup", data)
    assert done.exit_code == 0
    assert "1 new blob" in done.output
    assert (tmp_path / "backup/chainrule.db").is_file()


def test_a_data_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    done = run(tmp_path / "backup", tmp_path / "mistyped")
    assert isinstance(done.exception, BadInput)
    assert "CHAINRULE_DATA" in str(done.exception)
    assert not (tmp_path / "mistyped").exists()


def test_other_databases_have_their_own_tools(tmp_path: Path) -> None:
    elsewhere = site_at("postgresql+psycopg://localhost/nothing", tmp_path)
    with pytest.raises(BadInput, match="pg_dump"):
        back_up(elsewhere, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


FILES = {"chainrule.db", "chainrule.db-wal", "chainrule.db-shm"}


def at(folder: Path) -> Site:
    """The installation whose data folder that is."""
    return site_at(f"sqlite:///{folder}/chainrule.db", folder)


def add_course(site: Site, slug: str) -> None:
    with site.database.writing() as session:
        session.add(Course(slug=slug, title=slug))


def courses(site: Site) -> list[str]:
    with site.database.reading() as session:
        return [course.slug for course in session.query(Course).order_by(Course.slug)]


def damage(path: Path) -> None:
    """Overwrite every page but the first."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


def run(folder: Path, data: Path) -> Result:
    return CliRunner().invoke(backup, [str(folder)], env={"CHAINRULE_DATA": str(data)})
