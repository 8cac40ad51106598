"""Released grades as files that other systems import as they are, each in its own manner.

Only what is released: a file that lies about is taken for what students were told. Columns are
called by titles, since by those the other systems find their own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from grader.db import grades, gradesout
from grader.db.grades import Live, Member
from grader.db.models import Assignment
from grader.db.pages import MOST, Page
from grader.db.session import Session, moment
from grader.domain.grades import GradeState
from grader.domain.policy import over_at
from grader.services.access import Actor, Right, permit
from grader.services.gradebook import with_grades
from grader.services.site import Site
from grader.services.tables import csv_text


class Absent(StrEnum):
    """What a file says of who is absent: handed in nothing, though it was due for them, who were in
    the course by then, and is accepted no more or is late."""

    BLANK = "blank"
    ZERO = "zero"


class Lms(StrEnum):
    """A system that grades go to by a file."""

    CANVAS = "canvas"
    MOODLE = "moodle"
    BLACKBOARD = "blackboard"
    BRIGHTSPACE = "brightspace"
    GRADESCOPE = "gradescope"


Points = Mapping[int, float]  # by assignment
Line = list[str]


@dataclass(frozen=True)
class _Manner:
    """What a system wants: the lines above all, a student's, and by what it knows students."""

    head: Callable[[Sequence[Live]], list[Line]]
    line: Callable[[Member, Sequence[Live], Points], Line]
    key: Callable[[Member], str]


class Reason(StrEnum):
    """Why a student is left out."""

    NO_ADDRESS = "no_address"
    SAME_ADDRESS = "same_address"  # as somebody else, who may be the same person
    SAME_LOGIN = "same_login"  # another address, with the same before its @


@dataclass(frozen=True)
class LeftOut:
    """A student whom the files for some systems leave out, why, and what helps; `others` are who
    has the same address or user name."""

    person_id: int
    name: str
    address: str
    reason: Reason
    why: str
    what_helps: str
    others: Sequence[int]
    systems: Sequence[Lms]


@dataclass(frozen=True)
class ReleasedOf:
    """An assignment, of how many students grades of it are released, and whether these go to an LMS
    by themselves."""

    assignment: Assignment
    released: int
    is_linked: bool

    @property
    def may_be_in_files(self) -> bool:
        """Whether the files can have a column for it: without a version in force there are no
        points to get."""
        return self.assignment.live_version_id is not None

    @property
    def is_in_files(self) -> bool:
        """Whether the files have a column for it, without being asked for more."""
        return self.may_be_in_files and self.released > 0


@dataclass(frozen=True)
class Known:
    """How many students the course has, and whom of them some files leave out."""

    students: int
    left_out: Sequence[LeftOut]

    def in_file(self, lms: Lms) -> int:
        """How many are in the file for that system."""
        return self.students - sum(lms in one.systems for one in self.left_out)


def grade_file(
    site: Site,
    actor: Actor,
    course_id: int,
    lms: Lms,
    *,
    every: bool = False,
    absent: Absent = Absent.BLANK,
) -> Iterator[str]:
    """The released grades of a course for that system, piece by piece; for staff.

    There is a column for each assignment of which a grade is released, or for `every` one that has
    points to get. With zeros for who is `absent` those stand in columns with a released grade
    alone: of an assignment nothing goes out before its first.

    Whom the system would not know, or take for somebody else, is left out: who has no address, or
    one from which two would have the same user name (`who_is_known`). What is refused is refused at
    once.
    """
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        counts = grades.count_released(session, course_id)
        lives = [
            one
            for one in grades.assignments(session, course_id)
            if one.assignment.live_version_id is not None
            and (every or counts.get(one.assignment.id))
        ]
        manner = _MANNERS[lms]
        known = _known(manner, grades.all_students(session, course_id))
    with_zeros = [one for one in lives if absent is Absent.ZERO and counts.get(one.assignment.id)]
    return _lines(site, course_id, lives, with_zeros, manner, known)


