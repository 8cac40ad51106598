"""Submissions: handing in, and finding again what was handed in.

A receipt is given after the commit, and before anything else can fail: whoever holds one, whatever
happens to the broker, finds the submission with its bytes and its attempt.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from grader.db import attempts, audit, people, submissionlists, submissions
from grader.db.assignments import Hold, held
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    Purpose,
    Result,
    Submission,
)
from grader.db.pages import Page
from grader.db.session import Session, moment
from grader.db.submissionfilters import Filters as Filters  # for the web, too
from grader.db.submissionlists import Order as Order
from grader.domain.policy import (
    lateness,
    lateness_in_words,
    own_due_at,
    refusal,
)
from grader.errors import BadInput, Conflict, Forbidden, NotASubmission, NotFound, NotNow, TooLarge
from grader.notebooks.read import MAX_FILE_BYTES, parse, refuse_empty
from grader.safetext import storable
from grader.services import hookmessages
from grader.services.access import Actor, Right, permit, permit_assignment, permit_submission
from grader.services.anonymity import shown_file, shown_name
from grader.services.counted import remembered
from grader.services.grades import Valued, counting_of, valued
from grader.services.needing import resolved
from grader.services.policies import policy_of
from grader.services.sending import send
from grader.services.site import Site
from grader.storage.blobs import Stored

__all__ = [
    "Filters",
    "Found",
    "Order",
    "Receipt",
    "Seen",
    "admit",
    "choose",
    "clean_name",
    "due_at",
    "found_of",
    "get_submission",
    "list_submissions",
    "open_file",
    "see",
    "submit",
]

log = logging.getLogger(__name__)

_LONGEST_NAME = 200  # characters, the suffix among them
_LARGE = 1 << 20
_UPLOADS, _WINDOW = 60, timedelta(minutes=5)  # of one person: more is a program gone wrong

_Extended = Mapping[int, Sequence[datetime]]  # the due dates of people's own

# Decoding takes many times the memory of the file; two large ones at a time take it twice.
_large_ones = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What somebody has in hand once it is safe; `is_new` tells a first answer from a repeated."""

    submission: Submission
    attempt_id: int
    lateness: str
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class Found:
    """A submission with what became of it so far: against the version in force, if any.

    `is_nameless`: it is not told whose it is, for it is graded without names. `valued` is what it
    is worth, where that was asked for.
    """

    submission: Submission
    person: str
    is_nameless: bool = False
    valued: Valued | None = None
    lateness: str
    attempt: Attempt | None
    result: Result | None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A submission that the actor may see, and how: as staff, or as who handed it in."""

    submission: Submission
    assignment: Assignment
    team: Sequence[int]
    is_staff: bool


def admit(site: Site, actor: Actor, assignment_id: int, *, is_large: bool) -> None:
    """Before anything is read of a file: raise where the actor hands in too often, or, where it is
    a large one, may hand in none. With a small one it costs less to find that out once.
    """
    wait = site.throttle.wait("upload", str(actor.person_id), most=_UPLOADS, window=_WINDOW)
    if wait is not None:
        raise NotNow(
            "that were many uploads in a short time; wait a little", datetime.now(UTC) + wait
        )
    if is_large:
        with site.database.reading() as session:
            _published(permit_assignment(session, actor, assignment_id, Right.SUBMIT))


def submit(
    site: Site,
    actor: Actor,
    assignment_id: int,
    *,
    name: str,
    content: Iterable[bytes],
    idempotency_key: str | None = None,
) -> Receipt:
    """Take a file in: its bytes are on the disk and its attempt waits when this returns.

    Whoever has it sent from afar asks `admit` first.

    Under the same `idempotency_key` the same file for the same assignment gets the same receipt,
    and anything else is refused. It counts as received when the whole of it had arrived, by the
    database's clock, however long it takes from there to the commit.
    """
    name = clean_name(name)
    with site.database.reading() as session:
        received_at = moment(session)
        assignment = permit_assignment(session, actor, assignment_id, Right.SUBMIT)
        version = session.get_one(AssignmentVersion, _published(assignment))
        team = people.team_of(session, assignment.course_id, actor.person_id)
        extended = submissions.extensions(session, assignment, team)
        is_repeated = _earlier(session, actor.person_id, idempotency_key) is not None
        if not is_repeated:  # before anything is written
            _refuse(session, assignment, team, received_at, extended)
    stored, form = _kept(site, name, content)
    new = submissions.Arrival(
        assignment_id=assignment_id,
        person_id=actor.person_id,
        sha256=stored.sha256,
        name=name,
        format=form,
        size=stored.size,
        received_at=received_at,
        idempotency_key=idempotency_key,
    )
    if is_repeated and (receipt := _again(site, new)) is not None:
        return receipt
    try:
        receipt, waiting = _taken_in(site, actor, new, version, team, extended)
    except (Conflict, NotNow):
        # The same request may have come twice, and the other one was quicker.
        if (receipt := _again(site, new)) is None:
            raise
        return receipt
    made = {"submission": receipt.submission.id, "attempt": receipt.attempt_id}
    log.info("handed in", extra=made)
    send(site, waiting)
    return receipt


def _taken_in(
    site: Site,
    actor: Actor,
    new: submissions.Arrival,
    version: AssignmentVersion,
    team: Sequence[int],
    extended: _Extended,
) -> tuple[Receipt, Sequence[Attempt]]:
    """The row and its attempts, in a transaction that asks only for what must not have changed: who
    is in the course, how often they have handed in, and which version is in force, `version` in
    general. All other uploads wait for it on SQLite. The team and its extensions hold as they were
    found when the file had arrived.
    """
    with site.database.writing() as session:
        assignment = held(session, new.assignment_id, Hold.CHANGES)
        assert assignment is not None  # none is ever removed
        submissions.hold_people(session, team)
        permit(session, actor, assignment.course_id, Right.SUBMIT)
        _refuse(session, assignment, team, new.received_at, extended)
        in_force = _published(assignment)
        if in_force != version.id:
            version = session.get_one(AssignmentVersion, in_force)
        submission = submissions.add(session, new)
        # Noted as sent in this transaction, so that an upload needs no second one.
        waiting = attempts.enqueue(session, submission, version, Purpose.SUBMISSION, is_sent=True)
        if policy_of(assignment).counts == "last":
            submissions.let_go_first(session, waiting[0], team)
        hookmessages.submission_received(session, assignment.course_id, submission)
        receipt = _receipt(assignment, submission, waiting[0].id, extended, is_new=True)
        return receipt, waiting


def list_submissions(
    site: Site,
    actor: Actor,
    assignment_id: int,
    filters: Filters,
    order: Order,
    *,
    descending: bool = True,
    cursor: str | None = None,
    limit: int = 50,
    with_worth: bool = False,
) -> Page[Found]:
    """The submissions of an assignment: for staff all of them, for students their team's.

    `with_worth`: with what each is worth, to students without what people gave.
    """
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.READ)
        role = people.role_in(session, actor.person_id, assignment.course_id)
        is_staff = actor.may(Right.GRADE, role)
        hides = is_staff and assignment.anonymous
        if hides and order == "name":
            raise BadInput("sort: it is graded without names, and has no order of them")
        if hides and filters.people is not None:
            raise BadInput("person_id: it is graded without names, and whose is not told")
        if is_staff:
            (filters,) = resolved(site, session, assignment, filters)
        else:
            team = people.team_of(session, assignment.course_id, actor.person_id)
            wanted = team if filters.people is None else set(team) & set(filters.people)
            filters = replace(filters, people=sorted(wanted))
            if filters.counts is not None:
                own = counting_of(session, assignment, team, with_overrides=False)
                filters = replace(filters, counting=own)
        known: Collection[int] | None = None
        if filters.counts is not None:
            known = filters.counting
        elif is_staff:
            known = remembered(site, session, assignment)
        page = submissionlists.listed(
            session,
            submissionlists.narrowed(session, assignment, filters),
            order,
            descending=descending,
            cursor=cursor,
            limit=limit,
        )
        found = found_of(
            session,
            assignment,
            page.items,
            known,
            with_worth=with_worth,
            with_overrides=is_staff,
        )
    if hides:
        found = [_nameless(assignment, one) for one in found]
    return Page(found, page.next_cursor)


def get_submission(
    site: Site, actor: Actor, submission_id: int, *, with_worth: bool = False
) -> Found:
    """One submission; what it is worth as in a list of them."""
    with site.database.reading() as session:
        seen = see(session, actor, submission_id)
        (found,) = found_of(
            session,
            seen.assignment,
            [seen.submission],
            with_worth=with_worth,
            with_overrides=seen.is_staff,
        )
    hides = seen.is_staff and seen.assignment.anonymous
    return _nameless(seen.assignment, found) if hides else found


def open_file(site: Site, actor: Actor, submission_id: int) -> tuple[Submission, Iterator[bytes]]:
    """A submission and its bytes as they were handed in."""
    with site.database.reading() as session:
        seen = see(session, actor, submission_id)
    submission = seen.submission
    if seen.is_staff:
        submission.name = shown_file(seen.assignment, submission)
    return submission, site.blobs.chunks(submission.sha256)


def choose(site: Site, actor: Actor, submission_id: int) -> Found:
    """Of what the actor, or their team, has handed in for the assignment, this one counts."""
    with site.database.writing() as session:
        seen = see(session, actor, submission_id)
        permit(session, actor, seen.assignment.course_id, Right.SUBMIT)
        if seen.submission.person_id not in seen.team:
            raise Forbidden("only who handed it in chooses which submission counts")
        if policy_of(seen.assignment).counts != "chosen":
            raise Conflict("which submission counts is not for choosing in this assignment")
        submissions.hold_people(session, seen.team)
        submissions.choose(session, seen.submission, seen.team)
        session.refresh(seen.submission)
        audit.record(
            session,
            actor.person_id,
            "submission.chosen",
            seen.submission,
            course_id=seen.assignment.course_id,
        )
        (found,) = found_of(
            session,
            seen.assignment,
            [seen.submission],
            with_overrides=seen.is_staff,
        )
        return found


def see(session: Session, actor: Actor, submission_id: int) -> Seen:
    """A submission of the actor's or of their team, and for staff any of the course.

    Raises NotFound for whatever they may not know of.
    """
    submission, assignment = permit_submission(session, actor, submission_id, Right.READ)
    role = people.role_in(session, actor.person_id, assignment.course_id)
    team = people.team_of(session, assignment.course_id, actor.person_id)
    is_staff = actor.may(Right.GRADE, role)
    if not is_staff and submission.person_id not in team:
        raise NotFound("there is no such thing")
    return Seen(submission=submission, assignment=assignment, team=team, is_staff=is_staff)


def due_at(session: Session, seen: Seen) -> datetime | None:
    """When it was due for who handed it in, with their extensions."""
    person_id = seen.submission.person_id
    extended = submissions.extensions(session, seen.assignment, [person_id])
    return own_due_at(seen.assignment.due_at, extended.get(person_id, ()))


def clean_name(name: str) -> str:
    """A file's name as text for people: no path, nothing that does not print, not too long."""
    last = storable(name).replace("\\", "/").rsplit("/", 1)[-1]
    text = "".join(character if character.isprintable() else " " for character in last)
    text = " ".join(text.split())
    stem, dot, suffix = text.rpartition(".")
    if not stem.strip(". "):
        raise NotASubmission("the file needs a name that ends in .ipynb or .py")
    suffix = suffix[:20]
    return f"{stem[: _LONGEST_NAME - len(suffix) - 1]}{dot}{suffix}"


