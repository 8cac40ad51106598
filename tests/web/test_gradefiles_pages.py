"""Grades for other systems: files that they import as they are, and their own exports filled in."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import (
    Assignment,
    CanvasCourse,
    Enrolment,
    Extension,
    GradeColumn,
    Person,
    Role,
)
from grader.db.session import moment
from grader.services.release import release
from grader.services.site import Site
from tests.assigned import statements
from tests.coursework import Coursework, assignment_of
from tests.databases import KINDS
from tests.sites import People
from tests.web._pages import Reader, hidden, reader, text_of

ROUTES = {
    "GET /courses/{course_id}/gradebook/files": "grade",
    "GET /courses/{course_id}/gradebook/for/{lms}.csv": "grade",
    "GET /courses/{course_id}/gradebook/fill": "grade",
    "POST /courses/{course_id}/gradebook/fill": "grade",
    "POST /courses/{course_id}/gradebook/fill/file": "grade",
}
pytestmark = pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,a0 (4711),Other (4712),Current Score\r\n"
    "    Points Possible,,,,,20,5,(read only)\r\n"
    '"Lovelace, Ada",77,s1,ada@example.org,Group 1,,3,\r\n'
    '"Nobody, Ned",78,s2,ned,Group 1,1,,\r\n'
)
BLACKBOARD = (
    '"Last Name"\t"First Name"\t"Username"\t"a0 [Total Pts: 10 Score] |123"\n'
    '"Lovelace"\t"Ada"\t"ada"\t"2"\n'
)
BRIGHTSPACE = (
    "OrgDefinedId,Username,a0 Points Grade <Numeric MaxPoints:100>,End-of-Line Indicator\n"
    "#123,#ada,,#\n"
)


@pytest.fixture
def tom(site: Site, client: TestClient, people: People) -> Reader:
    return reader(site, client, people.ta.actor)


@pytest.fixture
def work(site: Site, people: People) -> Coursework:
    """ada has 7.5 of 10, released; bob has points that are not."""
    staff = people.instructor.actor
    made = assignment_of(site, people.course_id, staff.person_id, slug="a0")
    made.hand_in(people.ada.actor.person_id, scores=(4.0, 3.5))
    made.hand_in(people.bob.actor.person_id, scores=(4.0, 6.0))
    release(site, staff, made.assignment_id, [people.ada.actor.person_id])
    return made


def exported(tom: Reader, people: People, lms: str, **asked: str) -> list[list[str]]:
    found = tom.get(f"/courses/{people.course_id}/gradebook/for/{lms}.csv", **asked)
    assert found.status_code == 200
    return list(csv.reader(io.StringIO(found.text)))


MOODLE = "First name,Last name,Email address"


def moodle(*headings: str, cells: str = "") -> str:
    """Moodle's file with ada's row alone."""
    given = ",".join(f'"{one}"' for one in headings)
    return f"{MOODLE},{given}\nAda,Lovelace,ada@example.org,{cells or ',' * (len(headings) - 1)}\n"


def columns(shown: Any) -> list[tuple[str, str]]:
    """Of each column of a preview its heading, and what comes of it."""
    tables = r'aria-label="Table of (?:other )?columns">.*?<tbody>(.*?)</tbody>'
    bodies = "".join(re.findall(tables, shown.text, re.DOTALL))
    rows = re.findall(r"<tr>(.*?)</tr>", bodies, re.DOTALL)
    parts = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]

    def plain(text: str) -> str:
        return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())

    return [(plain(one[0]), plain(one[3])) for one in parts]


def again(tom: Reader, people: People, shown: Any, last: str = "", **changed: Any) -> Any:
    """The form of a preview once more, with other choices by the places of their columns."""
    form = shown.text.split('id="columns"')[1]
    at = re.findall(r'name="at" value="(\d+)"', form)
    chosen = [
        next(iter(re.findall(r'value="(\d+)" selected', one)), "0")
        for one in re.findall(r'name="goes">(.*?)</select>', form, re.DOTALL)
    ]
    goes, of = dict(zip(at, chosen, strict=True)), dict.fromkeys(at, "")
    goes |= {key: str(value) for key, value in changed.pop("goes", {}).items()}
    of |= changed.pop("of", {})
    fields = {"at": at, "goes": list(goes.values()), "of": list(of.values()), **changed}
    where = f"/courses/{people.course_id}/gradebook/fill{last}"
    kept = {name: hidden(shown, name) for name in ("content", "seen")}
    return tom.post(where, **kept, **fields)


def fill(tom: Reader, people: People, content: str | bytes) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    where = f"/courses/{people.course_id}/gradebook/fill"
    return tom.post(where, files={"file": ("export.csv", raw)})


def filled(tom: Reader, people: People, content: str | bytes) -> bytes:
    shown = fill(tom, people, content)
    assert shown.status_code == 200, text_of(shown)
    where = f"/courses/{people.course_id}/gradebook/fill/file"
    kept = {name: hidden(shown, name) for name in ("content", "seen")}
    return bytes(tom.post(where, **kept).content)


@pytest.mark.parametrize(
    ("lms", "lines"),
    [
        (
            "canvas",
            [
                ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "a0"],
                ["    Points Possible", "", "", "", "", "10"],
                ["ada", "", "", "ada@example.org", "", "7.5"],
                ["bob", "", "", "bob@example.org", "", ""],
            ],
        ),
        (
            "moodle",
            [
                ["Email address", "ID number", "a0"],
                ["ada@example.org", "", "7.5"],
                ["bob@example.org", "", ""],
            ],
        ),
        (
            "blackboard",
            [
                ["Last Name", "First Name", "Username", "a0 [Total Pts: 10 Score]"],
                ["ada", "", "ada", "7.5"],
                ["bob", "", "bob", ""],
            ],
        ),
        (
            "brightspace",
            [
                ["Username", "a0 Points Grade", "End-of-Line Indicator"],
                ["#ada", "7.5", "#"],
                ["#bob", "", "#"],
            ],
        ),
        (
            "gradescope",
            [
                ["First Name", "Last Name", "SID", "Email", "a0", "a0 - Max Points"],
                ["", "ada", "", "ada@example.org", "7.5", "10"],
                ["", "bob", "", "bob@example.org", "", "10"],
            ],
        ),
    ],
)
def test_each_system_gets_its_own_headings_and_only_what_is_released(
    lms: str, lines: list[list[str]], tom: Reader, people: People, work: Coursework
) -> None:
    assert exported(tom, people, lms) == lines


@pytest.mark.parametrize("lms", ["canvas", "moodle", "blackboard", "brightspace", "gradescope"])
def test_nothing_in_a_file_is_run_by_a_spreadsheet(
    lms: str, site: Site, tom: Reader, people: People, work: Coursework
) -> None:
    with site.database.writing() as session:
        session.get_one(Person, people.ada.actor.person_id).name = "=cmd|'/c calc'!A1 +Ada"
    cells = [cell for line in exported(tom, people, lms) for cell in line]
    assert not [cell for cell in cells if cell.lstrip(" ").startswith(("=", "+", "-", "@"))]


def test_whom_a_file_leaves_out_is_named_with_the_reason(
    site: Site, client: TestClient, tom: Reader, people: People, work: Coursework
) -> None:
    with site.database.writing() as session:
        for name, email in (("Eve", "ada@other.example"), ("Nemo", None)):
            person = Person(email=email, name=name)
            session.add(person)
            session.flush()
            key = {"course_id": people.course_id, "person_id": person.id}
            session.add(Enrolment(**key, role=Role.STUDENT))
    shown = text_of(tom.get(f"/courses/{people.course_id}/gradebook/files"))
    assert "Canvas 3 1 Moodle 3 1 Blackboard 1 3" in shown
    assert "The user name ada is also that of ada (ada@example.org). Fill in the LMS's" in shown
    assert "Nemo No address of theirs is known here. Have the LMS tell addresses" in shown
    assert [line[2] for line in exported(tom, people, "blackboard")[1:]] == ["bob"]
    path = f"/api/v1/courses/{people.course_id}/gradebook/left-out"
    told = client.get(path, headers=people.ta.headers).json()
    assert {one["name"]: len(one["systems"]) for one in told} == {"Eve": 2, "Nemo": 5, "ada": 2}
    eve = next(one for one in told if one["name"] == "Eve")
    assert (eve["reason"], eve["others"]) == ("same_login", [people.ada.actor.person_id])


def test_where_nobody_is_left_out_nothing_is_said_of_it(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = text_of(tom.get(f"/courses/{people.course_id}/gradebook/files"))
    assert "Moodle 2 0" in shown
    assert "Left out:" not in shown


def student(site: Site, people: People, name: str) -> int:
    with site.database.writing() as session:
        person = Person(email=f"{name}@example.org", name=name)
        session.add(person)
        session.flush()
        session.add(Enrolment(course_id=people.course_id, person_id=person.id, role=Role.STUDENT))
        return person.id


def test_an_assignment_of_which_nothing_is_released_has_a_column_only_if_it_is_asked_for(
    site: Site, client: TestClient, tom: Reader, people: People, work: Coursework
) -> None:
    assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a1")
    shown = tom.get(f"/courses/{people.course_id}/gradebook/files")
    assert "a1 none released yet, so no column unless you ask for it" in text_of(shown)
    assert 'name="every"' in shown.text
    assert exported(tom, people, "moodle")[0] == ["Email address", "ID number", "a0"]
    every = exported(tom, people, "moodle", every="true")
    assert every[:2] == [
        ["Email address", "ID number", "a0", "a1"],
        ["ada@example.org", "", "7.5", ""],
    ]
    path = f"/api/v1/courses/{people.course_id}/gradebook/moodle.csv?every=true"
    answer = client.get(path, headers=people.ta.headers)
    assert list(csv.reader(io.StringIO(answer.text))) == every


def test_who_handed_in_nothing_gets_a_zero_if_that_is_chosen_and_it_was_due_for_them(
    site: Site, client: TestClient, tom: Reader, people: People, work: Coursework
) -> None:
    assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a1")
    cleo, _ = student(site, people, "cleo"), student(site, people, "dora")

    def cells(**asked: str) -> dict[str, list[str]]:
        lines = exported(tom, people, "moodle", **asked)[1:]
        return {line[0].split("@")[0]: line[2:] for line in lines}

    blank = {"ada": ["7.5"], "bob": [""], "cleo": [""], "dora": [""]}
    assert cells() == cells(absent="blank") == blank
    assert cells(absent="zero") == blank  # it is not due yet
    with site.database.writing() as session:
        now = moment(session)
        for one in session.query(Assignment):
            one.due_at = now - timedelta(minutes=1)
    assert cells(absent="zero") == blank  # who came into the course after that missed nothing
    with site.database.writing() as session:
        session.query(Enrolment).update({"created_at": now - timedelta(days=1)})
        session.add(
            Extension(
                assignment_id=work.assignment_id,
                person_id=cleo,
                due_at=now + timedelta(days=1),
                reason="ill",
                author_id=people.instructor.actor.person_id,
            )
        )
    assert cells() == blank
    assert cells(absent="zero") == {**blank, "dora": ["0"]}
    for late in ({"grace_s": 120}, {"closes_after_s": 120}):
        # They may still hand in.
        with site.database.writing() as session:
            session.query(Assignment).update({"policy": {"late": late}})
        assert cells(absent="zero") == blank
    with site.database.writing() as session:
        session.query(Assignment).update({"policy": {}})
    # Of an assignment of which nothing is released nothing goes out.
    assert cells(absent="zero", every="true")["dora"] == ["0", ""]
    path = f"/api/v1/courses/{people.course_id}/gradebook/moodle.csv?absent=zero"
    answer = client.get(path, headers=people.ta.headers)
    assert "dora@example.org,,0,\r\n" in answer.text  # of the API every assignment has a column
    answer = client.get(path + "&every=false", headers=people.ta.headers)
    assert "dora@example.org,,0\r\n" in answer.text
    assert client.get(path + "s", headers=people.ta.headers).status_code == 422


def test_a_file_takes_the_same_statements_for_more_students(
    site: Site, tom: Reader, people: People, work: Coursework
) -> None:
    counts = []
    for n in range(2):
        with statements(site) as seen:
            exported(tom, people, "canvas", absent="zero")
        counts.append(len(seen))
        with site.database.writing() as session:
            for k in range(20):
                person = Person(email=f"s{n}-{k}@example.org", name=f"S {k}")
                session.add(person)
                session.flush()
                key = {"course_id": people.course_id, "person_id": person.id}
                session.add(Enrolment(**key, role=Role.STUDENT))
    assert counts[0] == counts[1]


def test_the_api_gives_the_same_file(
    client: TestClient, tom: Reader, people: People, work: Coursework
) -> None:
    path = f"/api/v1/courses/{people.course_id}/gradebook/moodle.csv"
    answer = client.get(path, headers=people.ta.headers)
    assert list(csv.reader(io.StringIO(answer.text))) == exported(tom, people, "moodle")
    assert client.get(path.replace("moodle", "x"), headers=people.ta.headers).status_code == 422


def test_students_get_none_of_it(site: Site, client: TestClient, people: People) -> None:
    ada = reader(site, client, people.ada.actor)
    book = f"/courses/{people.course_id}/gradebook"
    assert ada.get(f"{book}/for/canvas.csv").status_code == 403
    assert ada.get(f"{book}/fill").status_code == 403
    assert fill(ada, people, CANVAS).status_code == 403
    assert ada.post(f"{book}/fill/file", content="").status_code == 403
    otto = reader(site, client, people.outsider.actor)
    assert otto.get(f"{book}/fill").status_code == 404
    assert otto.get(f"{book}/for/canvas.csv").status_code == 404


def test_canvas_gets_its_own_file_back_with_points_on_its_scale(
    tom: Reader, people: People, work: Coursework
) -> None:
    back = filled(tom, people, CANVAS).decode()
    changed = [
        (a, b) for a, b in zip(CANVAS.split("\r\n"), back.split("\r\n"), strict=True) if a != b
    ]
    assert changed == [
        (
            '"Lovelace, Ada",77,s1,ada@example.org,Group 1,,3,',
            '"Lovelace, Ada",77,s1,ada@example.org,Group 1,15,3,',
        )
    ]


def test_who_is_not_found_is_listed(tom: Reader, people: People, work: Coursework) -> None:
    shown = text_of(fill(tom, people, CANVAS))
    assert "1 grade for Canvas" in shown
    assert "2 students stand in the file." in shown
    assert "Row 4: Nobody, Ned 78 s2 ned – no student here is known so" in shown
    without = CANVAS.replace("ada@example.org", "eve@example.org")
    assert "Not in the file: 1 student with a released grade ada" in text_of(
        fill(tom, people, without)
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_blackboard_s_tabs_and_encoding_stay(
    encoding: str, tom: Reader, people: People, work: Coursework
) -> None:
    back = filled(tom, people, BLACKBOARD.encode(encoding))
    assert back[:1] == BLACKBOARD.encode(encoding)[:1] or encoding == "utf-8"
    rows = list(csv.reader(io.StringIO(back.decode(encoding)), delimiter="\t"))
    assert rows[0][3] == "a0 [Total Pts: 10 Score] |123"
    assert rows[1] == ["Lovelace", "Ada", "ada", "7.5"]


def test_a_cell_that_says_something_else_is_told(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = text_of(fill(tom, people, BLACKBOARD))
    assert "1 cell says something else now and would be written over." in shown


def test_the_line_that_moodle_writes_for_no_grade_is_no_grade(
    tom: Reader, people: People, work: Coursework
) -> None:
    header = "First name,Last name,Email address,a0 (Real)"
    for was, is_told in (("-", False), ("3.00", True)):
        shown = text_of(fill(tom, people, f"{header}\nAda,Lovelace,ada@example.org,{was}\n"))
        assert "1 grade for Moodle" in shown
        assert ("would be written over" in shown) is is_told


def test_brightspace_s_marks_stay_and_its_scale_is_kept(
    tom: Reader, people: People, work: Coursework
) -> None:
    assert filled(tom, people, BRIGHTSPACE).decode().split("\n")[1] == "#123,#ada,75,#"


def test_who_handed_in_nothing_gets_a_zero_in_an_empty_cell_if_that_is_chosen(
    site: Site, tom: Reader, people: People, work: Coursework
) -> None:
    for name in ("cleo", "dora"):
        student(site, people, name)
    with site.database.writing() as session:
        session.query(Assignment).one().due_at = moment(session) - timedelta(minutes=1)
        session.query(Enrolment).update({"created_at": moment(session) - timedelta(days=1)})
    rows = ",,cleo@example.org,-\n,,dora@example.org,3\n,,bob@example.org,\n"
    shown = fill(tom, people, moodle("a0 (Real)") + rows)
    assert columns(shown) == [("a0 (Real)", "1 grade, as points of 10")]
    chosen = again(tom, people, shown, absent="zero")
    words = "2 grades, 1 of them 0 for who handed in nothing, as points of 10"
    assert columns(chosen) == [("a0 (Real)", words)]
    said = text_of(chosen)
    assert "0 for who handed in nothing: 1 student cleo (cleo@example.org): a0" in said
    assert "go to an LMS by themselves" not in said
    assert re.search(r'name="absent" value="zero" checked', chosen.text)
    back = again(tom, people, chosen, "/file", absent="zero").text.split("\n")
    assert back[2:5] == [",,cleo@example.org,0", ",,dora@example.org,3", ",,bob@example.org,"]
    # It was looked at with zeros: without them it is another file.
    assert again(tom, people, chosen, "/file").status_code == 422
    # Where grades go there by themselves a 0 stands in the way of one that comes later.
    with site.database.writing() as session:
        place = {"base_url": "https://canvas.example", "canvas_id": "7", "title": "T", "token": "t"}
        key = {"course_id": people.course_id, "author_id": people.instructor.actor.person_id}
        session.add(there := CanvasCourse(**place, **key))
        session.flush()
        column = {"assignment_id": work.assignment_id, "canvas_course_id": there.id}
        session.add(GradeColumn(**column))
    assert "Grades of “a0” go to an LMS by themselves" in text_of(
        again(tom, people, shown, absent="zero")
    )
    files = tom.get(f"/courses/{people.course_id}/gradebook/files")
    assert "Grades of “a0” go to an LMS by themselves" in text_of(files)
    assert again(tom, people, shown, absent="no").status_code == 422


def test_two_students_with_the_same_login_are_matched_by_their_whole_address_alone(
    site: Site, tom: Reader, people: People, work: Coursework
) -> None:
    with site.database.writing() as session:
        session.get_one(Person, people.bob.actor.person_id).email = "ada@other.example"
    shown = text_of(fill(tom, people, BLACKBOARD))
    assert "Not matched: 1 row" in shown
    assert "2 students here have the user name ada" in shown


def test_rows_that_are_matched_by_a_login_are_listed(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = text_of(fill(tom, people, BLACKBOARD))
    assert "By their login alone: 1 row" in shown
    assert "Row 2: Lovelace Ada ada 2 – ada" in shown
    assert "By their login alone" not in text_of(fill(tom, people, CANVAS))


def test_of_two_rows_for_one_student_neither_is_filled_in(
    tom: Reader, people: People, work: Coursework
) -> None:
    second = '"Byron"\t"Ada"\t"ADA"\t""\n'
    shown = fill(tom, people, BLACKBOARD + second)
    assert "0 grades for Blackboard" in text_of(shown)
    assert "Several for one student: 2 rows" in text_of(shown)
    assert "Row 3: Byron Ada ADA – ada" in text_of(shown)
    assert "Not in the file" not in text_of(shown)


def test_a_row_that_says_two_students_is_nobody_s(
    tom: Reader, people: People, work: Coursework
) -> None:
    both = BRIGHTSPACE.replace("#123,#ada", "#bob,#ada")
    assert "it says 2 different students" in text_of(fill(tom, people, both))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Student,ID\n" + b"x,\n" * 10_000, "more rows or columns"),
        (b"Student,ID" + b"," * 499 + b"\n", "more rows or columns"),
        (b"", "it is empty"),
        (b"PK\x03\x04\xff\xff", "export it once more"),
        (b"name,points\nada,3\n", "separated by commas, are: name, points"),
        (b"name;points\neve@example.org;3\n", "separated by semicolons, are: name, points"),
        (b"a" * (2 << 20) + b"b", "larger than 2 MiB"),
        (b'Student,ID\n"' + b"x" * 200_000, "cannot be read"),
        (b"Student,ID,x\0\n", "no CSV file"),
    ],
)
def test_what_is_no_export_is_refused_with_words_for_it(
    content: Any, words: str, tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, content)
    assert shown.status_code in (413, 422)
    assert words in text_of(shown)


def test_a_page_that_was_tampered_with_gives_nothing(
    tom: Reader, people: People, work: Coursework
) -> None:
    where = f"/courses/{people.course_id}/gradebook/fill/file"
    assert tom.post(where, content="no base 64").status_code == 422
    assert tom.post(where).status_code == 422


def test_columns_of_moodle_s_assignments_and_tools_are_found_in_several_languages(
    tom: Reader, people: People, work: Coursework
) -> None:
    for heading in (
        "External tool: a0 (Real)",
        "Assignment: a0 (Real)",
        "Assignment:a0 (Real)",
        "a0 (Real)",
        "a0",
        "Externes Tool: a0 (Punkte)",
        "Aufgabe: a0 (Punkte)",
        "Herramienta externa: a0 (Real)",
        "Outil externe : a0 (Valeur)",
    ):
        shown = fill(tom, people, moodle(heading))
        assert (heading, "1 grade, as points of 10") in columns(shown)


def test_a_column_that_is_left_alone_is_named_with_the_reason(
    tom: Reader, people: People, work: Coursework
) -> None:
    for headings, words in (
        (["Review: a0 (Real)"], "“Review:” stands before the title of “a0”"),
        (["Quiz: a0 (Real)"], "“Quiz:” stands before the title of “a0”"),
        (["a0 (Percentage)", "a0 (Feedback)"], "does not hold points"),
        (["Assignment: a0 (Real)", "External tool: a0 (Real)"], "several columns are called"),
        (["Course total (Real)"], "no assignment here is called so"),
    ):
        shown = fill(tom, people, moodle(*headings))
        assert shown.status_code == 200
        told = dict(columns(shown))
        assert all(words in told[one] for one in headings)
        assert "0 grades for Moodle" in text_of(shown)


def test_a_word_with_a_colon_that_is_a_part_of_a_title_is_kept(
    site: Site, tom: Reader, people: People, work: Coursework
) -> None:
    with site.database.writing() as session:
        session.get_one(Assignment, work.assignment_id).title = "Review: Autograd"
    told = dict(columns(fill(tom, people, moodle("Review: Autograd (Real)", "Autograd (Real)"))))
    assert told["Review: Autograd (Real)"] == "1 grade, as points of 10"
    assert "no assignment here" in told["Autograd (Real)"]


def test_cells_that_are_no_numbers_are_no_points_in_any_language(
    tom: Reader, people: People, work: Coursework
) -> None:
    for cell, is_taken in (("75.00 %", False), ("B", False), ('"6,5"', True), ("-", True)):
        told = dict(columns(fill(tom, people, moodle("a0 (Näytä)", cells=cell))))
        assert told["a0 (Näytä)"].startswith("1 grade") is is_taken


def test_how_many_points_there_are_is_not_made_up_and_can_be_said(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, moodle("a0 (Real)"))
    assert "The file does not say how many points there are to get" in text_of(shown)
    assert "7.5" in again(tom, people, shown, "/file").text.split("\n")[1]
    told = again(tom, people, shown, of={"3": "100"})
    assert ("a0 (Real)", "1 grade, from points of 10") in columns(told)
    assert 'value="100"' in told.text
    filled_in = again(tom, people, told, "/file", of={"3": "100"})
    assert filled_in.text.split("\n")[1] == "Ada,Lovelace,ada@example.org,75"
    for wrong in ("no number", "0", "-3", "1e9", "nan"):
        for last in ("", "/file"):
            refused = again(tom, people, shown, last, of={"3": wrong})
            assert refused.status_code == 422
            assert "Points to get are a number above 0" in text_of(refused)
            assert ("a0 (Real)", "1 grade, as points of 10") in columns(refused)


def test_where_a_file_says_the_points_nothing_is_asked(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, CANVAS)
    assert ("a0 (4711)", "1 grade, from points of 10") in columns(shown)
    assert "does not say how many points" not in text_of(shown)


def test_a_person_chooses_columns_that_are_not_found(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, moodle("Homework one (Real)", "a0 (Real)", cells="1,2"))
    chosen = again(tom, people, shown, goes={"3": work.assignment_id, "4": 0})
    told = dict(columns(chosen))
    assert told["Homework one (Real)"].startswith("1 grade")
    assert told["a0 (Real)"] == "Left as it is: you chose to leave it"
    back = again(tom, people, chosen, "/file")
    assert back.text.split("\n")[1] == "Ada,Lovelace,ada@example.org,7.5,2"


def test_of_two_columns_that_are_called_alike_one_is_chosen(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, moodle("Assignment: a0 (Real)", "External tool: a0 (Real)"))
    told = dict(columns(again(tom, people, shown, goes={"4": work.assignment_id})))
    assert told["External tool: a0 (Real)"].startswith("1 grade")
    assert "another one is chosen" in told["Assignment: a0 (Real)"]


def test_the_grades_of_an_assignment_go_to_one_column_and_which_is_asked(
    tom: Reader, people: People, work: Coursework
) -> None:
    headings = ("a0 (Real)", "Attendance (Real)")
    shown = fill(tom, people, moodle(*headings, cells="1,2"))
    for last in ("", "/file"):
        refused = again(tom, people, shown, last, goes={"4": work.assignment_id})
        assert refused.status_code == 422
        assert "Several columns are chosen for “a0”" in text_of(refused)
        assert "0 grades for Moodle" in text_of(refused)
        assert all("go to one column" in words for _, words in columns(refused))
        # What was chosen stays chosen, so that one of them is left by one change.
        assert refused.text.count(f'value="{work.assignment_id}" selected') == 2
    # So do the points there.
    typed = again(tom, people, shown, goes={"4": work.assignment_id}, of={"4": "20"})
    assert re.findall(r'name="of" value="([^"]*)"', typed.text) == ["", "20"]
    chosen = again(tom, people, refused, goes={"3": 0})
    assert dict(columns(chosen))["Attendance (Real)"].startswith("1 grade")
    back = again(tom, people, chosen, "/file")
    assert back.text.split("\n")[1] == "Ada,Lovelace,ada@example.org,1,7.5"


def test_a_column_that_was_found_gives_way_to_one_that_is_chosen(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, moodle("a0 (Real)", "Attendance (Real)", cells="1,2"))
    alone = {"at": ["4"], "goes": [str(work.assignment_id)], "of": [""]}
    kept = {name: hidden(shown, name) for name in ("content", "seen")}
    told = dict(columns(tom.post(f"/courses/{people.course_id}/gradebook/fill", **kept, **alone)))
    assert told["a0 (Real)"] == "Left as it is: another column is chosen for “a0”"
    assert told["Attendance (Real)"].startswith("1 grade")


def test_columns_of_no_assignment_stand_behind_those_that_take_grades(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, moodle("Course total (Real)", "a0 (Real)"))
    assert [heading for heading, _ in columns(shown)] == ["a0 (Real)", "Course total (Real)"]
    assert "<summary>1 column that is called as no assignment here" in shown.text
    assert "<summary>1 column" not in fill(tom, people, moodle("Course total (Real)")).text


def test_choices_that_no_page_has_made_are_refused(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, moodle("a0 (Real)"))
    made_up: list[dict[str, Any]] = [
        {"goes": {"3": 99_999}},
        {"goes": {"3": "x"}},
        {"at": ["3", "4"]},
        {"who": 9},
        {"who": -1},
    ]
    for last in ("", "/file"):
        for changed in made_up:
            assert again(tom, people, shown, last, **changed).status_code == 422


def test_a_choice_that_was_not_looked_at_is_shown_before_there_is_a_file(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, moodle("a0 (Real)", "Attendance (Real)"))
    changed = again(tom, people, shown, "/file", goes={"3": 0, "4": work.assignment_id})
    assert changed.status_code == 422
    assert "another one than you have looked at" in text_of(changed)
    assert dict(columns(changed))["Attendance (Real)"].startswith("1 grade")
    assert again(tom, people, changed, "/file").headers["content-type"].startswith("text/csv")


def test_columns_about_students_are_never_written_to(
    tom: Reader, people: People, work: Coursework
) -> None:
    export = (
        "Student,ID,SIS User ID,SIS Login ID,Section,a0 (4711)\r\nAda,101,,ada@example.org,1,\r\n"
    )
    shown = fill(tom, people, export)
    assert [heading for heading, _ in columns(shown)] == ["a0 (4711)"]
    forged = {"at": ["1"], "goes": [str(work.assignment_id)], "of": [""]}
    where = f"/courses/{people.course_id}/gradebook/fill"
    kept = {name: hidden(shown, name) for name in ("content", "seen")}
    back = tom.post(f"{where}/file", **kept, **forged)
    assert back.text.split("\r\n")[1] == "Ada,101,,ada@example.org,1,7.5"


@pytest.mark.parametrize("points", ["1,000", "1_0", "1e3", "inf", "٣"])
def test_points_that_may_mean_something_else_are_refused(
    points: str, tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, moodle("a0 (Real)"))
    refused = again(tom, people, shown, of={"3": points})
    assert refused.status_code == 422
    assert "a number above 0" in text_of(refused)


GERMAN = (
    "Vorname;Nachname;ID-Nummer;E-Mail-Adresse;Aufgabe: a0 (Punkte);Kurs gesamt (Punkte)\n"
    "bob@example.org;Lovelace;;Ada@example.org;6,50;6,50\n"
    "Bob;Builder;;bob@example.org;-;-\n"
)


def test_a_file_in_another_language_and_with_semicolons_is_filled_in(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = fill(tom, people, GERMAN)
    assert "1 grade for your LMS" in text_of(shown)
    assert "Look whether each column is what it is taken for." in text_of(shown)
    assert "1 cell says something else now" in text_of(shown)
    back = again(tom, people, shown, "/file").text.split("\n")
    assert back[1] == "bob@example.org;Lovelace;;Ada@example.org;7.5;6,50"
    assert [back[0], back[2]] == GERMAN.split("\n")[::2][:2]


def test_a_person_chooses_by_which_column_students_are_found(
    tom: Reader, people: People, work: Coursework
) -> None:
    export = "Nombre;Usuario;Correo;a0\nAda;ada;ada@example.org;\nBob;bob;eve@example.org;\n"
    shown = fill(tom, people, export)
    assert "Not matched: 1 row Row 3:" in text_of(shown).replace(
        " These rows stay as they are.", ""
    )
    by_login = again(tom, people, shown, who=1)
    assert "By their login alone: 2 rows" in text_of(by_login)
    assert "Not matched" not in text_of(by_login)
    # And so it stays when it is looked at once more.
    assert '<option value="1">Usuario</option>' in by_login.text.split('name="who">')[1][:80]


def test_a_title_with_a_comma_does_not_say_how_cells_are_separated(
    tom: Reader, people: People, work: Coursework
) -> None:
    export = 'Last Name;Username;"a, b, c, d";a0 [Total Pts: 10 Score] |123\nX;ada;;\n'
    assert filled(tom, people, export).decode().split("\n")[1] == "X;ada;;7.5"


def comes_from_lms(site: Site, people: People, name: str, contact: str | None) -> int:
    """A student of the course whom an LMS has brought."""
    with site.database.writing() as session:
        person = Person(email=None, contact=contact, name=name)
        session.add(person)
        session.flush()
        session.add(
            Enrolment(
                course_id=people.course_id, person_id=person.id, role=Role.STUDENT, by_lms=True
            )
        )
        return person.id


def test_a_student_who_is_here_by_hand_and_by_the_lms_is_told_to_be_two(
    site: Site, client: TestClient, tom: Reader, people: People, work: Coursework
) -> None:
    comes_from_lms(site, people, "Ada L.", "ADA@example.org")
    shown = text_of(tom.get(f"/courses/{people.course_id}/gradebook/files"))
    assert "so has Ada L. (from the LMS)" in shown
    assert "so has ada (with an account here)" in shown
    assert "If they are one person: they come from the LMS, open Account and join the two" in shown
    assert "is two people" in shown
    assert "user name" not in shown.partition("Left out:")[2]
    path = f"/api/v1/courses/{people.course_id}/gradebook/left-out"
    told = client.get(path, headers=people.ta.headers).json()
    assert {one["reason"] for one in told} == {"same_address"}
    assert [line[0] for line in exported(tom, people, "moodle")[1:]] == ["bob@example.org"]


def test_of_two_with_one_address_neither_gets_the_other_s_grade_in_a_file(
    site: Site, tom: Reader, people: People, work: Coursework
) -> None:
    comes_from_lms(site, people, "Ada L.", "ada@example.org")
    shown = fill(tom, people, moodle("a0 (Real)"))
    assert "0 grades for Moodle" in text_of(shown)
    assert "2 students here have the address ada@example.org" in text_of(shown)
    assert "Who is here twice, and what helps" in text_of(shown)
    # Their grades are released, and they may be who the row is for: neither is said otherwise.
    words = "Nothing to fill in: no row is found for its 1 released grade"
    assert columns(shown) == [("a0 (Real)", words)]
    assert "Not in the file" not in text_of(shown)


def test_before_anything_is_released_the_pages_say_so_and_where_it_is_done(
    site: Site, tom: Reader, people: People
) -> None:
    book = f"/courses/{people.course_id}/gradebook"
    for part in ("files", "fill"):
        assert "There is no assignment yet" in text_of(tom.get(f"{book}/{part}"))
    staff = people.instructor.actor.person_id
    made = assignment_of(site, people.course_id, staff, slug="a0")
    made.hand_in(people.ada.actor.person_id, scores=(4.0, 3.5))
    for shown in (tom.get(f"{book}/files"), tom.get(f"{book}/fill"), fill(tom, people, CANVAS)):
        assert "No grade is released yet" in text_of(shown)
        assert f'href="/assignments/{made.assignment_id}/release"' in shown.text
    assert "a0 none released yet" in text_of(tom.get(f"{book}/files"))
    told = dict(columns(fill(tom, people, CANVAS)))
    assert told["a0 (4711)"].startswith("Nothing to fill in: no grade of it is released")
    release(site, people.instructor.actor, made.assignment_id, [people.ada.actor.person_id])
    assert "No grade is released yet" not in text_of(tom.get(f"{book}/files"))
    assert "a0 1" in text_of(tom.get(f"{book}/files"))
    assert "No grade is released yet" not in text_of(tom.get(f"{book}/fill"))
