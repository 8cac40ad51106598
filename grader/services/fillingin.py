"""An LMS's own exported gradebook, filled in with released grades and handed back as it was.

Its numbers for people and columns are in the file already, so it is imported as it is. Only cells
that are filled in change; text of others is theirs and stays to the letter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from grader.db import grades
from grader.db.grades import Live, Member, Released
from grader.lms.canvas import scaled
from grader.safetext import one_line
from grader.services.access import Actor, Right, permit
from grader.services.exportcolumns import NOTHING, Chosen, Column, number, planned
from grader.services.exportedsheets import MOST_TO_READ, Exported, read_export
from grader.services.gradefiles import Absent, Lms, all_absentees, points_text
from grader.services.site import Site

__all__ = ["Chosen", "Column", "Filled", "FilledColumn", "Row", "fill_in"]


@dataclass(frozen=True)
class FilledColumn:
    """A column of the file with what became of it, in how many cells, of which `zeros` are for who
    is absent, and how many grades of its assignment are released."""

    column: Column
    cells: int
    zeros: int
    released: int

    @property
    def assignment_id(self) -> int | None:
        """The assignment whose grades it takes, or should if not another column did as well."""
        live = self.column.live or self.column.wanted
        return live.assignment.id if live else None


@dataclass(frozen=True)
class Row:
    """A row of the file by its number, what the file calls who it is for, and who that is here, or
    why it is nobody."""

    number: int
    words: str
    name: str = ""
    why: str = ""
    is_several: bool = False  # two here have what it says


@dataclass(frozen=True)
class Filled:
    """A file with grades in it: what became of which columns, and how many cells were filled in, of
    which `changed` said something else.

    `lms` is None where the file's headings are of no system that is known. `who` are the columns by
    which students were found, and `headings` all there are. `by_login` are rows that were matched
    by what stands before the @ of an address. `unmatched` are those of nobody here, and `twice`
    several for one person: both stay as they are. `absent` are who gets 0, with the titles of what
    they get it for. `missing` are students with a released grade who
    are in no row; who may be meant by one that is nobody's is not among them.
    """

    lms: Lms | None
    content: bytes
    headings: Sequence[str]
    who: Sequence[int]
    columns: Sequence[FilledColumn]
    cells: int
    changed: int
    students: int
    by_login: Sequence[Row]
    unmatched: Sequence[Row]
    twice: Sequence[Row]
    missing: Sequence[str]
    absent: Sequence[tuple[str, Sequence[str]]]

    @property
    def doubled(self) -> Sequence[str]:
        """The titles of assignments that several columns were chosen for."""
        wanted = [one.column.wanted for one in self.columns]
        titles = [one.assignment.title for one in wanted if one is not None]
        return list(dict.fromkeys(titles))


@dataclass
class _Rows:
    """What became of the rows so far."""

    cells: Counter[int] = field(default_factory=Counter)  # by column
    zeros: Counter[int] = field(default_factory=Counter)  # by column
    absent: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    changed: int = 0
    by_login: list[Row] = field(default_factory=list)
    unmatched: list[Row] = field(default_factory=list)
    twice: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class _Meant:
    """Whose row it is, or why it is nobody's; whether that is by a login alone. `may_be` are whom
    it may be for, where that can't be told."""

    person_id: int | None
    by_login: bool = False
    why: str = ""
    is_several: bool = False
    may_be: Collection[int] = ()


def fill_in(
    site: Site,
    actor: Actor,
    course_id: int,
    file: BinaryIO,
    chosen: Chosen | None = None,
    *,
    absent: Absent = Absent.BLANK,
) -> Filled:
    """Fill in released grades, with what a person has chosen of its columns; for staff.

    Zeros for who is `absent` go into cells that say nothing, of assignments of which a grade is
    released. Raises BadInput, whose words begin with: file, who, goes or of.
    """
    sheet = read_export(file.read(MOST_TO_READ))
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        lives = grades.assignments(session, course_id)
        members = grades.all_students(session, course_id)
        released = grades.released(
            session,
            [one.assignment.id for one in lives],
            [one.person_id for one in members],
        )
        begun = {assignment_id for assignment_id, _ in released}
        zeros: Collection[tuple[int, int]] = ()
        if absent is Absent.ZERO:
            with_zeros = [one for one in lives if one.assignment.id in begun]
            zeros = all_absentees(session, course_id, with_zeros) - released.keys()
    return _filled(sheet, lives, members, released, zeros, chosen or Chosen())


