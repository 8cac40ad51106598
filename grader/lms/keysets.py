"""Keys of platforms, by which what they say is known to be theirs: read, bounded, kept a while."""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grader.errors import BadInput, ChainruleError
from grader.lms.outside import Outside, Unreachable

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

_LARGEST = 256 << 10
_MOST_KEYS = 50
_MOST_PLATFORMS = 200
_FRESH_S = 3600.0  # after which they are read again
_KEPT_S = 86400.0  # after which they hold no more, even where they can't be read again
# How long until they are read again for a name that is unknown, so that nobody has us ask a
# platform all the time; and where they could not be read.
_REREAD_S, _RETRY_S = 60.0, 5.0
_LEAST_BITS, _MOST_BITS = 2048, 8192
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

log = logging.getLogger(__name__)


class UnknownKey(BadInput):
    """None of the keys that the platform publishes has this name."""

    status = 403


class NoKeys(ChainruleError):
    """The platform's keys can't be read."""

    status = 502


@dataclass
class _Kept:
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    read_at: float | None = None
    tried_at: float | None = None
    failure: str = ""
    reading: threading.Lock = field(default_factory=threading.Lock)


class PlatformKeys:
    """The keys of all platforms, from nowhere but where each was registered to publish them."""

    def __init__(self, outside: Outside, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._outside = outside
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def key(self, jwks_url: str, kid: str) -> RSAKey:
        """The key of that name; raises UnknownKey, NoKeys."""
        from joserfc.jwk import RSAKey

        with self._lock:
            if jwks_url not in self._kept and len(self._kept) >= _MOST_PLATFORMS:
                self._kept.clear()
            kept = self._kept.setdefault(jwks_url, _Kept())
        with kept.reading:  # whoever else wants a key of it waits for what is read
            if self._is_due(kept, kid):
                self._read(jwks_url, kept)
        found = kept.keys if self._holds(kept) else {}
        if kid in found:
            return RSAKey.import_key(dict(found[kid]))
        if not found:
            raise NoKeys(f"the platform's keys can't be read: {kept.failure or 'try again soon'}")
        raise UnknownKey("it is signed by a key (kid) that the platform does not publish")

    def _is_due(self, kept: _Kept, kid: str) -> bool:
        now = self._clock()
        pause = _RETRY_S if kept.failure else _REREAD_S
        if kept.tried_at is not None and now - kept.tried_at < pause:
            return False
        return kid not in kept.keys or kept.read_at is None or now - kept.read_at >= _FRESH_S

    def _holds(self, kept: _Kept) -> bool:
        return kept.read_at is not None and self._clock() - kept.read_at < _KEPT_S

    def _read(self, jwks_url: str, kept: _Kept) -> None:
        kept.tried_at = self._clock()
        try:
            answer = self._outside.send(
                "GET", jwks_url, headers={"accept": "application/json"}, largest=_LARGEST
            )
            if not answer.ok:
                raise Unreachable(f"status {answer.status}")
            keys = usable(answer.json())
        except (Unreachable, BadInput) as error:
            kept.failure = str(error)
            log.warning("the keys at %s can't be read: %s", jwks_url, error)
            return
        kept.keys, kept.read_at, kept.failure = keys, self._clock(), ""


def usable(document: Any) -> dict[str, dict[str, str]]:
    """Of a JWK set those keys that may sign for us to verify, by their names.

    Others are passed over: symmetric ones, those for encryption, and those whose private half is
    there as well, since anybody might have it by now. Raises BadInput where it is no JWK set.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise BadInput("what is there is no set of keys (JWKS)")
    if len(keys) > _MOST_KEYS:
        raise BadInput(f"there are more than {_MOST_KEYS} keys")
    found: dict[str, dict[str, str]] = {}
    for key in keys:
        if isinstance(key, dict) and _may_sign(key):
            found.setdefault(key["kid"], {name: key[name] for name in ("kty", "n", "e")})
    return found


def _may_sign(key: Mapping[str, Any]) -> bool:
    if key.get("kty") != "RSA" or _PRIVATE & key.keys():
        return False
    if key.get("use", "sig") != "sig" or key.get("alg", "RS256") != "RS256":
        return False
    if not all(isinstance(key.get(name), str) for name in ("kid", "n", "e")):
        return False
    modulus, exponent = _number(key["n"]), _number(key["e"])
    if not _LEAST_BITS <= modulus.bit_length() <= _MOST_BITS or modulus % 2 == 0:
        return False
    return 3 <= exponent < 1 << 33 and exponent % 2 == 1


def _number(text: str) -> int:
    try:
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
    except ValueError:
        return 0
