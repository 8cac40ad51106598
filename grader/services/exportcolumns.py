"""What the columns of an LMS's exported gradebook are: who a row is for, and which assignment's
grades they hold. What is not sure is said and left to a person."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grader.db.grades import Live
from grader.errors import BadInput
from grader.safetext import one_line
from grader.services.exportedsheets import Exported
from grader.services.gradefiles import Lms, title_of

_CANVAS = re.compile(r"(?P<title>.*) \((?P<id>\d+)\)")
_BLACKBOARD = re.compile(r"(?P<title>.*?) \[Total Pts: (?P<of>[\d.,]+)[^\]]*\](?: ?\|(?P<id>\d+))?")
_BRIGHTSPACE = re.compile(r"(?P<title>.*?) Points Grade(?: <[^>]*?MaxPoints:(?P<of>[\d.]+)[^>]*>)?")
# Moodle puts the kind of activity before a title, and behind it how its grades are shown, both in
# the language of who exports.
_SHOWN = re.compile(r"(?P<title>.*?) ?\((?P<shown>[^()]*)\)")
_KINDS_OF_WORK = {
    *("assignment", "external tool"),
    *("aufgabe", "externes tool"),
    *("tarea", "herramienta externa"),
    *("devoir", "outil externe"),
}
_POINTS = {"real", "punkte", "réel", "réelle"}
_NO_POINTS = {
    *("percentage", "letter", "feedback"),
    *("prozentsatz", "prozent", "note", "rückmeldung"),
    *("porcentaje", "letra", "retroalimentación", "comentarios"),
    *("pourcentage", "lettre", "commentaire", "commentaires"),
}
# Columns about students themselves: no grade belongs there, whoever may choose it.
_OF_STUDENTS = {
    *("student", "id", "sis user id", "sis login id", "integration id", "root account", "section"),
    *("first name", "last name", "surname", "name", "full name", "username", "user name"),
    *("student id", "id number", "orgdefinedid", "email", "email address", "e-mail address"),
    *("institution", "department", "last access", "availability", "end-of-line indicator"),
    *("vorname", "nachname", "id-nummer", "e-mail-adresse", "institution", "abteilung"),
    *("nombre", "apellido(s)", "apellidos", "número de id", "dirección de correo", "usuario"),
    *("prénom", "nom de famille", "nom", "numéro d'identification", "adresse de courriel"),
}
_NUMBER = re.compile(r"[+-]?\d{1,12}(?:[.,]\d{1,12})?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
NOTHING = {"", "-", "–"}  # what stands for no grade
_UNKNOWN = "no assignment here is called so"
_LONGEST = 1000  # of a heading, as far as it is looked at


@dataclass(frozen=True)
class _Kind:
    """How a system's export is read: the column that tells it, those that say who, the headings of
    assignments, which Moodle's have no single form for."""

    lms: Lms
    marks: Sequence[str]
    who: Sequence[str]
    heading: re.Pattern[str] | None = None


_KINDS = (
    _Kind(
        Lms.BRIGHTSPACE,
        ["end-of-line indicator"],
        ["email", "username", "orgdefinedid"],
        _BRIGHTSPACE,
    ),
    _Kind(Lms.CANVAS, ["student", "id"], ["sis login id", "sis user id"], _CANVAS),
    _Kind(Lms.BLACKBOARD, ["last name", "username"], ["username", "student id"], _BLACKBOARD),
    _Kind(Lms.MOODLE, ["email address"], ["email address"]),
)


