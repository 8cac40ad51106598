"""Overviews for staff: of a course by assignment, and of one assignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from grader.db import answers, overview, results, similarity
from grader.db.models import Assignment, AssignmentVersion, AttemptState, Course
from grader.db.overview import Figures
from grader.db.pages import Page
from grader.db.session import Session
from grader.db.submissionfilters import Standing as Standing  # for the web, too
from grader.domain.hints import meaning
from grader.domain.outcomes import Outcome, RunStatus
from grader.services.access import Actor, Right, permit, permit_assignment
from grader.services.assignments import Seen, list_assignments
from grader.services.counted import kept
from grader.services.needing import with_needs
from grader.services.similarity import HIGH
from grader.services.site import Site

# Ends of runs that staff are told of.
FLAGGED = (
    RunStatus.POLICY_VIOLATION,
    RunStatus.TIME_LIMIT,
    RunStatus.MEMORY_LIMIT,
    RunStatus.OUTPUT_LIMIT,
)

_MOST_BINS = 20
_MOST_OF_EXERCISE = 12  # its picture is smaller
_STEPS = (0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 25.0, 50.0, 100.0)
_MOST_DAYS = 62
_WEEK = 7
_MOST_CAUSES = 10


class Step(StrEnum):
    """What staff do next with an assignment."""

    PUBLISH = "publish"
    SEE_FAILURES = "see_failures"
    ANSWER = "answer"  # regrade requests
    GRADE = "grade"
    RELEASE = "release"
    WAIT = "wait"  # for judging
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Line:
    """An assignment in the overview of its course; `count` says how many the next step is about."""

    seen: Seen
    figures: Figures
    step: Step
    count: int


@dataclass(frozen=True, kw_only=True)
class CourseOverview:
    """A course: a page of its assignments, and how many students it has."""

    lines: Page[Line]
    students: int

    @property
    def next(self) -> Line | None:
        """The assignment on this page with the most urgent step that is for a person."""
        order = (Step.SEE_FAILURES, Step.ANSWER, Step.GRADE, Step.RELEASE)
        asking = [line for line in self.lines.items if line.step in order]
        return min(asking, key=lambda line: order.index(line.step), default=None)

    @property
    def needing(self) -> int:
        """How much on this page needs a person: failures, requests, and what waits for grading."""
        return sum(
            line.figures.failed + line.figures.requests + line.figures.needing
            for line in self.lines.items
        )


@dataclass(frozen=True)
class Bin:
    """How many have a score from `low` to below `high`; the last one is up to the maximum."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Days:
    """How many submissions arrived from `first` on, for a day or some weeks.

    `quartiles` are those of the scores of what is somebody's latest of these, the median in the
    middle; None where none has one.
    """

    first: date
    count: int
    quartiles: tuple[float, float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class ExerciseLine:
    """How an exercise came out, and how many have which of its points; `open` have none yet."""

    id: str
    title: str
    counts: Mapping[Outcome, int]
    bins: Sequence[Bin]
    median: float | None
    open: int = 0


@dataclass(frozen=True, kw_only=True)
class Failure:
    """In how many submissions a check is wrong for one cause; `hint` are the words for one."""

    exercise: str
    exercise_title: str
    check: str
    check_title: str
    cause: str | None
    hint: str | None
    submissions: int


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """What all submissions of an assignment look like together: by exercise, over time, and in what
    is wrong most often. `per` is how many days each of `arrivals` covers."""

    exercises: Sequence[ExerciseLine]
    arrivals: Sequence[Days]
    per: int
    failures: Sequence[Failure]
    at: datetime


@dataclass(frozen=True, kw_only=True)
class AssignmentOverview:
    """An assignment: where its submissions stand, how they came out, and what stands out.

    Scores are those that were computed, against the version in force. `is_kept`: the shapes are
    those of some minutes ago, where there are many thousands.
    """

    submissions: int
    figures: Figures
    step: Step
    count: int
    students: int
    max_score: float
    bins: Sequence[Bin]
    median: float | None
    shapes: Shapes
    is_kept: bool
    run_ends: Mapping[RunStatus, int]
    similar_pairs: int | None


def course_overview(
    site: Site, actor: Actor, course_id: int, *, cursor: str | None = None
) -> CourseOverview:
    """The assignments of a course with their figures, for staff."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        students = overview.students(session, course_id)
    page = list_assignments(site, actor, course_id, cursor=cursor)
    with site.database.reading() as session:
        every = [one.assignment for one in page.items]
        known = overview.figures(session, [one.id for one in every])
        known = with_needs(site, session, every, known)
    lines = []
    for seen in page.items:
        figures = known[seen.assignment.id]
        step, count = next_step(seen.assignment, figures)
        lines.append(Line(seen=seen, figures=figures, step=step, count=count))
    return CourseOverview(lines=Page(lines, page.next_cursor), students=students)


def assignment_overview(site: Site, actor: Actor, assignment_id: int) -> AssignmentOverview:
    """One assignment, for staff."""
    with site.database.reading() as session:
        assignment = permit_assignment(session, actor, assignment_id, Right.GRADE)
        version = (
            session.get(AssignmentVersion, assignment.live_version_id)
            if assignment.live_version_id
            else None
        )
        zone = ZoneInfo(session.get_one(Course, assignment.course_id).timezone)
        known = overview.figures(session, [assignment_id])
        figures = with_needs(site, session, [assignment], known)[assignment_id]
        step, count = next_step(assignment, figures)
        shapes, is_kept = _shapes(site, session, assignment, version, zone)
        compared = similarity.latest(session, assignment_id, AttemptState.DONE)
        scored = sorted(figures.scores.items())
        max_score = version.max_score if version else 0.0
        return AssignmentOverview(
            submissions=answers.numbers_of_submissions(session, [assignment_id]).get(
                assignment_id, 0
            ),
            figures=figures,
            step=step,
            count=count,
            students=overview.students(session, assignment.course_id),
            max_score=max_score,
            bins=_bins(scored, max_score),
            median=_median(scored),
            shapes=shapes,
            is_kept=is_kept,
            run_ends=overview.run_ends(session, version.id, FLAGGED) if version else {},
            similar_pairs=None
            if compared is None
            else similarity.count(session, compared.id, HIGH),
        )


def next_step(assignment: Assignment, figures: Figures) -> tuple[Step, int]:
    """The one thing that staff do next, and how many it is about."""
    if assignment.live_version_id is None:
        return Step.PUBLISH, 0
    if figures.failed:
        return Step.SEE_FAILURES, figures.failed
    if figures.requests:
        return Step.ANSWER, figures.requests
    if figures.needing:
        return Step.GRADE, figures.needing
    is_over = assignment.due_at is None or assignment.due_at < datetime.now(UTC)
    if is_over and figures.unreleased:
        return Step.RELEASE, figures.unreleased
    if count := figures.standings.get(Standing.WAITING, 0):
        return Step.WAIT, count
    return Step.NOTHING, 0


def _shapes(
    site: Site,
    session: Session,
    assignment: Assignment,
    version: AssignmentVersion | None,
    zone: ZoneInfo,
) -> tuple[Shapes, bool]:
    """The shapes, and whether they are kept with what counts: of many thousands they take longer
    than anything else of the page."""
    found = kept(site, session, assignment)
    if found is None:
        return _drawn(session, assignment, version, zone), False
    if Shapes not in found.made:
        found.made[Shapes] = _drawn(session, assignment, version, zone)
    return found.made[Shapes], True


def _drawn(
    session: Session, assignment: Assignment, version: AssignmentVersion | None, zone: ZoneInfo
) -> Shapes:
    quarters = overview.by_quarter(session, assignment.id)
    arrivals, per = _arrivals(quarters, overview.scores_by_quarter(session, assignment), zone)
    return Shapes(
        exercises=_exercises(session, assignment, version),
        arrivals=arrivals,
        per=per,
        failures=_failures(session, version),
        at=datetime.now(UTC),
    )


def _exercises(
    session: Session, assignment: Assignment, version: AssignmentVersion | None
) -> list[ExerciseLine]:
    if version is None:
        return []
    counts: dict[str, Counter[Outcome]] = {}
    scores: dict[str, Counter[float | None]] = {}
    for found in overview.exercises(session, assignment):
        counts.setdefault(found.exercise, Counter())[found.outcome] += found.count
        is_open = found.outcome in (Outcome.PENDING, Outcome.NOT_JUDGED)
        scores.setdefault(found.exercise, Counter())[None if is_open else found.score] += (
            found.count
        )
    lines = []
    for one in version.outline.get("exercises", []):
        own = scores.get(one["id"], Counter())
        scored = _scored(own)
        line = ExerciseLine(
            id=one["id"],
            title=one["title"],
            counts=counts.get(one["id"], {}),
            bins=_bins(scored, one["max_score"], _MOST_OF_EXERCISE),
            median=_median(scored),
            open=own[None],
        )
        lines.append(line)
    return lines


def _failures(session: Session, version: AssignmentVersion | None) -> list[Failure]:
    """What is wrong most often, wholly or in part, by exercise, check and cause."""
    if version is None:
        return []
    titles = _titles(version.outline)
    kinds = {
        (exercise["id"], check["id"]): check.get("kind", "")
        for exercise in version.outline.get("exercises", [])
        for check in exercise.get("checks", [])
    }
    numbers: dict[tuple[str, str, str | None], int] = {}
    for one in results.causes(session, version.id, [Outcome.FAILED, Outcome.PARTIAL]):
        key = (one.exercise, one.check, one.cause)
        numbers[key] = numbers.get(key, 0) + one.submissions
    most = sorted(numbers.items(), key=lambda item: -item[1])[:_MOST_CAUSES]
    return [
        Failure(
            exercise=exercise,
            exercise_title=titles.get((exercise, ""), exercise),
            check=check,
            check_title=titles.get((exercise, check), "") or check,
            cause=cause,
            hint=meaning(cause, kinds.get((exercise, check), "")) if cause else None,
            submissions=count,
        )
        for (exercise, check, cause), count in most
    ]


def _titles(outline: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The titles of exercises, under an empty check, and of their checks."""
    found = {}
    for exercise in outline.get("exercises", []):
        found[exercise["id"], ""] = exercise["title"]
        for check in exercise["checks"]:
            found[exercise["id"], check["id"]] = check["title"]
    return found


def _bins(
    scored: Sequence[tuple[float, int]], max_score: float, most: int = _MOST_BINS
) -> list[Bin]:
    """At most so many, of a width that people count in."""
    if not scored or not max_score:
        return []
    width = next((step for step in _STEPS if max_score / step <= most), max_score)
    number = max(1, -int(-max_score // width))
    edges = [round(at * width, 6) for at in range(number)] + [max_score]
    counts = [0] * number
    for score, count in scored:
        counts[min(number - 1, max(0, int(score // width)))] += count
    return [Bin(low, high, counts[at]) for at, (low, high) in enumerate(pairwise(edges))]


def _median(scored: Sequence[tuple[float, int]]) -> float | None:
    total = sum(count for _, count in scored)
    if not total:
        return None
    return (_nth(scored, (total - 1) // 2) + _nth(scored, total // 2)) / 2


def _nth(scored: Sequence[tuple[float, int]], at: int) -> float:
    for score, count in scored:
        if at < count:
            return score
        at -= count
    raise AssertionError("there are fewer scores")


def _quartiles(scored: Sequence[tuple[float, int]]) -> tuple[float, float, float] | None:
    """The score that a quarter, a half and three quarters of them do not exceed."""
    total = sum(count for _, count in scored)
    median = _median(scored)
    if median is None:
        return None
    return _nth(scored, (total - 1) // 4), median, _nth(scored, total - 1 - (total - 1) // 4)


def _arrivals(
    quarters: Sequence[tuple[datetime, int]],
    scores: Sequence[tuple[datetime, float, int]],
    zone: ZoneInfo,
) -> tuple[list[Days], int]:
    """How many arrived each day in the course's zone, none left out, and the scores of those; or in
    so many weeks that it stays short."""
    if not quarters:
        return [], 1
    by_day: Counter[date] = Counter()
    for start, count in quarters:
        by_day[start.astimezone(zone).date()] += count
    first, last = min(by_day), max(by_day)
    span = (last - first).days + 1
    per = 1 if span <= _MOST_DAYS else _WEEK * -(-span // (_WEEK * _MOST_DAYS))
    number = (last - first).days // per + 1
    counts = [0] * number
    for day, count in by_day.items():
        counts[(day - first).days // per] += count
    scored: list[Counter[float | None]] = [Counter() for _ in range(number)]
    for start, score, count in scores:
        scored[(start.astimezone(zone).date() - first).days // per][score] += count
    return [
        Days(first + timedelta(days=at * per), count, _quartiles(_scored(scored[at])))
        for at, count in enumerate(counts)
    ], per


def _scored(counts: Mapping[float | None, int]) -> list[tuple[float, int]]:
    return sorted((score, count) for score, count in counts.items() if score is not None)