def _filled(
    sheet: Exported,
    lives: Sequence[Live],
    members: Sequence[Member],
    released: Mapping[tuple[int, int], Released],
    zeros: Collection[tuple[int, int]],
    chosen: Chosen,
) -> Filled:
    known = _Known(members)
    plan = planned(sheet, lives, known.addresses, chosen)
    rows = [
        (at, line, known.meant(line, plan.who))
        for at, line in enumerate(sheet.lines[1:], 2)
        if _is_student(line, plan.student_at)
    ]
    times = Counter(meant.person_id for _, _, meant in rows)
    came = _Rows()
    columns = [one for one in plan.columns if one.live is not None]
    for at, line, meant in rows:
        words = one_line(" ".join(one for one in line[:4] if one.strip() not in NOTHING), 120)
        if meant.person_id is None:
            came.unmatched.append(Row(at, words, why=meant.why, is_several=meant.is_several))
            continue
        name = known.names[meant.person_id]
        if times[meant.person_id] > 1:
            # One of them is somebody else's.
            came.twice.append(Row(at, words, name))
            continue
        if meant.by_login:
            came.by_login.append(Row(at, words, name))
        _fill(line, meant.person_id, columns, released, came)
        _fill_zeros(line, meant.person_id, columns, zeros, came)
    ids = {one.live.assignment.id for one in columns if one.live is not None}
    graded = {person for assignment_id, person in released if assignment_id in ids}
    graded.difference_update(times, *(meant.may_be for _, _, meant in rows))
    counts = Counter(assignment_id for assignment_id, _ in released)
    return Filled(
        lms=plan.lms,
        content=sheet.written(),
        headings=[one_line(one, 200) for one in sheet.headings],
        who=plan.who,
        columns=[
            FilledColumn(
                one,
                came.cells[one.at],
                came.zeros[one.at],
                counts[one.live.assignment.id] if one.live else 0,
            )
            for one in plan.columns
        ],
        cells=came.cells.total(),
        changed=came.changed,
        students=len(rows),
        by_login=came.by_login,
        unmatched=came.unmatched,
        twice=came.twice,
        missing=[one.name for one in members if one.person_id in graded],
        absent=[
            (f"{one.name} ({one.email})", came.absent[one.person_id])
            for one in members
            if one.person_id in came.absent
        ],
    )


def _fill(
    line: list[str],
    person_id: int,
    columns: Sequence[Column],
    released: Mapping[tuple[int, int], Released],
    came: _Rows,
) -> None:
    for column in columns:
        assert column.live is not None
        grade = released.get((column.live.assignment.id, person_id))
        if grade is None:
            continue
        of = column.of or column.live.max_score or grade.max_score
        text = points_text(scaled(grade.score, grade.max_score, of))
        line += [""] * (column.at + 1 - len(line))
        was = line[column.at].strip()
        came.cells[column.at] += 1
        came.changed += was not in (*NOTHING, text) and number(was) != number(text)
        line[column.at] = text


def _fill_zeros(
    line: list[str],
    person_id: int,
    columns: Sequence[Column],
    zeros: Collection[tuple[int, int]],
    came: _Rows,
) -> None:
    for column in columns:
        assert column.live is not None
        if (column.live.assignment.id, person_id) not in zeros:
            continue
        line += [""] * (column.at + 1 - len(line))
        if line[column.at].strip() in NOTHING:
            line[column.at] = "0"
            came.cells[column.at] += 1
            came.zeros[column.at] += 1
            came.absent[person_id].append(column.live.assignment.title)


class _Known:
    """Students by their addresses, and by what stands before the @ of these."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.names = {one.person_id: one.name for one in members}
        self.addresses: dict[str, list[int]] = defaultdict(list)
        self._logins: dict[str, list[int]] = defaultdict(list)
        for one in members:
            if one.email:
                self.addresses[one.email.lower()].append(one.person_id)
                self._logins[one.email.lower().partition("@")[0]].append(one.person_id)

    def meant(self, line: Sequence[str], who: Sequence[int]) -> _Meant:
        """Whose row it is: by an address where it has any, otherwise by what stands before the @,
        which is told. Nobody's where it says two people, or two have what it says."""
        keys = [key for at in who if (key := _key(line, at))]
        if not keys:
            return _Meant(None, why="it says nothing by which students are known")
        addresses = [key for key in keys if "@" in key]
        found: set[int] = set()
        for key in addresses or keys:
            people = self.addresses.get(key) or self._logins.get(key, [])
            if len(people) > 1:
                words = "the address" if "@" in key else "the user name"
                why = f"{len(people)} students here have {words} {one_line(key, 100)}"
                return _Meant(None, why=why, is_several=True, may_be=people)
            found.update(people)
        if len(found) > 1:
            return _Meant(None, why=f"it says {len(found)} different students", may_be=found)
        if not found:
            return _Meant(None, why="no student here is known so")
        return _Meant(found.pop(), by_login=not addresses)


def _is_student(line: Sequence[str], student_at: int | None) -> bool:
    if student_at is not None:
        return student_at < len(line) and line[student_at].strip().isdecimal()
    return any(cell.strip() for cell in line)


def _key(line: Sequence[str], at: int) -> str:
    # Brightspace writes a # before names, so that no spreadsheet makes numbers of them.
    return line[at].strip().lstrip("#").lower() if at < len(line) else ""
