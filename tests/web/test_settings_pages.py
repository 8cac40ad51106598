"""Courses and assignments as they are arranged on pages: settings, extensions, releases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from grader.db.models import Assignment, Course, Extension, Release
from grader.services.assignments import change_assignment
from grader.services.policies import policy_of
from grader.services.site import Site
from tests.assigned import assignment, audit_of, published
from tests.coursework import assignment_of
from tests.sites import People
from tests.web._pages import Reader, reader, text_of

pytestmark = pytest.mark.usefixtures("sent")

DUE = "2100-01-01T00:00:00Z"


@pytest.fixture
def ines(site: Site, client: TestClient, people: People) -> Reader:
    with site.database.writing() as session:
        session.get_one(Course, people.course_id).timezone = "Europe/Berlin"
    return reader(site, client, people.instructor.actor)


def row_of(site: Site, assignment_id: int) -> Assignment:
    with site.database.reading() as session:
        return session.get_one(Assignment, assignment_id)


def test_an_admin_makes_a_course_and_an_instructor_renames_it(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    root = reader(site, client, people.admin.actor)
    form = {"title": "Optimisation", "slug": "optimisation", "timezone": "Asia/Tokyo"}
    made = root.post("/courses/new", **form)
    assert made.status_code == 303
    again = root.post("/courses/new", **form)
    assert again.status_code == 422
    assert "There is a course optimisation already." in text_of(again)
    assert 'value="Optimisation"' in again.text
    path = f"/courses/{people.course_id}/settings"
    assert ines.post(path, title="Deeper", timezone="Europe/Paris").status_code == 303
    assert "Saved." in text_of(ines.get(path, done="saved"))
    with site.database.reading() as session:
        course = session.get_one(Course, people.course_id)
        assert (course.title, course.timezone) == ("Deeper", "Europe/Paris")
    wrong = ines.post(path, title="Deeper", timezone="Mars/Olympus")
    assert "is no IANA time zone" in text_of(wrong)
    assert 'aria-invalid="true"' in wrong.text


def test_an_assignment_is_made_with_dates_in_the_course_s_zone(
    site: Site, people: People, ines: Reader
) -> None:
    path = f"/courses/{people.course_id}/assignments/new"
    form = {"title": "Backprop", "slug": "a7", "opens_at": "", "due_at": "2026-07-01T23:59"}
    made = ines.post(path, **form)
    assert made.headers["location"].endswith("/versions?done=made")
    found = row_of(site, int(made.headers["location"].split("/")[2]))
    assert (found.title, found.opens_at) == ("Backprop", None)
    assert found.due_at == datetime(2026, 7, 1, 21, 59, tzinfo=UTC)
    taken = ines.post(path, **form)
    assert taken.status_code == 422
    assert 'id="slug-error"' in taken.text
    gap = ines.post(path, **{**form, "slug": "a8", "due_at": "2026-03-29T02:30"})
    assert "does not exist in Europe/Berlin" in text_of(gap)
    assert 'value="2026-03-29T02:30"' in gap.text


def test_dates_and_rules_are_changed_and_shown_in_the_units_in_which_they_were_typed(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    one = assignment(client, people)
    path = f"/assignments/{one}/settings"
    form = {
        "title": "Renamed",
        "opens_at": "2026-01-01T00:00",
        "due_at": "2026-10-25T02:30",
        "penalty": "7.5",
        "unit": "hour",
        "cap": "30",
        "grace": "15",
        "closes_after": "48",
        "submissions": "5",
        "cooldown": "2",
        "counts": "last",
    }
    asked = ines.post(path, **form)
    assert asked.status_code == 422
    assert "comes twice" in text_of(asked)
    assert 'name="due_at_turn"' in asked.text
    assert ines.post(path, **form, due_at_turn="second").status_code == 303
    found = row_of(site, one)
    assert found.due_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    policy = policy_of(found)
    late = policy.late
    assert (late.penalty, late.unit, late.cap, late.grace_s) == (0.075, "hour", 0.3, 900)
    assert (late.closes_after_s, policy.submissions) == (172_800, 5)
    assert (policy.cooldown_s, policy.counts) == (120, "last")
    shown = ines.get(path).text
    for value in ("7.5", "30", "15", "48", "2026-10-25T02:30"):
        assert f'value="{value}"' in shown
    # What is left blank has no limit.
    blank = {**form, "due_at": "", "closes_after": "", "submissions": ""}
    assert ines.post(path, **blank).status_code == 303
    found = row_of(site, one)
    assert found.due_at is None
    assert policy_of(found).late.closes_after_s is None


def test_rules_that_do_not_go_together_are_told_and_change_nothing(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    one = assignment(client, people)
    path = f"/assignments/{one}/settings"
    refused = ines.post(path, title="T", grace="120", closes_after="1", penalty="200")
    assert "At most 100." in text_of(refused)
    refused = ines.post(path, title="T", grace="120", closes_after="1")
    assert "lies before the end of the grace" in text_of(refused)
    refused = ines.post(path, title="T", opens_at="2026-02-01T00:00", due_at="2026-01-01T00:00")
    assert "It is due before it opens." in text_of(refused)
    assert row_of(site, one).title == "Assignment"


def test_assistants_read_the_rules_and_have_no_form_for_them(
    site: Site, client: TestClient, people: People
) -> None:
    one = assignment(client, people)
    shown = reader(site, client, people.ta.actor).get(f"/assignments/{one}/settings")
    assert shown.status_code == 200
    assert 'name="penalty"' not in shown.text


class TestExtensions:
    """More time for some."""

    def test_who_is_meant_is_found_by_address_or_name(
        self, site: Site, client: TestClient, people: People, ines: Reader
    ) -> None:
        one = assignment(client, people, due_at=DUE)
        path = f"/assignments/{one}/extensions"
        form = {"due_at": "2100-02-01T12:00", "reason": "ill"}
        assert ines.post(path, student="ada@example.org", **form).status_code == 303
        assert ines.post(path, student="BOB", **form).status_code == 303
        nobody = ines.post(path, student="zoe", **form)
        assert "nobody in this course has zoe" in text_of(nobody).lower()
        several = ines.post(path, student="example.org", **form)
        assert "Several are meant" in text_of(several)
        assert 'value="2100-02-01T12:00"' in several.text
        shown = text_of(ines.get(path))
        assert "ada@example.org Mon 01 Feb 2100, 12:00" in shown
        assert "bob@example.org" not in text_of(ines.get(path, search="ada@"))

    def test_it_is_changed_and_taken_back(
        self, site: Site, client: TestClient, people: People, ines: Reader
    ) -> None:
        one = assignment(client, people, due_at=DUE)
        ada = people.ada.actor.person_id
        path = f"/assignments/{one}/extensions"
        for day in (1, 2):
            form = {"student": "ada", "due_at": f"2100-02-0{day}T12:00", "reason": "ill"}
            assert ines.post(path, **form).status_code == 303
        with site.database.reading() as session:
            found = session.get_one(Extension, (one, ada))
            assert found.due_at == datetime(2100, 2, 2, 11, tzinfo=UTC)
        assert ines.post(f"{path}/{ada}/remove").status_code == 303
        assert "Nobody has more time" in text_of(ines.get(path))
        assert ines.post(f"{path}/{ada}/remove").status_code == 404

    def test_it_ends_after_the_due_date_and_needs_one(
        self, client: TestClient, people: People, ines: Reader
    ) -> None:
        one = assignment(client, people, due_at=DUE)
        form = {"student": "ada", "due_at": "2099-02-01T12:00", "reason": "ill"}
        early = ines.post(f"/assignments/{one}/extensions", **form)
        assert 'id="due_at-error"' in early.text
        without = assignment(client, people)
        assert "There is no due date" in text_of(ines.get(f"/assignments/{without}/extensions"))

    def test_what_is_typed_is_offered_as_choices(self, people: People, ines: Reader) -> None:
        found = ines.get(f"/courses/{people.course_id}/people/choices", student="ada").text
        assert found.strip() == '<option value="ada@example.org">ada</option>'


class TestRelease:
    """Grades that students may rely on."""

    def test_it_is_told_beforehand_done_and_taken_back(
        self, site: Site, people: People, ines: Reader
    ) -> None:
        author = people.instructor.actor.person_id
        work = assignment_of(site, people.course_id, author, slug="a0")
        work.hand_in(people.ada.actor.person_id, scores=(4.0, 3.0))
        path = f"/assignments/{work.assignment_id}"
        before = text_of(ines.get(f"{path}/release/counts"))
        assert "1 grade can be released now." in before
        assert "1 student with nothing handed in" in before
        assert ines.post(f"{path}/release").status_code == 303
        after = text_of(ines.get(f"{path}/release/counts"))
        assert "All grades that are complete are released." in after
        work.hand_in(people.ada.actor.person_id, scores=(4.0, 6.0), late=timedelta(minutes=-1))
        assert "New 0 Changed since 1" in text_of(ines.get(f"{path}/release/counts"))
        assert ines.post(f"{path}/unrelease").status_code == 303
        with site.database.reading() as session:
            assert session.query(Release).count() == 0


def test_the_audit_log_says_in_words_what_was_done(
    site: Site, client: TestClient, people: People, ines: Reader
) -> None:
    one = assignment(client, people, due_at=DUE, title="Lines & <b>slopes</b>")
    published(client, people, one)
    form = {"student": "ada", "due_at": "2100-02-01T12:00", "reason": "a doctor's note"}
    ines.post(f"/assignments/{one}/extensions", **form)
    change_assignment(site, people.instructor.actor, one, {"title": "Lines & <b>slopes</b>"})
    path = f"/courses/{people.course_id}/audit"
    shown = ines.get(path)
    assert "<b>slopes" not in shown.text
    words = text_of(shown)
    assert "ines gave ada more time for Lines & <b>slopes</b>. a doctor's note" in words
    assert "ines published version 1 of Lines & <b>slopes</b>. test" in words
    assert len(audit_of(client, people)) == shown.text.count('class="when hint"')
    only = text_of(ines.get(path, action="extension.set", by="INES"))
    assert "gave ada more time" in only
    assert "published version 1" not in only
    assert "Nothing like that" in text_of(ines.get(path, by="nobody"))