@dataclass(frozen=True)
class Chosen:
    """What a person says of a file's columns, by their places: which one holds addresses or user
    names, which assignment's grades they take (None: leave it), and how many points there are to
    get there."""

    who: int | None = None
    columns: Mapping[int, int | None] = field(default_factory=dict)
    scales: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """A column of the file and the assignment whose grades it takes, or `why` it is left alone.

    `of` is how many points there are to get in it, None where the file does not say. `wanted` is
    what a person has chosen for this column and for another one as well: neither takes it.
    """

    at: int
    heading: str
    live: Live | None = None
    of: float | None = None
    is_told: bool = False  # by a person
    why: str = ""
    wanted: Live | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether it is left since it is called as no assignment is: nothing is to be asked."""
        return self.live is None and self.why == _UNKNOWN


@dataclass(frozen=True)
class Plan:
    """What is done with a file: `lms` is None where its headings are of no system that is known,
    `who` are the places of the columns that say who a row is for."""

    lms: Lms | None
    who: Sequence[int]
    columns: Sequence[Column]
    student_at: int | None  # where a number stands in the rows of students alone


def planned(
    sheet: Exported, lives: Sequence[Live], addresses: Collection[str], chosen: Chosen
) -> Plan:
    """What its columns are. Raises BadInput, whose words begin with: file, who, goes or of."""
    names = [cell.strip().lower() for cell in sheet.headings]
    kind = next((one for one in _KINDS if set(one.marks) <= set(names)), None)
    who = _who(sheet, kind, names, addresses, chosen)
    columns = _columns(sheet, kind, who, lives, chosen)
    is_canvas = kind is not None and kind.lms is Lms.CANVAS
    return Plan(kind.lms if kind else None, who, columns, names.index("id") if is_canvas else None)


def number(text: str) -> float | None:
    """The number that a text is, with a dot or a comma; None where it may as well be thousands."""
    if not _NUMBER.fullmatch(text) or _THOUSANDS.fullmatch(text):
        return None
    return float(text.replace(",", "."))


def _who(
    sheet: Exported,
    kind: _Kind | None,
    names: Sequence[str],
    addresses: Collection[str],
    chosen: Chosen,
) -> list[int]:
    if chosen.who is not None:
        if not 0 <= chosen.who < len(names):
            raise BadInput("who: the file has no such column")
        return [chosen.who]
    if kind is not None:
        return [names.index(name) for name in kind.who if name in names]
    known = [
        sum(line[at].strip().lower() in addresses for line in sheet.lines[1:] if at < len(line))
        for at in range(len(names))
    ]
    if not any(known):
        listed = ", ".join(one_line(one, 60) for one in sheet.headings[:12] if one.strip())
        more = " and more" if len(names) > 12 else ""
        raise BadInput(
            "file: this is no gradebook as Canvas, Blackboard, Brightspace or Moodle export it in "
            "English, and no column of it holds addresses of students of this course. Its columns, "
            f"separated by {sheet.separated}, are: {listed}{more}. Export it once more with "
            "students' e-mail addresses in it"
        )
    # Somebody may be called as somebody else's address is: most rows say which column it is.
    return [max(range(len(names)), key=lambda at: (known[at], "mail" in names[at], -at))]


def _columns(
    sheet: Exported,
    kind: _Kind | None,
    who: Sequence[int],
    lives: Sequence[Live],
    chosen: Chosen,
) -> list[Column]:
    by_name, possible = _by_name(lives), _possible(sheet, kind)
    found = [
        _found(sheet, kind, at, by_name, possible)
        for at in range(len(sheet.headings))
        if at not in who and " ".join(sheet.headings[at].lower().split()) not in _OF_STUDENTS
    ]
    places = Counter(one.live.assignment.id for one in found if one.live is not None)
    by_id = {one.assignment.id: one for one in lives}
    # A column that nobody can write to takes nothing, whatever was said of it.
    open_to = {one.at for one in found}
    taken = Counter(one for at, one in chosen.columns.items() if one is not None and at in open_to)
    return [_chosen(one, places, taken, by_id, chosen) for one in found]


def _found(
    sheet: Exported,
    kind: _Kind | None,
    at: int,
    by_name: Mapping[str, list[Live]],
    possible: Sequence[str],
) -> Column:
    """A column as its heading has it."""
    raw = sheet.headings[at]
    heading = " ".join(raw[:_LONGEST].split())
    if kind is not None and kind.heading is not None:
        live, why, said = _by_form(kind.heading, heading, by_name)
    else:
        live, why = _by_words(sheet, at, heading, by_name)
        said = ""
    of = number((possible[at] if at < len(possible) else said).strip())
    return Column(at, one_line(raw, 200), live, of if of and of > 0 else None, why=why)


def _chosen(
    column: Column,
    places: Mapping[int, int],
    taken: Mapping[int, int],
    by_id: Mapping[int, Live],
    chosen: Chosen,
) -> Column:
    """The same as a person has it; of several that are called as one assignment none, unless they
    have chosen. None takes what is chosen for another: an assignment's grades go to one column."""
    at, live = column.at, column.live
    if (mine := chosen.columns.get(at)) is not None:
        if mine not in by_id:
            raise BadInput("goes: there is no such assignment in this course")
        if taken[mine] > 1:
            why = f"the grades of “{by_id[mine].assignment.title}” go to one column: choose which"
            of = chosen.scales.get(at)  # kept as it was typed, for when one of them is chosen
            is_told, wanted = of is not None, by_id[mine]
            return replace(column, live=None, of=of, is_told=is_told, why=why, wanted=wanted)
        of = chosen.scales.get(at, column.of)
        return replace(column, live=by_id[mine], of=of, is_told=at in chosen.scales, why="")
    if live is None:
        return column
    title = live.assignment.title
    is_taken = live.assignment.id in taken
    if places[live.assignment.id] > 1:
        why = f"several columns are called as “{title}” is"
        why += ", and another one is chosen" if is_taken else ": choose one of them"
    elif at in chosen.columns:
        why = "you chose to leave it"
    elif is_taken:
        why = f"another column is chosen for “{title}”"
    else:
        return column
    return replace(column, live=None, of=None, why=why)