def _published(assignment: Assignment) -> int:
    if assignment.live_version_id is None:
        raise Conflict("This assignment is not published yet; nothing can be handed in.")
    return assignment.live_version_id


def _refuse(
    session: Session,
    assignment: Assignment,
    team: Sequence[int],
    received_at: datetime,
    extended: _Extended,
) -> None:
    """Raise NotNow where the rules of the assignment don't let these people hand in."""
    policy = policy_of(assignment)
    limits = policy.submissions is not None or policy.cooldown_s
    why = refusal(
        received_at,
        policy,
        opens_at=assignment.opens_at,
        due_at=own_due_at(assignment.due_at, (at for own in extended.values() for at in own)),
        earlier=submissions.receipts(session, assignment.id, team) if limits else (),
    )
    if why is not None:
        raise NotNow(why.reason, why.until)


def _kept(site: Site, name: str, content: Iterable[bytes]) -> tuple[Stored, str]:
    """The file as a blob, and its format. What is stored is what was read and understood."""
    try:
        stored = site.blobs.put(content, at_most=MAX_FILE_BYTES)
    except TooLarge:
        raise TooLarge(
            f"{name}: a submission is {MAX_FILE_BYTES >> 20} MiB at most; clear its outputs and "
            "save it again"
        ) from None
    with _large_ones if stored.size > _LARGE else nullcontext():
        submission = parse(name, site.blobs.read(stored.sha256))
    refuse_empty(submission)
    return stored, submission.info.format


