"""What a function returns where its results have not been computed: generators, coroutines.

Nothing of a student's is gone through here, so these hold no results. What they are is told by the
names of their types, which only words depend on.
"""

from __future__ import annotations

from grader.checks.verdicts import Failure, NearMiss
from grader.domain.evidence import Raised, Thing, Value

_ITERATORS = {
    "generator": "a generator",
    "async_generator": "an asynchronous generator",
    "map": "a map object",
    "zip": "a zip object",
    "filter": "a filter object",
    "enumerate": "an enumerate object",
    "reversed": "an iterator",
    "chain": "an iterator",
    "islice": "an iterator",
    "starmap": "an iterator",
}


def unmade(value: Value | Raised, what: str, wanted: str) -> Failure | None:
    """Why `value` holds no results, and that `wanted` should be returned; None where it may.

    `what` is what returned it: "backprop()".
    """
    if not isinstance(value, Thing) or value.is_class:
        return None
    if value.type == "coroutine":
        name, near_miss = "a coroutine", NearMiss("returns-coroutine")
    elif value.type in _ITERATORS or value.type.endswith("_iterator"):
        name = _ITERATORS.get(value.type, "an iterator")
        near_miss = NearMiss("returns-iterator", variant=value.type)
    else:
        return None
    return Failure(f"{what} returned {name}: return {wanted}.", near_miss)
