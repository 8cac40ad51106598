"""The address that is served at: bound once, for all processes that answer there."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from grader.errors import BadInput


@contextmanager
def listeners_at(host: str, port: int) -> Iterator[Sequence[socket.socket]]:
    """A socket for each address that the host has. Nobody is let in before somebody listens.

    Raises BadInput where somebody else listens there, or it is no address of this machine.
    """
    with ExitStack() as stack:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            sockets = []
            for family, address in dict.fromkeys((one[0], one[4]) for one in found):
                if (listener := _socket(family)) is not None:
                    stack.enter_context(listener).bind(address)
                    sockets.append(listener)
            if not sockets:
                raise OSError(errno.EAFNOSUPPORT, "no address of it can be had here")
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "that is no name of a host"
            raise BadInput(f"CHAINRULE_LISTEN: {host}:{port}: {why}") from error
        yield sockets


def _socket(family: int) -> socket.socket | None:
    """None where the machine does without this family, as some do without IPv6."""
    try:
        made = socket.socket(family)
    except OSError:
        return None
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made