def _earlier(session: Session, person_id: int, idempotency_key: str | None) -> Submission | None:
    if idempotency_key is None:
        return None
    return submissions.by_key(session, person_id, idempotency_key)


def _again(site: Site, new: submissions.Arrival) -> Receipt | None:
    """The receipt that was given for the same key before, None where none was.

    Raises Conflict where that was for something else.
    """
    with site.database.reading() as session:
        earlier = _earlier(session, new.person_id, new.idempotency_key)
        if earlier is None:
            return None
        if earlier.assignment_id != new.assignment_id:
            raise Conflict("Idempotency-Key: it was used for another assignment")
        if earlier.sha256 != new.sha256:
            raise Conflict("Idempotency-Key: it was used for another file")
        attempt_id = submissions.first_attempt(session, earlier.id)
        assert attempt_id is not None
        assignment = session.get_one(Assignment, earlier.assignment_id)
        extended = submissions.extensions(session, assignment, [earlier.person_id])
        return _receipt(assignment, earlier, attempt_id, extended, is_new=False)


def _receipt(
    assignment: Assignment,
    submission: Submission,
    attempt_id: int,
    extended: _Extended,
    *,
    is_new: bool,
) -> Receipt:
    words = _lateness(assignment, submission, extended)
    return Receipt(submission=submission, attempt_id=attempt_id, lateness=words, is_new=is_new)


