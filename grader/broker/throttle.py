"""How often something may be done: counters in Redis that expire."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
from datetime import timedelta

from redis import Redis, RedisError

_PATIENCE_S = 0.5

log = logging.getLogger(__name__)


def counted(address: str) -> str:
    """What is counted for who comes from an address: of IPv6 the network of 64 bits, since whoever
    has one address of it has them all."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(known) >> 64 << 64, 64)))


class Throttle:
    """Counts in fixed windows. Without a Redis that answers nobody is held back."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S
        )

    def wait(self, what: str, who: str, *, most: int, window: timedelta) -> timedelta | None:
        """Count one more of `what` by `who`; how long to wait where those were too many."""
        # A hash: who signs in chooses the key's length and content otherwise.
        digest = hashlib.sha256(who.encode("utf-8", "replace")).hexdigest()[:32]
        key = f"chainrule:throttle:{what}:{digest}"
        try:
            pipe = self._redis.pipeline()
            pipe.set(key, 0, ex=window, nx=True)
            pipe.incr(key)
            pipe.ttl(key)
            _, count, left = pipe.execute()
        except RedisError as error:
            log.warning("nothing is counted: %s", error)
            return None
        return timedelta(seconds=max(1, int(left))) if int(count) > most else None
