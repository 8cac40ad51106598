"""An LMS's own exported gradebook, filled in with released grades and handed back as it was.

Its numbers for people and columns are in the file already, so it is imported as it is. Only cells
that are filled in change; text of others is theirs and stays to the letter.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from grader.db import grades
from grader.db.grades import Live, Member, Released
from grader.errors import BadInput, TooLarge
from grader.lms.canvas import scaled
from grader.safetext import one_line, storable
from grader.services.access import Actor, Right, permit
from grader.services.gradefiles import Lms, points_text, title_of
from grader.services.site import Site

_MOST_BYTES = 2 << 20
_MOST_ROWS, _MOST_COLUMNS = 10_000, 500
_CANVAS = re.compile(r"(?P<title>.*) \((?P<id>\d+)\)")
_BLACKBOARD = re.compile(r"(?P<title>.*?) \[Total Pts: (?P<of>[\d.,]+)[^\]]*\](?: ?\|(?P<id>\d+))?")
_BRIGHTSPACE = re.compile(r"(?P<title>.*?) Points Grade(?: <[^>]*?MaxPoints:(?P<of>[\d.]+)[^>]*>)?")
_MOODLE = re.compile(r"(?:\w+: ?)?(?P<title>.*?)(?: \((?:Real|real)\))?")


@dataclass(frozen=True)
class _Kind:
    """How a system's export is read: the column that tells it, those that say who, the headings of
    assignments."""

    lms: Lms
    marks: Sequence[str]
    who: Sequence[str]
    heading: re.Pattern[str]


_KINDS = (
    _Kind(
        Lms.BRIGHTSPACE,
        ["end-of-line indicator"],
        ["email", "username", "orgdefinedid"],
        _BRIGHTSPACE,
    ),
    _Kind(Lms.CANVAS, ["student", "id"], ["sis login id", "sis user id"], _CANVAS),
    _Kind(Lms.BLACKBOARD, ["last name", "username"], ["username", "student id"], _BLACKBOARD),
    _Kind(Lms.MOODLE, ["email address"], ["email address"], _MOODLE),
)


@dataclass(frozen=True)
class FilledColumn:
    """A column of the file and the assignment that it is for; `of` is its own scale."""

    heading: str
    title: str
    max_score: float
    of: float


@dataclass(frozen=True)
class Row:
    """A row of the file by its number, what the file calls who it is for, and who that is here."""

    number: int
    words: str
    name: str = ""


@dataclass(frozen=True)
class Filled:
    """A file with grades in it: which columns and how many cells were filled in, of which `changed`
    said something else.

    `by_login` are rows that were matched by what stands before the @ of an address. `unmatched` are
    those of whom nobody knows, and `twice` several for one person: both stay as they are.
    """

    lms: Lms
    content: bytes
    columns: Sequence[FilledColumn]
    cells: int
    changed: int
    students: int
    by_login: Sequence[Row]
    unmatched: Sequence[Row]
    twice: Sequence[Row]
    missing: Sequence[str]  # students with a released grade who are in none of its rows


@dataclass(frozen=True)
class _Sheet:
    lines: list[list[str]]
    encode: Callable[[str], bytes]
    delimiter: str
    ending: str


def fill_in(site: Site, actor: Actor, course_id: int, file: BinaryIO) -> Filled:
    """Fill in released grades; for staff. Raises BadInput, whose words begin with: file."""
    sheet = _read(file.read(_MOST_BYTES + 1))
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        lives = grades.assignments(session, course_id)
        members = grades.all_students(session, course_id)
        released = grades.released(
            session,
            [one.assignment.id for one in lives],
            [one.person_id for one in members],
        )
    return _filled(sheet, lives, members, released)


def _filled(
    sheet: _Sheet,
    lives: Sequence[Live],
    members: Sequence[Member],
    released: Mapping[tuple[int, int], Released],
) -> Filled:
    names = [cell.strip().lower() for cell in sheet.lines[0]]
    kind = next((one for one in _KINDS if set(one.marks) <= set(names)), None)
    if kind is None:
        raise BadInput(
            "file: this is no gradebook as Canvas, Blackboard, Brightspace or Moodle export it"
        )
    columns = _columns(kind, sheet, lives)
    if not columns:
        titles = ", ".join(one.assignment.title for one in lives[:20]) or "none yet"
        raise BadInput(f"file: no column is called as an assignment is; there are: {titles}")
    known = _known(members)
    who = [names.index(name) for name in kind.who if name in names]
    names_here = {one.person_id: one.name for one in members}
    rows = [
        (number, line, *_meant(line, who, known))
        for number, line in enumerate(sheet.lines[1:], 2)
        if _is_student(kind, names, line)
    ]
    times = Counter(person_id for _, _, person_id, _ in rows)
    cells = changed = 0
    by_login: list[Row] = []
    unmatched: list[Row] = []
    twice: list[Row] = []
    for number, line, person_id, is_login in rows:
        words = one_line(" ".join(filter(None, line[:4])), 120)
        if person_id is None:
            unmatched.append(Row(number, words))
            continue
        if times[person_id] > 1:
            # One of them is somebody else's.
            twice.append(Row(number, words, names_here[person_id]))
            continue
        if is_login:
            by_login.append(Row(number, words, names_here[person_id]))
        for at, (live, column) in columns.items():
            grade = released.get((live.assignment.id, person_id))
            if grade is None:
                continue
            text = points_text(scaled(grade.score, grade.max_score, column.of))
            line += [""] * (at + 1 - len(line))
            was = line[at].strip()
            cells += 1
            changed += was not in ("", "-", text) and _number(was) != _number(text)
            line[at] = text
    ids = {live.assignment.id for live, _ in columns.values()}
    graded = {person for assignment_id, person in released if assignment_id in ids}
    return Filled(
        lms=kind.lms,
        content=_written(sheet),
        columns=[column for _, column in columns.values()],
        cells=cells,
        changed=changed,
        students=len(rows),
        by_login=by_login,
        unmatched=unmatched,
        twice=twice,
        missing=[
            one.name for one in members if one.person_id in graded and one.person_id not in times
        ],
    )


def _columns(
    kind: _Kind, sheet: _Sheet, lives: Sequence[Live]
) -> dict[int, tuple[Live, FilledColumn]]:
    times = Counter(title_of(one).lower() for one in lives)
    by_title = {title_of(one).lower(): one for one in lives if times[title_of(one).lower()] == 1}
    by_title |= {one.assignment.slug: one for one in lives}
    possible = next(
        (line for line in sheet.lines[1:4] if line and line[0].strip() == "Points Possible"), []
    )
    found: dict[int, tuple[Live, FilledColumn]] = {}
    for at, heading in enumerate(sheet.lines[0]):
        matched = kind.heading.fullmatch(heading.strip())
        live = by_title.get(matched["title"].strip().lower()) if matched else None
        if matched is None or live is None:
            continue
        said = possible[at] if at < len(possible) else matched.groupdict().get("of") or ""
        of = _number(said.strip()) or live.max_score
        title = live.assignment.title
        found[at] = live, FilledColumn(one_line(heading, 200), title, live.max_score, of)
    return found


def _known(members: Sequence[Member]) -> dict[str, int]:
    """Students by their addresses, and by what stands before the @ where only one has that."""
    addresses = {one.email.lower(): one.person_id for one in members if one.email}
    times = Counter(address.partition("@")[0] for address in addresses)
    logins = {
        address.partition("@")[0]: person_id
        for address, person_id in addresses.items()
        if times[address.partition("@")[0]] == 1
    }
    return logins | addresses


def _meant(
    line: Sequence[str], who: Sequence[int], known: Mapping[str, int]
) -> tuple[int | None, bool]:
    """Whose row it is: by an address where it has any, otherwise by what stands before the @, which
    is told. Nobody's where it says two people."""
    keys = [key for at in who if (key := _key(line, at))]
    addresses = [key for key in keys if "@" in key]
    found = {known[key] for key in addresses or keys if key in known}
    return (found.pop() if len(found) == 1 else None), not addresses


