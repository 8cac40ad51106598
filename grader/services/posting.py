"""Sending one grade to an LMS: read before writing, write once, and know what became of it.

Before each try the row says what is tried, so that after a crash at any point the grade that
stands there is known for ours or for somebody else's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from grader.db import deliveries, parcels, passbacks, receivers
from grader.db.deliveries import Sending
from grader.db.models import Passback, Trouble
from grader.db.parcels import Parcel
from grader.db.session import moment
from grader.errors import ChainruleError
from grader.lms.answers import Refused, moment_of, rest
from grader.lms.canvas import is_limited, scaled
from grader.lms.outside import Answer, NotAllowed, NotUnderstood, Unreachable
from grader.lms.tokens import TokenRefused
from grader.services.backoff import MOST_TRIES, rest_after, wait_after
from grader.services.gradebooks import Book, Cell, Later, Stuck, book_of
from grader.services.servicetokens import Bearers, bearer_of
from grader.services.site import Site

_NOT_LET_IN = (401, 403)
_LOCKED_AT = 4  # refusals: while it is being mended, an LMS may let nobody in
_DOWN = (502, 503, 504)
_PATIENCE_S = 80.0  # for all requests of a try, within the lease
_TURNS = 3  # stamps that are tried one after the other
_SETTLED = timedelta(minutes=2)  # a request that was not answered takes effect by then or never
_TICK = timedelta(seconds=1)
_FURTHEST = timedelta(days=1)  # a clock there that is further ahead is not followed

_STALE = (400, 409)  # Canvas and Moodle on a stamp that is older than what they have


class _Overtaken(ChainruleError):
    """Somebody else has the row by now."""


def send_grade(site: Site, held: Sending, bearers: Bearers = bearer_of) -> None:
    """Send what a row wants, and write down what came of it."""
    with site.database.reading() as session:
        parcel = parcels.parcel(session, held.id)
    usual = wait_after(held.tries)
    bounded = replace(
        site,
        outside=site.outside.within(_PATIENCE_S),
        to_platforms=site.to_platforms.within(_PATIENCE_S),
    )
    try:
        ended = _deliver(bounded, held, parcel, bearers)
    except _Overtaken:
        return
    except Stuck as error:
        _stick(site, held, parcel, error)
    except NotAllowed as error:
        words = f"Chainrule sends nothing there, by its own rules: {error}"
        _stick(site, held, parcel, Stuck(Trouble.REFUSED, words))
    except Later as error:
        _put_off(site, held, str(error), usual if error.wait is None else error.wait)
    except TokenRefused as error:
        _put_off(site, held, str(error), usual)
        _have_rest(site, parcel)
    except NotUnderstood as error:
        _put_off(site, held, f"the answer is not as its protocol has it: {error}", usual)
    except Unreachable as error:
        _put_off(site, held, f"no answer: {error}", usual)
        _have_rest(site, parcel)
    except Refused as error:
        wait = rest(error.answer, parcel.at)
        refused = _lets_nobody_in(error)
        _put_off(site, held, str(error), max(usual, wait or usual), refused=refused)
        if is_limited(error.answer) or error.answer.status in _DOWN:
            _have_rest(site, parcel, wait)
    else:
        with site.database.writing() as session:
            deliveries.arrived(session, Passback, held, **ended)
            if parcel.is_failing and parcel.passback.score is not None:
                receivers.end_rest(session, parcel.receiver)


def _deliver(site: Site, held: Sending, parcel: Parcel, bearers: Bearers) -> dict[str, Any]:
    """The values of a row that has arrived."""
    row = parcel.passback
    if row.score is None:
        return {"trouble": None, "found_score": None, "overwrite": False}
    try:
        book = book_of(site, parcel, bearers)
    except Refused as error:
        raise _general(row, error) from error
    try:
        cell = book.read()
        if not _holds_wanted(cell, row) and not _is_hidden(cell, row):
            _refuse_others(cell, row)
            cell = _write(site, held, parcel, book, cell)
    except Refused as error:
        raise _judged(book, row, error) from error
    _wait_for_earlier_tries(site, held, row, cell)
    return _arrived(row, cell)


def _write(site: Site, held: Sending, parcel: Parcel, book: Book, cell: Cell) -> Cell:
    """Write it, with a later stamp where one is refused; what stands there then."""
    row = parcel.passback
    assert row.score is not None
    assert row.max_score is not None
    at_least = parcel.at
    for turn in range(1, _TURNS + 1):
        stamp = _reserve(site, held, row, at_least, cell.of)
        answer = book.write(stamp)
        if answer.ok:
            if _is_over(row) or row.score == 0:
                return book.read()  # what is made of these differs
            return Cell(scaled(row.score, row.max_score, cell.of), cell.of)
        # What is refused twice although the stamp is new is not refused for its stamp.
        if answer.status not in _STALE or turn == (2 if answer.status == 400 else _TURNS):
            raise Refused(answer)
        cell = book.read()
        if _holds_wanted(cell, row):
            return cell
        _refuse_others(cell, row)
        at_least = _later_than(parcel.at, answer, cell)
    raise AssertionError("unreachable")


def _reserve(site: Site, held: Sending, row: Passback, at_least: datetime, of: float) -> datetime:
    """The stamp of the next try; the row knows of both before anything is sent."""
    assert row.score is not None
    assert row.max_score is not None
    stamp = at_least if row.stamp is None else max(at_least, row.stamp + _TICK)
    tries = [*_tried(row), (row.score, row.max_score, of)]
    row.tried = {"scores": [list(one) for one in dict.fromkeys(tries)]}
    row.stamp = stamp
    with site.database.writing() as session:
        row.unsure_until = moment(session) + _SETTLED
        values = {"stamp": stamp, "tried": row.tried, "unsure_until": row.unsure_until}
        if not deliveries.keep(session, Passback, held, **values):
            raise _Overtaken
    return stamp


def _later_than(now: datetime, answer: Answer, cell: Cell) -> datetime:
    """A moment after all that the platform may compare with: its clock can be ahead of ours."""
    known = [moment_of(answer.headers.get("date", "")), cell.at]
    ahead = [one + _TICK for one in known if one is not None and one < now + _FURTHEST]
    return max([now, *ahead])


def _tried(row: Passback) -> list[tuple[float, float, float]]:
    """Score, its maximum, and what the column was worth."""
    return [(score, max_score, of) for score, max_score, of in row.tried.get("scores", [])]


def _holds_wanted(cell: Cell, row: Passback) -> bool:
    """Whether that is it. Where nothing is to be seen, no zero is known to have been written."""
    assert row.score is not None
    assert row.max_score is not None
    return cell.holds(row.score, row.max_score)


def _is_hidden(cell: Cell, row: Passback) -> bool:
    """Whether it is a zero that was written and is not shown there, while an earlier try is waited
    for: written again, it would be waited for anew each time."""
    is_written = (row.sent_score, row.sent_max_score) == (row.score, row.max_score)
    return cell.points is None and row.sent_hidden and is_written and row.unsure_until is not None


def _refuse_others(cell: Cell, row: Passback) -> None:
    """Raise Stuck where somebody else has written what stands there, unless staff have seen it."""
    if row.overwrite and cell.is_still(row.found_score):
        return
    if cell.points is None:
        if row.sent_score is None or row.sent_hidden:
            return
        raise Stuck(Trouble.CHANGED, "somebody has taken this grade away there")
    ours: list[tuple[float, float, float | None]] = [*_tried(row)]
    if row.sent_score is not None and row.sent_max_score is not None:
        ours.append((row.sent_score, row.sent_max_score, row.sent_of))
    if any(cell.may_be(*one) for one in ours):
        return
    words = f"somebody changed this grade there to {cell.points:.10g} of {cell.of:.10g}"
    raise Stuck(Trouble.CHANGED, words, cell.points)


def _wait_for_earlier_tries(site: Site, held: Sending, row: Passback, cell: Cell) -> None:
    """Raise Later while another grade, sent earlier without an answer, may still take effect."""
    wanted = (row.score, row.max_score)
    others = [one for one in _tried(row) if one[:2] != wanted]
    if not others or row.unsure_until is None:
        return
    with site.database.writing() as session:
        left = row.unsure_until - moment(session)
        if left <= timedelta(0):
            return
        # What was written is known by now; the rest may come yet.
        if not deliveries.keep(session, Passback, held, **_written(row, cell)):
            raise _Overtaken
    raise Later("it is there; an earlier one that was never answered may still come", left)


def _written(row: Passback, cell: Cell) -> dict[str, Any]:
    return {
        "sent_score": row.score,
        "sent_max_score": row.max_score,
        "sent_of": cell.of,
        "sent_hidden": row.score == 0 and cell.points is None,
        "sent_submission_id": row.submission_id,
    }


def _arrived(row: Passback, cell: Cell) -> dict[str, Any]:
    assert row.score is not None
    assert row.max_score is not None
    note = None
    if _is_over(row):
        note = f"{row.score:.10g} of {row.max_score:.10g} is more than there is to get"
        if cell.is_cut(row.score, row.max_score) and cell.points is not None:
            note += f": kept there as {cell.points:.10g} of {cell.of:.10g}"
    return {
        **_written(row, cell),
        "tried": {},
        "unsure_until": None,
        "found_score": None,
        "overwrite": False,
        "refusals": 0,
        "trouble": None,
        "note": note,
    }


def _is_over(row: Passback) -> bool:
    """Whether it is more than there is to get."""
    return (row.score or 0.0) > (row.max_score or 0.0)


def _judged(book: Book, row: Passback, error: Refused) -> Refused:
    """What time may mend; raises Stuck where the answer that says no means something else."""
    if not is_limited(error.answer) and error.answer.status in book.is_lost:
        try:
            is_there = book.check()
        except Refused as other:
            error = other  # it is not about this student alone
        else:
            # Where the column can't be seen, a refusal may be about all of it.
            if is_there or error.answer.status not in _NOT_LET_IN:
                words = f"it takes no grade for this person ({error})"
                raise Stuck(Trouble.NO_STUDENT, words) from error
    status = error.answer.status
    if status in (400, 422) and _is_over(row):
        words = "the LMS takes no more points than there are to get, unless that is allowed there"
        raise Stuck(Trouble.REFUSED, f"{words} ({error})")
    if status == 422:
        raise Stuck(Trouble.NO_STUDENT, f"for the LMS this is no student of the course ({error})")
    if status == 400:
        words = "the LMS refuses this grade, as it does for teachers and people of other courses"
        raise Stuck(Trouble.NO_STUDENT, f"{words} ({error})")
    return _general(row, error)


def _general(row: Passback, error: Refused) -> Refused:
    """The same of an answer that is not about this student."""
    status = error.answer.status
    if is_limited(error.answer):
        return error
    if _lets_nobody_in(error):
        if row.refusals + 1 < _LOCKED_AT:
            return error
        raise Stuck(Trouble.LOCKED, f"the LMS does not let us in any more ({error})")
    if 400 <= status < 500 and status not in (408, 409, 425):
        raise Stuck(Trouble.REFUSED, f"the LMS refuses this grade ({error})")
    return error


def _lets_nobody_in(error: Refused) -> bool:
    """Whether it is said of us, and not that we ask too often."""
    return error.answer.status in _NOT_LET_IN and not is_limited(error.answer)


def _stick(site: Site, held: Sending, parcel: Parcel, error: Stuck) -> None:
    has_answered = error.trouble is Trouble.CHANGED or isinstance(error.__context__, Refused)
    with site.database.writing() as session:
        if parcel.is_failing and has_answered:
            receivers.end_rest(session, parcel.receiver)
        row, why = parcel.passback, str(error)
        elsewhere = error.trouble is Trouble.NO_STUDENT and passbacks.elsewhere(
            session, row, parcel.assignment.id
        )
        if elsewhere:
            # Of several courses that are linked somebody is in one.
            note = "not in that course; the grade is in another"
            deliveries.arrived(session, Passback, held, trouble=None, note=note)
            return
        seen = {"trouble": error.trouble, "found_score": error.found}
        deliveries.stick(session, Passback, held, why, overwrite=False, **seen)


def _put_off(
    site: Site, held: Sending, why: str, wait: timedelta, *, refused: bool = False
) -> None:
    with site.database.writing() as session:
        if held.tries >= MOST_TRIES:
            words = f"tried {held.tries} times in about a day; at last: {why}"
            deliveries.stick(session, Passback, held, words, trouble=Trouble.TIRED)
        else:
            passbacks.put_off(session, held, why, wait, refused=refused)


def _have_rest(site: Site, parcel: Parcel, asked: timedelta | None = None) -> None:
    """Who takes it rests: other grades would fare alike, and others wait behind them."""
    with site.database.writing() as session:
        receivers.rest(
            session, parcel.receiver, lambda failing: rest_after(failing, asked or timedelta(0))
        )
