"""Versions of assignments: uploaded as a bundle, tried out by a worker, and published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO

from grader.broker.progress import Steps
from grader.db import audit, bulk, leases, people, trials, versions
from grader.db.assignments import Hold, held
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    AttemptState,
    Purpose,
    Trial,
    VersionState,
)
from grader.db.pages import Page
from grader.db.session import Session
from grader.errors import Conflict, NotFound
from grader.services import bundles, sending
from grader.services.access import Actor, Right, permit, permit_assignment
from grader.services.marking import follow_version
from grader.services.site import Site

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Tried:
    """A version with its latest trial, and the name of who uploaded it.

    `steps` is how far a trial that runs has come, where that is known.
    """

    version: AssignmentVersion
    trial: Trial | None
    author: str
    steps: Steps | None = None


def upload_version(
    site: Site, actor: Actor, assignment_id: int, zipped: BinaryIO
) -> tuple[Tried, bool]:
    """The bundle as a version, and whether it is a new one.

    The same content again is the same version. What a trial alone uses (the model answer and the
    waivers) is no part of the content, and is taken over into the version that is there.
    """
    may_upload(site, actor, assignment_id)
    with bundles.uploaded(zipped) as (read, again):
        stored = site.blobs.put(iter(partial(again.read, _CHUNK), b""))
    with site.database.writing() as session:
        assignment = _held(session, actor, assignment_id)
        version = versions.by_content(session, assignment_id, read.content_hash)
        if version is None:
            version = AssignmentVersion(
                assignment_id=assignment_id,
                number=versions.next_number(session, assignment_id),
                content_hash=read.content_hash,
                bundle_sha256=stored.sha256,
                outline=read.outline,
                max_score=read.max_score,
                queue=read.queue,
                author_id=actor.person_id,
            )
            session.add(version)
            session.flush()
            session.refresh(version)
            record(session, actor, "version.uploaded", version, assignment)
            return Tried(version, None, actor.name), True
        if version.bundle_sha256 != stored.sha256:
            version.bundle_sha256 = stored.sha256
            leases.cancel(session, Trial, Trial.version_id == version.id)
            record(session, actor, "version.answers_changed", version, assignment)
        return _tried(session, version), False


def may_upload(site: Site, actor: Actor, assignment_id: int) -> None:
    """Raise NotFound or Forbidden where the actor may upload no version, before anything is read
    of one."""
    with site.database.reading() as session:
        permit_assignment(session, actor, assignment_id, Right.MANAGE)


def list_versions(
    site: Site, actor: Actor, assignment_id: int, *, cursor: str | None = None, limit: int = 50
) -> Page[Tried]:
    """The versions of an assignment, the latest first; for staff."""
    with site.database.reading() as session:
        permit_assignment(session, actor, assignment_id, Right.GRADE)
        found = versions.of_assignment(session, assignment_id, cursor=cursor, limit=limit)
        latest = trials.latest(session, [one.id for one in found.items])
        names = people.names(session, {one.author_id for one in found.items})
    tried = [Tried(one, latest.get(one.id), names[one.author_id]) for one in found.items]
    return Page(tried, found.next_cursor)


def get_version(site: Site, actor: Actor, version_id: int) -> Tried:
    """One version; for staff."""
    with site.database.reading() as session:
        version, _ = permitted_version(session, actor, version_id, Right.GRADE)
        tried = _tried(session, version)
    if tried.trial is None or tried.trial.state is not AttemptState.RUNNING:
        return tried
    return replace(tried, steps=site.progress.of_trial(tried.trial.id))


def open_bundle(site: Site, actor: Actor, version_id: int) -> tuple[str, Iterator[bytes]]:
    """The name and the content of a version's zip; for instructors, since the reference is in it.

    Raises BlobMissing before there is any content.
    """
    with site.database.reading() as session:
        version, assignment = permitted_version(session, actor, version_id, Right.MANAGE)
    content = site.blobs.chunks(version.bundle_sha256)
    return f"{assignment.slug}-v{version.number}.zip", content


def start_trial(site: Site, actor: Actor, version_id: int) -> Trial:
    """Have a worker try the version out; where a trial waits or runs already, that one."""
    with site.database.writing() as session:
        version, assignment = held_version(session, actor, version_id)
        trial = trials.open_one(session, version_id)
        if trial is not None:
            return trial
        trial = trials.enqueue(session, version, actor.person_id)
        session.refresh(trial)
        record(session, actor, "trial.started", version, assignment, trial=trial.id)
    sending.send_trial(site, trial)
    return trial


def get_trial(site: Site, actor: Actor, trial_id: int) -> Trial:
    """A trial with what came out; for staff."""
    with site.database.reading() as session:
        found = versions.with_trial(session, trial_id)
        if found is None:
            raise NotFound("there is no such thing")
        trial, _, course_id = found
        permit(session, actor, course_id, Right.GRADE)
    return trial


def publish_version(site: Site, actor: Actor, version_id: int, because: str | None) -> Tried:
    """Judge submissions against this version from now on; the first one opens the assignment.

    Raises Conflict where no trial of it has passed and there is no reason `because` to publish it
    all the same. What was handed in before is judged anew.
    """
    with site.database.writing() as session:
        version, assignment = held_version(session, actor, version_id)
        if version.state is VersionState.PUBLISHED:
            return _tried(session, version)
        if version.state is VersionState.SHADOW:
            raise Conflict("this version is in the shadow: promote it, or abandon that first")
        put_in_force(session, actor, version, assignment, because)
        tried = _tried(session, version)
    sending.send_attempts(site, version)
    return tried


def put_in_force(
    session: Session,
    actor: Actor,
    version: AssignmentVersion,
    assignment: Assignment,
    because: str | None,
) -> None:
    """Make it the version that counts, and have judged against it what has not been yet.

    The former one retires. Overrides belong to submissions and are not touched, but for the points
    that marks add to those of checks.
    """
    _approve(session, version, because)
    former_id = assignment.live_version_id
    if former_id is not None:
        session.get_one(AssignmentVersion, former_id).state = VersionState.RETIRED
    version.state = VersionState.PUBLISHED
    version.published_at = datetime.now(UTC)
    version.published_because = because
    assignment.live_version_id = version.id
    session.flush()
    again = bulk.enqueue(session, assignment, version, Purpose.REGRADE)
    follow_version(session, actor, assignment)
    record(
        session,
        actor,
        "version.published",
        version,
        assignment,
        former_version_id=former_id,
        because=because,
        judged_again=again,
    )


def _approve(session: Session, version: AssignmentVersion, because: str | None) -> None:
    """Raise Conflict unless a trial of the version has passed or somebody says why not."""
    if because is None and version.published_at is None and not trials.passed(session, version.id):
        raise Conflict(
            "no trial of this version has passed: wait for one, or say in `because` why not"
        )


def permitted_version(
    session: Session, actor: Actor, version_id: int, right: Right
) -> tuple[AssignmentVersion, Assignment]:
    """A version and its assignment; NotFound, or Forbidden, where the actor lacks the right."""
    found = versions.with_assignment(session, version_id)
    if found is None:
        raise NotFound("there is no such thing")
    permit(session, actor, found[1].course_id, right)
    return found


def _held(session: Session, actor: Actor, assignment_id: int) -> Assignment:
    permit_assignment(session, actor, assignment_id, Right.MANAGE)
    assignment = held(session, assignment_id, Hold.EVERYTHING)
    assert assignment is not None  # assignments are not deleted
    return assignment


def held_version(
    session: Session, actor: Actor, version_id: int
) -> tuple[AssignmentVersion, Assignment]:
    """A version for somebody who manages it, with its assignment held by this transaction."""
    version, assignment = permitted_version(session, actor, version_id, Right.MANAGE)
    _held(session, actor, assignment.id)
    session.refresh(version)
    return version, assignment


def _tried(session: Session, version: AssignmentVersion) -> Tried:
    latest = trials.latest(session, [version.id]).get(version.id)
    return Tried(version, latest, people.names(session, [version.author_id])[version.author_id])


def record(
    session: Session,
    actor: Actor,
    action: str,
    version: AssignmentVersion,
    assignment: Assignment,
    **detail: object,
) -> None:
    """Note what somebody did to a version."""
    about = {"number": version.number, "content_hash": version.content_hash}
    audit.record(
        session,
        actor.person_id,
        action,
        version,
        course_id=assignment.course_id,
        **about,
        **detail,
    )
