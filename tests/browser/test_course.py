"""What instructors and admins arrange, in the browser, from a new assignment to its grades."""

from __future__ import annotations

import csv
import io
import json
import re
import urllib.request
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml
from playwright.sync_api import Page, expect

from grader.db.models import Node, Person
from grader.services.people import change_person
from grader.services.site import Site
from tests.browser._classroom import (
    Classroom,
    Lookers,
    overflows,
    shifts,
    slow_sample,
    violations,
    watch_shifts,
)
from tests.service._installation import RIGHT, RUBRIC, WRONG
from tests.serving import Serving
from tests.unit._builders import code, notebook

MINUTES = 120_000  # ms that a worker may take


def bundle(points: Any = 2) -> dict[str, Any]:
    """A quick bundle, as a file to choose; it lacks a model answer, which its test would need."""
    file, rubric = io.BytesIO(), yaml.safe_load(yaml.safe_dump(RUBRIC))
    rubric["exercises"][0]["checks"][0]["points"] = points
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("rubrics/doubling/rubric.yaml", yaml.safe_dump(rubric))
        archive.writestr("reference/doubling/solution.py", RIGHT)
    return {"name": "b.zip", "mimeType": "application/zip", "buffer": file.getvalue()}


def sound(page: Page) -> None:
    """Nothing is wrong with the page for anybody, and it is no wider than its window."""
    assert violations(page) == []
    assert not overflows(page)


def test_an_assignment_from_nothing_to_released_grades(
    look: Lookers, room: Classroom, tmp_path: Path
) -> None:
    page = look.as_(room.people["ines"])
    page.on("dialog", lambda dialog: dialog.accept())

    # It is made, with a due date of the course's zone.
    page.goto(f"/courses/{room.course_id}/assignments/new")
    page.get_by_label("Title").fill("Doubling")
    page.get_by_label("Short name").fill("No Name")
    page.get_by_label("Due").fill("2126-03-31T02:30")
    page.get_by_role("button", name="Make the assignment").click()
    name = page.get_by_label("Short name")
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Title")).to_have_value("Doubling")
    expect(page.locator("#due_at-error")).to_contain_text("does not exist in Europe/Berlin")
    sound(page)
    name.fill("doubling")
    page.get_by_label("Due").fill("2126-03-30T23:59")
    page.get_by_role("button", name="Make the assignment").click()

    # A bundle that is broken is refused with the place; of another one the own test is run.
    page.get_by_label("Zip of a bundle").set_input_files([bundle("many")])
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#bundle-error")).to_contain_text("rubrics/doubling/rubric.yaml:")
    expect(page.locator("#bundle-error")).to_contain_text("points")
    page.get_by_label("Zip of a bundle").set_input_files([bundle()])
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Run the test").click()
    expect(page.locator("#trial .verdict")).to_have_text("Not passed", timeout=MINUTES)
    expect(page.locator("#trial li")).to_contain_text("answer")
    sound(page)
    page.get_by_label("Reason").fill("the model answer follows")
    page.get_by_role("button", name="Publish version 1").click()
    expect(page.get_by_text("In force")).to_be_visible()

    # Two hand in, and one of them has more time.
    page.get_by_role("link", name="Settings").click()
    assignment_id = int(page.url.split("/")[-2])
    page.get_by_role("link", name="Extensions").click()
    page.get_by_label("Student").press_sequentially("ada")
    expect(page.locator("#student-choices option")).to_have_count(1)
    page.get_by_label("Due for them").fill("2126-04-02T12:00")
    page.get_by_label("Reason").fill("ill")
    page.get_by_role("button", name="Give the extension").click()
    expect(page.get_by_role("row", name="Ada")).to_contain_text("Tue 02 Apr 2126, 12:00")
    doubling = Classroom(room.site, room.course_id, assignment_id, room.people)
    for who, source in (("ada", RIGHT), ("bob", WRONG)):
        doubling.judged(who, notebook(code(source)), "d.ipynb")

    # The gradebook goes out, is edited, and comes in again.
    page.goto(f"/courses/{room.course_id}/gradebook")
    sound(page)
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as going:
        page.get_by_role("link", name="All as XLSX").click()
    path = tmp_path / "grades.xlsx"
    going.value.save_as(path)
    book = openpyxl.load_workbook(path)
    sheet = book.active
    (column,) = [cell.column for cell in sheet[1] if cell.value == "doubling points"]
    found = {row[1].value: row[column - 1] for row in sheet.iter_rows(min_row=2)}
    assert (found["Ada"].value, found["Bob"].value, found["Cleo"].value) == (2, 0, None)
    found["Bob"].value, found["Cleo"].value = 1.5, 1
    book.save(path)
    page.get_by_role("link", name="Import grades").click()
    page.get_by_label("CSV or XLSX file").set_input_files(path)
    page.get_by_label("Reason").fill("oral exam")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_role("heading", name="1 grade would change")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("nothing was handed in"))).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Give 1 grade").click()
    expect(page.get_by_role("row", name="Bob")).to_contain_text("1.5")

    # They are released, and it is all in the log.
    page.goto(f"/assignments/{assignment_id}/release")
    page.get_by_role("button", name="Release 2 grades").click()
    expect(page.get_by_text("All grades that are complete are released.")).to_be_visible()
    page.get_by_role("button", name="Take 2 grades back").click()
    expect(page.get_by_text("2 grades can be released now.")).to_be_visible()
    page.goto(f"/courses/{room.course_id}/gradebook")
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as going:
        page.get_by_role("link", name="All as CSV").click()
    lines = Path(going.value.path()).read_text("utf-8-sig").splitlines()
    assert [line for line in lines if line.split(",")[1] == "Bob"]
    page.goto(f"/courses/{room.course_id}/audit")
    log = page.get_by_role("listitem")
    expect(log.filter(has_text="Ines released Bob's grade in Doubling: 1.5 of 2")).to_be_visible()
    expect(log.filter(has_text="Ines gave Ada more time for Doubling")).to_be_visible()
    sound(page)


