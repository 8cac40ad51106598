"""What the table of submissions shows, as its address says it.

The same words stand in links to the table, in its forms, and in the address of a submission that
was opened from it, so that the next one is the next one of that list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from math import isfinite
from typing import TypeVar, get_args
from urllib.parse import parse_qsl, urlencode

from grader.domain.outcomes import Outcome, RunStatus
from grader.errors import BadInput
from grader.safetext import storable
from grader.services.overview import Standing
from grader.services.similarity import HIGH
from grader.services.submissions import Filters, Order
from grader.services.submissiontable import Finding

_LONGEST = 4000
_LONGEST_WORD = 200
_NAMES = (
    "q",
    "state",
    "run",
    "least",
    "most",
    "below",
    "found",  # an exercise, or one and its outcome: ex2:failed
    "check",
    "cause",
    "unnamed",
    "latest",
    "counts",
    "noted",
    "sort",
    "dir",
    "cursor",
    "back",
)
_PLACE = ("cursor", "back")

Word = TypeVar("Word", bound=StrEnum)


class Noted(StrEnum):
    """What stands beside a submission in the list, and it can be narrowed by."""

    LATE = "late"
    SIMILAR = "similar"
    REQUEST = "request"


@dataclass(frozen=True)
class Listing:
    """A list of submissions: `given` are the words of its address, in order, without empty ones."""

    given: Mapping[str, str]
    filters: Filters
    order: Order
    descending: bool

    @property
    def cursor(self) -> str | None:
        """Where the page begins, or ends where it is reached backwards."""
        return self.given.get("cursor")

    @property
    def backwards(self) -> bool:
        """Whether the page before the cursor is meant."""
        return "back" in self.given

    @property
    def words(self) -> Mapping[str, str]:
        """All words that an address may have; those that it does not have are empty."""
        return {name: self.given.get(name, "") for name in _NAMES}

    @property
    def folded(self) -> int:
        """How many filters besides the search are in use."""
        # Not how many words: an exercise, a check of it and a cause are one filter.
        given = [one for one in fields(Filters) if getattr(self.filters, one.name) != one.default]
        return len([one for one in given if one.name != "search"])

    @property
    def query(self) -> str:
        """The list without its page, as it stands in an address."""
        return self.with_()

    @property
    def turned_round(self) -> str | None:
        """The same with the bounds of the score exchanged, where the lower one is the higher."""
        least, most = self.filters.least_score, self.filters.most_score
        if least is None or most is None or least <= most:
            return None
        return self.with_(least=self.given["most"], most=self.given["least"])

    def with_(self, **changes: str | None) -> str:
        """The same with other words, from its first page on unless they say which."""
        kept = {name: word for name, word in self.given.items() if name not in _PLACE}
        merged = {**kept, **changes}
        return urlencode({name: merged[name] for name in _NAMES if merged.get(name)})

    def sorted_by(self, order: Order) -> str:
        """The same in that order, or the other way round where it is in that order already."""
        usual = "asc" if order == "name" else "desc"
        other = {"asc": "desc", "desc": "asc"}[usual]
        is_usual = self.descending == (usual == "desc")
        turned = other if order == self.order and is_usual else None
        return self.with_(sort=None if order == "received_at" else order, dir=turned)


def read_listing(words: Mapping[str, str]) -> Listing:
    """The list that these words of an address mean. Raises BadInput for words that mean none."""
    given = {name: words[name].strip() for name in _NAMES if words.get(name, "").strip()}
    if ":" in given.get("found", ""):
        # How an exercise came out is made of its checks, one submission after the other: quickly
        # so for everybody's latest.
        given["latest"] = "1"
    for name, word in given.items():
        longest = 500 if name == "cursor" else _LONGEST_WORD
        if len(word) > longest or "\0" in word or storable(word) != word:
            raise BadInput(f"{name}: this is not what a list is narrowed by")
    order: Order = "received_at"
    if "sort" in given:
        if given["sort"] not in get_args(Order):
            raise BadInput("sort: by received_at, score or name")
        order = given["sort"]  # type: ignore[assignment]
    direction = given.get("dir", "asc" if order == "name" else "desc")
    if direction not in ("asc", "desc"):
        raise BadInput("dir: asc or desc")
    noted = _word(Noted, given, "noted")
    filters = Filters(
        standing=_word(Standing, given, "state"),
        run_status=_word(RunStatus, given, "run"),
        least_score=_number(given, "least"),
        most_score=_number(given, "most"),
        below_score=_number(given, "below"),
        latest="latest" in given,
        counts=_counts(given),
        finding=_finding(given),
        search=given.get("q"),
        late=noted is Noted.LATE,
        similar=HIGH if noted is Noted.SIMILAR else None,
        requested=noted is Noted.REQUEST,
    )
    return Listing(given, filters, order, direction == "desc")


def read_query(query: str) -> Listing:
    """The list that a part of an address means, as it is kept in forms and links."""
    if len(query) > _LONGEST:
        raise BadInput("list: this is no list")
    return read_listing(dict(parse_qsl(query)))


def _finding(given: Mapping[str, str]) -> Finding | None:
    if "found" not in given:
        return None
    exercise, _, outcome = given["found"].partition(":")
    return Finding(
        exercise=exercise,
        check=given.get("check"),
        cause=given.get("cause"),
        unnamed="unnamed" in given,
        outcome=_word(Outcome, {"found": outcome}, "found") if outcome else None,
    )


def _word(words: type[Word], given: Mapping[str, str], name: str) -> Word | None:
    if name not in given:
        return None
    try:
        return words(given[name])
    except ValueError:
        raise BadInput(f"{name}: one of {', '.join(words)}") from None


def _counts(given: Mapping[str, str]) -> bool | None:
    if "counts" not in given:
        return None
    if given["counts"] not in ("yes", "no"):
        raise BadInput("counts: yes or no")
    return given["counts"] == "yes"


def _number(given: Mapping[str, str], name: str) -> float | None:
    if name not in given:
        return None
    try:
        number = float(given[name])
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise BadInput(f"{name}: a number, as 2.5")
    return number
