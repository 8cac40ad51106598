"""Tokens for services: the assertion that asks for one, how long it is kept, and refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from grader.lms.keys import new_key, published
from grader.lms.outside import Answer, Outside, Unreachable
from grader.lms.platforms import PlatformFacts, Way
from grader.lms.tokens import ServiceTokens, TokenRefused

KEY = new_key()
PLATFORM = PlatformFacts(
    issuer="https://lms.example",
    client_id="client-1",
    login_url="https://lms.example/auth",
    token_url="https://lms.example/token",
    jwks_url="https://lms.example/jwks",
)
SCOPES = ["b", "a"]


class Door(Outside):
    """A platform's door for tokens, without a network."""

    def __init__(self, status: int = 200, body: object | bytes = b"", **fields: Any) -> None:
        super().__init__(private=False)
        object.__setattr__(self, "asked", [])
        answer = {"token_type": "Bearer", "expires_in": 3600, **fields}
        object.__setattr__(self, "reply", (status, body, answer))

    asked: list[Mapping[str, str]]
    reply: tuple[int, object, dict[str, Any]]

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        largest: int = 0,
    ) -> Answer:
        assert (method, url) == ("POST", PLATFORM.token_url)
        fields = parse_qs((content or b"").decode(), strict_parsing=True)
        self.asked.append({name: values[0] for name, values in fields.items()})
        status, body, answer = self.reply
        given = body or {"access_token": f"t{len(self.asked)}", **answer}
        return Answer(status, {}, given if isinstance(given, bytes) else json.dumps(given).encode())


def to(door: Outside) -> Way:
    """The way to every platform."""
    return lambda _: door


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_assertion_says_who_we_are_for_a_minute_and_never_the_same_twice() -> None:
    door = Door()
    tokens = ServiceTokens(to(door), lambda: KEY)
    tokens.get(PLATFORM, ["a"])
    tokens.get(PLATFORM, SCOPES)
    first, second = door.asked
    assert second["scope"] == "a b"
    assert first["grant_type"] == "client_credentials"
    assert first["client_assertion_type"].endswith(":jwt-bearer")
    keys = KeySet.import_key_set(published([KEY]))  # type: ignore[arg-type]
    read = [jwt.decode(one["client_assertion"], keys, ["RS256"]) for one in door.asked]
    claims = read[0].claims
    assert read[0].header["kid"] == KEY.kid
    assert (claims["iss"], claims["sub"], claims["aud"]) == (
        "client-1",
        "client-1",
        PLATFORM.token_url,
    )
    assert claims["exp"] - claims["iat"] == 60
    assert claims["jti"] != read[1].claims["jti"]


def test_a_platform_may_want_assertions_for_somebody_else_than_its_door() -> None:
    door = Door()
    other = PlatformFacts(**{**PLATFORM.__dict__, "token_audience": "https://api.example/auth"})
    ServiceTokens(to(door), lambda: KEY).get(other, SCOPES)
    keys = KeySet.import_key_set(published([KEY]))  # type: ignore[arg-type]
    read = jwt.decode(door.asked[0]["client_assertion"], keys, ["RS256"])
    assert read.claims["aud"] == "https://api.example/auth"


@pytest.mark.parametrize(
    ("expires_in", "holds", "over"),
    [(3600, 3500, 3545), ("600", 500, 545), (40, 19, 21), (10**9, 3500, 3545), (None, 200, 245)],
)
def test_a_token_is_kept_until_shortly_before_its_end(
    expires_in: object, holds: float, over: float
) -> None:
    door, clock = Door(expires_in=expires_in), Clock()
    tokens = ServiceTokens(to(door), lambda: KEY, clock=clock)
    assert tokens.get(PLATFORM, SCOPES) == "t1"
    clock.now = holds
    assert tokens.get(PLATFORM, reversed(SCOPES)) == "t1"  # type: ignore[arg-type]
    clock.now = over
    assert tokens.get(PLATFORM, SCOPES) == "t2"


@pytest.mark.parametrize("expires_in", [0, -5, "nan"])
def test_a_token_without_a_future_is_used_once(expires_in: object) -> None:
    tokens = ServiceTokens(to(Door(expires_in=expires_in)), lambda: KEY, clock=Clock())
    assert [tokens.get(PLATFORM, SCOPES) for _ in range(2)] == ["t1", "t2"]


def test_what_the_platform_refused_is_forgotten_and_nothing_newer() -> None:
    tokens = ServiceTokens(to(Door()), lambda: KEY, clock=Clock())
    first = tokens.get(PLATFORM, SCOPES)
    tokens.forget(PLATFORM, SCOPES, first)
    assert tokens.get(PLATFORM, SCOPES) == "t2"
    tokens.forget(PLATFORM, SCOPES, first)
    assert tokens.get(PLATFORM, SCOPES) == "t2"


def test_a_refusal_says_why_and_that_trying_again_does_not_help() -> None:
    body = {"error": "invalid_scope", "error_description": "No <b>such\x1b scope"}
    tokens = ServiceTokens(to(Door(400, body)), lambda: KEY)
    with pytest.raises(TokenRefused, match=r"status 400; invalid_scope: No <b>such\\x1b scope"):
        tokens.get(PLATFORM, SCOPES)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_platform_that_is_busy_or_broken_may_be_asked_again(status: int) -> None:
    with pytest.raises(Unreachable, match=str(status)):
        ServiceTokens(to(Door(status, b"<html>")), lambda: KEY).get(PLATFORM, SCOPES)


@pytest.mark.parametrize(
    "body", [[1], {"x": 1}, {"access_token": "a\r\nb: c"}, {"access_token": "x" * 20_000}]
)
def test_what_could_not_be_sent_as_a_token_is_none(body: object) -> None:
    with pytest.raises(TokenRefused):
        ServiceTokens(to(Door(200, body)), lambda: KEY).get(PLATFORM, SCOPES)
