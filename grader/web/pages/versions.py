"""An assignment's versions: uploaded, tried out, published; and each with its own test's report."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import Field

from grader.db.models import AttemptState, VersionState
from grader.errors import BadBundle, BadInput
from grader.services import versions
from grader.services.site import Site
from grader.services.versions import Tried
from grader.web.files import download
from grader.web.pages.forms import Form, Plain, Sheet, Typed, go, uploaded, what_is_done
from grader.web.pages.frame import Frame, assignment_frame, for_instructors, for_staff
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor, RowInPath

router = for_people()

OPEN = (AttemptState.QUEUED, AttemptState.RUNNING)
_MOST_MUTANTS = 40

_DONE = {
    "made": "The assignment is made. Upload a version of it next: until one is published, only "
    "staff see it.",
    "uploaded": "The bundle is uploaded. Have its own test run before you publish it.",
    "same": "This bundle is there already: nothing is changed.",
    "published": "The version is published: what is handed in is judged against it.",
    "promoted": "The version is promoted: grades depend on it now.",
    "abandoned": "The shadow is abandoned: the version in force stays.",
}


class PublishForm(Form):
    """Putting a version in force. A reason is needed where none of its trials has passed."""

    because: Plain | None = Field(None, title="Reason", max_length=1000)


@router.get("/assignments/{assignment_id}/versions")
def list_versions(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    cursor: Cursor = None,
) -> Response:
    """All versions, the latest first, with the one in force marked; for staff."""
    frame = for_staff(assignment_frame(site, visitor.actor, assignment_id))
    return _list(request, site, visitor, frame, cursor=cursor)


@router.post("/assignments/{assignment_id}/versions")
def upload_version(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    typed: Typed,
) -> Response:
    """A zip of a bundle as a new version; what is wrong in it is said by file, line and field."""
    frame = for_instructors(assignment_frame(site, visitor.actor, assignment_id))
    file = uploaded(typed, "bundle")
    if file is None:
        return _list(request, site, visitor, frame, problem="Choose the zip of a bundle.")
    try:
        tried, is_new = versions.upload_version(site, visitor.actor, assignment_id, file.file)
    except BadBundle as error:
        return _list(request, site, visitor, frame, problem=str(error))
    return go(f"/versions/{tried.version.id}", "uploaded" if is_new else "same")


@router.get("/versions/{version_id}")
def show_version(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, version_id: RowInPath
) -> Response:
    """One version: how it stands, its own test's report, and its exercises; for staff."""
    tried = versions.get_version(site, visitor.actor, version_id)
    return _show(request, site, visitor, tried, Sheet(PublishForm))


@router.get("/versions/{version_id}/trial")
def show_trial(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, version_id: RowInPath
) -> Response:
    """How the version's own test stands: a part of its page, asked for until it has ended."""
    tried = versions.get_version(site, visitor.actor, version_id)
    frame = assignment_frame(site, visitor.actor, tried.version.assignment_id)
    # At the end, what its outcome changes on the page comes along.
    context = {"frame": frame, **_publishing(frame, tried), **_trial(tried)}
    return page(request, "versions/trial_part.html", context)


@router.post("/versions/{version_id}/trials")
def start_trial(site: CurrentSite, visitor: CurrentVisitor, version_id: RowInPath) -> Response:
    """Have a worker run the version's own test."""
    versions.start_trial(site, visitor.actor, version_id)
    return go(f"/versions/{version_id}#test")


@router.post("/versions/{version_id}/publish")
def publish_version(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    version_id: RowInPath,
    typed: Typed,
) -> Response:
    """Put it in force, in the place of the one before."""
    tried = versions.get_version(site, visitor.actor, version_id)
    for_instructors(assignment_frame(site, visitor.actor, tried.version.assignment_id))
    sheet = Sheet(PublishForm, typed)
    with sheet.refusing():
        because = sheet.read().because
        if because is None and needs_reason(tried):
            raise BadInput("because: no test of it has passed; say why it is published anyway")
        versions.publish_version(site, visitor.actor, version_id, because)
        return go(f"/versions/{version_id}", "published")
    return _show(request, site, visitor, tried, sheet)


@router.get("/versions/{version_id}/bundle")
def get_bundle(site: CurrentSite, visitor: CurrentVisitor, version_id: RowInPath) -> Response:
    """The version's zip; for instructors."""
    name, content = versions.open_bundle(site, visitor.actor, version_id)
    return download(name, content, "application/zip")


def needs_reason(tried: Tried) -> bool:
    """Whether somebody has to say why they publish the version."""
    has_passed = tried.trial is not None and bool((tried.trial.report or {}).get("passed"))
    return not has_passed and tried.version.published_at is None


def _list(
    request: Request,
    site: Site,
    visitor: Visitor,
    frame: Frame,
    *,
    cursor: str | None = None,
    problem: str = "",
) -> Response:
    assert frame.assignment is not None
    context = {
        "frame": frame,
        "tab": "versions",
        "found": versions.list_versions(site, visitor.actor, frame.assignment.id, cursor=cursor),
        "problem": problem,
        "most": site.settings.upload_bytes,
        "done": what_is_done(request, _DONE),
    }
    status = 422 if problem else 200
    return page(request, "versions/list.html", context, status=status)


def _show(
    request: Request,
    site: Site,
    visitor: Visitor,
    tried: Tried,
    sheet: Sheet[PublishForm],
) -> Response:
    frame = assignment_frame(site, visitor.actor, tried.version.assignment_id)
    context = {
        "frame": frame,
        "tab": "versions",
        "author": tried.author,
        "is_live": frame.assignment is not None
        and frame.assignment.live_version_id == tried.version.id,
        "sheet": sheet,
        "done": what_is_done(request, _DONE),
        **_publishing(frame, tried),
        **_trial(tried),
    }
    return page(request, "versions/version.html", context, status=sheet.status)


def _publishing(frame: Frame, tried: Tried) -> dict[str, Any]:
    """The version, whether its page has the form that publishes it, and whether that asks why."""
    state = tried.version.state
    return {
        "version": tried.version,
        "offers_publishing": frame.is_instructor
        and state not in (VersionState.PUBLISHED, VersionState.SHADOW),
        "needs_reason": needs_reason(tried),
    }


def _trial(tried: Tried) -> dict[str, Any]:
    """What the template shows of a trial; of mutants the first ones, with how many there are."""
    trial = tried.trial
    report = (trial.report if trial is not None else None) or {}
    mutation = report.get("mutation") or {}
    lists = {
        "The model answer loses points": report.get("right"),
        "The untouched starter earns points": report.get("starter"),
        "Checks that pass for nothing": report.get("vacuous"),
        "Waivers that waive nothing": report.get("unused_waivers"),
        "Not judged": report.get("failures"),
        "Hints on gradients that name another mistake": [
            f"{name}: {cause}"
            for name, cause in ((report.get("naming") or {}).get("wrong_names") or {}).items()
        ],
    }
    mutants = {
        "Survivors: mistakes that cost nothing": mutation.get("survivors") or [],
        "Points lost where nothing is wrong": mutation.get("hit_too_much") or [],
    }
    return {
        "trial": trial,
        "steps": tried.steps,
        "is_open": trial is not None and trial.state in OPEN,
        "report": report,
        "mutation": mutation,
        "problems": {title: lines for title, lines in lists.items() if lines},
        "mutants": {
            title: (found[:_MOST_MUTANTS], len(found)) for title, found in mutants.items() if found
        },
    }
