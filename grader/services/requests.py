"""Requests of students to look at an exercise again, and what is said about them.

A student opens one about an exercise of a submission of theirs, with a reason. Both sides write
until staff accept or decline it, or the student withdraws it; then it is closed, and another one
may be opened. Nothing about a grade changes by a request itself: staff judge again, override or
mark as ever. Where an assignment is anonymous staff are told no name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from grader.db import audit, people, requests, submissions, versions
from grader.db.models import (
    Assignment,
    RegradeRequest,
    RequestMessage,
    RequestState,
    Role,
    Submission,
)
from grader.db.pages import Page
from grader.db.requests import Summary
from grader.db.session import Session, hold, moment
from grader.errors import BadInput, Conflict, Forbidden, NotFound, NotNow
from grader.safetext import storable
from grader.services import hookmessages
from grader.services.access import Actor, Right, permit, permit_assignment
from grader.services.site import Site
from grader.services.submissions import see

__all__ = ["LONGEST", "Listed", "Summary", "Thread"]

LONGEST = 4000  # characters of one message
_MOST_MESSAGES = 200  # of one request
_MOST_OF_OWN = 50  # requests of one person that are listed
_WRITES, _WINDOW = 60, timedelta(hours=1)  # of one person: more is a program gone wrong


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A request in a list. `person` is None where its name is not for this reader."""

    request: RegradeRequest
    assignment: Assignment
    title: str
    person: str | None
    last_at: datetime
    waits_for_staff: bool


@dataclass(frozen=True, kw_only=True)
class Said:
    """A message. `author` is None where its name is not for this reader."""

    message: RequestMessage
    author: str | None
    is_staff: bool
    is_own: bool


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A request with all that was said. `is_staff`: the reader answers; otherwise it is theirs.

    `next_id` is for staff another one that waits for them.
    """

    request: RegradeRequest
    submission: Submission
    assignment: Assignment
    title: str
    messages: Sequence[Said]
    is_staff: bool
    next_id: int | None

    @property
    def is_open(self) -> bool:
        """Whether anything can be said or decided."""
        return self.request.state is RequestState.OPEN


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """A page of an assignment's requests, with how many there are in each state, how many wait for
    staff, and the one of these that was opened first."""

    requests: Page[Listed]
    counts: Mapping[RequestState, int]
    waiting: int
    next_id: int | None
    exercises: Mapping[str, str]


def open_request(
    site: Site, actor: Actor, submission_id: int, *, exercise: str, reason: str
) -> RegradeRequest:
    """Ask for an exercise of one's submission to be looked at again."""
    text = _text(reason, "reason")
    _refuse_too_many(site, actor)
    with site.database.writing() as session:
        seen = see(session, actor, submission_id)
        assignment = seen.assignment
        permit(session, actor, assignment.course_id, Right.SUBMIT)
        if seen.submission.person_id not in seen.team:
            raise Forbidden("only who handed it in asks for a regrade")
        if exercise not in _titles(session, assignment)[assignment.id]:
            raise BadInput("exercise: this assignment has no such exercise")
        version_id = assignment.live_version_id
        if not submissions.results_of(session, [submission_id], version_id):
            raise Conflict("it is not judged yet: there is nothing to look at again")
        if requests.open_one(session, submission_id, exercise):
            raise Conflict("a request about this exercise is open already; write there")
        request = RegradeRequest(
            submission_id=submission_id,
            assignment_id=assignment.id,
            exercise=exercise,
            author_id=actor.person_id,
            created_at=moment(session),
        )
        session.add(request)
        session.flush()
        _add(session, request, actor, text)
        _record(session, actor, "request.opened", request, assignment)
        hookmessages.regrade_requested(session, assignment.course_id, request)
    return request


def write(site: Site, actor: Actor, request_id: int, *, text: str) -> None:
    """Say something about an open request: an answer, a question, or what was forgotten."""
    text = _text(text, "text")
    _refuse_too_many(site, actor)
    with site.database.writing() as session:
        request, assignment, is_staff = _seen(session, actor, request_id)
        permit(session, actor, assignment.course_id, Right.GRADE if is_staff else Right.SUBMIT)
        _hold_open(session, request)
        _add(session, request, actor, text)
        _record(session, actor, "request.written", request, assignment)


def withdraw(site: Site, actor: Actor, request_id: int) -> None:
    """Whose request it is needs it no more."""
    with site.database.writing() as session:
        request, assignment, is_staff = _seen(session, actor, request_id)
        permit(session, actor, assignment.course_id, Right.SUBMIT)
        if is_staff:
            raise Forbidden("only whose request it is withdraws it; staff accept or decline")
        _close(session, actor, request, RequestState.WITHDRAWN)
        _record(session, actor, "request.withdrawn", request, assignment)


def decide(site: Site, actor: Actor, request_id: int, *, accepted: bool, text: str) -> None:
    """Accept or decline, for staff. What is declined gets a reason; what is accepted may."""
    if not accepted and not text.strip():
        raise BadInput("text: say why it is declined; the student reads it")
    given = _text(text, "text") if text.strip() else ""
    with site.database.writing() as session:
        request, assignment, _ = _seen(session, actor, request_id)
        permit(session, actor, assignment.course_id, Right.GRADE)
        submission = session.get_one(Submission, request.submission_id)
        if actor.person_id in people.team_of(session, assignment.course_id, submission.person_id):
            raise Forbidden("it is about your own work; somebody else decides")
        state = RequestState.ACCEPTED if accepted else RequestState.DECLINED
        _close(session, actor, request, state)
        if given:
            _add(session, request, actor, given)
        _record(session, actor, f"request.{state}", request, assignment)


