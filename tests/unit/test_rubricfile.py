"""A bundle is read whole, and what is wrong with it is named by file, line, column and field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import jsonschema
import pytest
import yaml

from grader import rubricfile
from grader.domain.rubric import HIGHEST, CheckSpec, Limits, Place
from grader.errors import BadBundle
from grader.rubricfile import json_schema, load_bundle
from tests.unit._builders import SOLUTION, bundle_folder
from workers.inside.frames import MAX_FRAME

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, kw_only=True)
class CompareSpec(CheckSpec):
    """A made-up kind."""

    kind: Literal["compare"]
    function: str
    sizes: tuple[int, ...] | float = ()


@dataclass(frozen=True, kw_only=True)
class AskSpec(CheckSpec):
    """Another."""

    kind: Literal["ask"]


RUBRIC = """\
title: Two layers
limits: {wall_s: 20}
training:
  start: {last_definition: Net}
exercises:
  - id: ex1
    title: Forward
    checks:
      - {id: values, kind: compare, points: 4, function: forward}
  - id: ex2
    title: In words
    checks:
      - id: answer
        kind: ask
        points: 2
        depends_on: [ex1/values]
        look: [{marker: ex2}, {end: true}]
"""


@pytest.fixture
def made_up_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds of checks that stand still while the real ones change."""
    kinds = {"compare": SimpleNamespace(spec=CompareSpec), "ask": SimpleNamespace(spec=AskSpec)}
    monkeypatch.setattr(rubricfile, "KINDS", kinds)


