"""A course to look at: its people, what they hand in, and their browsers."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from grader.db.models import AttemptState, Course, Enrolment, Person, Role
from grader.services import signing_in
from grader.services.access import Actor
from grader.services.assignments import create_assignment
from grader.services.bundles import packed
from grader.services.site import Site
from grader.services.submissions import get_submission, submit
from grader.services.versions import publish_version, upload_version
from grader.web.pages.visitors import COOKIE
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "rubrics" / "uw-cse447-a0" / "sample.ipynb"
CORPUS = ROOT / "tests" / "corpus"
DESKTOP, PHONE = (1440, 900), (390, 844)
# How a page is looked at: at a desk by day, and on a phone at night.
AS_SEEN: tuple[tuple[tuple[int, int], Literal["light", "dark"]], ...] = (
    (DESKTOP, "light"),
    (PHONE, "dark"),
)

_ROLES = {
    "ines": Role.INSTRUCTOR,
    "tom": Role.TA,
    "tara": Role.TA,
    "ada": Role.STUDENT,
    "bob": Role.STUDENT,
    "cleo": Role.STUDENT,
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Classroom:
    """A course `course_id` with an assignment, and its people by their first names.

    ines is the instructor, tom and tara are TAs; ada, bob and cleo are students.
    """

    site: Site
    course_id: int
    assignment_id: int
    people: Mapping[str, Actor]

    def hand_in(
        self, who: str, content: bytes | Path = SAMPLE, name: str = "a0.ipynb", **more: Any
    ) -> int:
        """What somebody hands in; the submission's id."""
        read = content.read_bytes() if isinstance(content, Path) else content
        receipt = submit(
            self.site, self.people[who], self.assignment_id, name=name, content=[read], **more
        )
        return receipt.submission.id

    def judged(self, who: str, content: bytes | Path = SAMPLE, name: str = "a0.ipynb") -> int:
        """The same, once it has been judged."""
        submission_id = self.hand_in(who, content, name)
        self.await_judged(submission_id)
        return submission_id

    def await_judged(self, *submission_ids: int) -> None:
        """Wait until all of them are."""
        for one in submission_ids:
            wait_until(lambda one=one: self._state(one) is AttemptState.DONE)

    def _state(self, submission_id: int) -> AttemptState | None:
        attempt = get_submission(self.site, self.people["ines"], submission_id).attempt
        return attempt.state if attempt else None

    def join(self, *names: str, role: Role = Role.STUDENT) -> None:
        """More people."""
        assert isinstance(self.people, dict)
        self.people.update(_joined(self.site, self.course_id, dict.fromkeys(names, role)))


@dataclass
class Lookers:
    """Opens browsers for people, already signed in, and minds what goes wrong in them."""

    browser: Browser
    url: str
    site: Site
    problems: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def as_(self, actor: Actor | None, size: tuple[int, int] = DESKTOP, **options: Any) -> Page:
        """A page of somebody's, or of nobody's, in a browser of its own; addresses are relative."""
        context = self.browser.new_context(
            base_url=self.url,
            viewport={"width": size[0], "height": size[1]},
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(30_000)
        self._contexts.append(context)
        if actor is not None:
            secret = signing_in.begin(self.site, actor).secret
            context.add_cookies([{"name": COOKIE, "value": secret, "url": self.url}])
        page = context.new_page()
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        return page

    def close(self) -> None:
        """Close all; fails where a page has reported a problem."""
        for context in self._contexts:
            context.close()
        assert not self.problems, self.problems

    def forgive_connection(self) -> None:
        """Nobody has answered, and htmx has said so on the console; nothing else is there."""
        told = ("htmx:afterRequest,", "htmx:sendError,", "Response Status Error Code 502 ")
        assert self.problems
        assert all(one.startswith(told) for one in self.problems), self.problems
        self.problems.clear()

    def _note(self, kind: str, text: str) -> None:
        # An answer of 4xx is the browser's own line; what a test expects there, it looks at itself.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.problems.append(text)


def classroom(site: Site, slug: str = "uw-cse447-a0", root: Path = ROOT) -> Classroom:
    """A new course with that bundle of `root` published."""
    number = next(_numbers)
    with site.database.writing() as session:
        course = Course(
            slug=f"course-{number}-{id(site)}",
            title=f"Deep Learning {number}",
            timezone="Europe/Berlin",
        )
        session.add(course)
        session.flush()
        course_id = course.id
    people = _joined(site, course_id, _ROLES)
    ines = people["ines"]
    made = create_assignment(site, ines, course_id, slug=slug, title="Backpropagation by hand")
    assignment_id = made.assignment.id
    tried, _ = upload_version(site, ines, assignment_id, io.BytesIO(packed(root, slug)))
    publish_version(site, ines, tried.version.id, "its own tests try it out")
    return Classroom(site, course_id, assignment_id, people)


def slow_sample() -> bytes:
    """The sample with a first cell that takes its time."""
    notebook = json.loads(SAMPLE.read_text())
    cell = {**notebook["cells"][0], "cell_type": "code", "metadata": {}, "outputs": []}
    cell |= {"source": "import time; time.sleep(2)", "execution_count": None, "id": "slow"}
    return json.dumps({**notebook, "cells": [cell, *notebook["cells"]]}).encode()


def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page as it is now, by WCAG 2.2 AA and its own best practices."""
    found = Axe().run(page)
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
        for one in found.response["violations"]
    ]


def overflows(page: Page) -> bool:
    """Whether the page is wider than its window."""
    wide: bool = page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return wide


def out_of_reach(page: Page) -> list[str]:
    """What can be pressed or filled in and is not in sight unless one scrolls sideways.

    Of the gradebook alone, which has two dimensions, the right part may be.
    """
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
          .filter((one) => one.checkVisibility() && !one.closest('[aria-label="Grades"], .skip'))
          .filter((one) => {
            const box = one.getBoundingClientRect();
            return box.width > 1 && (box.right > innerWidth + 1 || box.left < -1);
          })
          .map((one) => one.outerHTML.slice(0, 200))"""
    )
    return found


