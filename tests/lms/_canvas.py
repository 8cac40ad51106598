"""Canvas's gradebook, by its line items and by its own REST: in this process, without a socket."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from grader.lms.outside import Answer
from tests.lms._moodle import Fault

HOST = "https://canvas.example"
ITEMS_URL = f"{HOST}/api/lti/courses/7/line_items"
REST_TOKEN = "canvas-token"

_SUBMISSION = "https://canvas.instructure.com/lti/submission"
_MEDIA = "application/vnd.ims.lis.v1.score+json"


@dataclass
class Grade:
    """A cell, and the work as Canvas sees it: how often it was handed in, and when at last."""

    points: float | None
    stamp: datetime | None = None
    submissions: int = 0
    submitted_at: datetime | None = None


@dataclass
class Canvas:
    """A course. `students` are its user numbers with what is told of them."""

    students: dict[str, dict[str, Any]] = field(default_factory=dict)
    teachers: set[str] = field(default_factory=set)
    columns: dict[int, dict[str, Any]] = field(default_factory=dict)
    cells: dict[tuple[int, str], Grade] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {REST_TOKEN})
    page_size: int = 10
    faults: list[Fault] = field(default_factory=list)
    late: list[Callable[[], Answer]] = field(default_factory=list)
    seen: list[tuple[str, str, Any]] = field(default_factory=list)
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

        def answer() -> Answer:
            return self._answer(method, url, sent, content)

        self.seen.append((method, url, content))
        return self.faults.pop(0)(answer) if self.faults else answer()

    def check(self, url: str) -> None:
        """As of `grader.lms.outside.Outside`: every address is allowed."""

    def within(self, seconds: float) -> Canvas:
        """As of the same: it takes no time."""
        return self

    def add(self, title: str, points: float, **more: Any) -> int:
        """An assignment."""
        number = 100 + len(self.columns)
        self.columns[number] = {"name": title, "points_possible": points, **more}
        return number

    def give(self, column: int, person: str, points: float | None) -> None:
        """A teacher's own grade."""
        self.cells.setdefault((column, person), Grade(None)).points = points

    def points(self, person: str) -> float | None:
        """What stands in somebody's cell of the only column, where there is one."""
        if not self.columns:
            return None
        (column,) = self.columns
        found = self.cells.get((column, person))
        return None if found is None else found.points

    def apply_late(self) -> None:
        """What was on its way takes effect now."""
        for one in self.late:
            one()
        self.late.clear()

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _said(401, "Invalid access token.")
        if parts.path.startswith("/api/lti/"):
            return self._by_lti(method, parts.path, query, headers, content)
        return self._by_rest(method, parts.path, query, content)

    # Assignment and Grade Services.

    def _by_lti(
        self, method: str, path: str, query: Mapping[str, str], headers: Any, content: Any
    ) -> Answer:
        if path == "/api/lti/courses/7/line_items":
            if method == "POST":
                body = json.loads(content)
                names = {"resourceId": body["resourceId"]}
                number = self.add(body["label"], body["scoreMaximum"], **names)
                return _json(self._item(number), 201)
            wanted = query.get("resource_id")
            found = [n for n, one in self.columns.items() if one.get("resourceId") == wanted]
            return _json([self._item(n) for n in found])
        matched = re.fullmatch(r"/api/lti/courses/7/line_items/(\d+)(/scores|/results)?", path)
        number = int(matched[1]) if matched else 0
        if matched is None or number not in self.columns:
            return _said(404, "The specified resource does not exist.")
        if matched[2] == "/scores":
            return self._score(number, headers, json.loads(content))
        if matched[2] == "/results":
            person = query.get("user_id", "")
            cell = self.cells.get((number, person))
            points = None if cell is None else cell.points
            maximum = self.columns[number]["points_possible"]
            some = {} if points is None else {"resultScore": points, "resultMaximum": maximum}
            return _json([] if cell is None else [{"id": "x", "userId": person, **some}])
        return _json(self._item(number))

    def _score(self, number: int, headers: Any, body: Any) -> Answer:
        person = body["userId"]
        if headers.get("content-type") != _MEDIA:
            return _said(415, "Unsupported content type")
        if person not in self.students:
            return _said(422, "User not found in course or is not a student")
        if not re.search(r"\d\.\d+(Z|[+-]\d\d:?\d\d)$", body["timestamp"]):
            return _said(400, "Provided timestamp has no fraction of a second")
        stamp = datetime.fromisoformat(body["timestamp"])
        cell = self.cells.get((number, person), Grade(None))
        if cell.stamp is not None and stamp <= cell.stamp:
            return _said(400, "Provided timestamp is before the last updated timestamp")
        extension = body.get(_SUBMISSION, {})
        if extension.get("new_submission", True):
            cell.submissions += 1
        said = extension.get("submitted_at")
        cell.submitted_at = datetime.now(UTC) if said is None else datetime.fromisoformat(said)
        scale = self.columns[number]["points_possible"]
        cell.points = body["scoreGiven"] * scale / body["scoreMaximum"]
        cell.stamp = stamp
        self.cells[number, person] = cell
        return _json({"resultUrl": "x"})

    def _item(self, number: int) -> dict[str, Any]:
        one = self.columns[number]
        return {
            "id": f"{ITEMS_URL}/{number}",
            "label": one["name"],
            "scoreMaximum": one["points_possible"],
            "resourceId": one.get("resourceId"),
        }

    # Its own REST.

    def _by_rest(self, method: str, path: str, query: Mapping[str, str], content: Any) -> Answer:
        steps = path.removeprefix("/api/v1/courses/").split("/")
        fields = {k: v[0] for k, v in parse_qs((content or b"").decode()).items()}
        if steps[0] != "7":
            return _said(404, "The specified resource does not exist.")
        if steps[1:] == []:
            return _json({"id": 7, "name": "Deep Learning 26"})
        if steps[1:] == ["users"]:
            people = [{"id": int(key), **one} for key, one in self.students.items()]
            return self._page(people, path, query)
        if steps[1:] == ["assignments"] and method == "POST":
            points = float(fields["assignment[points_possible]"])
            return _json(self._assignment(self.add(fields["assignment[name]"], points)), 201)
        if steps[1:] == ["assignments"]:
            return self._page([self._assignment(n) for n in self.columns], path, query)
        number = int(steps[2])
        if number not in self.columns:
            return _said(404, "The specified resource does not exist.")
        if len(steps) == 3:
            return _json(self._assignment(number))
        person = steps[4]
        if person not in self.students:
            return _said(404, "The specified resource does not exist.")
        cell = self.cells.setdefault((number, person), Grade(None))
        if method == "PUT":
            cell.points = float(fields["submission[posted_grade]"])
        return _json({"score": cell.points, "entered_score": cell.points, "late": False})

    def _assignment(self, number: int) -> dict[str, Any]:
        return {"id": number, "grading_type": "points", **self.columns[number]}

    def _page(self, rows: list[Any], path: str, query: Mapping[str, str]) -> Answer:
        number = int(query.get("page", 1))
        begin = (number - 1) * self.page_size
        last = begin + self.page_size >= len(rows)
        links = [f'<{HOST}{path}?page=1>; rel="first"']
        if not last:
            links.insert(0, f'<{HOST}{path}?page={number + 1}>; rel="next"')
        return Answer(
            200,
            {"link": ",".join(links)},
            json.dumps(rows[begin : begin + self.page_size]).encode(),
        )


def _json(found: Any, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(found).encode())


def _said(status: int, words: str) -> Answer:
    return Answer(status, {}, json.dumps({"errors": [{"message": words}]}).encode())
