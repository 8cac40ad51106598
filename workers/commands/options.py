"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from grader.errors import BadInput

_F = TypeVar("_F", bound=Callable[..., Any])


def accept_missing(command: _F) -> _F:
    """`--accept-missing LAYER`, as often as wanted."""
    return click.option(
        "--accept-missing",
        metavar="LAYER",
        multiple=True,
        help="Go on without this layer of the sandbox where it is missing. May be repeated.",
    )(command)


def known_layers(names: Iterable[str]) -> frozenset[str]:
    """The named layers; raise BadInput for one that cannot be accepted as missing."""
    from workers.inside.layers import NEEDS, Need

    accepted = frozenset(names)
    for name in sorted(accepted):
        if NEEDS.get(name) is not Need.UNLESS_ACCEPTED:
            known = ", ".join(layer for layer, need in NEEDS.items() if need == "unless_accepted")
            raise BadInput(f"{name!r} is no layer that can be missing; those are {known}")
    return accepted
