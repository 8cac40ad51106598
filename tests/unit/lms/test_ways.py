"""Which way requests take to addresses that an LMS has told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from grader.db.models import Platform
from grader.services.platforms import facts_of, way_to
from tests.sites import site_at

DOORS: dict[str, str] = {
    "issuer": "https://moodle.example",
    "login_url": "https://moodle.example/auth",
    "token_url": "https://moodle.example/token",
    "jwks_url": "https://moodle.example/keys",
    "pages": "https://school.example",
}
MOODLE = Platform(**DOORS, client_id="c", is_private=True)


@pytest.mark.parametrize(
    ("urls", "registered"),
    [
        (["https://moodle.example/lineitems?type_id=1"], True),
        (["https://school.example/members", None], True),
        (["https://elsewhere.example/members"], False),
        (["http://moodle.example/lineitems"], False),
        (["https://moodle.example:8443/lineitems"], False),
        (["https://moodle.example/lineitems", "http://10.0.0.1/item"], False),
    ],
)
def test_only_registered_addresses_may_lie_in_our_own_network(
    urls: list[str | None], registered: bool, tmp_path: Path
) -> None:
    site = site_at("sqlite://", tmp_path)
    way = way_to(site, MOODLE, *urls)
    assert way is (site.to_platforms if registered else site.outside)
    assert site.to_platforms.private
    assert not site.outside.private


def test_where_nobody_has_vouched_for_it_even_its_own_addresses_may_not(tmp_path: Path) -> None:
    site = site_at("sqlite://", tmp_path)
    row = Platform(**DOORS, client_id="c", is_private=False)
    assert way_to(site, row, "https://moodle.example/lineitems") is site.outside


def test_its_keys_and_tokens_are_asked_for_by_the_same_rule(tmp_path: Path) -> None:
    site = site_at("sqlite://", tmp_path)
    facts = facts_of(MOODLE)
    assert facts.is_private
    for way in (site.platform_keys._way, site.service_tokens._way):
        assert way(facts).private
        assert not way(replace(facts, is_private=False)).private
    assert site.platform_keys._way(facts).patience_s == 5
