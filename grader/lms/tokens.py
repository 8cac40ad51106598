"""Tokens for a platform's services: asked for by an assertion that we sign, kept while they hold.

A token covers every course of a registration: it is never stored, logged or shown.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from grader.errors import ChainruleError
from grader.lms.keys import OwnKey, signed
from grader.lms.outside import Answer, Unreachable
from grader.lms.platforms import PlatformFacts, Way
from grader.safetext import one_line

_ASSERTION_LASTS = 60  # seconds
_LARGEST = 64 << 10
_MOST_KEPT = 1000
_SPARE = 60.0  # seconds before its end in which a token is not begun with any more
_LASTS_UNSAID, _LASTS_AT_MOST = 300.0, 3600.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,16000}")
_BUSY = frozenset({408, 425, 429})

_Key = tuple[PlatformFacts, frozenset[str]]


class TokenRefused(ChainruleError):
    """The platform gives us no token: its registration of us, or ours of it, is to be mended."""


@dataclass(frozen=True)
class _Kept:
    token: str = field(repr=False)
    until: float


class ServiceTokens:
    """Tokens of all platforms. For any thread.

    `key` tells the key of ours that signs now.
    """

    def __init__(
        self,
        way: Way,
        key: Callable[[], OwnKey],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._way = way
        self._key = key
        self._clock = clock
        self._kept: dict[_Key, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, platform: PlatformFacts, scopes: Collection[str]) -> str:
        """A token with these scopes, that holds for a while still.

        Raises TokenRefused, Unreachable, NotAllowed.
        """
        wanted = (platform, frozenset(scopes))
        with self._lock:
            kept = self._kept.get(wanted)
        if kept is not None and kept.until > self._clock():
            return kept.token
        fresh = self._ask(platform, scopes)
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[wanted] = fresh
        return fresh.token

    def forget(self, platform: PlatformFacts, scopes: Collection[str], token: str) -> None:
        """That token holds no more, as the platform has said; another one is asked for next."""
        wanted = (platform, frozenset(scopes))
        with self._lock:
            kept = self._kept.get(wanted)
            if kept is not None and kept.token == token:  # not one that another thread got since
                del self._kept[wanted]

    def _ask(self, platform: PlatformFacts, scopes: Collection[str]) -> _Kept:
        asked = self._clock()
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": signed(_claims(platform), self._key()),
            "scope": " ".join(sorted(scopes)),
        }
        answer = self._way(platform).send(
            "POST",
            platform.token_url,
            headers={
                "content-type": "application/x-www-form-urlencoded",
                "accept": "application/json",
            },
            content=urlencode(form).encode(),
            largest=_LARGEST,
        )
        if not answer.ok:
            raise _refusal(answer)
        body = answer.json()
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise TokenRefused("the platform's answer has no access_token that could be sent")
        return _Kept(token, asked + _usable(body.get("expires_in")))


def _claims(platform: PlatformFacts) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": platform.client_id,
        "sub": platform.client_id,
        "aud": platform.token_audience or platform.token_url,
        "iat": now,
        "exp": now + _ASSERTION_LASTS,
        "jti": secrets.token_urlsafe(24),
    }


def _usable(expires_in: object) -> float:
    """For how many seconds a token is used; some platforms write the number as a text."""
    try:
        said = float(expires_in)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        said = _LASTS_UNSAID
    if not said > 0:  # NaN as well
        return 0.0
    lasts = min(said, _LASTS_AT_MOST)
    return max(lasts - _SPARE, lasts / 2)


def _refusal(answer: Answer) -> ChainruleError:
    said = ""
    try:
        body = answer.json()
    except Unreachable:
        body = None
    if isinstance(body, dict):
        parts = (body.get("error"), body.get("error_description"))
        said = ": ".join(one_line(part, 200) for part in parts if isinstance(part, str) and part)
    words = f"the platform gives no token (status {answer.status}{'; ' + said if said else ''})"
    if answer.status >= 500 or answer.status in _BUSY:
        return Unreachable(words)
    return TokenRefused(words)
