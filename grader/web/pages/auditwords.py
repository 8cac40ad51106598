"""Entries of the audit log in words: what was done to what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from grader.db.models import AuditEntry
from grader.services.courses import Names
from grader.web.pages.words import points

# What may be looked for, by the heading that it stands under in the filter.
ACTIONS: Mapping[str, str] = {
    "assignment.created": "Assignment created",
    "assignment.changed": "Assignment changed",
    "assignment.names_hidden": "Names hidden",
    "assignment.names_shown": "Names shown",
    "assignment.regraded": "Assignment regraded",
    "attempt.cancelled": "Judging cancelled",
    "canvas.linked": "Course of Canvas linked",
    "canvas.unlinked": "Course of Canvas unlinked",
    "canvas.people_confirmed": "People in Canvas confirmed",
    "canvas.column_chosen": "Column in Canvas chosen",
    "comment.added": "Comment on a cell added",
    "comment.removed": "Comment on a cell removed",
    "comparison.started": "Comparison for similarity started",
    "context.linked": "Course of an LMS connected",
    "context.unlinked": "Course of an LMS disconnected",
    "context.synced": "People brought from an LMS",
    "course.created": "Course created",
    "course.changed": "Course changed",
    "enrolment.set": "Person enrolled or changed",
    "enrolment.removed": "Person removed",
    "extension.set": "Extension given",
    "extension.removed": "Extension taken back",
    "grade.released": "Grade released",
    "grade.unreleased": "Grade taken back",
    "mark.given": "Exercise graded",
    "mark.undone": "Grading undone",
    "mark.restored": "Earlier grading restored",
    "mark.followed": "Points followed the marking scheme",
    "override.given": "Points given",
    "override.revoked": "Points taken back",
    "password_link.made": "Link for a first password made",
    "password_link.used": "First password chosen by a link",
    "passback.again": "Grade sent to the LMS again",
    "passback.overwrite": "Grade in the LMS written over",
    "passback.leave": "Grade in the LMS left as it is",
    "request.opened": "Regrade request opened",
    "request.written": "Regrade request answered",
    "request.accepted": "Regrade request accepted",
    "request.declined": "Regrade request declined",
    "request.withdrawn": "Regrade request withdrawn",
    "rubric_item.added": "Marking scheme: item added",
    "rubric_item.changed": "Marking scheme: item changed",
    "rubric_item.retired": "Marking scheme: item retired",
    "shadow.started": "Shadow started",
    "shadow.promoted": "Shadow promoted",
    "shadow.abandoned": "Shadow abandoned",
    "submission.chosen": "Submission chosen",
    "submission.regraded": "Submission regraded",
    "trial.started": "Test of a version started",
    "version.uploaded": "Version uploaded",
    "version.answers_changed": "Model answer changed",
    "version.published": "Version published",
    "webhook.created": "Webhook added",
    "webhook.changed": "Webhook changed",
    "webhook.secret_rotated": "Webhook: new secret",
    "webhook.tested": "Webhook tested",
    "webhook.replayed": "Webhook: messages sent again",
    "webhook.disabled": "Webhook disabled",
    "webhook.enabled": "Webhook enabled",
    "webhook.deleted": "Webhook deleted",
}
_ROLES = {"student": "a student", "ta": "a teaching assistant", "instructor": "an instructor"}
_SAID = {"reason", "because"}  # quoted below the sentence
_IDS = ("_id", "_ids", "_hash")  # of no use to people

Words = Callable[["_Entry"], str]


class _Entry:
    """One entry, and what its ids stand for."""

    def __init__(self, entry: AuditEntry, names: Names) -> None:
        self.detail = entry.detail
        self._subject = (entry.subject, entry.subject_id)
        self._names = names

    def get(self, key: str) -> Any:
        """A part of the detail."""
        return self.detail.get(key)

    def points(self, key: str = "score") -> str:
        """Points of the detail."""
        value = self.detail.get(key)
        return points(value if isinstance(value, int | float) else None)

    @property
    def given(self) -> str:
        """The points of the detail with their noun."""
        return f"{self.points()} {'point' if self.points() == '1' else 'points'}"

    def _id(self, subject: str, key: str) -> int:
        kind, subject_id = self._subject
        found = subject_id if kind == subject else self.detail.get(key)
        return found if isinstance(found, int) else 0

    @property
    def person(self) -> str:
        """Whom it is about."""
        return self._names.people.get(self._id("Person", "person_id"), "somebody")

    @property
    def assignment(self) -> str:
        """The title of the assignment."""
        known = self._names.assignments
        return known.get(self._id("Assignment", "assignment_id"), "an assignment")

    @property
    def version(self) -> str:
        """The version by its number."""
        found = self._names.versions.get(self._id("AssignmentVersion", "version_id"))
        return f"version {found[0]} of {found[1]}" if found else "a version"

    @property
    def submission(self) -> str:
        """The submission by its number and whose it is."""
        found = self._names.submissions.get(self._id("Submission", "submission_id"))
        return f"submission {found[0]} of {found[2]} to {found[1]}" if found else "a submission"

    @property
    def item(self) -> str:
        """A line of the marking scheme."""
        return f"{self.get('label')} ({self.points('points')}), exercise {self.get('exercise')}"

    @property
    def of_exercise(self) -> str:
        """The submission, or the exercise of it that is meant."""
        exercise = self.detail.get("exercise")
        return f"exercise {exercise} of {self.submission}" if exercise else self.submission


def _changed(entry: _Entry) -> str:
    parts = ", ".join(_KEYS.get(key, key) for key in entry.detail)
    return f"changed {entry.assignment}: {parts}" if parts else f"changed {entry.assignment}"


def _enrolled(entry: _Entry) -> str:
    team = f" in team {entry.get('team')}" if entry.get("team") else ""
    return f"made {entry.person} {_ROLES.get(str(entry.get('role')), 'somebody')}{team}"


def _synced(entry: _Entry) -> str:
    given, removed = entry.get("given"), entry.get("removed")
    return (
        f"brought people from {entry.get('title')}: {given} with a new role, {removed} without one"
    )


def _released(entry: _Entry) -> str:
    before = f", instead of {entry.points('before')}" if entry.get("before") is not None else ""
    given = f"{entry.points()} of {entry.points('max_score')}"
    return f"released {entry.person}'s grade in {entry.assignment}: {given}{before}"


def _regraded(entry: _Entry) -> str:
    count = entry.get("attempts")
    many = "1 submission" if count == 1 else f"{count} submissions"
    return f"had {many} to {entry.assignment} judged again"


def _replayed(entry: _Entry) -> str:
    count = entry.get("messages")
    many = "1 message" if count == 1 else f"{count} messages"
    return f"had {many} to the webhook {entry.get('name')} sent again"


_KEYS = {"opens_at": "opens", "due_at": "due", "policy": "rules"}
_WORDS: Mapping[str, Words] = {
    "assignment.created": lambda e: f"made the assignment {e.assignment}",
    "assignment.changed": _changed,
    "assignment.names_hidden": lambda e: f"hid names while {e.assignment} is graded",
    "assignment.names_shown": lambda e: f"showed names while {e.assignment} is graded",
    "assignment.regraded": _regraded,
    "attempt.cancelled": lambda e: f"cancelled the judging of {e.submission}",
    "canvas.linked": lambda e: f"linked the course {e.get('title')} of Canvas",
    "canvas.unlinked": lambda e: f"unlinked the course {e.get('title')} of Canvas",
    "canvas.people_confirmed": lambda e: f"confirmed {e.get('people')} people in Canvas",
    "canvas.column_chosen": lambda e: f"had grades of {e.assignment} go to {e.get('title')}",
    "comment.added": lambda e: f"commented on a cell of {e.submission}",
    "comment.removed": lambda e: f"removed a comment on a cell of {e.submission}",
    "comparison.started": lambda e: f"had submissions to {e.assignment} compared",
    "context.linked": lambda e: f"connected {e.get('title')} of an LMS",
    "context.unlinked": lambda e: f"disconnected {e.get('title')} of an LMS",
    "context.synced": _synced,
    "course.created": lambda _: "made the course",
    "course.changed": lambda _: "changed the course's title or time zone",
    "enrolment.set": _enrolled,
    "enrolment.removed": lambda e: f"removed {e.person} from the course",
    "extension.set": lambda e: f"gave {e.person} more time for {e.assignment}",
    "extension.removed": lambda e: f"took {e.person}'s extension for {e.assignment} back",
    "grade.released": _released,
    "grade.unreleased": lambda e: f"took {e.person}'s released grade in {e.assignment} back",
    "mark.given": lambda e: f"graded {e.of_exercise}",
    "mark.undone": lambda e: f"undid the grading of {e.of_exercise}",
    "mark.restored": lambda e: f"restored the earlier grading of {e.of_exercise}",
    "mark.followed": lambda e: f"changed the marking scheme: {e.given} for {e.of_exercise}",
    "override.given": lambda e: f"gave {e.given} for {e.of_exercise}",
    "override.revoked": lambda e: f"took {e.given} for {e.of_exercise} back",
    "password_link.made": lambda e: f"made a link for {e.person} to choose a password by",
    "password_link.used": lambda _: "chose a first password by a link",
    "passback.again": lambda e: f"had {e.person}'s grade sent to the LMS again",
    "passback.overwrite": lambda e: f"had {e.person}'s grade in the LMS written over",
    "passback.leave": lambda e: f"left {e.person}'s grade in the LMS as it is there",
    "request.opened": lambda e: f"asked for a regrade of {e.of_exercise}",
    "request.written": lambda e: f"wrote about the regrade of {e.of_exercise}",
    "request.accepted": lambda e: f"accepted the request on {e.of_exercise}",
    "request.declined": lambda e: f"declined the request on {e.of_exercise}",
    "request.withdrawn": lambda e: f"withdrew the request on {e.of_exercise}",
    "rubric_item.added": lambda e: f"added to the marking scheme: {e.item}",
    "rubric_item.changed": lambda e: f"changed the marking scheme: {e.item}",
    "rubric_item.retired": lambda e: f"retired from the marking scheme: {e.item}",
    "shadow.started": lambda e: f"put {e.version} into the shadow",
    "shadow.promoted": lambda e: f"promoted {e.version} from the shadow",
    "shadow.abandoned": lambda e: f"abandoned the shadow of {e.version}",
    "submission.chosen": lambda e: f"chose {e.submission} as the one that counts",
    "submission.regraded": lambda e: f"had {e.submission} judged again",
    "trial.started": lambda e: f"had the test of {e.version} run",
    "version.uploaded": lambda e: f"uploaded {e.version}",
    "version.answers_changed": lambda e: f"changed the model answer or the waivers of {e.version}",
    "version.published": lambda e: f"published {e.version}",
    "webhook.created": lambda e: f"added the webhook {e.get('name')}",
    "webhook.changed": lambda e: f"changed the webhook {e.get('name')}",
    "webhook.secret_rotated": lambda e: f"made a new secret for the webhook {e.get('name')}",
    "webhook.tested": lambda e: f"sent a test to the webhook {e.get('name')}",
    "webhook.replayed": _replayed,
    "webhook.disabled": lambda e: f"disabled the webhook {e.get('name')}",
    "webhook.enabled": lambda e: f"enabled the webhook {e.get('name')}",
    "webhook.deleted": lambda e: f"deleted the webhook {e.get('name')}",
}


def in_words(entry: AuditEntry, names: Names) -> str:
    """What was done, as it follows the name of who did it."""
    known = _WORDS.get(entry.action)
    if known is not None:
        return known(_Entry(entry, names))
    subject, _, verb = entry.action.partition(".")
    return f"{subject.replace('_', ' ')}: {verb.replace('_', ' ')}"


def reason_of(entry: AuditEntry) -> str:
    """The reason that was given; empty where there is none."""
    return next((str(entry.detail[key]) for key in _SAID if entry.detail.get(key)), "")


def facts_of(entry: AuditEntry) -> dict[str, str]:
    """What else is known of it."""
    return {
        key.replace("_", " "): str(value)
        for key, value in entry.detail.items()
        if value is not None and key not in _SAID and not key.endswith(_IDS)
    }
