"""Lists of members as LMSs give them: pages, their links, and bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from grader.errors import ChainruleError
from grader.lms import memberships
from grader.lms.memberships import Member, members
from grader.lms.outside import Answer, Outside
from grader.lms.platforms import PlatformFacts
from tests.unit.lms.test_answers import as_sent

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


def test_somebody_who_is_named_by_a_number_is_known_by_its_digits() -> None:
    (found,) = memberships._read({"members": [{"user_id": 17, "roles": []}]})
    assert found.subject == "17"


def read(pages: Mapping[str, tuple[list[str], str]], first: str = f"{BASE}/m?type=1") -> list[str]:
    found = members(Pages(pages=pages), Tokens(), PLATFORM, first)  # type: ignore[arg-type]
    return [one.subject for one in found]


def listed(body: list[dict[str, Any]]) -> Sequence[Member]:
    """What is made of one page with these members."""

    class Way(Pages):
        def send(self, method: str, url: str, **_: Any) -> Answer:
            return Answer(200, {}, json.dumps({"members": body}).encode())

    return members(Way(), Tokens(), PLATFORM, f"{BASE}/m")  # type: ignore[arg-type]


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


def test_a_list_that_takes_too_long_is_given_up() -> None:
    pages = {
        f"{BASE}/m?p={page}": ([str(page)], f"</m?p={page + 1}>; rel=next") for page in range(99)
    }
    way, now = Pages(pages=pages), iter(range(0, 2000, 20))
    with pytest.raises(ChainruleError, match="takes longer than 120 s to list its people; after 5"):
        members(way, Tokens(), PLATFORM, f"{BASE}/m?p=0", clock=lambda: float(next(now)))  # type: ignore[arg-type]
    assert len(way.asked) == 5


def test_who_is_listed_twice_is_active_where_one_place_says_so() -> None:
    body = [
        {"user_id": "a", "roles": ["Learner"], "status": "Deleted"},
        {"user_id": "b", "roles": ["Instructor"]},
        {"user_id": "a", "roles": ["Instructor"], "status": "Active"},
        {"user_id": "b", "roles": ["Instructor"], "status": "Inactive"},
    ]
    assert [(one.subject, one.role, one.is_active) for one in listed(body)] == [
        ("a", "instructor", True),
        ("b", "instructor", True),
    ]


def test_what_is_left_out_of_a_member_is_taken_as_the_specification_has_it() -> None:
    """No status is an active one; names, addresses and roles may be missing."""
    body = [
        {"user_id": "a"},
        {"user_id": "b", "status": None, "roles": [], "email": "no address"},
        {"user_id": "c", "status": "active", "given_name": "C", "family_name": "D"},
        {"user_id": "d", "status": "Inactive", "roles": ["Learner"]},
        {"user_id": "e", "status": "Deleted", "roles": ["Learner"]},
        {
            "user_id": "f",
            "status": 7,
            "roles": ["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"],
        },
    ]
    assert [
        (one.subject, one.name, one.email, one.role, one.is_active) for one in listed(body)
    ] == [
        ("a", "", None, None, True),
        ("b", "", None, None, True),
        ("c", "C D", None, None, True),
        ("d", "", None, "student", False),
        ("e", "", None, "student", False),
        ("f", "", None, "student", False),
    ]


@pytest.mark.parametrize("user", [{}, {"user_id": None}, {"user_id": True}, {"user_id": ""}])
def test_a_member_of_whom_nobody_knows_who_it_is_makes_the_list_none(user: dict[str, Any]) -> None:
    with pytest.raises(ChainruleError, match="user_id is missing"):
        listed([{"user_id": "a", "roles": ["Learner"]}, {**user, "roles": ["Learner"]}])


def test_pages_that_lead_to_each_other_end() -> None:
    pages = {
        f"{BASE}/m?p=1": (["a"], "</m?p=2>; rel=next"),
        f"{BASE}/m?p=2": (["b"], "</m?p=1>; rel=next"),
    }
    with pytest.raises(ChainruleError, match="no end"):
        read(pages, f"{BASE}/m?p=1")


def test_pages_without_an_end_end(monkeypatch: pytest.MonkeyPatch) -> None:
    circle = {f"{BASE}/m?type=1": (["a"], f"<{BASE}/m?type=1>; rel=next")}
    with pytest.raises(ChainruleError, match="no end"):
        read(circle)
    monkeypatch.setattr(memberships, "_MOST_MEMBERS", 2)
    with pytest.raises(ChainruleError, match="longer than 2"):
        read({f"{BASE}/m?type=1": (["a", "b", "c"], "")})
