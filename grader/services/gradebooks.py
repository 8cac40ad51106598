"""Somebody else's gradebook as the sender of grades sees it: read a cell, write a cell.

What keeps a grade from arriving is said by `Stuck`, which waits for a person, or by `Later`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from grader.db import parcels, passbacks
from grader.db.models import GradeColumn, ResourceLink, Trouble
from grader.db.parcels import Parcel
from grader.errors import ChainruleError
from grader.lms import ags
from grader.lms.ags import GradeService, LineItem, Score
from grader.lms.answers import Refused
from grader.lms.canvas import Canvas, scaled
from grader.lms.outside import Answer
from grader.services.platforms import way_to
from grader.services.servicetokens import Bearers
from grader.services.site import Site

_SOON = timedelta(seconds=5)
_UNKNOWN = "the student is not known there any more"


class Stuck(ChainruleError):
    """It waits for a person; `found` is what somebody else has written there."""

    def __init__(self, trouble: Trouble, why: str, found: float | None = None) -> None:
        super().__init__(why)
        self.trouble = trouble
        self.found = found


class Later(ChainruleError):
    """It is tried again, after `wait` where that is known."""

    def __init__(self, why: str, wait: timedelta | None = None) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True)
class Cell:
    """What stands in somebody's cell, of how many points, and when it was written if that is told.

    In some systems zero points look like nothing.
    """

    points: float | None
    of: float
    at: datetime | None = None

    def holds(self, score: float, max_score: float) -> bool:
        """Whether that is this grade, as it is kept there: rounded, and cut off at the top."""
        return self._has(scaled(score, max_score, self.of), self.of)

    def may_be(self, score: float, max_score: float, of: float | None) -> bool:
        """Whether it is this grade as it was written when the column was worth `of`.

        Where a column's maximum changes, its points stay in some systems, and in others they are
        put on the new scale.
        """
        if self.holds(score, max_score):
            return True
        return of is not None and self._has(scaled(score, max_score, of), of)

    def is_cut(self, score: float, max_score: float) -> bool:
        """Whether it is less than the grade, which was above the maximum."""
        wanted = scaled(score, max_score, self.of)
        return not self._near(self.points or 0.0, wanted)

    def is_still(self, points: float | None) -> bool:
        """Whether it is what was found earlier."""
        if points is None or self.points is None:
            return points is self.points
        return self._near(points, self.points)

    def _has(self, points: float, of: float) -> bool:
        if self.points is None:
            return False
        return self._near(self.points, points) or (points > of and self._near(self.points, of))

    def _near(self, one: float, other: float) -> bool:
        return abs(one - other) <= min(0.005, self.of / 2000) + 1e-9


class Book(Protocol):
    """A column of a gradebook. Refusals are answers with their status, or Refused."""

    @property
    def is_lost(self) -> Sequence[int]:
        """The statuses that mean that the column, or the student, is not there."""

    def read(self) -> Cell:
        """The student's cell."""

    def write(self, stamp: datetime) -> Answer:
        """Write the parcel's grade into it, as of `stamp`."""

    def check(self) -> bool:
        """Whether the column is known to be there: not where we may not look. Raises Stuck or
        Later if it is not there any more, Refused if it can't be seen."""


def book_of(site: Site, parcel: Parcel, bearers: Bearers) -> Book:
    """The column that the parcel goes to, found or made first where that has to be."""
    if parcel.canvas is not None:
        return _canvas_book(site, parcel)
    if parcel.platform is None or parcel.platform.disabled_at is not None:
        raise Stuck(Trouble.LOCKED, "the platform is switched off here")
    return _service_book(site, parcel, bearers)


@dataclass
class _Column:
    """By Assignment and Grade Services. `of` is what it was worth when it was last heard of."""

    site: Site
    parcel: Parcel
    service: GradeService
    address: str
    of: float
    subject: str

    is_lost = (403, 404, 410)

    def read(self) -> Cell:
        found = self.service.result(self.address, self.subject)
        if found is None:
            return Cell(None, self.of)
        if found.maximum is not None and found.maximum > 0:
            self.of = found.maximum
        return Cell(found.score, self.of, found.at)

    def write(self, stamp: datetime) -> Answer:
        row = self.parcel.passback
        assert row.score is not None
        assert row.max_score is not None
        of_canvas = self.parcel.platform is not None and self.parcel.platform.product == "canvas"
        return self.service.write(
            self.address,
            Score(
                person=self.subject,
                given=row.score,
                maximum=row.max_score,
                stamp=stamp,
                comment=_comment(row.score, row.max_score, self.of),
                submitted_at=self.parcel.received_at if of_canvas else None,
                is_new=row.submission_id != row.sent_submission_id,
            ),
        )

    def check(self) -> bool:
        if not _may_look(self.parcel):
            return False
        try:
            self.service.look(self.address)
        except Refused as error:
            if error.answer.status not in (404, 410):
                raise
            _note_gone(self.site, self.parcel.column)
            raise Later(f"the column is not there any more ({error}); it is looked for") from error
        return True