def who_is_known(site: Site, actor: Actor, course_id: int) -> Known:
    """Whom the files leave out; for staff."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        students = grades.all_students(session, course_id)
    known = {lms: _known(manner, students) for lms, manner in _MANNERS.items()}
    same = {key: _groups(key, students) for key in (_address, _login)}
    left_out = []
    for one in sorted(students, key=lambda one: (one.email.lower(), one.name, one.person_id)):
        systems = [lms for lms in Lms if _MANNERS[lms].key(one) not in known[lms]]
        if systems:
            left_out.append(_left_out(one, same[_address], same[_login], systems))
    return Known(len(students), left_out)


def what_is_released(site: Site, actor: Actor, course_id: int) -> Sequence[ReleasedOf]:
    """The assignments of a course, with their numbers of released grades; for staff."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        counts = grades.count_released(session, course_id)
        linked = gradesout.linked_assignments(session, course_id)
        return [
            ReleasedOf(
                one.assignment, counts.get(one.assignment.id, 0), one.assignment.id in linked
            )
            for one in grades.assignments(session, course_id)
        ]


def absentees(
    session: Session, course_id: int, lives: Sequence[Live], of: Page[Member]
) -> set[tuple[int, int]]:
    """Who of these is absent in which of these assignments: handed in nothing, nor did their team,
    though it was due for them while they were in the course, and the time for it is over. By
    assignment and person."""
    if not lives:
        return set()
    now = moment(session)
    return {
        (live.assignment.id, row.member.person_id)
        for row in with_grades(session, course_id, lives, of).rows.items
        for live, (grade, _) in zip(lives, row.cells, strict=True)
        if grade.state is GradeState.NOTHING
        and grade.due_at is not None
        and row.member.since is not None
        and row.member.since < grade.due_at
        and over_at(grade.due_at, grade.policy.late) < now
    }


def all_absentees(session: Session, course_id: int, lives: Sequence[Live]) -> set[tuple[int, int]]:
    """The same of all students of the course."""
    found: set[tuple[int, int]] = set()
    cursor: str | None = None
    more = bool(lives)
    while more:
        some = grades.members(session, course_id, cursor=cursor, limit=MOST)
        found |= absentees(session, course_id, lives, some)
        cursor = some.next_cursor
        more = cursor is not None
    return found


def _groups(
    key: Callable[[Member], str], students: Sequence[Member]
) -> Mapping[str, Sequence[Member]]:
    found: dict[str, list[Member]] = defaultdict(list)
    for one in students:
        found[key(one)].append(one)
    return found


def _left_out(
    one: Member,
    by_address: Mapping[str, Sequence[Member]],
    by_login: Mapping[str, Sequence[Member]],
    systems: Sequence[Lms],
) -> LeftOut:
    others: Sequence[Member] = []
    if not one.email:
        reason, why = Reason.NO_ADDRESS, "no address of theirs is known here"
        what_helps = "have the LMS tell addresses to Chainrule, or enter their grades there"
    elif len(by_address[_address(one)]) > 1:
        others = [other for other in by_address[_address(one)] if other is not one]
        reason = Reason.SAME_ADDRESS
        why = f"they have the address {one.email} and so {_has(others)} {_listed(others)}"
        what_helps = _joining([one, *others])
    else:
        others = [other for other in by_login[_login(one)] if other is not one]
        reason = Reason.SAME_LOGIN
        why = f"the user name {_login(one)} is also that of {_listed(others, addresses=True)}"
        what_helps = "fill in the LMS's own file, or enter their grades there"
    ids = [other.person_id for other in others]
    return LeftOut(one.person_id, one.name, one.email, reason, why, what_helps, ids, systems)


def _has(others: Sequence[Member]) -> str:
    return "has" if len(others) == 1 else "have"


def _listed(others: Sequence[Member], *, addresses: bool = False) -> str:
    """Who they are, and by what they are told apart from somebody who is called the same."""
    shown = [
        f"{one.name} ({one.email})"
        if addresses
        else f"{one.name} ({'with an account here' if one.has_account else 'from the LMS'})"
        for one in others[:3]
    ]
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return f"{', '.join(shown)}{more}"


def _joining(same: Sequence[Member]) -> str:
    """What makes one of several with the same address."""
    has_accounts = {one.has_account for one in same}
    if has_accounts == {True, False}:
        return (
            "if they are one person: they come from the LMS, open Account and join the two, as "
            "long as they have handed in nothing that way; or an instructor removes the account "
            "from the people of the course, if it is the one without work"
        )
    if has_accounts == {False}:
        return "an LMS tells this address of each of them: have it corrected there"
    return "have one of them given another address"


def _known(manner: _Manner, students: Sequence[Member]) -> set[str]:
    times = Counter(manner.key(one) for one in students)
    return {key for key, count in times.items() if key and count == 1}


def points_text(points: float | None) -> str:
    """Points as every system reads them: with a dot, and without an exponent."""
    return "" if points is None else f"{points:.6f}".rstrip("0").rstrip(".")


