"""What an LMS's course is linked to, and who its people are here."""

from __future__ import annotations

from grader.db.models import Context, Deployment, Enrolment, Person, PlatformPerson, Role
from grader.services.site import Site
from tests.lmsplatform import DEPLOYMENT
from tests.sites import People


def link(site: Site, course_id: int, author_id: int, context_id: str = "course-7") -> int:
    """A course of the LMS, linked; the context's id."""
    with site.database.writing() as session:
        deployment = session.query(Deployment).filter_by(deployment_id=DEPLOYMENT).first()
        assert deployment is not None
        context = Context(
            deployment_id=deployment.id,
            context_id=context_id,
            title="Deep Learning (LMS)",
            course_id=course_id,
            memberships_url="https://lms.example/members?type=1",
            linked_by=author_id,
        )
        session.add(context)
        session.flush()
        return context.id


def person(site: Site, subject: str) -> Person:
    """Who a subject of the LMS is here."""
    with site.database.reading() as session:
        found = session.query(PlatformPerson).filter_by(subject=subject).one()
        return session.get_one(Person, found.person_id)


def role(site: Site, people: People, subject: str) -> Role | None:
    """What they are in the course `dl`."""
    with site.database.reading() as session:
        found = session.get(Enrolment, (people.course_id, person(site, subject).id))
        return None if found is None else found.role
