"""Keys of platforms, by which what they say is known to be theirs: read, bounded, kept a while."""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grader.errors import BadInput, ChainruleError
from grader.lms.claims import shown
from grader.lms.outside import Unreachable
from grader.lms.platforms import PlatformFacts, Way

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

_LARGEST = 256 << 10
_MOST_KEYS = 50
_MOST_PLATFORMS = 200
_FRESH_S = 3600.0  # after which they are read again
_KEPT_S = 86400.0  # after which they hold no more, even where they can't be read again
# How long until they are read again for a name that is unknown, so that nobody has us ask a
# platform all the time; and where they could not be read.
_REREAD_S, _RETRY_S = 60.0, 15.0
PATIENCE_S = 5.0  # for a whole answer, and for whoever waits for it
# Fewer than the web answers requests at a time: strangers with names of keys that nobody has must
# not keep everybody else from being answered.
_MOST_WAITING = 4
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
    reading: threading.Event | None = None  # which is set when what is being read is there


class PlatformKeys:
    """The keys of all platforms, from nowhere but where each was registered to publish them.

    They are read by threads of their own, one for a platform at a time: whoever waits for that
    does so for a bounded time, and only a few do at once. Who comes with a key that is known and
    fresh never waits.
    """

    def __init__(
        self,
        way: Way,
        *,
        clock: Callable[[], float] = time.monotonic,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._way = way
        self._clock = clock
        self._patience_s = patience_s
        self._kept: dict[tuple[str, bool], _Kept] = {}
        self._lock = threading.Lock()  # of what is kept: never held while anything is waited for
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)

    def key(self, platform: PlatformFacts, kid: str) -> RSAKey:
        """The platform's key of that name; raises UnknownKey, NoKeys."""
        from joserfc.jwk import RSAKey

        with self._lock:
            kept = self._of(platform)
            is_ready = kid in kept.keys and self._is_fresh(kept)
            if not is_ready and self._may_read(kept):
                self._begin(platform, kept)
            over = kept.reading
        if over is not None and not is_ready:
            self._wait(over)
        with self._lock:
            found = kept.keys if self._holds(kept) else {}
            is_read, failure = kept.reading is None, kept.failure
        if kid in found:
            return RSAKey.import_key(dict(found[kid]))
        if not is_read:
            raise NoKeys("the platform's keys are just being read: open it again in a moment")
        if not found:
            if platform.is_private:  # strangers are told nothing of a network of ours
                raise NoKeys("the platform's keys can't be read; the log says why")
            why = failure or "try again soon"
            raise NoKeys(f"the platform's keys at {shown(platform.jwks_url)} can't be read: {why}")
        raise UnknownKey("it is signed by a key (kid) that the platform does not publish")

    def prepare(self, platform: PlatformFacts) -> None:
        """Have the platform's keys read, if they are not there or old: somebody is on their way
        who needs them."""
        with self._lock:
            kept = self._of(platform)
            if not self._is_fresh(kept) and self._may_read(kept):
                self._begin(platform, kept)

    def look(self, platform: PlatformFacts) -> tuple[int, str]:
        """Have the platform's keys read now, for who has registered it: how many can be used, and
        why none can; empty where any can.

        Only admins ask so: they wait beside the few strangers that may, and not instead of one.
        """
        with self._lock:
            kept = self._of(platform)
            if kept.reading is None:
                self._begin(platform, kept)
            over = kept.reading
        if over is not None:
            over.wait(self._patience_s)
        with self._lock:
            if kept.reading is not None:
                return 0, f"there is no answer within {self._patience_s:.0f} seconds"
            if kept.failure:
                return 0, kept.failure
            return len(kept.keys), "" if kept.keys else "no key is there that can be used"

    def _of(self, platform: PlatformFacts) -> _Kept:
        where = (platform.jwks_url, platform.is_private)
        if where not in self._kept and len(self._kept) >= _MOST_PLATFORMS:
            self._kept.clear()
        return self._kept.setdefault(where, _Kept())

    def _may_read(self, kept: _Kept) -> bool:
        if kept.reading is not None:
            return False
        pause = _RETRY_S if kept.failure else _REREAD_S
        return kept.tried_at is None or self._clock() - kept.tried_at >= pause

    def _is_fresh(self, kept: _Kept) -> bool:
        return kept.read_at is not None and self._clock() - kept.read_at < _FRESH_S

    def _holds(self, kept: _Kept) -> bool:
        return kept.read_at is not None and self._clock() - kept.read_at < _KEPT_S

    def _wait(self, over: threading.Event) -> None:
        if not self._waiting.acquire(blocking=False):
            return
        try:
            over.wait(self._patience_s)
        finally:
            self._waiting.release()

    def _begin(self, platform: PlatformFacts, kept: _Kept) -> None:
        kept.tried_at = self._clock()
        kept.reading = threading.Event()
        # What is logged there is logged of the request that began it.
        work = (copy_context().run, self._read, platform, kept)
        try:
            threading.Thread(target=work[0], args=work[1:], daemon=True).start()
        except RuntimeError:  # no thread can be had
            kept.reading, kept.failure = None, "too much is going on here"

    def _read(self, platform: PlatformFacts, kept: _Kept) -> None:
        keys, failure = None, "something went wrong here"
        try:
            answer = self._way(platform).send(
                "GET", platform.jwks_url, headers={"accept": "application/json"}, largest=_LARGEST
            )
            if not answer.ok:
                raise Unreachable(f"status {answer.status}")
            keys = usable(answer.json())
        except (Unreachable, BadInput) as error:
            failure = str(error)
            log.warning("the keys at %s can't be read: %s", shown(platform.jwks_url), error)
        except Exception:
            log.exception("reading a platform's keys")
        with self._lock:
            if keys is not None:
                kept.keys, kept.read_at, failure = keys, self._clock(), ""
            kept.failure = failure
            over, kept.reading = kept.reading, None
        if over is not None:
            over.set()


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
