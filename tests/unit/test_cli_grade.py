"""`chainrule grade`, with judging replaced: files, tables, documents and exit statuses."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import nbformat
import pytest

from grader.cli import chainrule, run
from grader.domain.outcomes import Outcome, RunStatus
from grader.domain.results import Result
from grader.domain.rubric import Bundle
from grader.errors import SandboxFailed, SandboxUnavailable
from grader.notebooks.read import Submission
from grader.resultdoc import error_json_schema
from tests.unit._builders import bundle_folder, check, code, exercise, notebook, result
from workers.commands.grade import grade
from workers.commands.outputs import report_stems, submissions_in
from workers.pipeline import Judged

RUBRIC = """\
title: Two layers
exercises:
  - id: ex1
    title: Forward
    checks: [{id: answer, kind: manual, points: 4}]
"""

Judge = Callable[[Submission], Result]


class FakeZygote:
    """Stands for a warm zygote; remembers how it was asked for."""

    accepted: frozenset[str] = frozenset()
    gpus: tuple[int, ...] = ()
    single = False

    def __init__(
        self,
        runtime: object,
        *,
        accept_missing: frozenset[str],
        gpus: tuple[int, ...],
        single: bool = False,
    ) -> None:
        FakeZygote.accepted, FakeZygote.gpus, FakeZygote.single = accept_missing, gpus, single

    def __enter__(self) -> FakeZygote:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class Course:
    """A bundle and a folder for submissions, with a judge that a test can replace."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seeds: list[int | None] = []
        self.judge: Judge = lambda one: dataclasses.replace(result(), submission=one.info)
        bundle_folder(root, RUBRIC)
        (root / "in").mkdir()

    def hand_in(self, name: str, data: bytes | None = None) -> Path:
        path = self.root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(notebook(code("x = 1")) if data is None else data)
        return path

    def judged(
        self,
        zygote: object,
        bundle: Bundle,
        submission: Submission,
        seed: int | None = None,
        on_cell: Callable[[int], None] | None = None,
        on_judged: Judged | None = None,
    ) -> Result:
        assert isinstance(zygote, FakeZygote)
        assert bundle.rubric.slug == "two-layers"
        if on_cell is not None:
            on_cell(0)
        if on_judged is not None:
            on_judged(1, 2, True, {})
        self.seeds.append(seed)
        return self.judge(submission)


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    made = Course(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(chainrule.commands, "grade", grade)
    for module in ("workers.pipeline.grade", "workers.commands.folder.judge"):
        monkeypatch.setattr(module, made.judged)
    for module in ("workers.zygote.Zygote", "workers.commands.folder.Zygote"):
        monkeypatch.setattr(module, FakeZygote)
    return made


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_submission_prints_its_report(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    path = course.hand_in("mine.ipynb")

    assert run(["grade", "two-layers", str(path), "--seed", "7"]) == 0
    captured = capsys.readouterr()
    assert "4 of 4 points" in captured.out
    assert captured.err == ""
    assert course.seeds == [7]


def test_json_is_the_document_and_nothing_else(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    path = course.hand_in("mine.py", b"x = 1\n")

    assert run(["grade", "two-layers", str(path), "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["submission"]["name"] == "mine.py"
    assert captured.out.count("\n") == 1
    assert captured.err == ""


def test_any_score_is_success(course: Course) -> None:
    lost = exercise(check(outcome=Outcome.FAILED, score=0.0))
    course.judge = lambda one: result(lost, status=RunStatus.TIME_LIMIT)

    assert run(["grade", "two-layers", str(course.hand_in("mine.ipynb"))]) == 0


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("mine.ipynb", b"", "chainrule: mine.ipynb: it is empty; save it and hand it in again\n"),
        ("mine.txt", b"x", "chainrule: mine.txt: only .ipynb and .py files can be graded\n"),
    ],
)
def test_no_submission_is_one_line_and_status_2(
    course: Course, capsys: pytest.CaptureFixture[str], name: str, data: bytes, said: str
) -> None:
    assert run(["grade", "two-layers", str(course.hand_in(name, data))]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == 1
    assert course.seeds == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["two-layers", "in/nowhere.ipynb"],
        ["three-layers", "in"],
        ["two-layers", "in"],
        ["two-layers", "in", "--jobs", "0"],
        ["two-layers", "in", "--accept-missing", "walls"],
        ["two-layers", "in", "--accept-missing", "user"],
        ["two-layers", "in/a.py", "--csv", "/nowhere/scores.csv"],
        ["two-layers", "in/a.py", "--out", "/dev/null/reports"],
    ],
    ids=" ".join,
)
def test_a_bad_call_is_status_2(
    course: Course, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    if "in/a.py" in arguments:
        course.hand_in("a.py")

    assert run(["grade", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "option", "said"),
    [
        ("in/a.ipynb", "--csv", "/dev/full cannot be written: No space left on device"),
        ("in", "--csv", "/dev/full cannot be written: No space left on device"),
        ("in/a.ipynb", "--out", "reports/a.json cannot be written: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_named(
    course: Course, capsys: pytest.CaptureFixture[str], path: str, option: str, said: str
) -> None:
    course.hand_in("a.ipynb")
    (course.root / "reports" / "a.json").mkdir(parents=True)
    target = "/dev/full" if option == "--csv" else "reports"

    assert run(["grade", "two-layers", path, option, target]) == 2
    assert capsys.readouterr().err == f"chainrule: {said}\n"


def test_a_report_that_cannot_be_written_is_a_row_and_the_others_go_on(course: Course) -> None:
    course.hand_in("a.ipynb")
    course.hand_in("b.ipynb")
    (course.root / "reports" / "a.json").mkdir(parents=True)

    assert run(["grade", "two-layers", "in", "--out", "reports", "--csv", "s.csv"]) == 3
    table = rows(course.root / "s.csv")
    assert [row["status"] for row in table] == ["completed", "completed"]
    assert table[0]["score"] == table[1]["score"]
    assert table[0]["error"] == "reports/a.json cannot be written: Is a directory"


def test_a_part_that_failed_for_us_is_status_3(course: Course) -> None:
    course.judge = lambda one: result(exercise(check(outcome=Outcome.NOT_JUDGED, score=0.0)))

    assert run(["grade", "two-layers", str(course.hand_in("mine.ipynb"))]) == 3


@pytest.mark.parametrize("path", ["in/a.ipynb", "in"])
def test_a_fault_of_the_bundle_is_one_line_for_each_check_with_what_to_do(
    course: Course, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    faulty = check(outcome=Outcome.NOT_JUDGED, score=0.0, detail={"fault": "there is\nno `f`"})
    course.judge = lambda one: result(exercise(faulty, check("other")))
    course.hand_in("a.ipynb")
    course.hand_in("b.ipynb")

    assert run(["grade", "rubrics/two-layers", path]) == 3
    assert capsys.readouterr().err == (
        "chainrule: ex1/values was not judged, by its bundle: there is no `f`; see "
        "`chainrule rubric lint rubrics/two-layers` and "
        "`chainrule rubric test rubrics/two-layers`\n"
    )


def test_an_internal_error_is_tried_once_more(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails_once(one: Submission) -> Result:
        if len(course.seeds) == 1:
            raise SandboxFailed("the supervisor went away")
        return result()

    course.judge = fails_once
    assert run(["grade", "two-layers", str(course.hand_in("mine.ipynb"))]) == 0

    def fails(one: Submission) -> Result:
        raise SandboxFailed("the supervisor went away")

    course.judge = fails
    assert run(["grade", "two-layers", str(course.hand_in("mine.ipynb"))]) == 3
    assert "chainrule: the supervisor went away\n" in capsys.readouterr().err
    assert len(course.seeds) == 4


def test_layers_are_accepted_by_option_and_by_environment(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINRULE_ACCEPT_MISSING", "net")
    path = str(course.hand_in("mine.ipynb"))

    assert run(["grade", "two-layers", path, "--accept-missing", "landlock"]) == 0
    assert FakeZygote.accepted == {"net", "landlock"}


def test_reports_of_one_submission(course: Course) -> None:
    path = course.hand_in("mine.ipynb")

    assert run(["grade", "two-layers", str(path), "--out", "reports", "--csv", "scores.csv"]) == 0
    written = course.root / "reports"
    assert {file.name for file in written.iterdir()} == {"mine.json", "mine.ipynb", "mine.txt"}
    nbformat.validate(json.loads((written / "mine.ipynb").read_text()))
    assert json.loads((written / "mine.json").read_text())["score"] == 4.0
    assert "4 of 4 points" in (written / "mine.txt").read_text()
    assert [row["name"] for row in rows(course.root / "scores.csv")] == ["mine.ipynb"]


def test_a_folder_is_graded_in_the_order_of_its_files(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b.ipynb", "a/z.py", "a/y.ipynb", "c.ipynb"):
        course.hand_in(name, b"" if name == "b.ipynb" else b"x = 1" if name == "a/z.py" else None)
    course.hand_in("notes.txt", b"no submission")

    arguments = ["grade", "two-layers", "in", "--jobs", "2", "--csv", "s.csv", "--out", "reports"]
    assert run(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines()[-1] == "3 judged, 1 no submissions"

    table = rows(course.root / "s.csv")
    assert [row["name"] for row in table] == ["a/y.ipynb", "a/z.py", "b.ipynb", "c.ipynb"]
    assert table[0] == {
        "name": "a/y.ipynb",
        "sha256": table[0]["sha256"],
        "status": "completed",
        "score": "4.0",
        "max_score": "4.0",
        "pending": "0",
        "ex1": "4.0",
        "error": "",
    }
    assert len(table[0]["sha256"]) == 64
    assert (table[2]["status"], table[2]["score"]) == ("not_a_submission", "")
    assert "it is empty" in table[2]["error"]
    reports = {path.relative_to("reports").as_posix() for path in Path("reports").rglob("*.json")}
    assert reports == {"a/y.json", "a/z.json", "c.json"}


def test_a_folder_as_json_is_one_line_for_each_file(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    course.hand_in("a.ipynb")
    course.hand_in("b.ipynb", b"%PDF")

    assert run(["grade", "two-layers", "in", "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["schema"], first["submission"]["name"]) == ("chainrule.result/1", "a.ipynb")
    jsonschema.validate(second, error_json_schema())
    assert second == {
        "schema": "chainrule.error/1",
        "submission": {"name": "b.ipynb", "sha256": ""},
        "status": "not_a_submission",
        "error": "b.ipynb: it is a PDF; hand in the notebook, not a print of it",
    }


@pytest.mark.parametrize("error", [SandboxFailed("gone"), ZeroDivisionError("bug")], ids=str)
def test_a_failure_of_ours_is_a_row_and_the_others_go_on(course: Course, error: Exception) -> None:
    def fails_for_b(one: Submission) -> Result:
        if one.info.name == "b.ipynb":
            raise error
        return dataclasses.replace(result(), submission=one.info)

    course.judge = fails_for_b
    for name in ("a.ipynb", "b.ipynb", "c.ipynb"):
        course.hand_in(name)

    assert run(["grade", "two-layers", "in", "--csv", "s.csv"]) == 3
    table = rows(course.root / "s.csv")
    assert [row["status"] for row in table] == ["completed", "internal_error", "completed"]
    assert table[1]["score"] == ""
    assert str(error) in table[1]["error"]


def test_without_any_sandbox_the_folder_is_not_gone_through(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_sandbox(one: Submission) -> Result:
        raise SandboxUnavailable("the sandbox lacks seccomp")

    course.judge = no_sandbox
    for number in range(20):
        course.hand_in(f"{number}.ipynb")

    assert run(["grade", "two-layers", "in", "--jobs", "1"]) == 3
    captured = capsys.readouterr()
    assert captured.err == "chainrule: the sandbox lacks seccomp\n"
    assert captured.out == ""


def test_a_zygote_is_prepared_for_many_where_many_may_come(course: Course) -> None:
    path = course.hand_in("mine.ipynb")
    assert run(["grade", "two-layers", str(path)]) == 0
    assert FakeZygote.single
    assert run(["grade", "two-layers", str(path.parent)]) == 0
    assert not FakeZygote.single


def test_a_link_in_a_folder_leads_nowhere(course: Course) -> None:
    course.hand_in("a.ipynb")
    (course.root / "in" / "b.py").symlink_to(course.root / "reference/two-layers/solution.py")

    assert run(["grade", "two-layers", "in", "--csv", "s.csv"]) == 0
    table = rows(course.root / "s.csv")
    assert [row["status"] for row in table] == ["completed", "not_a_submission"]


def test_names_are_no_formulas(course: Course) -> None:
    course.hand_in("=cmd|' /C calc'!A0.ipynb")

    assert run(["grade", "two-layers", "in", "--csv", "s.csv"]) == 0
    assert rows(course.root / "s.csv")[0]["name"] == "'=cmd|' /C calc'!A0.ipynb"


def test_only_submissions_are_found(course: Course) -> None:
    for name in (
        "b.py",
        "a.IPYNB",
        ".hidden.py",
        ".ipynb_checkpoints/a.py",
        "out/r.ipynb",
        "x.txt",
    ):
        course.hand_in(name)

    assert submissions_in(Path("in")) == ["a.IPYNB", "b.py", "out/r.ipynb"]
    assert submissions_in(Path("in"), leave_out=Path("in/out")) == ["a.IPYNB", "b.py"]


def test_reports_of_equal_names_do_not_meet() -> None:
    names = ["a/hw.ipynb", "a/hw.py", "b/hw.py"]

    assert report_stems(names, Path("out")) == [
        Path("out/a/hw-ipynb"),
        Path("out/a/hw-py"),
        Path("out/b/hw"),
    ]


def test_a_progress_bar_leaves_stdout_alone(
    course: Course, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as if a person watched
    for name in ("a.ipynb", "b.ipynb"):
        course.hand_in(name)

    assert run(["grade", "two-layers", "in", "--json"]) == 0
    captured = capsys.readouterr()
    assert [json.loads(line)["score"] for line in captured.out.splitlines()] == [4.0, 4.0]
    assert "2/2" in captured.err
    assert run(["grade", "two-layers", "in", "--json", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
