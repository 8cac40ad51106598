"""Connections that go to known addresses, and that are over in time whatever the other side does.

A limit for each read alone would let a server that sends a byte now and then hold us for hours.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Sequence
from typing import Any

from httpcore2 import (
    ConnectError,
    ConnectTimeout,
    NetworkBackend,
    NetworkStream,
    ReadTimeout,
    SyncBackend,
)


class Dialer(NetworkBackend):
    """Connects to the first of `addresses` that takes it, whatever name is asked for; `until` is on
    the monotonic clock."""

    def __init__(self, addresses: Sequence[str], until: float) -> None:
        self._addresses = list(dict.fromkeys(addresses))
        self._until = until
        self._real = SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """A connection; the name stays that of the request, for TLS."""
        failure: Exception = ConnectTimeout("it took too long")
        until = self._until if timeout is None else min(self._until, time.monotonic() + timeout)
        for number, address in enumerate(self._addresses):
            left = until - time.monotonic()
            if left <= 0:
                break
            # Those behind it have their share of the time.
            share = left / (len(self._addresses) - number)
            try:
                stream = self._real.connect_tcp(
                    address,
                    port,
                    share,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (ConnectError, ConnectTimeout) as error:
                failure = error
            else:
                return _Bounded(stream, self._until)
        raise failure


class _Bounded(NetworkStream):
    def __init__(self, real: NetworkStream, until: float) -> None:
        self._real = real
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._real.read(max_bytes, self._time(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._real.write(buffer, self._time(timeout))

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        secured = self._real.start_tls(ssl_context, server_hostname, self._time(timeout))
        return _Bounded(secured, self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)

    def _time(self, timeout: float | None) -> float:
        left = _left(self._until, timeout)
        if left <= 0:
            raise ReadTimeout("it took too long")
        return left


def _left(until: float, timeout: float | None) -> float:
    left = until - time.monotonic()
    return left if timeout is None else min(left, timeout)
