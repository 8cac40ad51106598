"""The gradebook on pages: the matrix, spreadsheets, and grades that come from a file."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from starlette.testclient import TestClient

from grader.db.models import Assignment, Enrolment, Override, Person, Role
from grader.domain.outcomes import Outcome
from grader.services.overrides import give
from grader.services.site import Site
from tests.assigned import audit_of, statements
from tests.coursework import Coursework, assignment_of
from tests.sites import People
from tests.web._pages import Reader, hidden, reader, text_of

pytestmark = pytest.mark.usefixtures("sent")


@pytest.fixture
def tom(site: Site, client: TestClient, people: People) -> Reader:
    return reader(site, client, people.ta.actor)


@pytest.fixture
def work(site: Site, people: People) -> Coursework:
    """ada has 7 of 10, of which 3 wait for nobody; bob has handed in nothing."""
    made = assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a0")
    made.hand_in(people.ada.actor.person_id, scores=(4.0, 3.0))
    return made


def book(people: People) -> str:
    return f"/courses/{people.course_id}/gradebook"


def send(tom: Reader, people: People, content: str | bytes, reason: str = "by hand") -> Any:
    raw = content.encode() if isinstance(content, str) else content
    return tom.post(f"{book(people)}/import", files={"file": ("g.csv", raw)}, reason=reason)


def confirm(tom: Reader, people: People, shown: Any) -> Any:
    fields = {name: hidden(shown, name) for name in ("cells", "digest", "reason")}
    return tom.post(f"{book(people)}/import/confirm", **fields)


def points(tom: Reader, people: People) -> dict[str, str]:
    rows = csv.DictReader(io.StringIO(tom.get(f"{book(people)}.csv").text))
    return {row["name"]: row["a0 points"] for row in rows}


def sheet_of(content: bytes) -> list[list[Any]]:
    loaded = openpyxl.load_workbook(io.BytesIO(content))
    return [[cell.value for cell in row] for row in loaded.worksheets[0].iter_rows()]


def spreadsheet(rows: list[list[Any]]) -> bytes:
    file, made = io.BytesIO(), openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    made.save(file)
    return file.getvalue()


class TestMatrix:
    """The page itself."""

    def test_it_shows_points_and_how_each_grade_stands(
        self, site: Site, people: People, tom: Reader, work: Coursework
    ) -> None:
        waits = work.hand_in(people.bob.actor.person_id)
        shown = text_of(tom.get(book(people)))
        assert "2 students · none needs a person" in shown
        assert "ada ada@example.org 7" in shown
        assert "bob bob@example.org – ◔ waits for judging" in shown
        work.judge(waits, (1.0, 0.0), open_points=Outcome.PENDING)
        page = tom.get(book(people))
        assert "1 ○ points wait for a person" in text_of(page)
        assert "2 students · 1 submission needs a person: 1 in a0" in text_of(page)
        assert f"/assignments/{work.assignment_id}/submissions?state=needs_person" in page.text
        give(site, people.ta.actor, waits, exercise=None, score=5.0, reason="x")
        assert "5 ✎ points given by a person" in text_of(tom.get(book(people)))
        assert tom.post(f"/assignments/{work.assignment_id}/release").status_code == 303
        give(site, people.ta.actor, waits, exercise=None, score=6.0, reason="x")
        shown = text_of(tom.get(book(people)))
        assert "6 ✎ points given by a person △ released as 5" in shown
        assert "7 ✓ released" in shown

    def test_it_is_searched_and_goes_in_pages_by_name(
        self, site: Site, people: People, tom: Reader, work: Coursework
    ) -> None:
        with site.database.writing() as session:
            for n in range(60):
                person = Person(email=f"s{n}@example.org", name=f"Student {n:02}")
                session.add(person)
                session.flush()
                key = {"course_id": people.course_id, "person_id": person.id}
                session.add(Enrolment(**key, role=Role.STUDENT))
        first = tom.get(book(people))
        assert "Student 59" not in first.text
        assert "Next page" in first.text
        # Its head looks at everybody's work: it is on the first page alone.
        assert "needs a person" in text_of(first)
        found = text_of(tom.get(book(people), search="student 59"))
        assert "needs a person" not in found
        assert "Student 59" in found
        assert "Student 58" not in found
        assert "Nobody found" in text_of(tom.get(book(people), search="%"))

    def test_it_takes_the_same_queries_however_many_students_there_are(
        self, site: Site, people: People, tom: Reader, work: Coursework
    ) -> None:
        counts = []
        for n in range(2):
            with statements(site) as seen:
                assert tom.get(book(people)).status_code == 200
            counts.append(len(seen))
            work.hand_in(people.bob.actor.person_id, scores=(float(n), 0.0))
        assert counts[0] == counts[1] > 0

    def test_where_names_are_hidden_it_leads_graders_to_no_submission(
        self, site: Site, client: TestClient, people: People, tom: Reader, work: Coursework
    ) -> None:
        with site.database.writing() as session:
            session.get_one(Assignment, work.assignment_id).anonymous = True
        assert "/submissions/" not in tom.get(book(people)).text
        ines = reader(site, client, people.instructor.actor)
        assert "/submissions/" in ines.get(book(people)).text

    def test_without_assignments_it_says_so(self, people: People, tom: Reader) -> None:
        assert "No assignment yet" in text_of(tom.get(book(people)))


class TestSpreadsheet:
    """The export as XLSX."""

    def test_it_holds_what_the_csv_holds_with_numbers_as_numbers(
        self, people: People, tom: Reader, work: Coursework
    ) -> None:
        answer = tom.get(f"{book(people)}.xlsx")
        assert "attachment" in answer.headers["content-disposition"]
        head, ada, bob = sheet_of(answer.content)
        assert head[:5] == ["person_id", "name", "email", "team", "a0 points"]
        assert ada[1:] == ["ada", "ada@example.org", None, 7, 10, "complete", None]
        assert bob[4:] == [None, 10, "nothing", None]

    def test_no_cell_is_a_formula_and_no_character_breaks_it(
        self, site: Site, people: People, tom: Reader, work: Coursework
    ) -> None:
        names = ["=1+1", "@SUM(A1)", "+1", "a\x01b", "<&>"]
        with site.database.writing() as session:
            for n, name in enumerate(names):
                person = Person(email=f"={n}@example.org", name=name)
                session.add(person)
                session.flush()
                key = {"course_id": people.course_id, "person_id": person.id}
                session.add(Enrolment(**key, role=Role.STUDENT))
        content = tom.get(f"{book(people)}.xlsx").content
        loaded = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
        cells = [cell for row in loaded.iter_rows(min_col=2, max_col=3) for cell in row]
        assert {cell.data_type for cell in cells} == {"s"}
        found = {cell.value for cell in cells}
        assert {"=1+1", "@SUM(A1)", "+1", "a\ufffdb", "<&>"} <= found
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


class TestImport:
    """Points from a file."""

    def test_what_changes_is_shown_and_then_given(
        self, site: Site, client: TestClient, people: People, tom: Reader, work: Coursework
    ) -> None:
        shown = send(tom, people, "email,a0\nada@example.org,8.5\n", "oral exam")
        words = text_of(shown)
        assert "1 grade would change" in words
        assert "2 ada ada@example.org a0 7 8.5 10" in words
        assert points(tom, people)["ada"] == "7"
        assert confirm(tom, people, shown).status_code == 303
        assert points(tom, people)["ada"] == "8.5"
        with site.database.reading() as session:
            given = session.query(Override).one()
            assert (given.exercise, given.reason) == (None, "oral exam")
        action, detail = audit_of(client, people)[0]
        assert (action, detail["score"], detail["imported"]) == ("override.given", 8.5, True)

    def test_an_export_that_is_edited_changes_what_was_edited(
        self, site: Site, people: People, tom: Reader, work: Coursework
    ) -> None:
        work.hand_in(people.bob.actor.person_id, scores=(1.0, 1.0))
        exported = tom.get(f"{book(people)}.csv").text
        nothing = text_of(send(tom, people, exported))
        assert "0 grades would change" in nothing
        assert "2 cells say what is there already" in nothing
        shown = send(tom, people, exported.replace("bob@example.org,,2,", "bob@example.org,,9,"))
        assert "1 grade would change" in text_of(shown)
        assert confirm(tom, people, shown).status_code == 303
        assert points(tom, people) == {"ada": "7", "bob": "9"}

    def test_a_spreadsheet_does_as_well(
        self, people: People, tom: Reader, work: Coursework
    ) -> None:
        rows = sheet_of(tom.get(f"{book(people)}.xlsx").content)
        rows[1][4] = 3
        shown = send(tom, people, spreadsheet(rows))
        assert confirm(tom, people, shown).status_code == 303
        assert points(tom, people)["ada"] == "3"

    def test_the_one_before_is_revoked(
        self, site: Site, people: People, tom: Reader, work: Coursework
    ) -> None:
        for score in ("8", "9"):
            shown = send(tom, people, f"email,a0\nada@example.org,{score}\n")
            assert confirm(tom, people, shown).status_code == 303
        with site.database.reading() as session:
            standing = session.query(Override).filter(Override.revoked_at.is_(None)).one()
            assert standing.score == 9.0

    def test_errors_are_told_by_row_and_column_and_left_out(
        self, people: People, tom: Reader, work: Coursework
    ) -> None:
        text = (
            "email,a0,remark\nada@example.org,11,x\nbob@example.org,1,\nzoe@example.org,1,\n"
            f"{people.outsider.email},1,\nada@example.org,x,\n"
        )
        words = text_of(send(tom, people, text))
        assert "2 a0 11 is not from 0 to 10" in words
        assert "3 a0 nothing was handed in by bob, so there is nothing to give points to" in words
        assert "1 cell gives points to who handed in nothing." in words
        assert "4 email nobody has this email: zoe@example.org" in words
        assert "5 – they are not in this course" in words
        assert "6 email stands in row 2 already" in words
        assert "passed over: remark" in words
        assert "0 grades would change" in words

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "Its first row should name the columns"),
            (b"name,a0\nada,1\n", "No column says who"),
            (b"email,a9\nada@example.org,1\n", "No column is called as an assignment is"),
            (b"email,a0,a0\nx,1,2\n", "Two columns are called a0"),
            (b"email,a0\n\xff\xfe,1\n", "It is no text in UTF-8"),
            (b"PK\x03\x04 no zip", "This is no XLSX file that can be read"),
            (b"email,a0\n" + b"x@example.org,1\n" * 5001, "It has more than 5,000 rows"),
        ],
    )
    def test_what_is_no_such_file_is_told_and_the_reason_is_kept(
        self, people: People, tom: Reader, work: Coursework, content: bytes, words: str
    ) -> None:
        refused = send(tom, people, content, "oral exam")
        assert refused.status_code == 422
        assert words in text_of(refused)
        assert 'id="file-error"' in refused.text
        assert 'value="oral exam"' in refused.text

    def test_a_spreadsheet_that_unpacks_to_too_much_is_not_read(
        self, people: People, tom: Reader, work: Coursework
    ) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", bytes(25 << 20))
        refused = send(tom, people, file.getvalue())
        assert "It is larger than 24 MiB unpacked." in text_of(refused)

    def test_what_has_changed_meanwhile_is_looked_at_again(
        self, site: Site, people: People, tom: Reader, work: Coursework
    ) -> None:
        shown = send(tom, people, "email,a0\nada@example.org,8\n")
        work.hand_in(people.ada.actor.person_id, scores=(4.0, 5.0), late=timedelta(minutes=-1))
        refused = confirm(tom, people, shown)
        assert refused.status_code == 422
        assert "Grades have changed meanwhile" in text_of(refused)
        assert points(tom, people)["ada"] == "9"

    def test_a_team_shares_what_is_given(
        self, site: Site, people: People, tom: Reader, work: Coursework
    ) -> None:
        with site.database.writing() as session:
            for one in (people.ada, people.bob):
                key = (people.course_id, one.actor.person_id)
                session.get_one(Enrolment, key).team = "red"
        both = "email,a0\nada@example.org,{}\nbob@example.org,{}\n"
        words = text_of(send(tom, people, both.format(8, 9)))
        assert "they share it with row 2, which gives 8" in words
        shown = send(tom, people, both.format(8, 8))
        assert confirm(tom, people, shown).status_code == 303
        assert points(tom, people) == {"ada": "8", "bob": "8"}

    def test_a_page_that_was_tampered_with_gives_nothing(
        self, people: People, tom: Reader, work: Coursework
    ) -> None:
        shown = send(tom, people, "email,a0\nada@example.org,8\n")
        cells = hidden(shown, "cells").replace("8.0", "10.0")
        fields = {"cells": cells, "digest": hidden(shown, "digest"), "reason": "x"}
        assert tom.post(f"{book(people)}/import/confirm", **fields).status_code == 422
        fields["cells"] = "[1]"
        assert tom.post(f"{book(people)}/import/confirm", **fields).status_code == 422
        assert points(tom, people)["ada"] == "7"
