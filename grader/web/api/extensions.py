"""Extensions: who has more time for an assignment, and until when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from grader.db.models import Extension, Person
from grader.services import extensions
from grader.web.api.bodies import Body, Moment, PageView, Reason, RowId, View, items_of
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite, Cursor, Limit

router = for_programs("extensions", prefix="/assignments/{assignment_id}/extensions")

AssignmentId = Annotated[RowId, Path()]
PersonId = Annotated[RowId, Path()]


class ExtensionBody(Body):
    """A later due date. Of a team one member's holds for all."""

    due_at: Moment
    reason: Reason


class ExtensionsBody(ExtensionBody):
    """The same for several people."""

    person_ids: list[RowId] = Field(min_length=1, max_length=1000)


class ExtensionView(View):
    """Somebody's own due date."""

    person_id: int
    due_at: datetime
    reason: str
    author_id: int
    created_at: datetime


class NamedExtensionView(ExtensionView):
    """The same with whose it is."""

    name: str
    email: str


@router.get("")
def list_extensions(
    site: CurrentSite,
    actor: CurrentActor,
    assignment_id: AssignmentId,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageView[NamedExtensionView]:
    """Who has more time; for staff."""
    page = extensions.list_extensions(site, actor, assignment_id, cursor=cursor, limit=limit)
    return PageView(items=[_named(*one) for one in page.items], next_cursor=page.next_cursor)


@router.put("")
def give_extensions(
    site: CurrentSite, actor: CurrentActor, assignment_id: AssignmentId, body: ExtensionsBody
) -> list[ExtensionView]:
    """Give several people a later due date, all of them or none."""
    given = extensions.extend(
        site, actor, assignment_id, body.person_ids, due_at=body.due_at, reason=body.reason
    )
    return items_of(ExtensionView, list(given))


@router.put("/{person_id}")
def give_extension(
    site: CurrentSite,
    actor: CurrentActor,
    assignment_id: AssignmentId,
    person_id: PersonId,
    body: ExtensionBody,
) -> ExtensionView:
    """Give somebody a later due date, or another one."""
    (given,) = extensions.extend(
        site, actor, assignment_id, [person_id], due_at=body.due_at, reason=body.reason
    )
    return ExtensionView.model_validate(given)


@router.delete("/{person_id}", status_code=204)
def withdraw_extension(
    site: CurrentSite, actor: CurrentActor, assignment_id: AssignmentId, person_id: PersonId
) -> None:
    """The assignment's due date holds for them again."""
    extensions.withdraw(site, actor, assignment_id, person_id)


def _named(extension: Extension, person: Person) -> NamedExtensionView:
    own = ExtensionView.model_validate(extension)
    return NamedExtensionView(**own.model_dump(), name=person.name, email=person.address)