def _is_student(kind: _Kind, names: Sequence[str], line: Sequence[str]) -> bool:
    if kind.lms is Lms.CANVAS:
        at = names.index("id")
        return at < len(line) and line[at].strip().isdecimal()
    return any(cell.strip() for cell in line)


def _key(line: Sequence[str], at: int) -> str:
    # Brightspace writes a # before names, so that no spreadsheet makes numbers of them.
    return line[at].strip().lstrip("#").lower() if at < len(line) else ""


def _read(content: bytes) -> _Sheet:
    if len(content) > _MOST_BYTES:
        raise TooLarge(f"file: it is larger than {_MOST_BYTES >> 20} MiB")
    # Blackboard writes UTF-16, and calls it .xls.
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise BadInput("file: it is no text that can be read; export it once more") from None
    if "\0" in text or storable(text) != text:
        raise BadInput("file: this is no CSV file")
    first = text.split("\n", 1)[0]
    delimiter = "\t" if first.count("\t") > first.count(",") else ","
    try:
        lines = []
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            lines.append(line)
            if len(lines) > _MOST_ROWS or len(line) > _MOST_COLUMNS:
                raise BadInput("file: it has more rows or columns than a gradebook")
    except csv.Error as error:
        raise BadInput(f"file: it cannot be read: {one_line(str(error))}") from None
    if not lines or not any(lines[0]):
        raise BadInput("file: its first row should name the columns, and it is empty")
    ending = "\r\n" if first.endswith("\r") else "\n"
    return _Sheet(lines, lambda some: some.encode(encoding), delimiter, ending)


def _written(sheet: _Sheet) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=sheet.delimiter, lineterminator=sheet.ending)
    writer.writerows(sheet.lines)
    return sheet.encode(text.getvalue())


def _number(text: str) -> float | None:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