@dataclass
class _CanvasColumn:
    """By Canvas's own REST. `of` is what the assignment is worth there, as it was last read."""

    site: Site
    parcel: Parcel
    canvas: Canvas
    address: str
    of: float
    subject: str

    is_lost = (404,)

    def read(self) -> Cell:
        there = self.canvas.assignment(self.address)
        if not there.takes_points or there.points is None:
            raise Stuck(Trouble.REFUSED, "the assignment in Canvas takes no points any more")
        if there.points != self.of:
            self.of = there.points
            with self.site.database.writing() as session:
                passbacks.is_worth(session, self.parcel.column.id, self.address, self.of)
        found = self.canvas.result(self.address, self.subject)
        if found.excused and not self.parcel.passback.overwrite:
            raise Stuck(Trouble.CHANGED, "the student is excused there")
        return Cell(found.points, self.of)

    def write(self, stamp: datetime) -> Answer:
        row = self.parcel.passback
        assert row.score is not None
        assert row.max_score is not None
        points = scaled(row.score, row.max_score, self.of)
        return self.canvas.write(self.address, self.subject, points)

    def check(self) -> bool:
        try:
            self.canvas.assignment(self.address)
        except Refused as error:
            if error.answer.status not in self.is_lost:
                raise
            _note_gone(self.site, self.parcel.column)
            raise _gone_from_canvas() from error
        return True


def _canvas_book(site: Site, parcel: Parcel) -> Book:
    linked, column = parcel.canvas, parcel.column
    assert linked is not None
    if linked.disabled_at is not None:
        raise Stuck(Trouble.LOCKED, "the link to this course of Canvas is switched off here")
    if column.address is None or column.gone_at is not None or not column.max_score:
        raise _gone_from_canvas()
    if parcel.subject is None:
        raise Stuck(Trouble.NO_STUDENT, _UNKNOWN)
    canvas = Canvas(site.outside, linked.base_url, linked.token, linked.canvas_id)
    return _CanvasColumn(site, parcel, canvas, column.address, column.max_score, parcel.subject)


def _service_book(site: Site, parcel: Parcel, bearers: Bearers) -> Book:
    context, platform, column = parcel.context, parcel.platform, parcel.column
    assert context is not None
    assert platform is not None
    if parcel.subject is None:
        raise Stuck(Trouble.NO_STUDENT, _UNKNOWN)
    if ags.RESULTS not in context.scopes.split():
        raise Stuck(
            Trouble.LOCKED,
            "the platform does not let us read grades, and without that none is written over",
        )
    url = context.line_items_url or ""
    address, of = column.address, column.max_score
    outside = way_to(site, platform, url, address)
    service = GradeService(outside, bearers(site, platform), url)
    if address is None or column.gone_at is not None or not of or _is_told_another(site, parcel):
        address, of = _looked_up(site, parcel, service)
    return _Column(site, parcel, service, address, of, parcel.subject)


def _looked_up(site: Site, parcel: Parcel, service: GradeService) -> tuple[str, float]:
    """The column, by whoever is the first to look: two at a time would make two."""
    column = parcel.column
    with site.database.writing() as session:
        if not passbacks.begin_looking(session, column.id):
            raise Later("the column is being looked for", _SOON)
        links = parcels.links(session, column)
        taken = parcels.addresses_of_others(session, column)
    found: tuple[str, str, float, bool] | None = None
    try:
        item, made = _find_or_make(parcel, service, links, taken)
        if item.maximum <= 0:
            raise Stuck(Trouble.REFUSED, "the column there takes no points")
        found = (item.id, item.label, item.maximum, made)
    finally:
        with site.database.writing() as session:
            passbacks.end_looking(session, column.id, found)
    if column.address is not None and (made or column.address != item.id):
        raise Later("the column is another one: all grades are sent anew", timedelta(0))
    return item.id, item.maximum


def _find_or_make(
    parcel: Parcel, service: GradeService, links: Sequence[ResourceLink], taken: Collection[str]
) -> tuple[LineItem, bool]:
    """What is `taken` is another assignment's, of a link that was chosen anew since: both would
    write over each other's grades."""
    context, assignment, of = parcel.context, parcel.assignment, parcel.passback.max_score
    assert context is not None
    assert of is not None
    if not _may_look(parcel):
        told = _told(links)
        if told is None:
            raise Stuck(Trouble.GONE, "the platform lets us neither find the column nor make one")
        if told in taken:
            words = "the column of its link in the LMS holds the grades of another assignment"
            raise Stuck(Trouble.GONE, f"{words}, and the platform lets us make none")
        # Its scale is not told, either: that of each result is taken.
        return LineItem.model_validate({"id": told, "scoreMaximum": of}), False
    name = f"chainrule-assignment-{assignment.id}"
    item = service.find(name, [one.link_id for one in links], taken)
    if item is not None:
        return item, False
    return service.create(name, assignment.title, of), True


def _may_look(parcel: Parcel) -> bool:
    """Whether columns can be looked for and seen."""
    context = parcel.context
    return (
        context is not None
        and context.line_items_url is not None
        and ags.LINE_ITEMS in context.scopes.split()
    )


def _told(links: Sequence[ResourceLink]) -> str | None:
    """The column that launches tell of: of several links the one that was made last."""
    return next((one.line_item_url for one in reversed(links) if one.line_item_url), None)


def _is_told_another(site: Site, parcel: Parcel) -> bool:
    """Whether launches tell of another column than the known one, where that is all we know."""
    if _may_look(parcel):
        return False
    with site.database.reading() as session:
        told = _told(parcels.links(session, parcel.column))
    return told is not None and told != parcel.column.address


def _note_gone(site: Site, column: GradeColumn) -> None:
    assert column.address is not None
    with site.database.writing() as session:
        passbacks.is_gone(session, column.id, column.address)


def _gone_from_canvas() -> Stuck:
    return Stuck(Trouble.GONE, "the assignment is gone from Canvas: choose another column for it")


def _comment(score: float, max_score: float, of: float) -> str:
    """The points as they are known here, where the column has another scale."""
    return "" if abs(of - max_score) < 1e-9 else f"{score:.10g} of {max_score:.10g} points"
