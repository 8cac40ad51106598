"""The pages in a real browser, on a real service that really grades."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from grader.config import load_settings
from grader.services.site import Site, open_site
from tests.browser._classroom import Classroom, Lookers, classroom
from tests.serving import Serving, served

expect.set_options(timeout=30_000)  # on a machine that does other things as well

# Chromium itself, without the windows around it.
CHROMIUM = "/usr/bin/chromium-headless-shell"
# Without them it looks for hosts of its maker's at every start.
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What drives it loses sight of frames of other sites that go from page to page in processes of
    # their own. What a site may do to another one stays as it is.
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,site-per-process",
)


@pytest.fixture(scope="session")
def service() -> Iterator[Serving]:
    """Everything, started once for all tests of a process."""
    with (
        tempfile.TemporaryDirectory(prefix="chainrule-browser-") as name,
        served(Path(name)) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def site(service: Serving) -> Iterator[Site]:
    """The same installation, for what a test prepares and looks up without the pages."""
    made = open_site(load_settings(service.environment))
    yield made
    made.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as Debian has it, without windows."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS)
        )
        yield running
        running.close()


@pytest.fixture
def look(browser: Browser, service: Serving, site: Site) -> Iterator[Lookers]:
    """Browsers of people: no page of theirs may report an error of a script or a policy."""
    lookers = Lookers(browser, service.url, site)
    yield lookers
    lookers.close()


@pytest.fixture
def make_classroom(site: Site) -> Callable[..., Classroom]:
    """A new course with people in it and an assignment that is published."""
    return lambda **more: classroom(site, **more)


@pytest.fixture
def room(make_classroom: Callable[..., Classroom]) -> Classroom:
    """One with the first bundled assignment."""
    return make_classroom()