def get_request(site: Site, actor: Actor, request_id: int) -> Thread:
    """A request with all that was said about it."""
    with site.database.reading() as session:
        request, assignment, is_staff = _seen(session, actor, request_id)
        submission = session.get_one(Submission, request.submission_id)
        team = people.team_of(session, assignment.course_id, submission.person_id)
        theirs = {*team, request.author_id}  # who has asked may be in another team by now
        said = requests.messages(session, request_id)
        titles = _titles(session, assignment)[assignment.id]
        next_id = (
            requests.waiting(session, assignment.id, besides=request_id)[1] if is_staff else None
        )
    hides = is_staff and assignment.anonymous
    return Thread(
        request=request,
        submission=submission,
        assignment=assignment,
        title=titles.get(request.exercise, request.exercise),
        messages=[
            Said(
                message=message,
                author=None if hides and message.author_id in theirs else name,
                is_staff=message.author_id not in theirs,
                is_own=message.author_id == actor.person_id,
            )
            for message, name in said
        ],
        is_staff=is_staff,
        next_id=next_id,
    )


def list_requests(
    site: Site,
    actor: Actor,
    assignment_id: int,
    *,
    state: RequestState = RequestState.OPEN,
    exercise: str | None = None,
    cursor: str | None = None,
) -> Inbox:
    """The requests of an assignment in a state, for staff."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        found = requests.of_assignment(
            session, assignment_id, state, exercise=exercise, cursor=cursor
        )
        titles = _titles(session, assignment)[assignment.id]
        counts = requests.counts(session, assignment_id, exercise)
        waiting, next_id = requests.waiting(session, assignment_id, exercise)
    rows = [
        _listed(one, titles, None if assignment.anonymous else one.author) for one in found.items
    ]
    return Inbox(
        requests=Page(rows, found.next_cursor),
        counts={state: counts.get(state, 0) for state in RequestState},
        waiting=waiting,
        next_id=next_id,
        exercises=titles,
    )


def own_requests(site: Site, actor: Actor, course_id: int) -> list[Listed]:
    """The latest requests about the actor's own work, or their team's, in a course."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.READ)
        team = people.team_of(session, course_id, actor.person_id)
        found = requests.of_people(session, course_id, team, _MOST_OF_OWN)
        titles = _titles(session, *(one.assignment for one in found))
    return [_listed(one, titles[one.assignment.id], one.author) for one in found]


def about_submission(site: Site, actor: Actor, submission_id: int) -> dict[str, RegradeRequest]:
    """The latest request about each exercise of a submission."""
    with site.database.reading() as session:
        see(session, actor, submission_id)
        return {one.exercise: one for one in requests.of_submission(session, submission_id)}


def _listed(one: Summary, titles: Mapping[str, str], person: str | None) -> Listed:
    return Listed(
        request=one.request,
        assignment=one.assignment,
        title=titles.get(one.request.exercise, one.request.exercise),
        person=person,
        last_at=one.last_at,
        waits_for_staff=one.last_role is Role.STUDENT,
    )


def _seen(
    session: Session, actor: Actor, request_id: int
) -> tuple[RegradeRequest, Assignment, bool]:
    """A request, its assignment, and whether the actor meets it as staff.

    Staff whose own work it is about meet it as who asked.
    """
    request = session.get(RegradeRequest, request_id)
    if request is None:
        raise NotFound("there is no such thing")
    seen = see(session, actor, request.submission_id)
    return request, seen.assignment, seen.is_staff and seen.submission.person_id not in seen.team


def _titles(session: Session, *assignments: Assignment) -> dict[int, dict[str, str]]:
    """The exercises of the versions in force, by assignment."""
    live = {one.live_version_id: one.id for one in assignments if one.live_version_id}
    found: dict[int, dict[str, str]] = {one.id: {} for one in assignments}
    for version_id, outline in versions.outlines(session, live).items():
        exercises = outline.get("exercises", ())
        found[live[version_id]] = {one["id"]: one["title"] for one in exercises}
    return found


def _hold_open(session: Session, request: RegradeRequest) -> None:
    """Raise Conflict unless the request is open, and keep it so until the transaction ends."""
    hold(session, request)
    if request.state is not RequestState.OPEN:
        raise Conflict(f"this request is closed: it was {request.state}")


def _close(session: Session, actor: Actor, request: RegradeRequest, state: RequestState) -> None:
    _hold_open(session, request)
    request.state = state
    request.closed_at = moment(session)
    request.closed_by = actor.person_id


def _add(session: Session, request: RegradeRequest, actor: Actor, text: str) -> None:
    if requests.number_of_messages(session, request.id) >= _MOST_MESSAGES:
        raise Conflict(f"there are {_MOST_MESSAGES} messages already; talk to each other")
    session.add(
        RequestMessage(
            request_id=request.id,
            author_id=actor.person_id,
            text=text,
            created_at=moment(session),
        )
    )


def _record(
    session: Session, actor: Actor, action: str, request: RegradeRequest, assignment: Assignment
) -> None:
    audit.record(
        session,
        actor.person_id,
        action,
        request,
        course_id=assignment.course_id,
        submission_id=request.submission_id,
        exercise=request.exercise,
    )


def _text(given: str, field: str) -> str:
    text = storable(given).replace("\0", "").replace("\r\n", "\n").strip()
    if not text:
        raise BadInput(f"{field}: say something")
    if len(text) > LONGEST:
        raise BadInput(f"{field}: {LONGEST:,} characters at most; this has {len(text):,}")
    return text


def _refuse_too_many(site: Site, actor: Actor) -> None:
    wait = site.throttle.wait("request", str(actor.person_id), most=_WRITES, window=_WINDOW)
    if wait is not None:
        raise NotNow("that were many messages in a short time", datetime.now(UTC) + wait)
