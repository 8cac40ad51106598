"""Whatever fits the OpenAPI document, or just not, is answered: never by a failure of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.generation.case import Case
from schemathesis.schemas import BaseSchema

from tests.sites import People, app_of, people_of, site_at
from tests.web._work import API
from tests.web.test_access import TABLE


@pytest.fixture(scope="module")
def api(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[BaseSchema, People]]:
    """One installation for all examples: what they leave behind is part of the test."""
    folder = tmp_path_factory.mktemp("contract")
    (folder / "chainrule.db").write_bytes(migrated_sqlite.read_bytes())
    site = site_at(f"sqlite:///{folder}/chainrule.db", folder)
    with app_of(site) as app:
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", app), people_of(site)
    site.close()


# Those of the table are all: tests/web/test_access.py compares it with the document.
@pytest.mark.parametrize("label", sorted(TABLE))
def test_no_request_makes_the_service_fail(label: str, api: tuple[BaseSchema, People]) -> None:
    schema, people = api
    method, path = label.split(" ", 1)
    path = f"{API}{path}"
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
