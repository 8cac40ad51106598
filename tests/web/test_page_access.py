"""Who may see and do what on the pages: no route is without a decision, and none is for nobody.

Each area's tests have a table ROUTES that says who a route is for, and ask it as everybody. Here
the tables are held against the routes that there are.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from grader.services.site import Site
from grader.web import pages
from tests.sites import client_of, people_of
from tests.web._browsing import as_

WHO = {"anybody", "signed in", "read", "submit", "owner", "owner alone", "grade", "manage", "admin"}

# What is there before any area is: the door, and what everybody sees first.
ROUTES = {
    "GET /": "anybody",
    "GET /sign-in": "anybody",
    "POST /sign-in": "anybody",
    "POST /sign-out": "signed in",
    "GET /courses": "signed in",
}


def tables() -> Iterator[tuple[str, dict[str, str]]]:
    """The tables of all areas, by their modules."""
    yield __name__, ROUTES
    for path in sorted(Path(__file__).parent.glob("test_*_pages.py")):
        table = getattr(importlib.import_module(f"tests.web.{path.stem}"), "ROUTES", None)
        if table is not None:  # an area may have several modules
            yield path.stem, table


ALL = sorted(
    {f"{method} {route.path}" for route in pages.ROUTES for method in route.methods - {"HEAD"}}
)
DECIDED = {route: who for _, table in tables() for route, who in table.items()}


def test_no_route_is_missing_from_the_tables_and_none_is_made_up() -> None:
    assert set(ALL) == set(DECIDED)


def test_the_tables_agree_and_say_who_in_words_that_mean_something() -> None:
    said: dict[str, str] = {}
    for module, table in tables():
        for route, who in table.items():
            assert who in WHO, (module, route)
            assert said.setdefault(route, who) == who, (module, route)


@pytest.fixture
def nobody(site: Site) -> Iterator[TestClient]:
    """Somebody without a session, at an installation without anything."""
    with client_of(site) as client:
        client.follow_redirects = False
        yield client


def test_who_is_not_signed_in_is_led_there_and_back(nobody: TestClient) -> None:
    for route in ALL:
        method, path = route.split(" ")
        where = re.sub(r"\{[^}]*\}", "1", path)
        if DECIDED[route] == "anybody":
            continue
        answer = nobody.request(method, where)
        then = where.replace("/", "%2F") if method == "GET" else "%2Fcourses"
        assert (answer.status_code, answer.headers.get("location")) == (
            303,
            f"/sign-in?then={then}",
        ), route
        part = nobody.request(method, where, headers={"HX-Request": "true"})
        assert (part.status_code, part.content) == (204, b""), route
    # A part of a page leads back to that page, where it is one of ours.
    for page, then in (
        ("http://testserver/submissions/1?list=q", "%2Fsubmissions%2F1%3Flist%3Dq"),
        ("https://elsewhere.example/submissions/1", "%2Fcourses"),
    ):
        asked = {"HX-Request": "true", "HX-Current-URL": page}
        part = nobody.post("/submissions/1/comments", headers=asked)
        assert part.headers["hx-redirect"] == f"/sign-in?then={then}"


def test_a_form_of_another_s_or_without_its_proof_changes_nothing(
    nobody: TestClient, site: Site
) -> None:
    ada = people_of(site).ada
    for route in ALL:
        method, path = route.split(" ")
        if method == "GET" or DECIDED[route] == "anybody":
            continue
        where = re.sub(r"\{[^}]*\}", "1", path)
        headers = as_(site, ada)
        assert nobody.request(method, where, headers={"Cookie": headers["Cookie"]}).status_code == (
            403
        ), route
        elsewhere = headers | {"Sec-Fetch-Site": "cross-site"}
        assert nobody.request(method, where, headers=elsewhere).status_code == 403, route


def test_no_page_may_load_anything_from_elsewhere_nor_be_framed(
    nobody: TestClient, site: Site
) -> None:
    ada = people_of(site).ada
    for route in ALL:
        method, path = route.split(" ")
        if method != "GET":
            continue
        where = re.sub(r"\{[^}]*\}", "1", path)
        headers = nobody.get(where, headers=as_(site, ada)).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), route
        assert "unsafe" not in policy, route
        assert "frame-ancestors 'none'" in policy or "sandbox" in policy, route
        assert headers["x-content-type-options"] == "nosniff", route
