"""Lists of members as LMSs give them: pages, their links, and bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from grader.errors import ChainruleError
from grader.lms import memberships
from grader.lms.memberships import members, next_page
from grader.lms.outside import Answer, Outside
from grader.lms.platforms import PlatformFacts

BASE = "https://lms.example"
PLATFORM = PlatformFacts(BASE, "c", f"{BASE}/auth", f"{BASE}/token", f"{BASE}/jwks")


class Tokens:
    """One token for everything."""

    def get(self, platform: PlatformFacts, scopes: list[str]) -> str:
        """As of ServiceTokens."""
        return "t1"

    def forget(self, platform: PlatformFacts, scopes: list[str], token: str) -> None:
        """As of ServiceTokens."""


@dataclass(frozen=True)
class Pages(Outside):
    """Pages by their addresses: who is on them, and the Link header."""

    private: bool = False
    pages: Mapping[str, tuple[list[str], str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        largest: int = 0,
    ) -> Answer:
        """As of Outside."""
        assert (headers or {})["authorization"] == "Bearer t1"
        self.asked.append(url)
        people, link = self.pages[url]
        body = {"members": [{"user_id": one, "roles": ["Learner"]} for one in people]}
        return Answer(200, {"link": link} if link else {}, json.dumps(body).encode())


def read(pages: Mapping[str, tuple[list[str], str]], first: str = f"{BASE}/m?type=1") -> list[str]:
    found = members(Pages(pages=pages), Tokens(), PLATFORM, first)  # type: ignore[arg-type]
    return [one.subject for one in found]


def as_sent(text: str) -> str:
    """A header's text as it arrives: the bytes of UTF-8, read one by one."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize(
    ("link", "address"),
    [
        (f'<{BASE}/m?page=2>; rel="next"', f"{BASE}/m?page=2"),
        (f"<{BASE}/m?page=2>; rel=next", f"{BASE}/m?page=2"),
        (f'<{BASE}/m?p=1>; rel="current", <{BASE}/m?p=2>; rel="next"', f"{BASE}/m?p=2"),
        (f'<{BASE}/m>;title="x"; REL="Next"', f"{BASE}/m"),
        # As Moodle writes it.
        (as_sent(f"<{BASE}/m?type=1&amp;page=2>; rel=“next”"), f"{BASE}/m?type=1&page=2"),
        (f'<{BASE}/m?page=1>; rel="first"', None),
        (f'<{BASE}/m?page=1>; rel="nextish"', None),
        ("", None),
        ("<>; rel=next", None),
        ("<" * 100_000, None),
    ],
)
def test_the_next_page_is_found_in_every_spelling_of_the_header(
    link: str, address: str | None
) -> None:
    assert next_page({"link": link}) == address


def test_all_pages_are_read_and_everybody_once() -> None:
    pages = {
        f"{BASE}/m?type=1": (["a", "b"], as_sent(f"<{BASE}/m?type=1&amp;page=2>; rel=“next”")),
        f"{BASE}/m?type=1&page=2": (["b", "c"], "</m?page=3>; rel=next"),
        f"{BASE}/m?page=3": (["d"], ""),
    }
    assert read(pages) == ["a", "b", "c", "d"]


def test_a_page_elsewhere_is_not_asked_for_and_no_token_goes_there() -> None:
    for other in ("https://evil.example/m", "http://lms.example/m", "https://lms.example:8443/m"):
        pages = {f"{BASE}/m?type=1": (["a"], f"<{other}>; rel=next")}
        with pytest.raises(ChainruleError, match="another site"):
            read(pages)


def test_pages_without_an_end_end(monkeypatch: pytest.MonkeyPatch) -> None:
    circle = {f"{BASE}/m?type=1": (["a"], f"<{BASE}/m?type=1>; rel=next")}
    with pytest.raises(ChainruleError, match="no end"):
        read(circle)
    monkeypatch.setattr(memberships, "_MOST_MEMBERS", 2)
    with pytest.raises(ChainruleError, match="longer than 2"):
        read({f"{BASE}/m?type=1": (["a", "b", "c"], "")})
