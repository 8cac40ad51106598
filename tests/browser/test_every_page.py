"""Every page with real data: axe finds nothing, none is wider than a phone, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest
from playwright.sync_api import Browser, Page

from grader.services.site import Site
from tests.browser import _pages
from tests.browser._classroom import (
    AS_SEEN,
    DESKTOP,
    Lookers,
    out_of_reach,
    overflows,
    violations,
    weight,
    without_focus,
)
from tests.browser._filled import Filled, filled
from tests.serving import Serving


@pytest.fixture(scope="module")
def course(site: Site) -> Filled:
    """A course in which a week has passed."""
    return filled(site)


@pytest.fixture(scope="module")
def browsers(
    browser: Browser, service: Serving, site: Site, course: Filled
) -> Iterator[Callable[..., Page]]:
    """Each person's own at a desk and their own on a phone, for one page after the other."""
    lookers = Lookers(browser, service.url, site)

    @cache
    def of(who: str, size: tuple[int, int], scheme: str) -> Page:
        return lookers.as_(course.people.get(who), size, color_scheme=scheme)

    yield of
    lookers.close()


FIRST_PAGE = 100_000  # bytes, compressed, with all that it loads
LOOKS = [(route, who) for route, people in _pages.PAGES.items() for who in people]


def test_every_route_is_looked_at_or_said_to_be_no_page() -> None:
    assert _pages.PAGES.keys() | _pages.ELSEWHERE.keys() == _pages.routes()
    assert not _pages.PAGES.keys() & _pages.ELSEWHERE.keys()


@pytest.mark.parametrize(("route", "who"), LOOKS)
def test_a_page_is_sound_at_a_desk_by_day_and_on_a_phone_at_night(
    route: str, who: str, course: Filled, browsers: Callable[..., Page]
) -> None:
    address = route.format(**course.ids)
    for size, scheme in AS_SEEN:
        page = browsers(who, size, scheme)
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200
        assert violations(page) == []
        assert not overflows(page)
        assert out_of_reach(page) == []
        assert page.locator("h1").count() == 1
        if size == DESKTOP:
            assert without_focus(page) == []
            assert weight(page) < FIRST_PAGE


def test_the_document_in_a_notebook_s_frame_is_sound_too(course: Filled, look: Lookers) -> None:
    frame = f"/submissions/{course.ids['submission_id']}/notebook/frame"
    for size, scheme in AS_SEEN:
        page = look.as_(course.people["ada"], size, color_scheme=scheme)
        # In the frame no script runs, that of axe neither: the document alone.
        page.set_content(page.context.request.get(frame).text())
        assert violations(page) == []
        assert not overflows(page)
