"""Nothing that people write runs in another's browser, wherever it stands.

All payloads are in one course, each wherever somebody can write something. Every page is opened
once, and the notebook of each; what ran, or stands somewhere as if it could, is told by its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from grader.db.models import Person
from grader.notebooks.showing.texts import plain
from grader.services import desk, signing_in
from grader.services.access import Actor
from grader.services.site import Site
from grader.web.pages.visitors import COOKIE
from tests.browser import _pages
from tests.browser._canary import Canary
from tests.browser._classroom import classroom
from tests.browser._hostile import Planted, plant
from tests.browser._payloads import PAYLOADS, Payload
from tests.serving import Serving
from tests.waiting import wait_until

NUMBERS = {payload.name: number for number, payload in enumerate(PAYLOADS)}


class Seen:
    """What came of opening every page."""

    def __init__(self, planted: Planted, canary: Canary) -> None:
        self.planted = planted
        self.canary = canary
        self.notebooks: dict[str, str] = {}
        self.heads: dict[str, str] = {}
        self.failed: list[str] = []


@pytest.fixture(scope="module")
def seen(service: Serving, site: Site, browser: Browser) -> Iterator[Seen]:
    """Every page, opened with everything in it."""
    planted = plant(classroom(site))
    canary = Canary(service.url)
    found = Seen(planted, canary)
    everybody = {**planted.people, _pages.NOBODY: None, "root": _admin(site)}
    pages: dict[str, Page] = {}

    def open_(who: str, address: str) -> None:
        if who not in pages:
            context = browser.new_context(base_url=service.url)
            canary.watch(context)
            actor: Actor | None = everybody[who]
            if actor is not None:
                secret = signing_in.begin(site, actor).secret
                cookie = {"name": COOKIE, "value": secret, "url": service.url}
                context.add_cookies([cookie])  # type: ignore[list-item]
            pages[who] = context.new_page()
        page = pages[who]
        answer = page.goto(address)
        if answer is None or answer.status != 200:
            found.failed.append(f"{who} at {address}: {answer and answer.status}")
        page.wait_for_load_state("load")
        canary.look_at(page)
        if match := re.fullmatch(r"/submissions/(\d+)/notebook", address):
            frame = next(one for one in page.frames if "/notebook/frame" in one.url)
            found.notebooks[match[1]] = str(frame.evaluate("document.body.textContent"))
            found.heads[match[1]] = str(page.evaluate("document.body.textContent"))

    for look in _pages.looks(planted.ids):
        open_(look.who, look.address)
    for submission_id in planted.submissions.values():
        open_("ines", f"/submissions/{submission_id}/notebook")
        open_("tom", f"/submissions/{submission_id}/comments")
    page = pages["tom"]
    answers = desk.get_desk(
        site, planted.people["tom"], planted.ids["assignment_id"], planted.ids["exercise"]
    ).order
    for answer in answers[:: len(answers) // 4]:
        open_(
            "tom",
            "/assignments/{assignment_id}/grading/{exercise}".format(**planted.ids)
            + f"?answer={answer}",
        )
        page.get_by_text("The notebook, and comments on its cells").click()
        page.locator(".comment-text").first.wait_for()
        page.frame_locator(".executed-frame").locator("#cell-1").wait_for()
        canary.look_at(page)
        page.keyboard.press("?")
        page.get_by_role("dialog", name="Keys").wait_for()
        canary.look_at(page)
        page.keyboard.press("Escape")
    open_("tom", f"/assignments/{planted.ids['assignment_id']}/submissions")
    page.locator("#list input[name=id]").first.check()
    page.get_by_role("button", name="Judge again").click()
    page.locator("#asked h2").wait_for()
    canary.look_at(page)
    yield found
    for page in pages.values():
        page.context.close()


def _admin(site: Site) -> Actor:
    with site.database.writing() as session:
        person = Person(email="root-of-payloads@example.org", name="Root", is_admin=True)
        session.add(person)
        session.flush()
        return Actor(person.id, person.name, is_admin=True)


def test_every_page_was_there_to_be_looked_at(seen: Seen) -> None:
    assert seen.failed == []
    assert len(PAYLOADS) >= 30


def test_nothing_ran_that_no_payload_owns_up_to(seen: Seen) -> None:
    assert seen.canary.said.get(None, []) == []


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.name)
def test_it_is_shown_and_does_nothing(payload: Payload, seen: Seen) -> None:
    key = str(seen.planted.submissions[payload.name])
    assert plain(payload.text)[:1500] in seen.notebooks[key]  # as the source of its cell
    assert payload.text[:100] in seen.heads[key]  # in the name of its file
    assert seen.canary.of(NUMBERS[payload.name]) == []


@pytest.fixture(scope="module")
def undefended(service: Serving, browser: Browser) -> Iterator[tuple[BrowserContext, Canary]]:
    """A browser that opens pages of ours as others would have made them."""
    canary = Canary(service.url)
    context = browser.new_context(base_url=service.url)
    canary.watch(context)
    yield context, canary
    context.close()


@pytest.mark.parametrize(
    "payload", [one for one in PAYLOADS if one.naive], ids=lambda payload: payload.name
)
def test_where_the_defence_is_off_the_canary_sings(
    payload: Payload, undefended: tuple[BrowserContext, Canary]
) -> None:
    context, canary = undefended
    page = context.new_page()
    html = f"<!doctype html><html><body>{payload.naive}</body></html>"
    page.route("**/naive", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto("/naive", wait_until="commit")
    if payload.click:
        page.locator("a, button").first.click()
    number = NUMBERS[payload.name]

    def sings() -> bool:
        page.wait_for_timeout(10)  # lets the browser's news in
        return bool(canary.of(number))

    wait_until(sings)
    page.close()
