"""A course that is linked to an LMS which is simulated, with grades to release."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from grader.db import deliveries
from grader.db.models import (
    CanvasCourse,
    CanvasPerson,
    Context,
    ContextMember,
    DeliveryState,
    Deployment,
    GradeColumn,
    Passback,
    Platform,
    PlatformPerson,
    ResourceLink,
)
from grader.db.session import moment
from grader.db.types import now
from grader.lms import ags
from grader.services.delivering import Kind, deliver
from grader.services.overrides import give
from grader.services.passback import catch_up
from grader.services.posting import send_grade
from grader.services.release import release, unrelease
from grader.services.site import Site
from tests.coursework import Coursework, assignment_of
from tests.lms import _canvas, _moodle
from tests.lms._moodle import Access
from tests.sites import People, Signed

SCOPES = " ".join([ags.LINE_ITEMS, ags.RESULTS, ags.SCORES])
HOUR = timedelta(hours=1)

_numbers = itertools.count(1)


@dataclass
class Linked:
    """An assignment of ten points, linked to a gradebook; ada and bob are students there."""

    site: Site
    people: People
    lms: Any
    work: Coursework
    context_id: int | None
    access: Access
    submissions: dict[int, int] = field(default_factory=dict)

    @property
    def ada(self) -> Signed:
        """A student."""
        return self.people.ada

    @property
    def reading(self) -> list[Any]:
        """What the LMS answers before it is written to: Canvas's REST is asked for the assignment,
        too."""
        return [lambda answer: answer()] * (2 if self.context_id is None else 1)

    def grade(self, who: Signed, points: float) -> None:
        """Their work has these points now."""
        person = who.actor.person_id
        if person not in self.submissions:
            self.submissions[person] = self.work.hand_in(person, scores=(4.0, 6.0))
        staff = self.people.instructor.actor
        give(self.site, staff, self.submissions[person], exercise=None, score=points, reason="x")

    def release(self, who: Signed | None = None) -> None:
        """Theirs or all."""
        ids = None if who is None else [who.actor.person_id]
        release(self.site, self.people.instructor.actor, self.work.assignment_id, ids)

    def unrelease(self, who: Signed | None = None) -> None:
        """Take theirs or all back."""
        ids = None if who is None else [who.actor.person_id]
        unrelease(self.site, self.people.instructor.actor, self.work.assignment_id, ids)

    def send(self) -> int:
        """One round of deliveries; how many were tried."""

        def one(site: Site, held: Any) -> None:
            send_grade(site, held, lambda *_: self.access)

        return deliver(self.site, [Kind(Passback, one)])

    def end_rest(self) -> None:
        """An LMS that did not answer may be asked again."""
        with self.site.database.writing() as session:
            for whose in (Platform, CanvasCourse):
                resting = whose.resting_until.is_not(None)
                session.execute(update(whose).where(resting).values(resting_until=now() - HOUR))

    def wait(self) -> None:
        """Time passes: whatever waits is due, and what was unsure is settled."""
        self.end_rest()
        with self.site.database.writing() as session:
            session.execute(update(Passback).values(next_at=now() - HOUR))
            sending = Passback.state == DeliveryState.SENDING
            session.execute(update(Passback).where(sending).values(lease_until=now() - HOUR))
            session.execute(update(GradeColumn).values(looking_until=None))
            settled = now() - HOUR
            unsure = Passback.unsure_until.is_not(None)
            session.execute(update(Passback).where(unsure).values(unsure_until=settled))

    def settle(self) -> None:
        """Until nothing waits."""
        for _ in range(20):
            self.wait()
            if self.send() == 0:
                return
        raise AssertionError("it never comes to an end")

    def row(self, who: Signed) -> Passback:
        """Somebody's row in the only column."""
        with self.site.database.reading() as session:
            mine = Passback.person_id == who.actor.person_id
            return session.scalars(select(Passback).where(mine)).one()

    def rows(self) -> list[Passback]:
        """All of them."""
        with self.site.database.reading() as session:
            return list(session.scalars(select(Passback).order_by(Passback.id)))

    def column(self) -> GradeColumn:
        """The only column."""
        with self.site.database.reading() as session:
            return session.scalars(select(GradeColumn)).one()

    def change(self, who: Signed, **values: Any) -> None:
        """Change somebody's row."""
        with self.site.database.writing() as session:
            mine = Passback.person_id == who.actor.person_id
            session.execute(update(Passback).where(mine).values(**values))

    def crash(self) -> int:
        """A sender claims what is due and is never heard of again; how many rows."""
        with self.site.database.writing() as session:
            return len(deliveries.claim(session, Passback, 20))