def _possible(sheet: Exported, kind: _Kind | None) -> Sequence[str]:
    """Canvas's row of points, which stands above those of students."""
    if kind is None or kind.lms is not Lms.CANVAS:
        return []
    rows = (line for line in sheet.lines[1:4] if line and line[0].strip() == "Points Possible")
    return next(rows, [])


def _by_name(lives: Sequence[Live]) -> Mapping[str, list[Live]]:
    """Assignments by their titles and short names, in small letters."""
    found: dict[str, list[Live]] = defaultdict(list)
    for one in lives:
        written = " ".join(one.assignment.title.split())
        for name in {title_of(one).lower(), written.lower(), one.assignment.slug.lower()}:
            found[name].append(one)
    return found


def _one_of(found: Sequence[Live]) -> tuple[Live | None, str]:
    if len(found) == 1:
        return found[0], ""
    return None, "several assignments here are called so: choose one"


def _by_form(
    form: re.Pattern[str], heading: str, by_name: Mapping[str, list[Live]]
) -> tuple[Live | None, str, str]:
    """By its title, with what the heading says of points."""
    matched = form.fullmatch(heading)
    if matched is None:
        return None, _UNKNOWN, ""
    of = matched.groupdict().get("of") or ""
    named = by_name.get(matched["title"].strip().lower())
    return (*_one_of(named), of) if named else (None, _UNKNOWN, of)


def _by_words(
    sheet: Exported, at: int, heading: str, by_name: Mapping[str, list[Live]]
) -> tuple[Live | None, str]:
    """By a title, with the kind of activity before it and how it is shown behind it.

    A word with a colon before a title may be a part of it, so only kinds of work that are known are
    passed over.
    """
    shown = _SHOWN.fullmatch(heading)
    for text, behind in ((heading, ""), (shown["title"], shown["shown"]) if shown else ("", "")):
        before, colon, rest = text.partition(":")
        for name, prefix in ((text, ""), (rest, before)):
            named = by_name.get(name.strip().lower(), ())
            if not named:
                continue
            title = named[0].assignment.title
            if why := _no_points(sheet, at, behind.strip().lower()):
                return None, why
            if colon and prefix and prefix.strip().lower() not in _KINDS_OF_WORK:
                words = f"“{one_line(prefix, 60)}:” stands before the title of “{title}”"
                return None, f"{words}: choose that assignment if it is meant"
            return _one_of(named)
    return None, _UNKNOWN


def _no_points(sheet: Exported, at: int, shown: str) -> str:
    """Why the cells are no points, if so; `shown` says how grades are shown in them, in a language
    that may not be known."""
    if shown in _POINTS or not shown:
        return ""
    words = "it does not hold points but what its heading says behind the title"
    if shown in _NO_POINTS:
        return words
    cells = {line[at].strip() for line in sheet.lines[1:] if at < len(line)} - NOTHING
    return "" if all(number(one) is not None for one in cells) else words
