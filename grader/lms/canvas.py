"""Canvas by its own REST, for places without LTI: a course's assignments, people and grades."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from grader.errors import BadInput
from grader.lms.answers import Words, accepted, pages, read
from grader.lms.outside import Answer, Outside, Unreachable
from grader.safetext import storable

_MOST = 20_000  # people or assignments of a course
_NUMBERED = ("points", "percent")  # ways of grading to which points can be given

_Id = Annotated[str, Field(coerce_numbers_to_str=True, max_length=40, pattern=r"^[0-9~]+$")]
_Text = Annotated[str, AfterValidator(storable)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
Read = TypeVar("Read")


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")


class CourseThere(_Model):
    """A course."""

    id: _Id
    name: Words = ""


class AssignmentThere(_Model):
    """An assignment, which is a column of the gradebook."""

    id: _Id
    name: Words = ""
    points: _Number | None = Field(None, alias="points_possible")
    grading: str = Field("points", alias="grading_type")

    @property
    def takes_points(self) -> bool:
        """Whether points can be written into it."""
        return self.grading in _NUMBERED and bool(self.points) and (self.points or 0) > 0


class PersonThere(_Model):
    """A student of the course, and by what they may be known here."""

    id: _Id
    name: Words = ""
    email: _Text | None = None
    login: _Text | None = Field(None, alias="login_id")
    sis_id: _Text | None = Field(None, alias="sis_user_id")

    @property
    def keys(self) -> set[str]:
        """All of that, in small letters."""
        return {one.strip().lower() for one in (self.email, self.login, self.sis_id) if one}

    def known_by(self, address: str) -> str:
        """Which of these is the address, in words."""
        words = {self.email: "e-mail address", self.login: "login", self.sis_id: "SIS number"}
        same = (
            said for one, said in words.items() if one and one.strip().lower() == address.lower()
        )
        return next(same, "nothing that is the same")


class GradeThere(_Model):
    """What somebody has in an assignment: the points that were entered, before what Canvas takes
    off by itself for lateness."""

    score: _Number | None = None
    entered: _Number | None = Field(None, alias="entered_score")
    excused: bool | None = None

    @property
    def points(self) -> float | None:
        """As they were entered."""
        return self.score if self.entered is None else self.entered


@dataclass(frozen=True)
class Canvas:
    """A course of Canvas, reached with somebody's token."""

    outside: Outside
    base_url: str
    token: str
    course: str

    def look(self) -> CourseThere:
        """The course itself."""
        return read(TypeAdapter(CourseThere), accepted(self._send("GET", self._at())))

    def assignments(self) -> list[AssignmentThere]:
        """Its assignments."""
        return self._all(TypeAdapter(list[AssignmentThere]), self._at("assignments", per_page=100))

    def students(self) -> list[PersonThere]:
        """Its students."""
        query = {"enrollment_type[]": "student", "per_page": 100}
        return self._all(TypeAdapter(list[PersonThere]), self._at("users", **query))

    def assignment(self, assignment_id: str) -> AssignmentThere:
        """One of its assignments."""
        answer = accepted(self._send("GET", self._at("assignments", assignment_id)))
        return read(TypeAdapter(AssignmentThere), answer)

    def create(self, name: str, points: float) -> AssignmentThere:
        """A new assignment, on paper for Canvas, since it is handed in elsewhere."""
        fields = {
            "assignment[name]": name[:200],
            "assignment[points_possible]": f"{points:.10g}",
            "assignment[grading_type]": "points",
            "assignment[submission_types][]": "on_paper",
            "assignment[published]": "true",
        }
        answer = accepted(self._send("POST", self._at("assignments"), fields))
        return read(TypeAdapter(AssignmentThere), answer)

    def result(self, assignment_id: str, person: str) -> GradeThere:
        """What somebody has."""
        answer = accepted(self._send("GET", self._grade_at(assignment_id, person)))
        return read(TypeAdapter(GradeThere), answer)

    def write(self, assignment_id: str, person: str, points: float) -> Answer:
        """Give points, in the assignment's own scale; whatever the answer is."""
        # Without a per cent sign or a letter a number is points.
        fields = {"submission[posted_grade]": f"{points:.10g}"}
        return self._send("PUT", self._grade_at(assignment_id, person), fields)

    def _grade_at(self, assignment_id: str, person: str) -> str:
        return self._at("assignments", assignment_id, "submissions", person)

    def _at(self, *path: str, **query: Any) -> str:
        parts = "/".join(quote(one, safe="") for one in ("courses", self.course, *path))
        asked = f"?{urlencode(query)}" if query else ""
        return f"{self.base_url}/api/v1/{parts}{asked}"

    def _all(self, model: TypeAdapter[list[Read]], url: str) -> list[Read]:
        found: list[Read] = []
        for answer in pages(lambda at: self._send("GET", at), url):
            some = read(model, answer)
            found += some
            if len(found) > _MOST:
                raise Unreachable(f"a list has more than {_MOST:,} entries")
        return found

    def _send(self, method: str, url: str, fields: Mapping[str, str] | None = None) -> Answer:
        headers = {"authorization": f"Bearer {self.token}", "accept": "application/json"}
        content = None
        if fields is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            content = urlencode(fields).encode()
        return self.outside.send(method, url, headers=headers, content=content)


def base_of(text: str) -> str:
    """The address of a Canvas as it was typed or copied, without what comes behind its host.

    Raises BadInput.
    """
    try:
        parts = urlsplit(text.strip() if "://" in text else f"https://{text.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.password:
        raise BadInput("base_url: an address is like https://canvas.example.edu")
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"


def is_limited(answer: Answer) -> bool:
    """Whether it says that too much was asked for: Canvas does so by 403 as well as by 429."""
    limited = b"rate limit exceeded" in answer.body[:2000].lower()
    return answer.status == 429 or (answer.status == 403 and limited)


def matched(
    people: Sequence[tuple[int, str]], there: Sequence[PersonThere]
) -> dict[int, PersonThere]:
    """Who of `people` (id, address) is who there: by an e-mail address, login or number that is
    the same and that nobody else has, on either side."""
    by_key: dict[str, list[PersonThere]] = {}
    for one in there:
        for key in one.keys:
            by_key.setdefault(key, []).append(one)
    ours: dict[str, list[int]] = {}
    for person_id, address in people:
        if address:
            ours.setdefault(address.strip().lower(), []).append(person_id)
    found = {}
    for key, ids in ours.items():
        candidates = by_key.get(key, [])
        if len(ids) == 1 and len(candidates) == 1:
            found[ids[0]] = candidates[0]
    times = Counter(one.id for one in found.values())
    return {mine: one for mine, one in found.items() if times[one.id] == 1}


def scaled(points: float, of: float, into: float) -> float:
    """Points of one scale in another."""
    return points if of <= 0 or math.isclose(of, into) else points * into / of
