"""Links to courses of Canvas by its REST, for places without LTI: with a token that somebody gave.

Who is who there is matched by what is the same on both sides, and counts when staff have looked.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from grader.db import audit, canvas, grades, gradesout, passbacks, receivers
from grader.db.models import Assignment, CanvasCourse, GradeColumn
from grader.db.receivers import Receiver
from grader.db.session import Session, hold, moment
from grader.errors import BadFields, BadInput, Conflict, NotFound
from grader.lms.answers import Refused
from grader.lms.canvas import AssignmentThere, Canvas, PersonThere, base_of, matched
from grader.lms.outside import NotAllowed, Unreachable
from grader.services.access import Actor, Right, permit
from grader.services.assignments import list_assignments
from grader.services.site import Site

NEW = "new"  # in the place of a column's number: make one
MOST_PEOPLE = 20_000  # of a course
_PATIENCE_S = 20.0  # for all that is asked of Canvas while somebody waits
_OURS = "Chainrule asks nobody there, by its own rules"


class By(StrEnum):
    """On whose side it is that nothing was seen."""

    RULE = "rule"  # one of ours: Canvas was not asked
    CANVAS = "canvas"  # it says no
    NOBODY = "nobody"  # no answer


class NotSeen(Conflict):
    """Canvas shows nothing, or was not asked."""

    def __init__(self, message: str, by: By) -> None:
        super().__init__(message)
        self.by = by


@dataclass(frozen=True)
class Matched:
    """A student here and who they are there; `there` is None where nobody is the same, which
    `same_address` may be the reason of: how many others here have it."""

    person_id: int
    name: str
    address: str
    there: PersonThere | None
    known_as: str | None  # the number there as which they are confirmed
    same_address: int = 0

    @property
    def known(self) -> bool:
        """Whether they are confirmed, as just that."""
        return self.there is not None and self.there.id == self.known_as


@dataclass(frozen=True)
class Matching:
    """What was found of all students; `left` are those there whom nobody here is, and `digest`
    names what would be confirmed."""

    people: Sequence[Matched]
    left: Sequence[PersonThere]
    digest: str


@dataclass(frozen=True)
class Choice:
    """An assignment here, and its column there if one is chosen."""

    assignment: Assignment
    column: GradeColumn | None


@dataclass(frozen=True)
class Looked:
    """A linked course as Canvas shows it: assignments here, those there that grades can go to, and
    who is who."""

    link: CanvasCourse
    choices: Sequence[Choice]
    there: Sequence[AssignmentThere]
    matching: Matching


def list_links(site: Site, actor: Actor, course_id: int) -> Sequence[CanvasCourse]:
    """Courses of Canvas that a course is linked to, for who manages it."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
        return canvas.courses(session, course_id)


def get_link(site: Site, actor: Actor, course_id: int, link_id: int) -> CanvasCourse:
    """One of them."""
    with site.database.reading() as session:
        return _link(session, actor, course_id, link_id)


