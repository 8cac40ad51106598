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


def gpu(command: _F) -> _F:
    """`--gpu NUMBER`, as often as wanted."""
    return click.option(
        "--gpu",
        "gpu",
        metavar="NUMBER",
        multiple=True,
        type=click.IntRange(0, 255),
        help="Use this GPU, /dev/nvidiaNUMBER, where the rubric asks for one; default: the first. "
        "May be repeated: each attempt has its own.",
    )(command)


def chosen_gpus(wanted: int, numbers: Iterable[int] = ()) -> tuple[int, ...]:
    """The devices for attempts of which each has `wanted`; raise BadInput where there are none."""
    from workers.inside import gpus

    chosen = tuple(dict.fromkeys(numbers))
    if not wanted:
        if chosen:
            raise BadInput("--gpu: the rubric asks for no GPU (runtime.gpu)")
        return ()
    there = gpus.present()
    if not there:
        raise BadInput(
            f"the rubric asks for {wanted} GPU{'s' if wanted > 1 else ''}, and this machine has "
            "none: there is no /dev/nvidia0. `chainrule doctor` says what is missing"
        )
    for number in chosen:
        if number not in there:
            listed = ", ".join(map(str, there))
            raise BadInput(f"--gpu {number}: there is no such device; there are {listed}")
    chosen = chosen or there[:wanted]
    if len(chosen) < wanted:
        raise BadInput(
            f"the rubric asks for {wanted} GPUs for each attempt, and there are {len(chosen)}"
        )
    return chosen


def known_layers(names: Iterable[str]) -> frozenset[str]:
    """The named layers; raise BadInput for one that cannot be accepted as missing."""
    from workers.inside.layers import NEEDS, Need

    accepted = frozenset(names)
    for name in sorted(accepted):
        if NEEDS.get(name) is not Need.UNLESS_ACCEPTED:
            known = ", ".join(layer for layer, need in NEEDS.items() if need == "unless_accepted")
            raise BadInput(f"{name!r} is no layer that can be missing; those are {known}")
    return accepted
