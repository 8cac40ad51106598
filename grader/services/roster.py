"""People of a course from a file: what it would change, and then doing just that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from grader.db import people
from grader.db.models import Person, Role
from grader.db.session import Session
from grader.errors import BadInput, Conflict
from grader.safetext import one_line, storable
from grader.services.access import Actor, Right, permit
from grader.services.roles import Wanted, gains, give_roles, hold_new_staff, unvouched
from grader.services.site import Site
from grader.services.tables import CellError, Table

_COLUMNS = ("email", "name", "role", "team")
_ROLES = {
    "": Role.STUDENT,
    "student": Role.STUDENT,
    "ta": Role.TA,
    "teaching assistant": Role.TA,
    "instructor": Role.INSTRUCTOR,
}
_CALLED_EMAIL = {"e-mail", "mail", "email address", "e-mail address"}
_ASK_FIRST = (
    "their password was chosen by a link of another course: add them by hand, where you say that "
    "you know them"
)
_LONGEST = {"email": 254, "name": 200, "team": 80}

Kind = Literal["new", "enrolled", "changed", "unchanged"]


@dataclass(frozen=True)
class Line:
    """A row of the file that can be read."""

    row: int
    email: str
    name: str
    role: Role
    team: str | None


@dataclass(frozen=True)
class Planned:
    """What a row does: `new` is somebody who was unknown here; `before` is what they were."""

    line: Line
    kind: Kind
    before: tuple[Role, str | None] | None


@dataclass(frozen=True)
class Roster:
    """What a file would do, and which rows can do nothing; `digest` names all that changes."""

    planned: Sequence[Planned]
    errors: Sequence[CellError]
    digest: str

    @property
    def changes(self) -> list[Planned]:
        """Those rows that change something."""
        return [one for one in self.planned if one.kind != "unchanged"]


def plan_roster(site: Site, actor: Actor, course_id: int, table: Table) -> Roster:
    """What the file would change. Columns: email, name, role, team; only the first is needed."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
        return _planned(session, course_id, table)


def enrol_all(site: Site, actor: Actor, course_id: int, table: Table, digest: str) -> int:
    """Do what `plan_roster` has shown, all of it at once; how many were enrolled or changed.

    Raises Conflict where the file would do something else by now.
    """
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.MANAGE)
        roster = _planned(session, course_id, table)
        if roster.digest != digest:
            raise Conflict("somebody has changed these people meanwhile: look again, then confirm")
        changes = roster.changes
        known = people.by_emails(session, [one.line.email for one in changes])
        for one in changes:
            if one.line.email not in known:
                person = Person(email=one.line.email, name=one.line.name)
                session.add(person)
                known[one.line.email] = person
        session.flush()
        staff = [known[one.line.email].id for one in changes if _gains(one)]
        hold_new_staff(session, staff)
        there = people.enrolments_of(session, course_id, [one.id for one in known.values()])
        wanted = [
            Wanted(person, there.get(person.id), one.line.role, one.line.team)
            for one in changes
            for person in [known[one.line.email]]
        ]
        give_roles(session, actor.person_id, course_id, wanted)
    return len(changes)


def _planned(session: Session, course_id: int, table: Table) -> Roster:
    read, errors = _lines(table)
    known = people.by_emails(session, [line.email for line in read])
    there = people.enrolments_of(session, course_id, [one.id for one in known.values()])
    planned = []
    columns = set(_names(table))
    for said in read:
        person = known.get(said.email)
        enrolment = there.get(person.id) if person else None
        before = (enrolment.role, enrolment.team) if enrolment else None
        line = said if before is None else _kept(said, columns, *before)
        kind: Kind = "new" if person is None else "enrolled"
        if before is not None:
            kind = "unchanged" if before == (line.role, line.team) else "changed"
        if kind == "new" and not line.name:
            words = "nobody has this address yet: who is it?"
            errors.append(CellError(line.row, "name", words, who=line.email))
            continue
        planned.append(Planned(line, kind, before))
    staff = {known[one.line.email].id: one for one in planned if one.kind != "new" and _gains(one)}
    for person_id in unvouched(session, course_id, staff.keys()):
        planned.remove(staff[person_id])
        line = staff[person_id].line
        errors.append(CellError(line.row, "role", _ASK_FIRST, who=line.name or line.email))
    told = [
        [one.line.email, one.line.name, one.line.role, one.line.team, one.before]
        for one in planned
        if one.kind != "unchanged"
    ]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    return Roster(planned, sorted(errors, key=lambda error: error.row), digest)


def _gains(one: Planned) -> bool:
    """Whether they become staff by it."""
    return gains(one.before[0] if one.before else None, one.line.role)


def _kept(line: Line, columns: Collection[str], role: Role, team: str | None) -> Line:
    """The line; of who is in the course already, what the file has no column for stays."""
    return replace(
        line,
        role=line.role if "role" in columns else role,
        team=line.team if "team" in columns else team,
    )


def _names(table: Table) -> list[str]:
    """What its columns are called, in our words."""
    names = [name.lower() for name in table.columns]
    if "email" in names:
        return names
    first = next((name for name in names if name in _CALLED_EMAIL), None)
    return ["email" if name == first else name for name in names]


def _lines(table: Table) -> tuple[list[Line], list[CellError]]:
    names = _names(table)
    if "email" not in names:
        raise BadInput(f"file: no column is called email; there are {', '.join(table.columns)}")
    lines: list[Line] = []
    errors: list[CellError] = []
    seen: dict[str, int] = {}
    for row, cells in table.rows:
        given = dict(zip(names, cells, strict=True))
        email, name, role, team = (given.get(column, "") for column in _COLUMNS)
        email = email.lower()
        error = _wrong_email(email, row, seen) or _too_long(row, email=email, name=name, team=team)
        if error is None and role.lower() not in _ROLES:
            words = f"{role} is no role: student, ta or instructor"
            error = CellError(row, "role", words)
        if error is not None:
            errors.append(replace(error, who=one_line(name or email, _LONGEST["name"])))
            continue
        seen[email] = row
        lines.append(Line(row, email, name, _ROLES[role.lower()], team or None))
    return lines, errors


def _wrong_email(email: str, row: int, seen: dict[str, int]) -> CellError | None:
    name, _, host = email.partition("@")
    if not name or not host or "@" in host or len(email.split()) != 1:
        words = f"{email} is no address, as ada@example.org is" if email else "the address is empty"
        return CellError(row, "email", words)
    if email in seen:
        return CellError(row, "email", f"{email} stands in row {seen[email]} already")
    return None


def _too_long(row: int, **cells: str) -> CellError | None:
    for column, text in cells.items():
        if "\0" in text or storable(text) != text:
            return CellError(row, column, "holds characters that cannot be kept")
        if len(text) > _LONGEST[column]:
            return CellError(row, column, f"more than {_LONGEST[column]} characters")
    return None
