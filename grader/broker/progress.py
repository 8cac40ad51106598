"""How far a run has come, for who watches it: short-lived keys in Redis."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from redis import Redis, RedisError

_KEPT_S = 600
_PATIENCE_S = 0.5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """What a worker does with an attempt: cell `cell` of all `cells` runs (from 1), or judging.

    `checked` of `checks` have a verdict by now; `exercises` of which all have one came out so.
    """

    stage: Literal["starting", "running", "judging"]
    cell: int = 0
    cells: int = 0
    checked: int = 0
    checks: int = 0
    exercises: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Steps:
    """How far a version's own test has come: `done` of `of` runs of this part of it."""

    part: str
    done: int
    of: int


class Progress:
    """Told by workers, read by the web; a Redis that does not answer costs the news alone."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S
        )

    def tell(self, attempt_id: int, stage: Stage) -> None:
        """Note where an attempt stands now."""
        try:
            self._redis.set(_key(attempt_id), json.dumps(asdict(stage)), ex=_KEPT_S)
        except RedisError as error:
            log.debug("progress is not told: %s", error)

    def of(self, attempt_ids: Sequence[int]) -> dict[int, Stage]:
        """Where attempts stand, as far as that is known, in one round trip."""
        if not attempt_ids:
            return {}
        try:
            found = self._redis.mget([_key(one) for one in attempt_ids])
        except RedisError as error:
            log.debug("progress is not known: %s", error)
            return {}
        assert isinstance(found, list)
        return {
            attempt_id: Stage(**json.loads(text))
            for attempt_id, text in zip(attempt_ids, found, strict=True)
            if text is not None
        }

    def tell_trial(self, trial_id: int, steps: Steps) -> None:
        """Note how far a trial has come."""
        try:
            self._redis.set(_trial_key(trial_id), json.dumps(asdict(steps)), ex=_KEPT_S)
        except RedisError as error:
            log.debug("progress is not told: %s", error)

    def of_trial(self, trial_id: int) -> Steps | None:
        """How far a trial has come, where that is known."""
        try:
            found = self._redis.get(_trial_key(trial_id))
        except RedisError as error:
            log.debug("progress is not known: %s", error)
            return None
        assert found is None or isinstance(found, bytes)
        return None if found is None else Steps(**json.loads(found))

    def answers(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False


def _key(attempt_id: int) -> str:
    return f"chainrule:progress:{attempt_id}"


def _trial_key(trial_id: int) -> str:
    return f"chainrule:trial:{trial_id}"
