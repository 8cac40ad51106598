"""Groups of answers that are graded together: wrong for the same reason, or saying the same."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from grader.db import answers
from grader.db.answers import Finding
from grader.db.session import Session
from grader.domain.outcomes import Outcome
from grader.services.counted import Counted
from grader.services.likeness import alike


@dataclass(frozen=True, kw_only=True)
class Finger:
    """What a check said of an answer, as far as answers are grouped by it."""

    check: str
    outcome: Outcome
    cause: str | None


@dataclass(frozen=True, kw_only=True)
class Group:
    """Answers that are alike; `key` stays as long as the answer that stands for them does.

    `wordings` are their different texts, the first one that which stands for them.
    """

    key: str
    fingers: Sequence[Finger]
    wordings: Sequence[str]
    has_text: bool
    submission_ids: Sequence[int]
    left: int

    @property
    def count(self) -> int:
        """How many answers there are."""
        return len(self.submission_ids)


def groups_of(session: Session, counting: Counted, exercise: str) -> list[Group]:
    """Answers of the same failure and, where people grade text, of like text; the largest first."""
    of: dict[int, list[Finding]] = defaultdict(list)
    if counting.version_id is not None:
        for row in answers.findings(session, counting.version_id, exercise, sorted(counting.names)):
            of[row.submission_id].append(row)
    ids = sorted(of)
    texts = {key: _text(of[key]) for key in ids}
    like = alike(tuple(texts[key] or "" for key in ids))
    found: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for key, place in zip(ids, like, strict=True):
        found[_fingers(of[key]), texts[ids[place]]].append(key)
    groups = [
        Group(
            key=_key(signature),
            fingers=[Finger(check=c, outcome=o, cause=w) for c, o, w in signature[0]],
            wordings=_wordings(signature[1], [texts[one] for one in alike_ids]),
            has_text=any(row.outcome is Outcome.PENDING for row in of[alike_ids[0]]),
            submission_ids=alike_ids,
            left=len(alike_ids),
        )
        for signature, alike_ids in found.items()
    ]
    return sorted(groups, key=lambda one: (-one.count, one.key))


def _fingers(rows: Sequence[Finding]) -> tuple[tuple[str, Outcome, str | None], ...]:
    return tuple((row.check, row.outcome, row.cause) for row in rows)


def _text(rows: Sequence[Finding]) -> str | None:
    texts = [row.answer for row in rows if row.answer is not None]
    return "\n\n".join(texts) if texts else None


def _wordings(standing: str | None, texts: Iterable[str | None]) -> list[str]:
    """The different texts, that which stands for them first and then the most frequent."""
    counts = Counter(" ".join(text.split()) for text in texts if text)
    first = " ".join(standing.split()) if standing else ""
    return sorted(counts, key=lambda one: (one != first, -counts[one], one))


def _key(signature: tuple[Any, ...]) -> str:
    return hashlib.sha256(repr(signature).encode()).hexdigest()[:16]
