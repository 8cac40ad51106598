"""Courses of an LMS and courses here: linked by their instructor, people brought, unlinked."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import (
    AuditEntry,
    Context,
    ContextMember,
    Course,
    Deployment,
    Enrolment,
    GradeColumn,
    Launch,
    Passback,
    Person,
    Platform,
    PlatformPerson,
    ResourceLink,
    Role,
)
from grader.db.session import moment
from grader.errors import Conflict, Forbidden, NotFound, NotSignedIn
from grader.lms.outside import Answer, Unreachable
from grader.services import launching, linking, lmsroster, signing_in
from grader.services.access import Actor, Right
from grader.services.people import actor_of_token, change_person, issue_token
from grader.services.site import Site
from tests.assigned import assignment as made_assignment
from tests.coursework import assignment_of
from tests.lmsplatform import ASSISTANT, INSTRUCTOR, LEARNER, LIS, Browser, Lms, registered
from tests.lti._linked import link, person, role
from tests.sites import People
from tests.web._pages import Reader, reader, text_of

PASSWORD = "correct horse battery"

# How an LMS may fail to list its people, by the address that answers so.
FAILURES = [
    ("/members", Answer(403, {}, b""), "refuses the list of people (status 403)"),
    ("/members", Answer(503, {}, b""), "status 503"),
    ("/members", Answer(200, {}, b"[]"), "no list of members"),
    ("/members", Answer(200, {}, b'{"members": [7]}'), "no object"),
    ("/members", Answer(200, {}, b'{"members": [{"roles": []}]}'), "user_id is missing"),
    ("/members", Answer(200, {}, b'{"members": []}'), "lists nobody who has a role"),
    ("/token", Answer(400, {}, b'{"error": "invalid_scope"}'), "invalid_scope"),
]


def come_in(browser: Browser, user: str = "teacher", **more: Any) -> str:
    """An instructor comes; where the launch leads."""
    answer = browser.come(user, [INSTRUCTOR], name="Inga T.", email="i@lms.example", **more)
    assert answer.status_code == 303, answer.text
    place: str = answer.headers["location"]
    return place


def actor_of(site: Site, subject: str) -> Actor:
    """Somebody from the LMS, as who they are here."""
    found = person(site, subject)
    return Actor(found.id, found.name, False, frozenset(Right))


def send(browser: Browser, path: str, page: str, **fields: str) -> Any:
    """A form of one of our pages, as it stands there."""
    token = re.search(r'name="csrf" value="([^"]+)"', browser.client.get(page).text)
    assert token
    form = {"csrf": token[1], **fields}
    return browser.post(form, path, **{"sec-fetch-site": "same-origin"})


class TestLinking:
    """The first launch of a course by its instructor."""

    def test_a_new_course_is_made_and_linked(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        page = come_in(browser)
        assert re.fullmatch(r"/lti/link/\d+", page)
        shown = browser.client.get(page)
        assert "Deep Learning (LMS)" in text_of(shown)
        assert 'value="deep-learning-lms"' in shown.text
        form = {"title": "DL here", "slug": "dl-here", "timezone": "Europe/Berlin"}
        made = send(browser, f"{page}/new", page, **form)
        assert made.status_code == 303, made.text
        course_id = int(made.headers["location"].split("/")[2])
        with site.database.reading() as session:
            course = session.get_one(Course, course_id)
            context = session.query(Context).one()
            actions = {one.action for one in session.query(AuditEntry)}
        assert (course.title, course.timezone) == ("DL here", "Europe/Berlin")
        assert (context.course_id, context.context_id) == (course_id, "course-7")
        assert {"course.created", "context.linked", "enrolment.set"} <= actions
        there = browser.client.get(made.headers["location"])
        assert "Deep Learning (LMS)" in text_of(there)
        # From then on it leads to the course, and its students come in.
        assert come_in(browser) == f"/courses/{course_id}"
        assert browser.come("s1", [LEARNER]).headers["location"] == f"/courses/{course_id}"

    def test_a_course_that_was_connected_meanwhile_is_not_connected_twice(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        first, second = come_in(browser), come_in(browser)
        launches = [int(one.rsplit("/", 1)[1]) for one in (first, second)]
        teacher = actor_of(site, "teacher")
        form = {"title": "T", "timezone": "UTC"}
        linking.link_to_new_course(site, teacher, launches[0], slug="a", **form)
        with pytest.raises(Conflict, match="connected already"):
            linking.link_to_new_course(site, teacher, launches[1], slug="b", **form)
        with site.database.reading() as session:
            assert session.query(Course).filter_by(slug="b").count() == 0

    def test_a_slug_that_is_taken_is_told_beside_its_field(
        self, browser: Browser, people: People
    ) -> None:
        page = come_in(browser)
        refused = send(browser, f"{page}/new", page, title="T", slug="dl", timezone="UTC")
        assert refused.status_code == 422
        assert "There is a course dl already." in text_of(refused)

    def test_an_account_here_and_who_one_is_there_become_one_person(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        ines = people.instructor.actor.person_id
        change_person(site, people.admin.actor, ines, password=PASSWORD)
        page = come_in(browser)
        former = person(site, "teacher").id
        wrong = send(browser, f"{page}/join", page, email="ines@example.org", password="no")
        assert wrong.status_code == 422
        assert "The address or the password is not right" in text_of(wrong)
        joined = send(browser, f"{page}/join", page, email="ines@example.org", password=PASSWORD)
        assert joined.headers["location"] == page
        shown = browser.client.get(page)
        assert "Deep learning (dl)" in text_of(shown)
        done = send(browser, f"{page}/existing", page, course_id=str(people.course_id))
        assert done.headers["location"].startswith(f"/courses/{people.course_id}/lms")
        assert person(site, "teacher").id == ines != former
        # The next launch is hers, too, and she keeps her name here.
        assert come_in(browser) == f"/courses/{people.course_id}"
        with site.database.reading() as session:
            assert session.get_one(Person, ines).name == "ines"
            assert session.query(Context).one().course_id == people.course_id

    def test_what_one_was_by_the_lms_goes_over_to_the_account(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        ines = people.instructor.actor.person_id
        change_person(site, people.admin.actor, ines, password=PASSWORD)
        page = come_in(browser)
        form = {"title": "T", "slug": "first", "timezone": "UTC"}
        made = send(browser, f"{page}/new", page, **form)
        first = int(made.headers["location"].split("/")[2])
        other = come_in(browser, course={"context_id": "course-8", "context_title": "Second"})
        send(browser, f"{other}/join", other, email="ines@example.org", password=PASSWORD)
        with site.database.reading() as session:
            enrolment = session.get_one(Enrolment, (first, ines))
            assert enrolment.role is Role.INSTRUCTOR
            assert session.query(ContextMember).one().person_id == ines
        assert come_in(browser) == f"/courses/{first}"

    def test_an_account_is_joined_to_one_of_an_lms_alone(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        ines = people.instructor.actor.person_id
        change_person(site, people.admin.actor, ines, password=PASSWORD)
        page = come_in(browser)
        send(browser, f"{page}/join", page, email="ines@example.org", password=PASSWORD)
        browser.client.cookies.clear()
        other = come_in(browser, "second")
        refused = send(browser, f"{other}/join", other, email="ines@example.org", password=PASSWORD)
        assert refused.status_code == 422
        assert "joined to somebody else of this LMS already" in text_of(refused)
        assert person(site, "teacher").id == ines != person(site, "second").id

    def test_of_an_account_s_people_of_other_lmss_nothing_is_said(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        ines = people.instructor.actor.person_id
        change_person(site, people.admin.actor, ines, password=PASSWORD)
        with site.database.writing() as session:
            session.add(PlatformPerson(issuer="https://other.example", subject="x", person_id=ines))
        page = come_in(browser)
        joined = send(browser, f"{page}/join", page, email="ines@example.org", password=PASSWORD)
        assert joined.status_code == 303
        assert person(site, "teacher").id == ines

    @pytest.mark.parametrize(("others", "by_lms"), [(0, True), (1, False), (0, False)])
    def test_the_last_instructor_stays_that_as_an_account_of_which_no_person_has_said_less(
        self, browser: Browser, site: Site, people: People, others: int, *, by_lms: bool
    ) -> None:
        tom = people.ta.actor.person_id
        change_person(site, people.admin.actor, tom, password=PASSWORD)
        page = come_in(browser)
        form = {"title": "T", "slug": "first", "timezone": "UTC"}
        made = send(browser, f"{page}/new", page, **form)
        course_id = int(made.headers["location"].split("/")[2])
        with site.database.writing() as session:
            key = {"course_id": course_id, "person_id": tom}
            session.add(Enrolment(**key, role=Role.TA, team="t", by_lms=by_lms))
            for one in [people.instructor.actor.person_id][:others]:
                session.add(Enrolment(course_id=course_id, person_id=one, role=Role.INSTRUCTOR))
        page = come_in(browser, course={"context_id": "course-8", "context_title": "Second"})
        joined = send(browser, f"{page}/join", page, email="tom@example.org", password=PASSWORD)
        with site.database.reading() as session:
            enrolment = session.get_one(Enrolment, (course_id, tom))
            everybody = session.query(Enrolment).filter_by(course_id=course_id).count()
        found = (enrolment.role, enrolment.by_lms, enrolment.team)
        if not others and not by_lms:
            # By hand it is less: that is said, for it would be lost if the two were separated.
            assert joined.status_code == 422
            assert "you are the only instructor of T" in text_of(joined)
            assert (found, everybody) == ((Role.TA, False, "t"), 2)
            return
        assert joined.status_code == 303
        # With another instructor what a person has decided holds.
        assert found == ((Role.TA, False, "t") if others else (Role.INSTRUCTOR, True, "t"))
        assert everybody == 1 + others
        assert come_in(browser) == f"/courses/{course_id}"

    def test_one_is_joined_to_one_account_whatever_launches_are_open(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        for who in (people.instructor, people.ada):
            change_person(site, people.admin.actor, who.actor.person_id, password=PASSWORD)
        ines = people.instructor.actor.person_id
        first, second = come_in(browser), come_in(browser)
        former = actor_of(site, "teacher")
        launches = [int(one.rsplit("/", 1)[1]) for one in (first, second)]
        linking.join_account(site, former, launches[0], "ines@example.org", PASSWORD, "")
        with pytest.raises(NotFound, match="this launch is over"):
            linking.join_account(site, former, launches[1], "ada@example.org", PASSWORD, "")
        # Though a launch of theirs should be on its way still.
        with site.database.writing() as session:
            session.get_one(Launch, launches[1]).person_id = former.person_id
        with pytest.raises(Conflict, match="a moment ago"):
            linking.join_account(site, former, launches[1], "ada@example.org", PASSWORD, "")
        assert person(site, "teacher").id == ines

    def test_of_who_is_joined_no_session_token_or_ticket_is_left(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        ines = people.instructor.actor.person_id
        change_person(site, people.admin.actor, ines, password=PASSWORD)
        page = come_in(browser)
        former = actor_of(site, "teacher")
        elsewhere = signing_in.begin(site, former).secret
        token = issue_token(site, former, "t", frozenset({Right.READ}), timedelta(days=1)).secret
        framed = Browser(browser.client, browser.lms, dest="iframe")
        form = browser.lms.launch(browser.asked("teacher"), "teacher", [INSTRUCTOR])
        ticket = re.search(r'name="ticket" value="([^"]+)"', framed.post(form).text)
        assert ticket
        joined = send(browser, f"{page}/join", page, email="ines@example.org", password=PASSWORD)
        assert joined.status_code == 303
        with pytest.raises(NotSignedIn):
            signing_in.actor_of_session(site, elsewhere)
        with pytest.raises(NotSignedIn):
            actor_of_token(site, token)
        opened, _ = launching.open_ticket(site, ticket[1])
        assert opened.actor.person_id == ines

    def test_who_is_an_administrator_by_the_time_of_joining_is_not_joined(
        self, browser: Browser, site: Site, people: People, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ines = people.instructor.actor.person_id
        change_person(site, people.admin.actor, ines, password=PASSWORD)
        launch = int(come_in(browser).rsplit("/", 1)[1])

        def known(*_: Any) -> Actor:
            change_person(site, people.admin.actor, ines, is_admin=True)
            return people.instructor.actor

        monkeypatch.setattr(signing_in, "known", known)
        with pytest.raises(Forbidden, match="never joined"):
            linking.join_account(site, actor_of(site, "teacher"), launch, "", "", "")

    def test_an_administrator_s_account_is_never_joined(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        root = people.admin.actor.person_id
        change_person(site, people.admin.actor, root, password=PASSWORD)
        page = come_in(browser)
        refused = send(browser, f"{page}/join", page, email="root@example.org", password=PASSWORD)
        assert refused.status_code == 403
        assert "never joined to an LMS" in text_of(refused)
        assert person(site, "teacher").id != root

    def test_who_has_handed_in_stays_who_they_are(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        change_person(
            site, people.admin.actor, people.instructor.actor.person_id, password=PASSWORD
        )
        page = come_in(browser)
        work = assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a0")
        work.hand_in(person(site, "teacher").id)
        refused = send(browser, f"{page}/join", page, email="ines@example.org", password=PASSWORD)
        assert "can't be moved" in text_of(refused)

    def test_a_course_that_one_does_not_manage_is_none(
        self, browser: Browser, site: Site, people: People
    ) -> None:
        page = come_in(browser)
        refused = send(browser, f"{page}/existing", page, course_id=str(people.course_id))
        assert refused.status_code == 404
        with site.database.reading() as session:
            assert session.query(Context).count() == 0

    def test_a_launch_is_its_own_person_s_alone(
        self, browser: Browser, site: Site, client: TestClient, people: People
    ) -> None:
        page = come_in(browser)
        ines = reader(site, client, people.instructor.actor)
        assert ines.get(page).status_code == 404
        assert ines.post(f"{page}/new", title="T", slug="t", timezone="UTC").status_code == 404
        assert ines.post(f"{page}/existing", course_id=str(people.course_id)).status_code == 404

    def test_an_assistant_who_comes_first_waits_for_the_instructor(self, browser: Browser) -> None:
        answer = browser.come("t1", [INSTRUCTOR, ASSISTANT])
        assert answer.status_code == 403
        assert "your instructor opens it once" in text_of(answer)

    def test_several_courses_of_lmss_are_one_here(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        link(site, people.course_id, people.instructor.actor.person_id, "course-8")
        browser.come("s1", [LEARNER])
        browser.come("s1", [ASSISTANT], course={"context_id": "course-8", "context_title": "B"})
        assert role(site, people, "s1") is Role.TA
        browser.come("s1", [LEARNER])
        assert role(site, people, "s1") is Role.TA

    def test_the_same_course_of_two_deployments_is_two(
        self, browser: Browser, site: Site, people: People, linked: int
    ) -> None:
        other = Lms(client_id="client-2")
        registered(site, people.admin.actor, other)
        second = Browser(browser.client, other)
        assert come_in(second).startswith("/lti/link/")

    def test_unlinked_people_stay_and_what_was_known_of_it_goes(
        self, browser: Browser, site: Site, client: TestClient, people: People, linked: int
    ) -> None:
        browser.come("s1", [LEARNER])
        ines = people.instructor.actor
        one = made_assignment(client, people)
        with site.database.writing() as session:
            session.add(ResourceLink(context_id=linked, link_id="l", assignment_id=one))
            column = GradeColumn(
                assignment_id=one, context_id=linked, address="x", max_score=1.0, ours=True
            )
            session.add(column)
            session.flush()
            session.add(Passback(column_id=column.id, person_id=ines.person_id))
        page = f"/courses/{people.course_id}/lms"
        client.cookies.clear()
        answer = reader(site, client, ines).post(f"{page}/{linked}/unlink")
        assert answer.status_code == 303
        assert role(site, people, "s1") is Role.STUDENT
        with site.database.reading() as session:
            for table in (Context, ContextMember, ResourceLink, GradeColumn, Passback):
                assert session.query(table).count() == 0
        assert browser.come("s1", [LEARNER]).status_code == 403


class TestRoster:
    """Names and Roles: who is listed comes in, who is listed no more goes unless they worked."""

    @pytest.fixture
    def ines(self, site: Site, client: TestClient, people: People) -> Reader:
        return reader(site, client, people.instructor.actor)

    def bring(self, ines: Reader, people: People, linked: int) -> Any:
        site: Site = ines.visit.client.app.state.site  # type: ignore[attr-defined]
        with site.database.writing() as session:
            session.get_one(Context, linked).sync_begun_at = None
        return ines.post(f"/courses/{people.course_id}/lms/{linked}/sync")

    def test_everybody_who_is_listed_comes_with_their_role(
        self, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        lms.members = [
            {"user_id": "s1", "roles": [LEARNER], "name": "Stu", "email": "s@x.example"},
            {"user_id": "t1", "roles": ["Instructor", ASSISTANT], "given_name": "Tess"},
            {"user_id": "i1", "roles": ["Instructor"]},
            {"user_id": "m1", "roles": [f"{LIS}#Mentor"], "name": "Mum"},
            {"user_id": "x1", "roles": [LEARNER], "status": "Inactive"},
        ]
        shown = self.bring(ines, people, linked)
        assert shown.status_code == 200, text_of(shown)
        words = text_of(shown)
        assert "The LMS lists 5 people." in words
        assert "1 person with a role that means nothing here was left out: Mum" in words
        assert [role(site, people, one) for one in ("s1", "t1", "i1")] == [
            Role.STUDENT,
            Role.TA,
            Role.INSTRUCTOR,
        ]
        found = person(site, "s1")
        assert (found.name, found.contact, found.email) == ("Stu", "s@x.example", None)
        assert person(site, "i1").name == "Somebody without a name"
        with site.database.reading() as session:
            assert session.query(PlatformPerson).count() == 3
        accept = lms.asked[-1][2]["accept"]
        assert accept == "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
        assert "Nothing had to be changed." in text_of(self.bring(ines, people, linked))

    def test_who_is_listed_no_more_goes_and_who_has_handed_in_stays(
        self, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        stay = {"user_id": "s0", "roles": [LEARNER], "name": "Zero"}
        lms.members = [
            stay,
            {"user_id": "s1", "roles": [LEARNER], "name": "One"},
            {"user_id": "s2", "roles": [LEARNER], "name": "Two"},
        ]
        self.bring(ines, people, linked)
        work = assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a0")
        work.hand_in(person(site, "s1").id)
        lms.members = [stay, {"user_id": "s2", "roles": [LEARNER], "status": "Deleted"}]
        words = text_of(self.bring(ines, people, linked))
        assert "Listed no more, and out of the course: Two" in words
        assert "Listed no more, and kept as students since they have handed in: One" in words
        assert role(site, people, "s1") is Role.STUDENT
        assert role(site, people, "s2") is None
        # Once listed again they are back.
        lms.members = [stay, {"user_id": "s2", "roles": [LEARNER]}]
        self.bring(ines, people, linked)
        assert role(site, people, "s2") is Role.STUDENT

    def test_who_was_enrolled_by_hand_is_never_removed_nor_changed(
        self, browser: Browser, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        ada = people.ada.actor.person_id
        with site.database.writing() as session:
            session.add(PlatformPerson(issuer=lms.base, subject="ada", person_id=ada))
        lms.members = [
            {"user_id": "ada", "roles": ["Instructor"], "name": "A"},
            {"user_id": "s1", "roles": [LEARNER]},
        ]
        self.bring(ines, people, linked)
        assert role(site, people, "ada") is Role.STUDENT
        lms.members = [{"user_id": "s1", "roles": [LEARNER]}]
        self.bring(ines, people, linked)
        assert role(site, people, "ada") is Role.STUDENT
        with site.database.reading() as session:
            assert session.get_one(Person, ada).name == "ada"

    def test_moodle_s_assistant_teacher_keeps_what_a_launch_gave_though_listed_as_a_learner(
        self, browser: Browser, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        browser.come("t1", [INSTRUCTOR], name="Tess")
        browser.client.cookies.clear()
        other = {"user_id": "s1", "roles": [LEARNER]}
        lms.members = [{"user_id": "t1", "roles": [LEARNER]}, other]
        self.bring(ines, people, linked)
        assert role(site, people, "t1") is Role.INSTRUCTOR
        # Once the LMS lists them no more, what the launch gave is gone as well.
        lms.members = [other]
        words = text_of(self.bring(ines, people, linked))
        assert "Listed no more, and out of the course: Tess" in words
        assert role(site, people, "t1") is None
        # The LMS's own word at the next launch counts again.
        browser.come("t1", [LEARNER])
        assert role(site, people, "t1") is Role.STUDENT

    @pytest.mark.parametrize("product", ["canvas", "moodle"])
    def test_who_is_made_less_there_is_less_here_with_the_next_list_but_for_moodle(
        self,
        product: str,
        browser: Browser,
        lms: Lms,
        site: Site,
        people: People,
        linked: int,
        ines: Reader,
    ) -> None:
        with site.database.writing() as session:
            session.query(Platform).one().product = product
        browser.come("t1", [INSTRUCTOR], name="Tess")
        browser.client.cookies.clear()
        lms.members = [{"user_id": "t1", "roles": [LEARNER]}]
        self.bring(ines, people, linked)
        lower = {"canvas": Role.STUDENT, "moodle": Role.INSTRUCTOR}
        assert role(site, people, "t1") is lower[product]

    def test_staff_who_are_listed_as_inactive_lose_what_a_launch_gave(
        self, browser: Browser, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        browser.come("t1", [INSTRUCTOR, ASSISTANT], name="Tess")
        browser.come("t2", [INSTRUCTOR], name="Tom")
        browser.client.cookies.clear()
        lms.members = [
            {"user_id": "s1", "roles": [LEARNER]},
            {"user_id": "t1", "roles": [ASSISTANT], "status": "Inactive"},
            {"user_id": "t2", "roles": [f"{LIS}#Mentor"]},
        ]
        self.bring(ines, people, linked)
        assert [role(site, people, one) for one in ("t1", "t2")] == [None, None]

    def test_staff_who_have_handed_in_are_students_from_then_on(
        self, browser: Browser, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        lms.members = [
            {"user_id": "s1", "roles": [LEARNER]},
            {"user_id": "t1", "roles": ["Instructor"], "name": "Tess"},
        ]
        self.bring(ines, people, linked)
        work = assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a0")
        work.hand_in(person(site, "t1").id)
        lms.members = lms.members[:1]
        words = text_of(self.bring(ines, people, linked))
        assert "kept as students since they have handed in: Tess" in words
        assert role(site, people, "t1") is Role.STUDENT

    def test_whom_the_lms_lets_come_and_never_lists_is_here_for_a_day(
        self, browser: Browser, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        browser.come("manager", [INSTRUCTOR], name="Mana Ger")
        browser.client.cookies.clear()
        lms.members = [{"user_id": "s1", "roles": [LEARNER]}]
        words = text_of(self.bring(ines, people, linked))
        assert "that ends a day after they last did: Mana Ger" in words
        assert role(site, people, "manager") is Role.INSTRUCTOR
        with site.database.writing() as session:
            member = session.get_one(ContextMember, (linked, person(site, "manager").id))
            assert member.launched_at is not None
            member.launched_at -= timedelta(days=1)
        words = text_of(self.bring(ines, people, linked))
        assert "out of the course: Mana Ger" in words
        assert role(site, people, "manager") is None

    def test_whose_role_does_not_end_with_the_day_is_not_named_among_them(
        self, browser: Browser, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        # One was enrolled by hand, one has handed in, one is there by another course as well.
        with site.database.writing() as session:
            for one in (people.ada, people.bob):
                key = {"subject": one.email, "person_id": one.actor.person_id}
                session.add(PlatformPerson(issuer=lms.base, **key))
            bob = session.get_one(Enrolment, (people.course_id, people.bob.actor.person_id))
            bob.by_lms = True
        for user, role_there in (
            (people.ada.email, INSTRUCTOR),
            (people.bob.email, LEARNER),
            ("both", INSTRUCTOR),
            ("manager", INSTRUCTOR),
        ):
            browser.come(user, [role_there], name=user.capitalize())
            browser.client.cookies.clear()
        work = assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a0")
        work.hand_in(people.bob.actor.person_id)
        other = link(site, people.course_id, people.instructor.actor.person_id, "course-8")
        with site.database.writing() as session:
            key = {"context_id": other, "person_id": person(site, "both").id}
            session.add(ContextMember(roster_role=Role.INSTRUCTOR, **key))
        lms.members = [{"user_id": "s1", "roles": [LEARNER]}]
        words = text_of(self.bring(ines, people, linked))
        assert "that ends a day after they last did: Manager Connected courses" in words

    def test_the_last_who_manages_the_course_stays_until_there_is_another(
        self, browser: Browser, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        lms.members = [
            {"user_id": "i1", "roles": ["Instructor"], "name": "Ina"},
            {"user_id": "s1", "roles": [LEARNER]},
        ]
        self.bring(ines, people, linked)
        mine = (people.course_id, people.instructor.actor.person_id)
        with site.database.writing() as session:
            session.delete(session.get_one(Enrolment, mine))
        ina = reader(site, ines.visit.client, actor_of(site, "i1"))
        lms.members = lms.members[1:]
        words = text_of(self.bring(ina, people, linked))
        assert "kept since nobody else would manage the course" in words
        assert "Ina" in words
        assert role(site, people, "i1") is Role.INSTRUCTOR
        # A launch does not take it from them, either.
        browser.come("i1", [LEARNER])
        assert role(site, people, "i1") is Role.INSTRUCTOR
        lms.members.append({"user_id": "i2", "roles": ["Instructor"]})
        with site.database.writing() as session:
            session.get_one(ContextMember, (linked, person(site, "i1").id)).launch_role = None
            session.get_one(Context, linked).sync_begun_at = None
        assert lmsroster.sync_due(site) == 1
        assert [role(site, people, one) for one in ("i1", "i2")] == [None, Role.INSTRUCTOR]

    def test_an_older_list_says_nothing_against_a_launch(
        self, browser: Browser, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        lms.members = [
            {"user_id": "s1", "roles": [LEARNER]},
            {"user_id": "t1", "roles": ["Instructor"]},
            {"user_id": "t2", "roles": ["Instructor"]},
        ]
        self.bring(ines, people, linked)
        body = json.dumps({"members": lms.members[:2]}).encode()

        def launch_meanwhile() -> Answer:
            # t1 is taught from now on, and t2 is back.
            with site.database.writing() as session:
                for subject, now in (("t1", Role.STUDENT), ("t2", Role.TA)):
                    member = session.get_one(ContextMember, (linked, person(site, subject).id))
                    member.launch_role = member.roster_role = now
                    member.launched_at = moment(session)
            return Answer(200, {}, body)

        lms.answers["/members"] = launch_meanwhile
        self.bring(ines, people, linked)
        with site.database.reading() as session:
            rows = {one.person_id: one.roster_role for one in session.query(ContextMember)}
        assert rows[person(site, "t1").id] is Role.STUDENT
        assert rows[person(site, "t2").id] is Role.TA

    def test_an_older_list_is_not_applied_after_a_newer_one(
        self, lms: Lms, site: Site, people: People, linked: int
    ) -> None:
        newer = [{"user_id": "s1", "roles": [LEARNER]}, {"user_id": "s2", "roles": [LEARNER]}]
        older = json.dumps({"members": [{"user_id": "x", "roles": ["Instructor"]}]}).encode()
        for answer in (Answer(200, {}, older), Answer(503, {}, b"")):

            def slow(answer: Answer = answer) -> Answer:
                lms.answers.clear()
                lms.members = newer
                with site.database.writing() as session:
                    session.get_one(Context, linked).sync_begun_at = None
                lmsroster.sync(site, people.instructor.actor, linked)
                return answer

            lms.answers["/members"] = slow
            with site.database.writing() as session:
                session.get_one(Context, linked).sync_begun_at = None
            with pytest.raises(Conflict, match="asked for again meanwhile"):
                lmsroster.sync(site, people.instructor.actor, linked)
            with site.database.reading() as session:
                known = {one.subject for one in session.query(PlatformPerson)}
                assert known == {"s1", "s2"}
                assert session.get_one(Context, linked).sync_failure is None

    def test_who_is_in_another_course_of_the_lms_that_is_linked_keeps_what_that_gives(
        self, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        second = link(site, people.course_id, people.instructor.actor.person_id, "course-8")
        everybody = [{"user_id": "s1", "roles": [LEARNER]}, {"user_id": "t1", "roles": [ASSISTANT]}]
        lms.members = everybody
        self.bring(ines, people, linked)
        self.bring(ines, people, second)
        lms.members = everybody[:1]
        self.bring(ines, people, linked)
        assert role(site, people, "t1") is Role.TA
        self.bring(ines, people, second)
        assert role(site, people, "t1") is None

    def test_a_failure_is_told_kept_and_changes_nobody(
        self, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        lms.members = [{"user_id": "s1", "roles": [LEARNER]}]
        self.bring(ines, people, linked)
        page = f"/courses/{people.course_id}/lms"
        for path, answer, words in FAILURES:
            site.service_tokens._kept.clear()
            lms.answers[path] = lambda answer=answer: answer
            failed = self.bring(ines, people, linked)
            assert failed.status_code == 409, words
            assert words.lower() in text_of(failed).lower()
            assert role(site, people, "s1") is Role.STUDENT
            assert words.lower() in text_of(ines.get(page)).lower()
            lms.answers.clear()
        self.bring(ines, people, linked)
        assert words.lower() not in text_of(ines.get(page)).lower()

    def test_an_lms_that_offers_no_list_is_told_and_not_asked(
        self, lms: Lms, site: Site, people: People, linked: int, ines: Reader
    ) -> None:
        with site.database.writing() as session:
            session.get_one(Context, linked).memberships_url = None
        assert "offers no list of its people" in text_of(self.bring(ines, people, linked))
        with site.database.writing() as session:
            session.get_one(Context, linked).sync_begun_at = None
        assert lmsroster.sync_due(site) == 0
        assert lms.asked == []

    def test_a_token_that_was_withdrawn_is_asked_for_again(
        self, lms: Lms, people: People, linked: int, ines: Reader
    ) -> None:
        lms.members = [{"user_id": "s1", "roles": [LEARNER]}]
        refuse = iter([Answer(401, {}, b"")])

        def once() -> Answer:
            lms.answers.clear()
            return next(refuse)

        lms.answers["/members"] = once
        assert self.bring(ines, people, linked).status_code == 200
        assert sum(url.endswith("/token") for _, url, _ in lms.asked) == 2

    def test_by_a_button_not_oftener_than_every_some_seconds(
        self, lms: Lms, site: Site, people: People, linked: int
    ) -> None:
        lms.members = [{"user_id": "s1", "roles": [LEARNER]}]
        lmsroster.sync(site, people.instructor.actor, linked)
        with pytest.raises(Conflict, match="just now"):
            lmsroster.sync(site, people.instructor.actor, linked)

    def test_by_itself_each_hour_and_after_a_launch_of_staff(
        self, browser: Browser, lms: Lms, site: Site, linked: int
    ) -> None:
        lms.members = [{"user_id": "s1", "roles": [LEARNER]}]
        assert [lmsroster.sync_due(site), lmsroster.sync_due(site)] == [1, 0]
        browser.come("t1", [INSTRUCTOR])
        assert lmsroster.sync_due(site) == 0  # it was a moment ago
        with site.database.writing() as session:
            context = session.get_one(Context, linked)
            assert context.sync_begun_at is not None
            context.sync_begun_at -= lmsroster._EVERY / 2
        assert lmsroster.sync_due(site) == 0
        browser.come("t1", [INSTRUCTOR])
        assert lmsroster.sync_due(site) == 1

    def test_several_lmss_are_asked_at_a_time_and_each_for_one_course_after_the_other(
        self, site: Site, people: People, linked: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        author = people.instructor.actor.person_id
        second = link(site, people.course_id, author, "course-8")
        other = Lms(base="https://other.example", client_id="client-2")
        platform_id = registered(site, people.admin.actor, other, "another")
        with site.database.writing() as session:
            there = session.query(Deployment).filter_by(platform_id=platform_id).one()
            session.query(Context).filter_by(id=linked).update({"deployment_id": there.id})
        third = link(site, people.course_id, author, "course-9")
        both, asked = Barrier(2, timeout=20), list[int]()

        def ask(_: Site, row_id: int, __: object) -> None:
            if row_id in (linked, second):
                both.wait()  # for the other LMS, which is asked at the same moment
            asked.append(row_id)

        monkeypatch.setattr(lmsroster, "_sync", ask)
        assert lmsroster.sync_due(site) == 3
        assert [one for one in asked if one != linked] == [second, third]

    def test_one_that_fails_keeps_none_of_the_others(
        self, lms: Lms, site: Site, people: People, linked: int
    ) -> None:
        second = link(site, people.course_id, people.instructor.actor.person_id, "course-8")

        def down() -> Answer:
            lms.answers.clear()
            raise Unreachable("lms.example took too long")

        lms.members = [{"user_id": "s1", "roles": [LEARNER]}]
        lms.answers["/members"] = down
        assert lmsroster.sync_due(site) == 2
        with site.database.reading() as session:
            failures = {one.id: one.sync_failure for one in session.query(Context)}
        assert failures == {linked: "lms.example took too long", second: None}

    def test_nothing_is_asked_of_a_platform_that_is_disabled(
        self, lms: Lms, site: Site, people: People, linked: int, platform_id: int, ines: Reader
    ) -> None:
        from grader.services.platforms import disable_platform

        disable_platform(site, people.admin.actor, platform_id, disabled=True)
        assert lmsroster.sync_due(site) == 0
        assert "not let in any more" in text_of(self.bring(ines, people, linked))
        assert lms.asked == []

    def test_no_transaction_is_open_while_the_network_is_asked(
        self, lms: Lms, site: Site, people: People, linked: int
    ) -> None:
        def writes_meanwhile() -> Answer:
            with site.database.writing() as session:
                session.get_one(Course, people.course_id).title = "Meanwhile"
            lms.answers.clear()
            return replace(Answer(503, {}, b""))

        lms.answers["/members"] = writes_meanwhile
        with pytest.raises(lmsroster.SyncFailed, match="503"):
            lmsroster.sync(site, people.instructor.actor, linked)
        with site.database.reading() as session:
            assert session.get_one(Course, people.course_id).title == "Meanwhile"
