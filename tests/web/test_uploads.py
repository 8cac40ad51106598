"""What is given to be handed in: one of several files, of a folder, of a zip."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest
from starlette.testclient import TestClient

from grader.errors import BadInput, NotASubmission, TooLarge
from grader.notebooks.read import MAX_FILE_BYTES
from grader.services.site import Site
from grader.services.submissions import Receipt, open_file
from grader.services.uploads import Choice, Given, hand_in
from tests.assigned import assignment, published
from tests.sites import People
from tests.web._work import notebook

KEY = "a-key-of-one-page"


@pytest.fixture
def assignment_id(client: TestClient, people: People) -> int:
    made = assignment(client, people)
    published(client, people, made)
    return made


def zipped(*entries: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def of_zip(*entries: tuple[str, bytes]) -> list[Given]:
    return [Given("work.zip", io.BytesIO(zipped(*entries)))]


def taken(site: Site, people: People, came_of_it: Receipt | Choice) -> tuple[str, bytes]:
    assert isinstance(came_of_it, Receipt)
    row, content = open_file(site, people.ada.actor, came_of_it.submission.id)
    return row.name, b"".join(content)


def test_the_one_notebook_among_files_is_handed_in(
    site: Site, people: People, assignment_id: int
) -> None:
    files = [
        Given("homework/data.csv", io.BytesIO(b"1,2")),
        Given("homework/a0.ipynb", io.BytesIO(notebook("x = 1"))),
        Given("homework/.ipynb_checkpoints/a0-checkpoint.ipynb", io.BytesIO(notebook("x = 0"))),
        Given("__MACOSX/homework/._a0.ipynb", io.BytesIO(b"junk")),
    ]
    came_of_it = hand_in(site, people.ada.actor, assignment_id, files)
    assert taken(site, people, came_of_it) == ("a0.ipynb", notebook("x = 1"))


def test_the_one_notebook_in_a_zip_is_handed_in(
    site: Site, people: People, assignment_id: int
) -> None:
    files = of_zip(("hw/", b""), ("hw/a0.ipynb", notebook("x = 1")), ("hw/data.csv", b"1"))
    came_of_it = hand_in(site, people.ada.actor, assignment_id, files)
    assert taken(site, people, came_of_it) == ("a0.ipynb", notebook("x = 1"))


def test_of_several_the_person_picks_one(site: Site, people: People, assignment_id: int) -> None:
    files = of_zip(("hw/a0.ipynb", notebook("x = 1")), ("hw/helper.py", b"y = 2\n"))
    asked = hand_in(site, people.ada.actor, assignment_id, files)
    assert asked == Choice(["hw/a0.ipynb", "hw/helper.py"])
    came_of_it = hand_in(site, people.ada.actor, assignment_id, files, pick="hw/helper.py")
    assert taken(site, people, came_of_it) == ("helper.py", b"y = 2\n")
    with pytest.raises(NotASubmission, match=r"no other\.py"):
        hand_in(site, people.ada.actor, assignment_id, files, pick="other.py")


def test_the_same_file_of_a_page_is_handed_in_once_and_another_one_anew(
    site: Site, people: People, assignment_id: int
) -> None:
    def send(source: str) -> Receipt:
        file = [Given("a0.ipynb", io.BytesIO(notebook(source)))]
        came = hand_in(site, people.ada.actor, assignment_id, file, page_key=KEY)
        assert isinstance(came, Receipt)
        return came

    first, again, other = send("x = 1"), send("x = 1"), send("x = 2")
    assert first.is_new
    assert not again.is_new
    assert again.submission.id == first.submission.id
    assert other.submission.id != first.submission.id


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([], "Choose a notebook"),
        ([Given("report.pdf", io.BytesIO(b"%PDF"))], r"report\.pdf: only \.ipynb and \.py"),
        ([Given("a", io.BytesIO(b"")), Given("b", io.BytesIO(b""))], "these 2 files"),
        ([Given("work.zip", io.BytesIO(b"PK no zip"))], "no zip that can be read"),
        (of_zip(("notes.txt", b"x")), r"work\.zip"),
        (of_zip(("../a0.ipynb", notebook("x"))), r"leads out of the folder"),
        (of_zip(("/etc/a0.ipynb", notebook("x"))), "absolute path"),
        (of_zip(("c:/a0.ipynb", notebook("x"))), "absolute path"),
        (of_zip(("hw\\a0.ipynb", notebook("x"))), "has a backslash"),
        (of_zip(("d/" * 12 + "a0.ipynb", notebook("x"))), "more than 12 folders deep"),
        (of_zip(("x" * 240 + ".ipynb", notebook("x"))), "longer than 240 bytes"),
        (of_zip(("a0.ipynb", b" " * (4 << 20))), "more than 200 times its size"),
        (
            of_zip(*((f"{n}.py", b"x") for n in range(60))),
            "more than 50 notebooks and Python files",
        ),
        ([Given("a0.ipynb", io.BytesIO(b"{"))], r"a0\.ipynb: it is cut off"),
    ],
)
def test_what_is_refused_says_why(
    files: list[Given], why: str, site: Site, people: People, assignment_id: int
) -> None:
    with pytest.raises(NotASubmission, match=why):
        hand_in(site, people.ada.actor, assignment_id, files)


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    site: Site, people: People, assignment_id: int
) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a0.ipynb", b"x" * (MAX_FILE_BYTES + 1))
    with pytest.raises(TooLarge, match="larger than 16 MiB"):
        hand_in(site, people.ada.actor, assignment_id, [Given("w.zip", file)])


def test_zips_in_zips_are_not_opened(site: Site, people: People, assignment_id: int) -> None:
    inner = zipped(("a0.ipynb", notebook("x = 0")))
    with pytest.raises(NotASubmission, match=r"no notebook .* in work\.zip"):
        hand_in(site, people.ada.actor, assignment_id, of_zip(("inner.zip", inner)))
    files = of_zip(("inner.zip", inner), ("hw/a0.ipynb", notebook("x = 1")))
    came_of_it = hand_in(site, people.ada.actor, assignment_id, files)
    assert taken(site, people, came_of_it) == ("a0.ipynb", notebook("x = 1"))


def test_zips_are_opened_up_to_a_number(site: Site, people: People, assignment_id: int) -> None:
    empty = [Given(f"{n}.ZIP", io.BytesIO(zipped(("notes.txt", b"x")))) for n in range(5)]
    work = [Given("a0.ipynb", io.BytesIO(notebook("x = 1")))]
    came_of_it = hand_in(site, people.ada.actor, assignment_id, [*empty, *work])
    assert taken(site, people, came_of_it) == ("a0.ipynb", notebook("x = 1"))
    with pytest.raises(NotASubmission, match="more than 5 zips"):
        hand_in(site, people.ada.actor, assignment_id, [*empty, *of_zip(), *work])


def test_a_zip_of_very_many_entries_is_refused_before_they_are_listed(
    site: Site, people: People, assignment_id: int
) -> None:
    many = of_zip(*((f"{n:05}-{'x' * 190}.txt", b"") for n in range(4500)))
    with pytest.raises(NotASubmission, match="table of contents is too long"):
        hand_in(site, people.ada.actor, assignment_id, many)


def test_a_notebook_in_a_zip_that_is_no_file_is_refused(
    site: Site, people: People, assignment_id: int
) -> None:
    file, link = io.BytesIO(), zipfile.ZipInfo("hw/a0.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(NotASubmission, match=r"'hw/a0\.ipynb' is a symbolic link"):
        hand_in(site, people.ada.actor, assignment_id, [Given("work.zip", file)])


def test_a_zip_that_lies_about_its_sizes_is_refused(
    site: Site, people: People, assignment_id: int
) -> None:
    honest = zipped(("a0.ipynb", notebook("x = 1") * 100))
    size = len(notebook("x = 1") * 100).to_bytes(4, "little")
    lying = honest.replace(size, (10).to_bytes(4, "little"))
    assert lying != honest
    with pytest.raises(BadInput, match=r"a0\.ipynb"):
        hand_in(site, people.ada.actor, assignment_id, [Given("w.zip", io.BytesIO(lying))])
