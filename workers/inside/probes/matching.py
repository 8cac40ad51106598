"""Which given value goes into which parameter: by structure, whatever the names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

MATCHINGS = 24
_STEPS = 5000  # of the search for matchings that keep layers together

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Matching:
    """For each given value, in order: the index of its parameter, and whether it is transposed."""

    places: tuple[int, ...]
    transposed: tuple[bool, ...]


def matchings(given: list[tuple[str, Shape]], own: list[tuple[str, Shape]]) -> list[Matching]:
    """Up to 24 ways to put the given values into a module's own parameters, likely ones first.

    Both lists are (name, shape) in order of definition. A value fits a parameter of the same
    shape, but for dimensions of 1 and for the order of a matrix's two dimensions. First come the
    ways that keep what stands in one layer together, each as it is and with square matrices
    transposed.
    """
    if sorted(_class(shape) for _, shape in given) != sorted(_class(shape) for _, shape in own):
        return []
    found: dict[Matching, None] = {}
    for layered in (True, False):
        for places in islice(_assignments(given, own, layered), MATCHINGS):
            for turned in (False, True):
                transposed = tuple(
                    _is_transposed(shape, own[place][1], turned)
                    for (_, shape), place in zip(given, places, strict=True)
                )
                found[Matching(places, transposed)] = None
    return list(islice(found, MATCHINGS))


def _class(shape: Shape) -> Shape:
    """Shapes of one class fit each other."""
    core = tuple(size for size in shape if size != 1)
    return tuple(sorted(core)) if len(core) == 2 else core


def _is_transposed(given: Shape, own: Shape, turned: bool) -> bool:
    given_core = tuple(size for size in given if size != 1)
    own_core = tuple(size for size in own if size != 1)
    if len(given_core) != 2:
        return False
    if given_core[0] == given_core[1]:
        return turned
    return given_core != own_core


def _assignments(
    given: list[tuple[str, Shape]], own: list[tuple[str, Shape]], layered: bool
) -> Iterator[tuple[int, ...]]:
    """Complete assignments in order of definition; `layered` keeps layers together."""
    classes = [_class(shape) for _, shape in own]
    steps = 0

    def extend(places: tuple[int, ...], layers: dict[str, str]) -> Iterator[tuple[int, ...]]:
        nonlocal steps
        if len(places) == len(given):
            yield places
            return
        name, shape = given[len(places)]
        layer = _layer(name)
        for place, (own_name, _) in enumerate(own):
            steps += 1
            if layered and steps > _STEPS:
                return
            if place in places or classes[place] != _class(shape):
                continue
            own_layer = _layer(own_name)
            if layered and layers.get(layer, own_layer) != own_layer:
                continue
            if layered and layer not in layers and own_layer in layers.values():
                continue
            yield from extend((*places, place), {**layers, layer: own_layer})

    yield from extend((), {})


def _layer(name: str) -> str:
    return name.rpartition(".")[0]
