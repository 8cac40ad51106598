"""What keeps LMSs from using the address of an installation."""

from __future__ import annotations

import pytest

from grader.config import load_settings
from grader.services.ownaddress import obstacles


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, ["is not set", "no TLS", "127.0.0.1 is no public name"]),
        (
            {"URL": "http://0.0.0.0:9000", "LISTEN": "0.0.0.0:9000"},
            ["is not set", "no TLS", "0.0.0.0 is no public name"],
        ),
        ({"URL": "http://chainrule.school.example"}, ["no TLS"]),
        ({"URL": "https://localhost"}, ["localhost is no public name"]),
        ({"URL": "https://10.0.0.7:8443"}, ["10.0.0.7 is no public name"]),
        ({"URL": "https://grader"}, ["grader is no public name"]),
        ({"URL": "https://grader.lan/"}, ["grader.lan is no public name"]),
        ({"URL": "https://chainrule.school.example"}, []),
        ({"URL": "https://93.184.215.14"}, []),
    ],
)
def test_each_is_told(variables: dict[str, str], words: list[str]) -> None:
    found = obstacles(load_settings({f"CHAINRULE_{name}": one for name, one in variables.items()}))
    assert len(found) == len(words)
    for said, expected in zip(found, words, strict=True):
        assert expected in said
