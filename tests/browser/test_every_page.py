"""Every page with real data: axe finds nothing, none is wider than a phone, light and dark."""

from __future__ import annotations

import pytest

from grader.services.site import Site
from tests.browser import _pages
from tests.browser._classroom import DESKTOP, PHONE, Lookers, overflows, violations
from tests.browser._filled import Filled, filled


@pytest.fixture(scope="module")
def course(site: Site) -> Filled:
    """A course in which a week has passed."""
    return filled(site)


LOOKS = [(route, who) for route, people in _pages.PAGES.items() for who in people]


def test_every_route_is_looked_at_or_said_to_be_no_page() -> None:
    assert _pages.PAGES.keys() | _pages.ELSEWHERE.keys() == _pages.routes()
    assert not _pages.PAGES.keys() & _pages.ELSEWHERE.keys()


@pytest.mark.parametrize(("route", "who"), LOOKS)
def test_a_page_is_sound_on_both_sizes_and_in_both_schemes(
    route: str, who: str, course: Filled, look: Lookers
) -> None:
    address = route.format(**course.ids)
    for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
        page = look.as_(course.people.get(who), size, color_scheme=scheme)
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200
        for other in (scheme, "dark" if scheme == "light" else "light"):
            page.emulate_media(color_scheme=other)  # type: ignore[arg-type]
            assert violations(page) == []
        assert not overflows(page)
        assert page.locator("h1").count() == 1


def test_the_document_in_a_notebook_s_frame_is_sound_too(course: Filled, look: Lookers) -> None:
    for size in (DESKTOP, PHONE):
        page = look.as_(course.people["ada"], size)
        frame = f"/submissions/{course.ids['submission_id']}/notebook/frame"
        html = page.context.request.get(frame).text()
        page.set_content(html)  # in its frame no script runs, that of axe neither
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert violations(page) == []
        assert not overflows(page)