def test_a_version_is_judged_in_the_shadow_and_promoted(look: Lookers, room: Classroom) -> None:
    page = look.as_(room.people["ines"])
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/courses/{room.course_id}/assignments/new")
    page.get_by_label("Title").fill("Doubling")
    page.get_by_label("Short name").fill("doubling")
    page.get_by_role("button", name="Make the assignment").click()
    assignment_id = int(page.url.split("/")[-2])
    for points in (2, 3):
        page.goto(f"/assignments/{assignment_id}/versions")
        page.get_by_label("Zip of a bundle").set_input_files([bundle(points)])
        page.get_by_role("button", name="Upload").click()
        if points == 2:
            page.get_by_role("button", name="Publish version 1").click()
            expect(page.locator("#because-error")).to_contain_text("No test of it has passed")
            page.get_by_label("Reason").fill("its test comes later")
            page.get_by_role("button", name="Publish version 1").click()
            expect(page.get_by_text("its test comes later")).to_be_visible()
            doubling = Classroom(room.site, room.course_id, assignment_id, room.people)
            doubling.judged("ada", notebook(code(RIGHT)), "d.ipynb")
    page.get_by_role("button", name="Judge in the shadow").click()
    expect(page.get_by_text("1 submission would gain points")).to_be_visible(timeout=MINUTES)
    page.reload()
    expect(page.get_by_role("row", name="Ada, submission 1")).to_contain_text("+1")
    sound(page)
    page.get_by_label("Reason").fill("3 points as announced")
    page.get_by_role("button", name="Promote version 2").click()
    expect(page.get_by_text("In force")).to_be_visible()


def test_people_come_from_a_file_and_one_row_is_wrong(look: Lookers, room: Classroom) -> None:
    page = look.as_(room.people["ines"])
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/courses/{room.course_id}/people/import")
    mail = f"zoe-{room.course_id}@example.org"
    text = f"name,email,role\nZoe Zuse,{mail},ta\nYan,nowhere,student\n"
    file = {"name": "p.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.get_by_label("CSV or XLSX file").set_input_files([file])
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_role("row", name=re.compile("nowhere is no address"))).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Import 1 person").click()
    page.get_by_label("Name or address").fill("zuse")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("row", name="Zoe Zuse")).to_contain_text("Teaching assistant")
    sound(page)

    # She has no way in yet, and is given one.
    page.get_by_role("button", name="Make links").click()
    with page.expect_download() as going:
        page.get_by_role("link", name="Save links").click()
    assert going.value.suggested_filename == f"links-{room.course_id}.csv"
    sound(page)
    lines = csv.DictReader(io.StringIO(Path(going.value.path()).read_text()))
    (link,) = [line["link"] for line in lines if line["email"] == mail]
    zoe = look.as_(None)
    zoe.goto("/welcome#" + link.partition("#")[2])
    expect(zoe.get_by_label("Address")).to_have_value(mail)
    assert "#" not in zoe.url
    sound(zoe)
    zoe.get_by_label("Password", exact=True).fill("correct horse battery")
    zoe.get_by_label("Password once more").fill("correct horse battery")
    zoe.keyboard.press("Enter")
    expect(zoe.get_by_role("heading", name="Courses")).to_be_visible()

    page.get_by_role("link", name="People", exact=True).first.click()
    page.get_by_role("link", name="Change Zoe Zuse").click()
    page.get_by_role("button", name="Remove Zoe Zuse").click()
    expect(page.get_by_text("What they handed in is kept.")).to_be_visible()
    expect(page.get_by_role("row", name="Zoe Zuse")).to_have_count(0)