@pytest.fixture
def root(tmp_path: Path, made_up_kinds: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(root: Path, rubric: str) -> str:
    bundle_folder(root, rubric)
    with pytest.raises(BadBundle) as caught:
        load_bundle("two-layers", root)
    return str(caught.value)


def changed(old: str, new: str) -> str:
    """The rubric with one part of it changed."""
    assert RUBRIC.count(old) == 1
    return RUBRIC.replace(old, new)


def test_a_bundle_is_read_whole(root: Path) -> None:
    folder = bundle_folder(root, RUBRIC)
    (folder / "files" / "data").mkdir(parents=True)
    (folder / "files" / "data" / "a.csv").write_bytes(b"1,2\n")

    bundle = load_bundle("two-layers", root)

    rubric = bundle.rubric
    assert (rubric.slug, rubric.title, rubric.max_score) == ("two-layers", "Two layers", 6.0)
    assert rubric.limits == Limits(wall_s=20)
    assert rubric.training is not None
    assert rubric.training.start == Place(last_definition="Net")
    first, second = (exercise.checks[0] for exercise in rubric.exercises)
    assert first == CompareSpec(id="values", kind="compare", points=4, function="forward")
    assert second.look == (Place(marker="ex2"), Place(end=True))
    assert second.depends_on == ("ex1/values",)
    assert bundle.reference == SOLUTION
    assert bundle.files == {"data/a.csv": b"1,2\n"}
    assert bundle.folder == folder


def test_a_path_names_a_bundle_that_lies_the_same_way(root: Path) -> None:
    folder = bundle_folder(root / "elsewhere", RUBRIC)

    by_path = load_bundle(folder, root)

    assert by_path == load_bundle("elsewhere/rubrics/two-layers", root)
    assert by_path.rubric.slug == "two-layers"


def test_the_version_is_the_hash_of_what_is_in_the_bundle(root: Path) -> None:
    folder = bundle_folder(root, RUBRIC)
    (folder / "files").mkdir()
    parts = {
        folder / "rubric.yaml": RUBRIC + "\n",
        root / "reference" / "two-layers" / "solution.py": "x = 1\n",
        folder / "starter.ipynb": "{}",
        folder / "files" / "a.csv": "1",
    }
    versions = [load_bundle("two-layers", root).version]
    for path, content in parts.items():
        path.write_text(content)
        versions.append(load_bundle("two-layers", root).version)
    (folder / "notes.txt").write_text("no part of it")

    assert len(set(versions)) == len(versions)
    assert load_bundle("two-layers", root).version == versions[-1]
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", version) for version in versions)


def test_what_stands_in_one_file_is_not_taken_for_what_stands_in_another(root: Path) -> None:
    folder = bundle_folder(root, RUBRIC)
    (folder / "files").mkdir()
    (folder / "files" / "a").write_text("bc")
    first = load_bundle("two-layers", root).version
    (folder / "files" / "a").rename(folder / "files" / "ab")
    (folder / "files" / "ab").write_text("c")

    assert load_bundle("two-layers", root).version != first


@pytest.mark.parametrize(
    ("old", "new", "where", "sentence"),
    [
        ("title: Two layers", "titel: Two layers", "1:1: titel", "did you mean `title`?"),
        ("title: Two layers\n", "", "1:1", "`title` is missing"),
        ("title: Two layers", "title: ''", "1:8: title", "should not be empty"),
        ("wall_s: 20", "wall_s: soon", "2:18: limits.wall_s", "should be a valid number"),
        ("wall_s: 20", "wall_s: -1", "2:18: limits.wall_s", "should be more than 0"),
        ("wall_s: 20", "wall_s: 1e9", "2:18: limits.wall_s", "should be 14400 at most"),
        (
            "wall_s: 20",
            "memory_bytes: 1180591620717411303424",
            "2:24: limits.memory_bytes",
            "at most",
        ),
        (
            "wall_s: 20",
            "evidence_bytes: 15728640",
            "2:26: limits.evidence_bytes",
            "14680064 at most",
        ),
        ("wall_s: 20", "walls: 20", "2:10: limits.walls", "did you mean `wall_s`?"),
        (
            "last_definition: Net",
            "last_def: N",
            "4:11: training.start.last_def",
            "`last_definition`?",
        ),
        ("last_definition: Net", "", "4:10: training.start", "exactly one of marker"),
        ("kind: compare", "kind: compar", "9:28: exercises[0].checks[0].kind", "`compare`?"),
        ("kind: compare, ", "", "9:9: exercises[0].checks[0]", "`kind` is missing"),
        ("points: 4", "points: -4", "9:45: exercises[0].checks[0].points", "0 or more"),
        ("points: 4", "points: .inf", "9:45: exercises[0].checks[0].points", "0 or more"),
        ("points: 4", "ponits: 4", "9:37: exercises[0].checks[0].ponits", "`points`?"),
        (", function: forward", "", "9:9: exercises[0].checks[0]", "`function` is missing"),
        ("function: forward", "function: [f]", "9:58: exercises[0].checks[0].function", "string"),
        ("id: values", "id: Values!", "9:14: exercises[0].checks[0].id", "small letters"),
        ("- id: ex2", "- id: ex1", "10:9: exercises[1].id", "ex1 stands twice"),
        ("- id: ex2", "- id: Ex 2", "10:9: exercises[1].id", "small letters"),
        ("[ex1/values]", "[ex1/valuse]", "16:22: exercises[1].checks[0].depends_on[0]", "mean ex1"),
        ("[ex1/values]", "[answer]", "16:22: exercises[1].checks[0].depends_on[0]", "for itself"),
        ("[{marker: ex2}, {", "[{marker: ex2, ", "17:16: exercises[1].checks[0].look[0]", "one of"),
        ("title: Forward", "id: ex3", "7:5: exercises[0].id", "stands twice, first in line 6"),
        ("    title: Forward", "\ttitle: Forward", "7:1", "a tab"),
        ("    title: Forward", "   title: Forward", "7:4", ""),
        ("points: 4", "points: !!python/name:os.system", "9:45", "could not determine"),
        ("{end: true}]", "{end: true}", "18:1", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    root: Path, old: str, new: str, where: str, sentence: str
) -> None:
    message = refusal(root, changed(old, new))

    assert message.startswith(f"rubrics/two-layers/rubric.yaml:{where}: ")
    assert sentence in message
    assert "\n" not in message


def test_a_value_of_several_types_is_told_in_one_sentence(root: Path) -> None:
    message = refusal(root, changed("function: forward", "function: f, sizes: x"))

    assert message.endswith(
        "checks[0].sizes: should be a list or a valid number, unable to parse string as a number"
    )


def test_the_first_problem_in_the_file_is_the_one_that_is_told(root: Path) -> None:
    rubric = changed("points: 2", "points: many").replace("wall_s: 20", "wall_s: soon")

    assert ":2:18: limits.wall_s: " in refusal(root, rubric)


def test_dependencies_that_go_in_a_circle_are_refused(root: Path) -> None:
    rubric = changed("function: forward", "function: f, depends_on: [ex2/answer]")

    assert "waits for itself" in refusal(root, rubric)


def test_anchors_and_merges_are_yaml_too(root: Path) -> None:
    shared = "- &one {id: values, kind: compare, points: 4, function: forward}\n"
    more = f"{shared}      - {{<<: *one, id: again}}"
    bundle_folder(
        root, changed("- {id: values, kind: compare, points: 4, function: forward}", more)
    )

    first, second = load_bundle("two-layers", root).rubric.exercises[0].checks

    assert (first.id, second.id, second.points) == ("values", "again", 4)


def test_aliases_that_multiply_are_stopped(root: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for letter, next_letter in zip("abcdef", "bcdefg", strict=True):
        bomb += f"{next_letter}: &{next_letter} [{', '.join([f'*{letter}'] * 9)}]\n"

    assert "more than 100000 values" in refusal(root, bomb)


@pytest.mark.parametrize("rubric", ["", "# nothing\n", "- a\n", "just words"])
def test_what_is_no_rubric_at_all_is_refused(root: Path, rubric: str) -> None:
    assert "rubric.yaml:" in refusal(root, rubric)


def test_bytes_that_are_no_text_are_refused(root: Path) -> None:
    folder = bundle_folder(root, RUBRIC)
    (folder / "rubric.yaml").write_bytes(b"title: x\nmore: \xff\n")
    with pytest.raises(BadBundle, match=r"rubric\.yaml:2:1: not UTF-8"):
        load_bundle("two-layers", root)


def test_an_unknown_assignment_is_answered_with_the_nearest(root: Path) -> None:
    bundle_folder(root, RUBRIC)
    with pytest.raises(BadBundle, match="did you mean two-layers"):
        load_bundle("two-layer", root)
    with pytest.raises(BadBundle, match="known: two-layers"):
        load_bundle("something", root)
    with pytest.raises(BadBundle, match="no folder"):
        load_bundle("./something", root)


def test_the_reference_must_be_there_and_parse(root: Path) -> None:
    bundle_folder(root, RUBRIC)
    reference = root / "reference" / "two-layers" / "solution.py"
    reference.write_text("x = 1\ny =\n")
    with pytest.raises(BadBundle, match=r"reference/two-layers/solution\.py:2:4: .* not parse"):
        load_bundle("two-layers", root)
    reference.unlink()
    with pytest.raises(BadBundle, match="cannot be read: No such file"):
        load_bundle("two-layers", root)


def test_files_fit_the_limits_and_are_no_links(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bundle_folder(root, changed("wall_s: 20", "disk_bytes: 10"))
    (folder / "files").mkdir()
    (folder / "files" / "a").write_bytes(b"x" * 11)
    with pytest.raises(BadBundle, match=r"limits\.disk_bytes"):
        load_bundle("two-layers", root)
    monkeypatch.setattr("grader.rubricfile._MAX_FILES_BYTES", 27)
    with pytest.raises(BadBundle, match="can be laid into a sandbox"):
        load_bundle("two-layers", root)
    (folder / "files" / "a").unlink()
    (folder / "files" / "a").symlink_to("/etc/hostname")
    with pytest.raises(BadBundle, match="symbolic link"):
        load_bundle("two-layers", root)


def test_the_highest_limits_are_the_editor_s_too_and_fit_what_carries_them() -> None:
    fields: Any = json_schema()
    for name, field in fields["$defs"]["Limits"]["properties"].items():
        assert (field["exclusiveMinimum"], field["maximum"]) == (0, getattr(HIGHEST, name))
    for carried in (HIGHEST.evidence_bytes, HIGHEST.kept_output_bytes):
        assert 4 * carried + (8 << 20) <= MAX_FRAME


@pytest.mark.parametrize("path", sorted(ROOT.glob("rubrics/*/rubric.yaml")), ids=str)
def test_every_rubric_of_ours_is_valid(path: Path) -> None:
    bundle = load_bundle(path.parent.name, ROOT)
    jsonschema.Draft202012Validator(json_schema()).validate(yaml.safe_load(path.read_text()))

    assert bundle.rubric.max_score > 0


def test_the_schema_refuses_what_the_loader_refuses(made_up_kinds: None) -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    rubric = yaml.safe_load(RUBRIC)
    validator.validate(rubric)

    rubric["exercises"][0]["checks"][0]["ponits"] = 3
    assert not validator.is_valid(rubric)


def test_the_published_schema_is_the_one_of_the_code() -> None:
    published = json.loads((ROOT / "rubrics" / "rubric.schema.json").read_text())

    assert published == json_schema(), "run: chainrule rubric schema > rubrics/rubric.schema.json"
