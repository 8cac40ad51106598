"""Moodle's gradebook, as its 4.3 and 4.5 were seen to behave: in this process, without a socket."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from grader.lms.outside import Answer, Unreachable

HOST = "https://moodle.example"
ITEMS_URL = f"{HOST}/mod/lti/services.php/2/lineitems?type_id=1"

_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
_KINDS = {"scores": "application/vnd.ims.lis.v1.score+json", "lineitems": _ITEM}
_READ = {
    "lineitem": _ITEM,
    "lineitems": "application/vnd.ims.lis.v2.lineitemcontainer+json",
    "results": "application/vnd.ims.lis.v2.resultcontainer+json",
}


@dataclass
class Held:
    """A cell; `stored` is the moment that later scores are compared with."""

    points: float | None
    stored: datetime


@dataclass
class Column:
    """A line item."""

    label: str
    maximum: float
    resource_id: str | None = None
    link_id: str | None = None
    cells: dict[str, Held] = field(default_factory=dict)


# What happens to a request: nothing special for None.
Fault = Callable[[Callable[[], Answer]], Answer]


@dataclass
class Moodle:
    """A course. `keeps_receipt` is 4.3's way: the time of receipt is stored, not the score's own.

    `ahead` is how far its clock is ahead of ours. Faults are used up by the writes and reads that
    come, one each. What was never answered may be applied later: `late`.
    """

    keeps_receipt: bool = False
    page_size: int = 10
    ahead: timedelta = timedelta(0)
    tokens: set[str] = field(default_factory=set)
    teachers: set[str] = field(default_factory=set)
    students: set[str] = field(default_factory=set)
    columns: dict[int, Column] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    late: list[Callable[[], Answer]] = field(default_factory=list)
    seen: list[tuple[str, str, Any]] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    # What the sender reaches it by, as of `grader.lms.outside.Outside`.
    private: ClassVar[bool] = False

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        largest: int = 0,
    ) -> Answer:
        """Answer a request."""
        sent = dict(headers or {})
        body = None if content is None else json.loads(content)
        self.seen.append((method, url, body))

        def answer() -> Answer:
            return self._answer(method, url, sent, body)

        return self.faults.pop(0)(answer) if self.faults else answer()

    def check(self, url: str) -> None:
        """Everywhere may be gone to."""

    def within(self, seconds: float) -> Moodle:
        """It takes no time."""
        return self

    # What teachers do.

    def give(self, column: int, person: str, points: float | None) -> None:
        """A teacher's own grade."""
        self.columns[column].cells[person] = Held(points, self.now())

    def points(self, person: str) -> float | None:
        """What stands in somebody's cell of the only column, where there is one."""
        if not self.columns:
            return None
        (column,) = self.columns.values()
        return column.cells[person].points if person in column.cells else None

    def apply_late(self) -> None:
        """What was on its way takes effect now."""
        for one in self.late:
            one()
        self.late.clear()

    def now(self) -> datetime:
        """By its own clock."""
        return datetime.now(UTC) + self.ahead

    def _answer(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Answer:
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return self._said(401, "invalid token")
        if query.get("type_id") != "1" or "?" in parts.path:
            return self._said(404, "no such service")
        steps = parts.path.removeprefix("/mod/lti/services.php/2/").split("/")
        if method == "GET" and headers.get("accept") != _READ.get(steps[-1]):
            return self._said(400, "no such media type")
        if steps == ["lineitems"]:
            return self._list(query) if method == "GET" else self._create(headers, body)
        number, last = int(steps[1]), steps[-1]
        if number not in self.columns:
            return self._said(404, "no such line item")
        if last == "lineitem":
            return self._json(self._item(number))
        if last == "results":
            return self._results(number, query)
        return self._score(number, headers, body)

    def _create(self, headers: Mapping[str, str], body: Any) -> Answer:
        if headers.get("content-type") != _KINDS["lineitems"]:
            return self._said(400, "wrong media type")
        number = next(self._numbers)  # the same resourceId twice makes two
        self.columns[number] = Column(body["label"], body["scoreMaximum"], body.get("resourceId"))
        return self._json(self._item(number), 201)

    def _list(self, query: Mapping[str, str]) -> Answer:
        found = [
            number
            for number, one in sorted(self.columns.items())
            if query.get("resource_id") in (None, one.resource_id)
            and query.get("resource_link_id") in (None, one.link_id)
        ]
        begin = int(query.get("from", 0))
        more = begin + self.page_size < len(found)
        following = f"{ITEMS_URL}&amp;from={begin + self.page_size}"
        headers = {"link": f"<{following}>; rel=“next”"} if more else {}
        page = found[begin : begin + self.page_size]
        return self._json([self._item(number) for number in page], headers=headers)

    def _results(self, number: int, query: Mapping[str, str]) -> Answer:
        column = self.columns[number]
        found = []
        for person, cell in column.cells.items():
            if query.get("user_id") in (None, person):
                one: dict[str, Any] = {"userId": person, "timestamp": cell.stored.isoformat()}
                if cell.points:  # a zero is left out
                    one |= {"resultScore": cell.points, "resultMaximum": column.maximum}
                found.append(one)
        return self._json(found)

    def _score(self, number: int, headers: Mapping[str, str], body: Any) -> Answer:
        column, person = self.columns[number], body["userId"]
        if headers.get("content-type") != _KINDS["scores"]:
            return self._said(400, "wrong media type")
        if person in self.teachers or person not in self.students:
            return self._said(400, "Incorrect score received")
        stamp = datetime.fromisoformat(body["timestamp"])
        held = column.cells.get(person)
        if held is not None and int(held.stored.timestamp()) >= int(stamp.timestamp()):
            return self._said(409, "Refusing score with an earlier timestamp")
        points = None
        if "scoreGiven" in body and body["gradingProgress"] == "FullyGraded":
            points = min(body["scoreGiven"] * column.maximum / body["scoreMaximum"], column.maximum)
        column.cells[person] = Held(points, self.now() if self.keeps_receipt else stamp)
        return self._said(200, "")

    def _item(self, number: int) -> dict[str, Any]:
        one = self.columns[number]
        found = {
            "id": f"{HOST}/mod/lti/services.php/2/lineitems/{number}/lineitem?type_id=1",
            "label": one.label,
            "scoreMaximum": one.maximum,
        }
        names = {"resourceId": one.resource_id, "resourceLinkId": one.link_id}
        return found | {name: value for name, value in names.items() if value is not None}

    def _json(self, found: Any, status: int = 200, headers: Any = None) -> Answer:
        return Answer(status, dict(headers or {}), json.dumps(found).encode())

    def _said(self, status: int, words: str) -> Answer:
        stamp = self.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        return Answer(
            status, {"date": stamp}, json.dumps({"error": words} if words else {}).encode()
        )


class Access:
    """Tokens of a platform; what is forgotten is followed by another."""

    def __init__(self, platform: Any) -> None:
        self.platform = platform
        self.count = 0
        self._token = ""

    def get(self, scopes: Any) -> str:
        """As of `grader.lms.ags.Bearer`."""
        if not self._token:
            self.count += 1
            self._token = f"token-{self.count}"
            self.platform.tokens.add(self._token)
        return self._token

    def forget(self, scopes: Any, token: str) -> None:
        """As of the same."""
        if token == self._token:
            self._token = ""


def never_arrives(answer: Callable[[], Answer]) -> Answer:
    """The request is lost."""
    raise Unreachable("no answer")


def unanswered(answer: Callable[[], Answer]) -> Answer:
    """It is done, and the answer is lost."""
    answer()
    raise Unreachable("no answer")


def saying(status: int, **headers: str) -> Fault:
    """Another answer, before anything is done."""
    return lambda answer: Answer(status, headers, b"{}")


def late(platform: Any) -> Fault:
    """It is done later, and nobody hears of it."""

    def fault(answer: Callable[[], Answer]) -> Answer:
        platform.late.append(answer)
        raise Unreachable("no answer")

    return fault