def subject(who: Signed) -> str:
    """Who somebody is in the LMS."""
    return str(1000 + who.actor.person_id)


def linked_to_moodle(site: Site, people: People, **moodle: Any) -> Linked:
    """Linked by LTI to a course in Moodle."""
    lms = _moodle.Moodle(students={subject(people.ada), subject(people.bob)}, **moodle)
    return _by_lti(site, people, lms, "moodle", _moodle.ITEMS_URL)


def linked_to_canvas(site: Site, people: People) -> Linked:
    """Linked by LTI to a course in Canvas."""
    lms = _canvas.Canvas(students={subject(people.ada): {}, subject(people.bob): {}})
    return _by_lti(site, people, lms, "canvas", _canvas.ITEMS_URL)


def linked_by_rest(site: Site, people: People) -> Linked:
    """Linked to a course in Canvas by its REST, with a column of twenty points."""
    lms: Any = _canvas.Canvas(
        students={
            subject(one): {"name": one.actor.name, "email": one.email}
            for one in (people.ada, people.bob)
        }
    )
    number = lms.add("Homework", 20.0)
    there = replace(site, to_platforms=lms, outside=lms)
    staff = people.instructor.actor.person_id
    work = assignment_of(there, people.course_id, staff, slug=f"rest-{next(_numbers)}")
    with there.database.writing() as session:
        course = CanvasCourse(
            course_id=people.course_id,
            base_url=_canvas.HOST,
            canvas_id="7",
            title="Deep Learning 26",
            token=_canvas.REST_TOKEN,
            author_id=staff,
        )
        session.add(course)
        session.flush()
        for one in (people.ada, people.bob):
            session.add(
                CanvasPerson(
                    canvas_course_id=course.id,
                    person_id=one.actor.person_id,
                    user_id=subject(one),
                )
            )
        session.add(
            GradeColumn(
                assignment_id=work.assignment_id,
                canvas_course_id=course.id,
                address=str(number),
                title="Homework",
                max_score=20.0,
            )
        )
    return Linked(there, people, lms, work, None, Access(lms))


def _by_lti(site: Site, people: People, lms: Any, product: str, items_url: str) -> Linked:
    there = replace(site, to_platforms=lms, outside=lms)
    staff = people.instructor.actor.person_id
    work = assignment_of(there, people.course_id, staff, slug=f"linked-{next(_numbers)}")
    with there.database.writing() as session:
        at = moment(session)
        platform = Platform(
            name="Our LMS",
            product=product,
            issuer=f"https://{product}.example/{at.timestamp()}",
            client_id="chainrule",
            login_url="https://lms.example/login",
            token_url="https://lms.example/token",
            jwks_url="https://lms.example/jwks",
            author_id=staff,
        )
        session.add(platform)
        session.flush()
        deployment = Deployment(platform_id=platform.id, deployment_id="1")
        session.add(deployment)
        session.flush()
        context = Context(
            deployment_id=deployment.id,
            context_id="c1",
            title="Deep Learning 26",
            course_id=people.course_id,
            line_items_url=items_url,
            scopes=SCOPES,
            linked_by=staff,
        )
        session.add(context)
        session.flush()
        session.add(
            ResourceLink(context_id=context.id, link_id="link-1", assignment_id=work.assignment_id)
        )
        for one in (people.ada, people.bob):
            session.add(ContextMember(context_id=context.id, person_id=one.actor.person_id))
            session.add(
                PlatformPerson(
                    issuer=platform.issuer, subject=subject(one), person_id=one.actor.person_id
                )
            )
    made = Linked(there, people, lms, work, context.id, Access(lms))
    catch_up(there)
    return made
