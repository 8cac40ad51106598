"""The client that is generated from the API's document: complete, well named, typed, at work."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from filelock import FileLock

from grader.services import people as persons
from grader.services.site import Site
from tests.sites import People, Signed, app_of, site_at
from tests.unit._builders import exercise, result
from tests.web._work import assignment, judge, notebook

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
METHODS = ("get", "put", "post", "patch", "delete")
PASSWORD = "correct horse battery"


def document(folder: Path) -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    """The API's document."""
    site = site_at("sqlite://", folder)
    with app_of(site) as app:
        made: dict[str, dict[str, dict[str, dict[str, str]]]] = app.openapi()
    site.close()
    return made


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the package chainrule_client, made once for all test processes."""
    folder = tmp_path_factory.getbasetemp().parent / "generated-client"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            source = folder.with_suffix(".json")
            source.write_text(json.dumps(document(tmp_path_factory.mktemp("document"))))
            done = subprocess.run(
                [
                    BIN / "openapi-python-client",
                    "generate",
                    *("--path", source, "--config", ROOT / "docs" / "client.yaml"),
                    *("--meta", "none", "--output-path", folder / "chainrule_client"),
                    "--fail-on-warning",
                ],
                env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},  # it formats with ruff
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def course(generated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """What somebody has written with it."""
    monkeypatch.syspath_prepend(str(generated))
    yield importlib.import_module("tests.client._course")
    for name in [one for one in sys.modules if one.partition(".")[0] == "chainrule_client"]:
        del sys.modules[name]
    del sys.modules["tests.client._course"]


def test_every_operation_has_a_function_of_its_name(generated: Path, tmp_path: Path) -> None:
    paths = document(tmp_path)["paths"]
    names = [one["operationId"] for path in paths.values() for one in path.values()]
    made = (generated / "chainrule_client" / "api").glob("*/*.py")

    assert len(names) == len(set(names)) > 50
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    assert {path.stem for path in made if path.stem != "__init__"} == set(names)


def test_no_two_things_of_the_document_have_one_name(tmp_path: Path) -> None:
    # Where two have, the framework puts their modules' names before them.
    assert not [name for name in document(tmp_path)["components"]["schemas"] if "__" in name]


def test_code_that_uses_it_is_typed(generated: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"),
            *("--config-file=", "--cache-dir", tmp_path, ROOT / "tests" / "client" / "_course.py"),
        ],
        env={**os.environ, "MYPYPATH": str(generated)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_course_from_sign_in_to_released_grades(
    course: ModuleType, site: Site, server: str, people: People
) -> None:
    for who in (people.admin, people.instructor, people.ada):
        persons.change_person(site, people.admin.actor, who.actor.person_id, password=PASSWORD)
    number, content = assignment(site, people.course_id), notebook("x = 1")

    def signed_in(who: Signed) -> AbstractContextManager[Any]:
        client: AbstractContextManager[Any] = course.signed_in(server, who.email, PASSWORD)
        return client

    with signed_in(people.admin) as admin:
        made = course.make_course(admin, "made", people.instructor.email)
        assert made > people.other_course_id
    with signed_in(people.ada) as ada, signed_in(people.instructor) as staff:
        receipt = course.hand_in(ada, "a0", content)
        judged = result(exercise(title="Slopes"))
        course.follow(ada, receipt, lambda: judge(site, receipt.attempt_id, judged))
        assert course.read(ada, receipt, content).score == 4
        assert course.release(staff, people.course_id, number) == 4
        assert course.own_points(ada, number) == 4
        assert course.refusal(ada, people.course_id).status == 403
