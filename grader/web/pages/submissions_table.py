"""The table of an assignment's submissions, and what is done to many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import Form, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from grader.domain.grades import GradeState
from grader.errors import BadInput, Forbidden, NotFound
from grader.services import submissiontable
from grader.services.site import Site
from grader.services.submissions import Filters
from grader.services.submissiontable import COUNTED, Selected, Table
from grader.web.api.bodies import RowId
from grader.web.files import download
from grader.web.pages.forms import Form as Fields
from grader.web.pages.forms import LocalMoment, Sheet, moment_in, sentence
from grader.web.pages.frame import Frame, assignment_frame
from grader.web.pages.listing import Listing, read_listing, read_query
from grader.web.pages.rendering import is_part, page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite

router = for_people()

Action = Literal["regrade", "release", "unrelease", "extend"]
AssignmentId = Annotated[RowId, Path()]
_Ids = Annotated[list[RowId], Form(max_length=200)]
_Query = Annotated[str, Form(alias="list", max_length=4000)]
_Text = Annotated[str, Form(max_length=1000)]


class _MoreTime(Fields):
    due_at: LocalMoment = Field(title="Due at")


_LEFT = {
    GradeState.NOTHING: "handed in nothing",
    GradeState.WAITING: "wait to be judged",
    GradeState.NOT_JUDGED: "could not be judged through a fault of ours",
    GradeState.PENDING: "have points that wait for a person",
}


@router.get("/assignments/{assignment_id}/submissions")
def show(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, assignment_id: AssignmentId
) -> Response:
    """The table, narrowed and in the order that its address says."""
    frame = assignment_frame(site, visitor.actor, assignment_id)
    listing = read_listing(request.query_params)
    found = submissiontable.table(
        site,
        visitor.actor,
        assignment_id,
        listing.filters,
        listing.order,
        descending=listing.descending,
        cursor=listing.cursor,
        backwards=listing.backwards,
    )
    context = {
        "frame": frame,
        "tab": "submissions",
        "table": found,
        "listing": listing,
        "address": _address(assignment_id),
        "narrowed": _narrowed(listing, found),
        "capped": COUNTED,
        "open_ids": _open(found.rows.items),
    }
    # What is pushed into the browser's history has no empty words.
    clean = listing.with_(cursor=listing.cursor, back="1" if listing.backwards else None)
    headers = {"HX-Push-Url": f"{_address(assignment_id)}?{clean}"} if is_part(request) else None
    return page(request, "table/table.html", context, headers=headers)


@router.get("/assignments/{assignment_id}/submissions/live")
def show_live(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: AssignmentId,
    ids: Annotated[str, Query(max_length=4000, pattern=r"^([0-9]{1,18}(,[0-9]{1,18})*)?$")] = "",
    query: Annotated[str | None, Query(alias="list", max_length=4000)] = None,
) -> Response:
    """The cells of some rows as they are now; and the list's head, where it is said which list."""
    wanted = [int(one) for one in ids.split(",") if one]
    rows, exercises = submissiontable.rows(site, visitor.actor, assignment_id, wanted)
    listing = read_query(query or "")
    head = None
    if query is not None:
        head = submissiontable.head(site, visitor.actor, assignment_id, listing.filters)
    context = {
        "head": head,
        "listing": listing,
        "capped": COUNTED,
        "rows": rows,
        "exercises": exercises,
        "open_ids": _open(rows),
        "address": _address(assignment_id),
    }
    return page(request, "table/live.html", context)


@router.post("/assignments/{assignment_id}/submissions/confirm")
def confirm(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: AssignmentId,
    action: Annotated[Action, Form()],
    id: _Ids = [],  # noqa: B006 - the framework copies it
    all: Annotated[bool, Form()] = False,
    query: _Query = "",
) -> Response:
    """What an action would do, and to how many; nothing is done yet."""
    filters = _meant(query, id, all)
    return _asked(request, site, visitor, assignment_id, action, filters, query, all)


@router.post("/assignments/{assignment_id}/submissions/act")
def act(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: AssignmentId,
    action: Annotated[Action, Form()],
    id: _Ids = [],  # noqa: B006 - the framework copies it
    all: Annotated[bool, Form()] = False,
    query: _Query = "",
    reason: _Text = "",
    due_at: _Text = "",
    due_at_turn: _Text = "",
    told: Annotated[int | None, Form()] = None,
) -> Response:
    """Do it, and say what came of it; ask again where all that match are not `told` any more."""
    filters = _meant(query, id, all)
    frame = assignment_frame(site, visitor.actor, assignment_id)
    typed = {"reason": reason.strip(), "due_at": due_at, "due_at_turn": due_at_turn}
    try:
        if all and told is not None:
            chosen = submissiontable.selected(site, visitor.actor, assignment_id, filters)
            if _number(action, chosen) != told:
                raise BadInput("they are not as many as they were; look, and decide again")
        done = _done(site, visitor, frame, assignment_id, action, filters, **typed)
    except (Forbidden, NotFound):
        raise
    except BadInput as error:
        return _asked(
            request,
            site,
            visitor,
            assignment_id,
            action,
            filters,
            query,
            all,
            problem=str(error),
            typed=typed,
        )
    title, detail = done
    context = {"frame": frame, "tab": "submissions", "title": title, "detail": detail}
    context["back"] = f"{_address(assignment_id)}?{query}"
    if not is_part(request):
        return page(request, "table/done.html", context)
    headers = {
        "HX-Retarget": "#messages",
        "HX-Reswap": "beforeend",
        "HX-Trigger": "submissions-changed",
    }
    return page(request, "parts/message.html", {**context, "kind": "done"}, headers=headers)