def without_focus(page: Page) -> list[str]:
    """What can be pressed by a mouse, and by keys not at all, or without showing where one is."""
    found: list[str] = page.evaluate(
        """() => {
          const at = document.activeElement;
          const acts = "a[href], button, input, select, textarea, summary";
          const lost = [...document.querySelectorAll(acts)]
            .filter((one) => one.checkVisibility() && one.type !== "hidden" && !one.disabled)
            .filter((one) => {
              one.focus({ preventScroll: true, focusVisible: true });
              const seen = getComputedStyle(one);
              const is_told = seen.outlineStyle !== "none" && parseFloat(seen.outlineWidth) >= 2;
              return document.activeElement !== one || one.tabIndex !== 0 || !is_told;
            })
            .map((one) => one.outerHTML.slice(0, 200));
          at?.focus?.({ preventScroll: true });
          return lost;
        }"""
    )
    return found


def weight(page: Page) -> int:
    """How many bytes, compressed, somebody loads who opens the page for the first time."""
    found: int = page.evaluate(
        """() => ["navigation", "resource"]
          .flatMap((kind) => performance.getEntriesByType(kind))
          .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
    )
    return found


def watch_shifts(page: Page) -> None:
    """From now on note what moves on the page without anybody having touched it."""
    page.evaluate(
        """() => {
          window.shifts = [];
          const told = (source) => source.node?.outerHTML ?? source.node?.textContent ?? "?";
          const add = (one) =>
            window.shifts.push([one.value, one.sources.map((s) => told(s).slice(0, 120))]);
          const untouched = (list) => list.getEntries().filter((one) => !one.hadRecentInput);
          const watcher = new PerformanceObserver((list) => untouched(list).forEach(add));
          watcher.observe({ type: "layout-shift" });
        }"""
    )


def shifts(page: Page) -> list[Any]:
    """What has moved, but for words on a line that grew."""
    found: list[Any] = page.evaluate("window.shifts")
    return found if sum(value for value, _ in found) >= 0.001 else []


def go_to(page: Page, name: str, *, back: bool = False) -> None:
    """Go by the tabulator to what is called like this."""
    for _ in range(150):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        said: str = page.evaluate(
            """() => {
              const one = document.activeElement;
              if (!one || one === document.body) return "";
              const labels = [...(one.labels ?? [])].map((label) => label.textContent);
              const words = [one.ariaLabel, ...labels, one.textContent];
              return words.filter(Boolean).join(" ").replace(/\\s+/g, " ");
            }"""
        )
        if name in said:
            return
    raise AssertionError(f"no key leads to {name}")


def _joined(site: Site, course_id: int, roles: Mapping[str, Role]) -> dict[str, Actor]:
    people = {}
    with site.database.writing() as session:
        for name, role in roles.items():
            person = Person(email=f"{name}-{next(_numbers)}@example.org", name=name.title())
            session.add(person)
            session.flush()
            session.add(Enrolment(course_id=course_id, person_id=person.id, role=role))
            people[name] = Actor(person.id, person.name)
    return people
