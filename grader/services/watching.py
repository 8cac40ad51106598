"""How far attempts have come, in stages and in words, for whoever looks on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from grader.broker.progress import Stage as Told
from grader.db import watching
from grader.db.models import Attempt, AttemptState, Purpose, Queue
from grader.db.session import Session
from grader.db.watching import Standing, Taker
from grader.domain.outcomes import Outcome
from grader.errors import NotFound
from grader.services.access import Actor
from grader.services.site import Site
from grader.services.submissions import Seen, see


class AttemptStage(StrEnum):
    """How far an attempt has come. The last three are ends."""

    QUEUED = "queued"
    WAITING_FOR_GPU = "waiting_for_gpu"  # no worker offers one, or so many
    STARTING = "starting"
    RUNNING = "running"  # a code cell
    JUDGING = "judging"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STARTING = Told("starting")
_NOTHING_TAKES_IT = "Nothing is judged at present; it is kept, and judged as soon as that goes on."
_ENDS = {
    AttemptState.DONE: (AttemptStage.DONE, "Judged."),
    AttemptState.FAILED: (
        AttemptStage.FAILED,
        "This could not be judged through a fault of ours, not yours. The staff see it; it is not "
        "a zero.",
    ),
    AttemptState.CANCELLED: (AttemptStage.CANCELLED, "Cancelled: it is not judged."),
}


@dataclass(frozen=True, kw_only=True)
class News:
    """Where an attempt stands: `position` while it waits, `cell` of `cells` while they run.

    `checked` of `checks` have a verdict, as soon as the first look has been taken. `exercises` of
    which all have one came out so: whoever sees a result sees that much of each check.
    """

    attempt_id: int
    stage: AttemptStage
    words: str
    position: int | None = None
    cell: int | None = None
    cells: int | None = None
    checked: int | None = None
    checks: int | None = None
    exercises: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.stage in (AttemptStage.DONE, AttemptStage.FAILED, AttemptStage.CANCELLED)


def look(site: Site, attempt_ids: Collection[int]) -> dict[int, News]:
    """Where these attempts stand: by a few queries and one question to Redis for all of them."""
    with site.database.reading() as session:
        standings = watching.standings(session, attempt_ids)
        waits = any(one.state is AttemptState.QUEUED for one in standings.values())
        takers = watching.takers(session, site.settings.lease) if waits else []
    running = [one.attempt_id for one in standings.values() if one.state is AttemptState.RUNNING]
    told = site.progress.of(running)
    return {key: _news(one, takers, told) for key, one in standings.items()}


def may_watch(site: Site, actor: Actor, attempt_id: int) -> None:
    """Raise NotFound for an attempt that the actor may not know of."""
    with site.database.reading() as session:
        see_attempt(session, actor, attempt_id)


def see_attempt(session: Session, actor: Actor, attempt_id: int) -> tuple[Attempt, Seen]:
    """An attempt and its submission; of what is judged in the shadow students know nothing."""
    attempt = session.get(Attempt, attempt_id)
    if attempt is None:
        raise NotFound("there is no such thing")
    seen = see(session, actor, attempt.submission_id)
    if attempt.purpose is Purpose.SHADOW and not seen.is_staff:
        raise NotFound("there is no such thing")
    return attempt, seen


def _news(one: Standing, takers: Collection[Taker], told: Mapping[int, Told]) -> News:
    if one.state in _ENDS:
        stage, words = _ENDS[one.state]
        return News(attempt_id=one.attempt_id, stage=stage, words=words)
    if one.state is AttemptState.QUEUED:
        return _waiting(one, takers)
    at = told.get(one.attempt_id, _STARTING)
    if at.stage == "starting":
        words = "A sandbox is prepared."
        return News(attempt_id=one.attempt_id, stage=AttemptStage.STARTING, words=words)
    if at.stage == "judging":
        words = "The answers are compared."
    else:
        words = f"Cell {at.cell} of {at.cells} runs." if at.cells else "Cells run."
    if at.checked:
        words = f"{words} {at.checked} of {at.checks} checks are judged."
    return News(
        attempt_id=one.attempt_id,
        stage=AttemptStage(at.stage),
        words=words,
        cell=at.cell,
        cells=at.cells,
        checked=at.checked,
        checks=at.checks,
        exercises={key: Outcome(outcome) for key, outcome in at.exercises.items()},
    )


def _waiting(one: Standing, takers: Collection[Taker]) -> News:
    mine = [taker for taker in takers if one.queue in taker.queues]
    needs_gpu = one.queue is Queue.GPU
    stage = AttemptStage.WAITING_FOR_GPU if needs_gpu else AttemptStage.QUEUED
    if mine and all(one.version_id in taker.unfit for taker in mine):
        what = "more GPUs, or another Python," if needs_gpu else "another Python"
        words = f"It needs {what} than any worker has at present; it waits until one does."
        return News(attempt_id=one.attempt_id, stage=stage, words=words)
    before = one.position or 0
    if needs_gpu and not mine:
        words = "It needs a GPU, and no worker has one at present; it waits until one does."
    else:
        stage = AttemptStage.QUEUED
        words = f"About {before} go before." if before else "It is next."
        if not mine:
            words = f"{words} {_NOTHING_TAKES_IT}"
    return News(attempt_id=one.attempt_id, stage=stage, words=words, position=before)