@router.post("/assignments/{assignment_id}/submissions/export", response_class=StreamingResponse)
def export(
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: AssignmentId,
    id: _Ids = [],  # noqa: B006 - the framework copies it
    all: Annotated[bool, Form()] = False,
    query: _Query = "",
) -> StreamingResponse:
    """What is selected as CSV; everything that the list has where nothing is."""
    filters = _meant(query, id, all or not id)
    lines = submissiontable.export(site, visitor.actor, assignment_id, filters)
    return download(
        f"submissions-{assignment_id}.csv", (line.encode() for line in lines), "text/csv"
    )


def _asked(
    request: Request,
    site: Site,
    visitor: Visitor,
    assignment_id: int,
    action: Action,
    filters: Filters,
    query: str,
    is_all: bool,
    *,
    problem: str = "",
    typed: dict[str, str] | None = None,
) -> Response:
    """The question, as a part of the page or as one of its own."""
    frame = assignment_frame(site, visitor.actor, assignment_id)
    chosen: Selected = submissiontable.selected(site, visitor.actor, assignment_id, filters)
    sheet = Sheet(_MoreTime, typed, zone=frame.zone)
    if is_about_time := problem.startswith("due_at: "):
        sheet.errors["due_at"] = sentence(problem.removeprefix("due_at: "))
    context: dict[str, Any] = {
        "frame": frame,
        "tab": "submissions",
        "action": action,
        "chosen": chosen,
        "ids": filters.ids or (),
        "is_all": is_all,
        "query": query,
        "address": _address(assignment_id),
        "told": _number(action, chosen),
        "problem": "" if is_about_time else sentence(problem),
        "typed": typed or {"reason": ""},
        "sheet": sheet,
    }
    template = "table/confirm_part.html" if is_part(request) else "table/confirm.html"
    return page(request, template, context, status=422 if problem else 200)


def _done(
    site: Site,
    visitor: Visitor,
    frame: Frame,
    assignment_id: int,
    action: Action,
    filters: Filters,
    *,
    reason: str,
    due_at: str,
    due_at_turn: str,
) -> tuple[str, str]:
    """What was done, in words: the main thing, and the rest of it."""
    actor = visitor.actor
    if action in ("regrade", "extend") and not reason:
        raise BadInput("say why: the reason stands in the audit log")
    if action == "regrade":
        made = submissiontable.regrade(site, actor, assignment_id, filters, reason=reason)
        return f"{_many(made.attempts, 'submission')} will be judged again.", (
            "What waits already is not judged twice; results stay until the new ones are there."
        )
    if action == "extend":
        try:
            until = moment_in(due_at, frame.zone, due_at_turn)
        except ValueError as error:
            raise BadInput(f"due_at: {error}") from None
        given = submissiontable.extend(
            site, actor, assignment_id, filters, due_at=until, reason=reason
        )
        return f"{_many(given, 'person', 'people')} can hand in later.", (
            "Lateness is judged by the new date, also of what was handed in already."
        )
    if action == "unrelease":
        taken = submissiontable.unrelease_grades(site, actor, assignment_id, filters)
        return f"{_many(taken, 'grade')} taken back.", "Students do not see them any more."
    came = submissiontable.release_grades(site, actor, assignment_id, filters)
    words = [f"{_many(came.unchanged, 'grade')} as before."] if came.unchanged else []
    states = [state for _, state in came.left]
    words += [
        f"Left out: {states.count(state):,} that {why}."
        for state, why in _LEFT.items()
        if state in states
    ]
    return f"{_many(len(came.released), 'grade')} released.", " ".join(words)


def _number(action: Action, chosen: Selected) -> int:
    """How many an action is about, as its question says it."""
    if action == "regrade":
        return chosen.submissions
    return chosen.students if action == "release" else chosen.people


def _meant(query: str, ids: Sequence[int], is_all: bool) -> Filters:
    """What is acted on: all that the list has, or the rows that were ticked."""
    filters = read_query(query).filters
    return filters if is_all else replace(Filters(), ids=ids)


def _narrowed(listing: Listing, table: Table) -> list[tuple[str, str]]:
    """What narrows the list and is not seen in the form above it: words, and the list without."""
    given, titles = listing.given, dict(table.exercises)
    chips = []
    if "below" in given:
        chips.append((f"score below {given['below']}", listing.with_(below=None)))
    if finding := listing.filters.finding:
        if finding.check or finding.cause or finding.unnamed:
            cause = "no named cause" if finding.unnamed else finding.cause or ""
            words = [titles.get(finding.exercise, finding.exercise), finding.check or "", cause]
            without = listing.with_(found=None, check=None, cause=None, unnamed=None)
            chips.append((": ".join(word for word in words if word), without))
        elif finding.exercise not in titles:
            chips.append((finding.exercise, listing.with_(found=None)))
    return chips


def _open(rows: Sequence[submissiontable.Row]) -> str:
    """The ids of what is not done, as the address of the live part has them, with what else of the
    same people is listed: another one of theirs may count in the end."""
    people = {one.found.submission.person_id for one in rows if one.is_open}
    submissions = [one.found.submission for one in rows]
    return ",".join(str(key) for key in sorted(s.id for s in submissions if s.person_id in people))


def _address(assignment_id: int) -> str:
    return f"/assignments/{assignment_id}/submissions"


def _many(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
