"""Wrong activations anywhere in a network: what the reference gives with each such mistake."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from grader.checks.arrays import read
from grader.checks.calling.calls import reference_evidence
from grader.checks.calling.nearmiss import Explanation
from grader.checks.looks import Asking, ask, ask_reference
from grader.checks.reading import names
from grader.checks.verdicts import NearMiss
from grader.domain.evidence import Answer, Raised, Tensor, Value
from grader.domain.questions import Probe

_OTHERS = ("relu", "sigmoid", "tanh")
_MOST = 8  # activations that are told apart one by one


@dataclass(frozen=True)
class _Mistake:
    """The activations of these numbers are another one, or missing where `use` is ""."""

    near_miss: NearMiss
    at: tuple[int, ...]
    use: str


def with_other_activations(
    probe: Probe, results: Callable[[Answer], Sequence[Value | Raised]]
) -> Asking[list[Explanation]]:
    """What the reference gives with one mistake after another in its activations.

    `results` takes them from an answer to `probe`. What raises, because values are out of the
    range that a later step takes, explains nothing.
    """
    answer = yield from ask_reference(_asking(probe, (), ""))
    evidence = reference_evidence(answer)
    used = names(evidence, "activations") if "activations" in evidence else []
    mistakes = list(_mistakes(used))
    probes = tuple(_asking(probe, one.at, one.use) for one in mistakes)
    replies = yield from ask(reference=probes)
    return [
        Explanation(
            one.near_miss,
            [read(value) if isinstance(value, Tensor) else None for value in results(answer)],
        )
        for one, answer in zip(mistakes, replies.reference, strict=True)
    ]


def _asking(probe: Probe, at: tuple[int, ...], use: str) -> Probe:
    return replace(probe, payload={**probe.payload, "activations": {"at": list(at), "use": use}})


def _mistakes(used: Sequence[str]) -> Iterator[_Mistake]:
    """All activations are wrong, or all but that of the last layer, or a single one.

    Where several of these give the same, the one that says least goes first.
    """
    numbers = tuple(range(len(used)))
    sets = [numbers, numbers[:-1], *((one,) for one in numbers[:_MOST])]
    for at, use in itertools.product(dict.fromkeys(filter(None, sets)), ("", *_OTHERS)):
        replaced = list(dict.fromkeys(used[one] for one in at if used[one] != use))
        if not replaced:
            continue
        wanted = " and ".join(replaced)
        where = f" (activation {at[0] + 1} of {len(used)})" if len(at) == 1 < len(used) else ""
        if use:
            words = f"It is the result with {use} in place of {wanted}{where}."
            near_miss = NearMiss("other-activation", words, f"{use}-for-{wanted}")
        else:
            words = f"It is the result without {wanted}{where}."
            near_miss = NearMiss("missing-activation", words, wanted)
        yield _Mistake(near_miss, at, use)