def test_a_password_changes_and_a_token_works_on_the_api(
    look: Lookers, room: Classroom, site: Site, service: Serving
) -> None:
    ada = room.people["ada"]
    root = _made_admin(site, room)
    change_person(site, root, ada.person_id, password="correct horse battery")
    page = look.as_(ada)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/account")
    page.get_by_label("Present password").fill("correct horse battery")
    page.get_by_label("New password", exact=True).fill("another horse, faster")
    page.get_by_label("New password once more").fill("another horse, faster")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("Your password is changed.")).to_be_visible()
    page.get_by_label("What it is for").fill("export")
    page.get_by_role("button", name="Make the token").click()
    secret = page.get_by_label("The token export")
    sound(page)
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copied")).not_to_be_empty()
    headers = {"Authorization": f"Bearer {secret.input_value()}"}
    request = urllib.request.Request(f"{service.url}/api/v1/me", headers=headers)
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["name"] == "Ada"
    page.get_by_role("button", name="Revoke export").click()
    expect(page.get_by_text("The token is revoked")).to_be_visible()


@pytest.fixture
def silent(site: Site) -> Iterator[str]:
    """A worker of which nothing has been heard for long; it is the first one in a list."""
    name, heard_of = "0-silent", datetime.now(UTC) - timedelta(minutes=10)
    with site.database.writing() as session:
        session.add(Node(name=name, queues="cpu", facts={}, seen_at=heard_of))
    yield name
    with site.database.writing() as session:
        session.delete(session.get_one(Node, name))


@pytest.mark.usefixtures("silent")
def test_an_admin_drains_a_worker_and_has_it_take_work_again(
    look: Lookers, room: Classroom, site: Site
) -> None:
    _made_admin(site, room)
    page = look.as_(room.people["ines"])
    page.goto("/workers")
    sound(page)
    expect(page.get_by_text("Nothing waits.")).to_be_visible(timeout=MINUTES)
    page.get_by_role("row", name="Takes work").get_by_role("button", name="Drain").click()
    try:
        drains = page.get_by_role("row", name="Drains")
        expect(drains).to_be_visible()
        watch_shifts(page)
        room.hand_in("bob", slow_sample())
        # The page tells by itself.
        expect(page.get_by_text("1 submission waits.")).to_be_visible()
        assert shifts(page) == []
        own = look.as_(room.people["ada"])
        own.goto(f"/submissions/{room.hand_in('ada')}")
        expect(own.locator("[data-words]")).to_have_text(re.compile(r"^About 1 go before\."))
        expect(page.get_by_text("GPUs in use")).to_be_visible()
        expect(page.get_by_text("Median wait")).to_be_visible()
        expect(page.get_by_role("row", name=re.compile("Deep Learning"))).to_contain_text("CPU")
        drains.get_by_role("button", name="Take work again").click()
        expect(page.get_by_role("row", name="Takes work")).to_be_visible()
    finally:
        with site.database.writing() as session:
            for node in session.query(Node):
                node.draining = False
    watch_shifts(page)
    # First, since the other one takes no longer than its slow cell.
    expect(own.locator("[data-words]")).to_have_text(re.compile("^It is next"), timeout=MINUTES)
    expect(page.get_by_role("link", name="Backpropagation by hand").first).to_be_visible()
    expect(page.get_by_text("Nothing waits.")).to_be_visible(timeout=MINUTES)
    assert shifts(page) == []


def _made_admin(site: Site, room: Classroom) -> Any:
    ines = room.people["ines"]
    with site.database.writing() as session:
        session.get_one(Person, ines.person_id).is_admin = True
    return type(ines)(ines.person_id, ines.name, is_admin=True)
