"""The address that is served at: bound once, for all processes that answer there."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from grader.errors import BadInput


@contextmanager
def bound(host: str, port: int) -> Iterator[Sequence[socket.socket]]:
    """A socket for each address that the host has. Nobody is let in before somebody listens.

    Raises BadInput where it is not to be had.
    """
    with ExitStack() as stack:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys((family, address) for family, *_, address in found))
            sockets = [stack.enter_context(socket.socket(family)) for family, _ in addresses]
            for one, (family, address) in zip(sockets, addresses, strict=True):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.bind(address)
        except OSError as error:
            raise BadInput(f"CHAINRULE_LISTEN: {host}:{port}: {error.strerror}") from error
        yield sockets