def found_of(
    session: Session,
    assignment: Assignment,
    rows: Sequence[Submission],
    counting: Collection[int] | None = None,
    *,
    with_worth: bool = True,
    with_overrides: bool = True,
) -> list[Found]:
    """Submissions of one assignment with all that is shown of them, by a few queries.

    `counting` are those that count, where that is known already.
    """
    ids = [row.id for row in rows]
    last = submissions.last_attempts_of(session, ids, assignment.live_version_id)
    results = submissions.results_of(session, ids, assignment.live_version_id)
    person_ids = {row.person_id for row in rows}
    names = submissions.names_of(session, person_ids)
    extended = submissions.extensions(session, assignment, person_ids)
    worths: Mapping[int, Valued] = {}
    if with_worth:
        worths = valued(session, assignment, rows, counting, with_overrides=with_overrides)
    return [
        Found(
            submission=row,
            person=names[row.person_id],
            valued=worths.get(row.id),
            lateness=_lateness(assignment, row, extended),
            attempt=last.get(row.id),
            result=results.get(row.id),
        )
        for row in rows
    ]


def _nameless(assignment: Assignment, found: Found) -> Found:
    row = found.submission
    # The row is nobody else's.
    row.name = shown_file(assignment, row)
    person = shown_name(assignment, row, found.person)
    return replace(found, person=person, is_nameless=True)


def _lateness(assignment: Assignment, row: Submission, extended: _Extended) -> str:
    late = policy_of(assignment).late
    due = own_due_at(assignment.due_at, extended.get(row.person_id, ()))
    return lateness_in_words(lateness(row.received_at, due, late), late)
