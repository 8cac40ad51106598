"""Whatever fits the OpenAPI document, or just not, is answered: never by a failure of ours."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.generation.case import Case
from schemathesis.schemas import BaseSchema

from grader.web.app import create_app
from tests.sites import People, people_of, site_at

METHODS = ("get", "put", "post", "patch", "delete")


def operations() -> list[str]:
    """Every operation of the document, by its method and path."""
    with tempfile.TemporaryDirectory() as folder:
        document = create_app(site_at("sqlite://", Path(folder))).openapi()
    return [
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item
        if method in METHODS
    ]


@pytest.fixture(scope="module")
def api(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[BaseSchema, People]]:
    """One installation for all examples: what they leave behind is part of the test."""
    folder = tmp_path_factory.mktemp("contract")
    (folder / "chainrule.db").write_bytes(migrated_sqlite.read_bytes())
    site = site_at(f"sqlite:///{folder}/chainrule.db", folder)
    yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(site)), people_of(site)
    site.close()


@pytest.mark.parametrize("label", operations())
def test_no_request_makes_the_service_fail(label: str, api: tuple[BaseSchema, People]) -> None:
    schema, people = api
    method, path = label.split(" ", 1)
    cases = schema[path][method].as_strategy(GenerationMode.POSITIVE) | schema[path][
        method
    ].as_strategy(GenerationMode.NEGATIVE)

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases)
    def holds(case: Case) -> None:
        answer = case.call(headers=people.admin.headers)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"], answer.text

    holds()