def link(
    site: Site, actor: Actor, course_id: int, *, base_url: str, canvas_id: str, token: str
) -> CanvasCourse:
    """Link a course of Canvas, or give another token where it is linked; Canvas is asked first."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
    base = _checked(base_url, canvas_id, token)
    try:
        there = Canvas(site.outside.within(_PATIENCE_S), base, token, canvas_id).look()
    except NotAllowed as error:
        raise BadInput(f"base_url: {_OURS}: {error.with_who_may}") from error
    except Unreachable as error:
        raise BadInput(f"base_url: there is no Canvas that answers ({error})") from error
    except Refused as error:
        raise BadInput(_refused(error)) from error
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.MANAGE)
        receivers.end_rest(session, Receiver(canvas=base))
        row = canvas.same(session, course_id, base, canvas_id)
        if row is None:
            row = CanvasCourse(course_id=course_id, base_url=base, canvas_id=canvas_id)
            session.add(row)
        row.title = there.name or "a course without a name"
        row.token, row.author_id = token, actor.person_id
        row.disabled_at = None
        session.flush()
        session.refresh(row)
        passbacks.unlock(session, passbacks.of_canvas(row.id))
        audit.record(
            session, actor.person_id, "canvas.linked", row, course_id=course_id, title=row.title
        )
    return row


def unlink(site: Site, actor: Actor, course_id: int, link_id: int) -> None:
    """Nothing goes there any more, and the token is forgotten; what arrived stays there."""
    with site.database.writing() as session:
        row = _link(session, actor, course_id, link_id)
        row.disabled_at, row.token = moment(session), ""
        audit.record(
            session, actor.person_id, "canvas.unlinked", row, course_id=course_id, title=row.title
        )


def look(site: Site, actor: Actor, course_id: int, link_id: int) -> Looked:
    """Ask Canvas for its assignments and students.

    Students are who has an address, login or number there that is the same; nobody is until it is
    confirmed. Raises NotSeen where Canvas does not answer as it should, or may not be asked.
    """
    with site.database.reading() as session:
        row = _link(session, actor, course_id, link_id)
        students = gradesout.students(session, course_id)
        known = canvas.people(session, link_id)
        chosen = canvas.columns(session, link_id)
    with _asking(site, row) as asked:
        assignments = [one for one in asked.assignments() if one.takes_points]
        there = asked.students()
    ours = _assignments(site, actor, course_id)
    return Looked(
        row,
        [Choice(one, chosen.get(one.id)) for one in ours],
        assignments,
        _matching(students, there, known),
    )


def _checked(base_url: str, canvas_id: str, token: str) -> str:
    """The address of the Canvas that is meant; raises BadFields for all that is wrong."""
    base, wrong = "", {}
    try:
        base = base_of(base_url)
    except BadInput as error:
        wrong["base_url"] = str(error).partition(": ")[2]
    if not canvas_id.isdecimal() or len(canvas_id) > 20:
        wrong["canvas_id"] = "the number that stands behind /courses/ in Canvas's address"
    if not token.isascii() or not token.isprintable() or " " in token:
        wrong["token"] = "it is copied as Canvas shows it"
    if wrong:
        raise BadFields(wrong)
    return base


def _refused(error: Refused) -> str:
    """Which of what was typed is wrong where there is no course, by what was answered: a Canvas
    says in JSON that it has none of that number, and any other server in its own way."""
    if error.answer.status in (401, 403):
        return f"token: Canvas says no ({error})"
    if error.answer.status == 404 and error.answer.body.lstrip().startswith(b"{"):
        return f"canvas_id: Canvas says no ({error})"
    return f"base_url: there is no Canvas that answers as it should ({error})"


def _matching(
    students: Sequence[tuple[int, str, str]],
    there: Sequence[PersonThere],
    known: Mapping[int, str],
) -> Matching:
    found = matched([(person_id, address) for person_id, _, address in students], there)
    times = Counter(address.strip().lower() for _, _, address in students if address)
    people = [
        Matched(
            person_id,
            name,
            address,
            found.get(person_id),
            known.get(person_id),
            max(times[address.strip().lower()] - 1, 0),
        )
        for person_id, name, address in students
    ]
    taken = {one.id for one in found.values()}
    pairs = [(one.person_id, one.there.id) for one in people if one.there is not None]
    return Matching(people, [one for one in there if one.id not in taken], digest_of(pairs))


def confirm_people(
    site: Site,
    actor: Actor,
    course_id: int,
    link_id: int,
    pairs: Sequence[tuple[int, str]],
    digest: str,
) -> int:
    """They are who `look` has shown, and what is released for them goes out; how many.

    What went to somebody as whom another was known is theirs no more: whoever is not known any more
    waits to be. Raises Conflict for anything else than what was shown.
    """
    if digest_of(pairs) != digest:
        raise Conflict("digest: this is not what was shown: look again, then confirm")
    with site.database.writing() as session:
        _link(session, actor, course_id, link_id)
        ids = {person_id for person_id, _, _ in gradesout.students(session, course_id)}
        if not {person_id for person_id, _ in pairs} <= ids:
            words = "somebody has left the course meanwhile: look again, then confirm"
            raise Conflict(f"pairs: {words}")
        _hold_assignments(session, link_id)
        before = canvas.people(session, link_id)
        canvas.know(session, link_id, dict(pairs))
        after = canvas.people(session, link_id)
        others = [one for one in before.keys() | after.keys() if before.get(one) != after.get(one)]
        passbacks.start_anew_of(session, link_id, others)
        row = session.get_one(CanvasCourse, link_id)
        audit.record(
            session,
            actor.person_id,
            "canvas.people_confirmed",
            row,
            course_id=course_id,
            title=row.title,
            people=len(pairs),
        )
        for assignment_id in canvas.columns(session, link_id):
            passbacks.follow(session, assignment_id)
    return len(pairs)


def choose_column(
    site: Site, actor: Actor, course_id: int, link_id: int, assignment_id: int, address: str
) -> GradeColumn:
    """Have an assignment's grades go to that one in Canvas, or to a NEW one."""
    with site.database.reading() as session:
        row = _link(session, actor, course_id, link_id)
    ours = {one.id: one for one in _assignments(site, actor, course_id)}
    if assignment_id not in ours:
        raise NotFound("there is no such assignment in this course")
    if address != NEW and not address.isdecimal():
        raise BadInput("address: choose an assignment of Canvas")
    with _asking(site, row) as there:
        if address == NEW:
            found = _created(site, there, ours[assignment_id])
        else:
            found = _existing(there, address)
    if not found.takes_points or found.points is None:
        raise BadInput("address: this one takes no points in Canvas")
    with site.database.writing() as session:
        row = _link(session, actor, course_id, link_id)
        hold(session, session.get_one(Assignment, assignment_id))
        for other, column in canvas.columns(session, link_id).items():
            if other != assignment_id and column.address == found.id:
                raise Conflict(
                    f"address: grades of “{ours[other].title}” go to that one already; each would "
                    "take the other's for somebody's change"
                )
        column = canvas.choose(
            session,
            link_id,
            assignment_id,
            (found.id, found.name, found.points),
            made=address == NEW,
        )
        audit.record(
            session,
            actor.person_id,
            "canvas.column_chosen",
            column,
            course_id=course_id,
            assignment_id=assignment_id,
            title=found.name,
        )
        passbacks.follow(session, assignment_id)
    return column


