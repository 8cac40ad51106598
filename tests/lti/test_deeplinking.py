"""Deep linking: an instructor picks an assignment in the LMS."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from grader.db.models import Assignment
from grader.services.signingkeys import jwks
from grader.services.site import Site
from tests.lmsplatform import ASSISTANT, INSTRUCTOR, LEARNER, Browser, Lms
from tests.sites import People
from tests.web._pages import text_of
from tests.web._work import assignment

ITEMS = "https://purl.imsglobal.org/spec/lti-dl/claim/content_items"
SETTINGS = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def framed(browser: Browser, linked: int) -> Browser:
    """A browser that shows us in a frame of the LMS."""
    return Browser(browser.client, browser.lms, dest="document")


def pick(browser: Browser, user: str = "teacher", change: Any = None) -> Any:
    """The instructor opens the choice."""
    asked = browser.asked(user)
    form = browser.lms.launch(asked, user, [INSTRUCTOR], deep_linking=True)
    claims = browser.lms.claims(form)
    claims[SETTINGS]["data"] = "opaque & <kept>"
    if change:
        change(claims[SETTINGS])
    return browser.post({**form, "id_token": browser.lms.signed(claims)})


def ticket(shown: Any) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', shown.text)
    assert found, shown.text
    return found[1]


def brought(lms: Lms, site: Site, answer: Any) -> list[dict[str, Any]]:
    """What the platform's own code makes of what comes back."""
    found = re.search(r'name="JWT" value="([^"]+)"', answer.text)
    assert found, answer.text
    lms.registration.set_tool_key_set(jwks(site))  # type: ignore[arg-type]
    items: list[dict[str, Any]] = lms.conf.validate_deeplinking_resp({"JWT": found[1]})
    claims = lms.claims({"id_token": found[1]})
    assert claims["https://purl.imsglobal.org/spec/lti-dl/claim/data"] == "opaque & <kept>"
    assert (claims["iss"], claims["aud"]) == ("client-1", ["https://lms.example"])
    assert claims["https://purl.imsglobal.org/spec/lti/claim/deployment_id"] == "deployment-1"
    return items


def test_an_assignment_is_picked_and_brought_back_with_its_column(
    framed: Browser, site: Site, people: People
) -> None:
    one = assignment(site, people.course_id, due_at=datetime(2026, 12, 1, 12, tzinfo=UTC))
    shown = pick(framed)
    assert shown.status_code == 200
    assert "Assignment 0" in text_of(shown)
    assert "frame-ancestors https://lms.example;" in shown.headers["content-security-policy"]
    answer = framed.post({"ticket": ticket(shown), "assignments": str(one)}, "/lti/pick", **OURS)
    assert 'action="https://lms.example/picked"' in answer.text
    policy = answer.headers["content-security-policy"]
    assert "form-action 'self' https://lms.example" in policy
    assert "'unsafe-inline'" not in policy
    (item,) = brought(framed.lms, site, answer)
    assert item == {
        "type": "ltiResourceLink",
        "title": "Assignment 0",
        "url": "http://127.0.0.1:8000/lti/launch",
        "custom": {"chainrule_assignment": str(one)},
        "window": {"targetName": "_blank"},
        "lineItem": {
            "label": "Assignment 0",
            "scoreMaximum": 20.0,
            "resourceId": f"chainrule-assignment-{one}",
            "tag": "chainrule",
        },
        "submission": {"endDateTime": "2026-12-01T12:00:00Z"},
    }
    # The link that the LMS makes of it leads there.
    landed = framed.come("s1", [LEARNER], custom=item["custom"])
    assert landed.headers["location"] == f"/assignments/{one}"


def test_it_is_brought_back_once(framed: Browser, site: Site, people: People) -> None:
    one = assignment(site, people.course_id)
    form = {"ticket": ticket(pick(framed)), "assignments": str(one)}
    assert framed.post(form, "/lti/pick", **OURS).status_code == 200
    again = framed.post(form, "/lti/pick", **OURS)
    assert again.status_code == 403
    assert "was sent already" in text_of(again)
    # The frame shows it, too.
    assert "frame-ancestors https://lms.example;" in again.headers["content-security-policy"]


def test_another_site_can_t_pick(framed: Browser, site: Site, people: People) -> None:
    one = assignment(site, people.course_id)
    form = {"ticket": ticket(pick(framed)), "assignments": str(one)}
    assert framed.post(form, "/lti/pick").status_code == 403


def test_what_is_none_of_the_course_s_is_refused(
    framed: Browser, site: Site, people: People
) -> None:
    other = assignment(site, people.other_course_id)
    given = ticket(pick(framed))
    for chosen, words in (
        ({"assignments": str(other)}, "Choose among those of the course."),
        ({"assignments": "x"}, "Choose among those of the course."),
        ({}, "Choose at least one."),
    ):
        refused = framed.post({"ticket": given, **chosen}, "/lti/pick", **OURS)
        assert refused.status_code == 422
        assert words in text_of(refused)


def test_nothing_may_be_brought_back(framed: Browser, site: Site, people: People) -> None:
    shown = pick(framed)
    assert "There is no assignment in this course" in text_of(shown)
    answer = framed.post({"ticket": ticket(shown), "nothing": "1"}, "/lti/pick", **OURS)
    assert brought(framed.lms, site, answer) == []


def test_one_at_a_time_where_the_lms_takes_one(framed: Browser, site: Site, people: People) -> None:
    first = assignment(site, people.course_id)
    with site.database.writing() as session:
        session.add(Assignment(course_id=people.course_id, slug="b", title="B"))
    shown = pick(framed, change=lambda settings: settings.update(accept_multiple=False))
    assert 'type="radio"' in shown.text
    assert "(a draft: students can't see it yet)" in text_of(shown)
    form = {"ticket": ticket(shown), "assignments": str(first)}
    assert len(brought(framed.lms, site, framed.post(form, "/lti/pick", **OURS))) == 1


def test_no_column_where_the_lms_takes_none_or_there_are_no_points_yet(
    framed: Browser, site: Site, people: People
) -> None:
    one = assignment(site, people.course_id)
    shown = pick(framed, change=lambda settings: settings.update(accept_lineitem=False))
    form = {"ticket": ticket(shown), "assignments": str(one)}
    (item,) = brought(framed.lms, site, framed.post(form, "/lti/pick", **OURS))
    assert "lineItem" not in item


@pytest.mark.parametrize("roles", [[LEARNER], [INSTRUCTOR, ASSISTANT]])
def test_who_does_not_manage_the_course_picks_nothing(framed: Browser, roles: list[str]) -> None:
    form = framed.lms.launch(framed.asked("u1"), "u1", roles, deep_linking=True)
    refused = framed.post(form)
    assert refused.status_code == 403
    assert "manage the course" in text_of(refused)
    assert 'name="ticket"' not in refused.text
    assert "frame-ancestors https://lms.example;" in refused.headers["content-security-policy"]


def test_a_course_that_is_not_linked_is_linked_first_in_a_window(browser: Browser) -> None:
    shown = pick(browser)
    assert "Connect the course first" in text_of(shown)
    opened = browser.post({"ticket": ticket(shown)}, "/lti/open", **OURS)
    assert re.fullmatch(r"/lti/link/\d+", opened.headers["location"])
