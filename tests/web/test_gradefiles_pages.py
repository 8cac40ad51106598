"""Grades for other systems: files that they import as they are, and their own exports filled in."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import Enrolment, Person, Role
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


def exported(tom: Reader, people: People, lms: str) -> list[list[str]]:
    found = tom.get(f"/courses/{people.course_id}/gradebook/for/{lms}.csv")
    assert found.status_code == 200
    return list(csv.reader(io.StringIO(found.text)))


def fill(tom: Reader, people: People, content: str | bytes) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    where = f"/courses/{people.course_id}/gradebook/fill"
    return tom.post(where, files={"file": ("export.csv", raw)})


def filled(tom: Reader, people: People, content: str | bytes) -> bytes:
    shown = fill(tom, people, content)
    assert shown.status_code == 200, text_of(shown)
    where = f"/courses/{people.course_id}/gradebook/fill/file"
    return bytes(tom.post(where, content=hidden(shown, "content")).content)


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
    assert "ada@other.example The user name ada is not theirs alone. Blackboard, Bright" in shown
    assert "Nemo No address. Any of them" in shown
    assert [line[2] for line in exported(tom, people, "blackboard")[1:]] == ["bob"]
    path = f"/api/v1/courses/{people.course_id}/gradebook/left-out"
    told = client.get(path, headers=people.ta.headers).json()
    assert {one["name"]: len(one["systems"]) for one in told} == {"Eve": 2, "Nemo": 5, "ada": 2}


def test_where_nobody_is_left_out_nothing_is_said_of_it(
    tom: Reader, people: People, work: Coursework
) -> None:
    shown = text_of(tom.get(f"/courses/{people.course_id}/gradebook/files"))
    assert "Moodle 2 0" in shown
    assert "Left out:" not in shown


def test_a_file_takes_the_same_statements_for_more_students(
    site: Site, tom: Reader, people: People, work: Coursework
) -> None:
    counts = []
    for n in range(2):
        with statements(site) as seen:
            exported(tom, people, "canvas")
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
    assert "Row 4: Nobody, Ned 78 s2 ned" in shown
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


def test_two_students_with_the_same_login_are_matched_by_their_whole_address_alone(
    site: Site, tom: Reader, people: People, work: Coursework
) -> None:
    with site.database.writing() as session:
        session.get_one(Person, people.bob.actor.person_id).email = "ada@other.example"
    assert "Nobody here: 1 row" in text_of(fill(tom, people, BLACKBOARD))


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
    assert "Nobody here: 1 row" in text_of(fill(tom, people, both))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Student,ID\n" + b"x,\n" * 10_000, "more rows or columns"),
        (b"Student,ID" + b"," * 499 + b"\n", "more rows or columns"),
        (b"", "it is empty"),
        (b"PK\x03\x04\xff\xff", "export it once more"),
        (b"name,points\nada,3\n", "no gradebook as Canvas"),
        (CANVAS.replace("a0 (4711)", "b (1)"), "column is called as an assignment is"),
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
