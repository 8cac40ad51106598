"""Which way requests take to addresses that an LMS has told."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.db.models import Platform
from grader.services.platforms import way_to
from tests.sites import site_at

MOODLE = Platform(
    issuer="https://moodle.example",
    login_url="https://moodle.example/auth",
    token_url="https://moodle.example/token",
    jwks_url="https://moodle.example/keys",
    pages="https://school.example",
)


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