def digest_of(pairs: Sequence[tuple[int, str]]) -> str:
    """Names who is who."""
    return hashlib.sha256(json.dumps(sorted(pairs)).encode()).hexdigest()


def _existing(there: Canvas, address: str) -> AssignmentThere:
    try:
        return there.assignment(address)
    except Refused as error:
        if error.answer.status != 404:
            raise
        raise BadInput(f"address: Canvas has no such assignment ({error})") from error


def _created(site: Site, there: Canvas, assignment: Assignment) -> AssignmentThere:
    """A new one; one of the same title that a former try has left is taken instead."""
    for one in there.assignments():
        if one.name == assignment.title and one.takes_points:
            return one
    with site.database.reading() as session:
        points = grades.assignment(session, assignment.id).max_score
    if points <= 0:
        raise BadInput("address: publish a version of the assignment first")
    return there.create(assignment.title, points)


def _assignments(site: Site, actor: Actor, course_id: int) -> list[Assignment]:
    found: list[Assignment] = []
    cursor: str | None = None
    more = True
    while more:
        page = list_assignments(site, actor, course_id, cursor=cursor, limit=200)
        found += [one.assignment for one in page.items]
        cursor = page.next_cursor
        more = cursor is not None
    return found


def _hold_assignments(session: Session, link_id: int) -> None:
    """Before rows of theirs are changed, as a release does."""
    for assignment_id in sorted(canvas.columns(session, link_id)):
        hold(session, session.get_one(Assignment, assignment_id))


def _link(session: Session, actor: Actor, course_id: int, link_id: int) -> CanvasCourse:
    permit(session, actor, course_id, Right.MANAGE)
    row = session.get(CanvasCourse, link_id)
    if row is None or row.course_id != course_id or row.disabled_at is not None:
        raise NotFound("this course is linked to no such course of Canvas")
    return row


@contextmanager
def _asking(site: Site, row: CanvasCourse) -> Iterator[Canvas]:
    """The course there, for as long as somebody may wait; what keeps it from answering, in words
    for who asks."""
    way = site.outside.within(_PATIENCE_S)
    try:
        yield Canvas(way, row.base_url, row.token, row.canvas_id)
    except NotAllowed as error:
        raise NotSeen(f"{_OURS}: {error.with_who_may}", By.RULE) from error
    except Refused as error:
        raise NotSeen(f"Canvas says no: {error}", By.CANVAS) from error
    except Unreachable as error:
        raise NotSeen(f"Canvas does not answer as it should: {error}", By.NOBODY) from error