def title_of(live: Live) -> str:
    """What a column is called: the title on one line, without what would mean something there."""
    return " ".join(
        live.assignment.title.replace("|", "/").replace("[", "(").replace("]", ")").split()
    )


def _lines(
    site: Site,
    course_id: int,
    lives: Sequence[Live],
    with_zeros: Sequence[Live],
    manner: _Manner,
    known: Collection[str],
) -> Iterator[str]:
    yield csv_text(manner.head(lives))
    ids = [one.assignment.id for one in lives]
    cursor: str | None = None
    more = True
    while more:
        with site.database.reading() as session:
            found = grades.members(session, course_id, cursor=cursor, limit=MOST)
            people = [one.person_id for one in found.items]
            released = grades.released(session, ids, people)
            points: dict[int, dict[int, float]] = defaultdict(dict)
            for assignment_id, person_id in absentees(session, course_id, with_zeros, found):
                points[person_id][assignment_id] = 0.0
        for (assignment_id, person_id), grade in released.items():
            points[person_id][assignment_id] = grade.score
        yield csv_text(
            manner.line(one, lives, points[one.person_id])
            for one in found.items
            if manner.key(one) in known
        )
        cursor = found.next_cursor
        more = cursor is not None


def _cells(lives: Sequence[Live], points: Points) -> Line:
    return [points_text(points.get(one.assignment.id)) for one in lives]


def _address(member: Member) -> str:
    return member.email.lower()


def _login(member: Member) -> str:
    """What is most often somebody's user name: what stands before the @ of their address."""
    return member.email.partition("@")[0].lower()


def _last_first(member: Member) -> tuple[str, str]:
    first, _, last = member.name.rpartition(" ")
    return last, first


def _canvas_head(lives: Sequence[Live]) -> list[Line]:
    titles = [title_of(one) for one in lives]
    possible = [points_text(one.max_score) for one in lives]
    return [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles],
        ["    Points Possible", "", "", "", "", *possible],
    ]


def _canvas_line(member: Member, lives: Sequence[Live], points: Points) -> Line:
    last, first = _last_first(member)
    name = f"{last}, {first}" if first else last
    return [name, "", "", member.email, "", *_cells(lives, points)]


def _moodle_head(lives: Sequence[Live]) -> list[Line]:
    return [["Email address", "ID number", *map(title_of, lives)]]


def _moodle_line(member: Member, lives: Sequence[Live], points: Points) -> Line:
    return [member.email, "", *_cells(lives, points)]


def _blackboard_head(lives: Sequence[Live]) -> list[Line]:
    columns = [f"{title_of(one)} [Total Pts: {points_text(one.max_score)} Score]" for one in lives]
    return [["Last Name", "First Name", "Username", *columns]]


def _blackboard_line(member: Member, lives: Sequence[Live], points: Points) -> Line:
    return [*_last_first(member), _login(member), *_cells(lives, points)]


def _brightspace_head(lives: Sequence[Live]) -> list[Line]:
    columns = [f"{title_of(one)} Points Grade" for one in lives]
    return [["Username", *columns, "End-of-Line Indicator"]]


def _brightspace_line(member: Member, lives: Sequence[Live], points: Points) -> Line:
    # Its own files have a # before each name, so that no spreadsheet makes a number of it.
    return [f"#{_login(member)}", *_cells(lives, points), "#"]


def _gradescope_head(lives: Sequence[Live]) -> list[Line]:
    columns = [[title_of(one), f"{title_of(one)} - Max Points"] for one in lives]
    return [["First Name", "Last Name", "SID", "Email", *(name for two in columns for name in two)]]


def _gradescope_line(member: Member, lives: Sequence[Live], points: Points) -> Line:
    last, first = _last_first(member)
    cells = [
        [points_text(points.get(one.assignment.id)), points_text(one.max_score)] for one in lives
    ]
    return [first, last, "", member.email, *(cell for two in cells for cell in two)]


_MANNERS: Mapping[Lms, _Manner] = {
    Lms.CANVAS: _Manner(_canvas_head, _canvas_line, _address),
    Lms.MOODLE: _Manner(_moodle_head, _moodle_line, _address),
    Lms.BLACKBOARD: _Manner(_blackboard_head, _blackboard_line, _login),
    Lms.BRIGHTSPACE: _Manner(_brightspace_head, _brightspace_line, _login),
    Lms.GRADESCOPE: _Manner(_gradescope_head, _gradescope_line, _address),
}
