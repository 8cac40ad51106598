"""`chainrule rubric test`: what counts as found, waivers, the report and the status."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from grader.cli import run
from grader.domain.rubric import CheckSpec
from grader.errors import BadBundle
from grader.notebooks.read import parse
from grader.rubricfile import load_bundle
from tests.unit._builders import bundle_folder
from workers.commands.testreport import findings_document, print_findings
from workers.mutation.causes import naming
from workers.mutation.mutants import Mutant, mutants
from workers.rubrictest.bounds import bounded, specs
from workers.rubrictest.findings import Findings, Judged
from workers.rubrictest.trial import Trial
from workers.rubrictest.waivers import Waivers, read_waivers

ANSWER = parse("answer.py", b"def forward(x):\n    return 2 * x + 1\n")
MUTANTS = {one.name: one for one in mutants(ANSWER)}
SIGN, TERM = MUTANTS["forward/flip-sign/1"], MUTANTS["forward/drop-term/1"]

RUBRIC = """\
title: Two layers
training: {start: {last_definition: Net}}
exercises:
  - id: ex1
    title: Forward
    checks:
      - {id: values, kind: forward, points: 2, function: forward, inputs: {x: {normal: [2]}}}
  - id: ex2
    title: Training
    checks:
      - &training
        id: loss
        kind: training
        points: 2
        model: model
        data: {inputs: X, targets: Y}
        architecture: Net
        loss: mean_squared_error
        thresholds: [{below: 0.1, fraction: 1}]
      - {id: after, kind: manual, points: 1, depends_on: [loss]}
"""


def found(*judged: Judged, waived: dict[str, str] | None = None) -> Findings:
    return Findings(mutants=list(judged), waived=waived or {})


def lost(mutant: Mutant, *, cause: str | None = None) -> Judged:
    return Judged(mutant, lost=("ex1",), cause=cause, of_gradient=True)


def test_the_score_is_the_share_of_mistakes_that_cost_points() -> None:
    findings = found(lost(SIGN), Judged(TERM))

    assert (findings.killed, findings.counted, findings.score) == (1, 2, 0.5)
    assert not findings.passed


def test_a_waived_survivor_counts_neither_way() -> None:
    findings = found(lost(SIGN), Judged(TERM), waived={f"survives/{TERM.name}": "the same"})

    assert (findings.killed, findings.counted) == (1, 1)
    assert findings.passed


def test_points_lost_elsewhere_are_a_problem_of_their_own() -> None:
    spilled = Judged(SIGN, lost=("ex1",), spilled=("ex2",))

    assert not found(spilled).passed
    assert found(spilled, waived={f"spills/{SIGN.name}": "they share it"}).passed


def test_a_mutant_that_we_failed_to_judge_is_no_kill() -> None:
    findings = found(lost(SIGN), Judged(TERM, failure="the sandbox went away"))

    assert (findings.killed, findings.counted) == (1, 1)
    assert not Findings(failures=["x"]).passed


@pytest.mark.parametrize(
    ("operator", "cause", "is_"),
    [
        ("flip-sign", "sign", "right"),
        ("sum-for-mean", "factor", "right"),
        ("missing-activation-derivative", "relu-derivative-missing", "right"),
        ("flip-sign", "order", "wrong"),
        ("flip-sign", "right-from-the-end", "symptom"),
        ("flip-sign", None, "none"),
    ],
)
def test_a_hint_names_the_mistake_or_another_one(
    operator: str, cause: str | None, is_: str
) -> None:
    assert naming(operator, cause) == is_


def waivers(tmp_path: Path, text: str) -> Waivers:
    (tmp_path / "waivers.yaml").write_text(text)
    return read_waivers(tmp_path)


def test_waivers_are_read_by_section_and_name(tmp_path: Path) -> None:
    text = "survives:\n  f/comparison/1: at the kink\npasses:\n  a/b/zeros: yes it may\n"
    read = waivers(tmp_path, text)

    assert read.reasons == {
        "survives/f/comparison/1": "at the kink",
        "passes/a/b/zeros": "yes it may",
    }
    assert read.unused(["survives/f/comparison/1"]) == ["passes/a/b/zeros"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("survive: {f/g/1: x}", "waivers.yaml:1:1: survive: there are survives, spills, passes"),
        ("survives: {f/g/1: ''}", "a waiver needs a reason in words"),
        ("survives: [f/g/1]", "should be a mapping: `name: reason`"),
    ],
)
def test_waivers_that_say_nothing_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadBundle) as raised:
        waivers(tmp_path, text)
    assert said in str(raised.value)


def test_without_a_file_nothing_is_waived(tmp_path: Path) -> None:
    assert read_waivers(tmp_path).reasons == {}


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    bundle_folder(tmp_path, RUBRIC)
    return Trial(load_bundle("two-layers", tmp_path), ANSWER, None, Waivers(), 20)


def checks_of(trial: Trial, *reached: str) -> dict[str, CheckSpec]:
    return dict(specs(bounded(trial.bundle, 1.0, reached)))


def test_training_is_judged_only_where_the_mistake_may_matter_to_it(trial: Trial) -> None:
    assert set(checks_of(trial, "ex1/values")) == {"ex1/values"}
    assert set(checks_of(trial, "ex2/loss")) == {"ex1/values", "ex2/loss", "ex2/after"}


def test_a_mutant_has_little_time(trial: Trial) -> None:
    limited = bounded(trial.bundle, 1.0)
    training = dict(specs(limited))["ex2/loss"]

    assert limited.rubric.limits.cell_s == 5.0
    assert training.limit_s == 5.0
    assert training.seeds == 3  # type: ignore[attr-defined]
    assert limited.version == trial.bundle.version


def text_of(trial: Trial, findings: Findings) -> str:
    file = io.StringIO()
    print_findings(trial, findings, Console(file=file, width=80, color_system=None))
    return file.getvalue()


def test_the_report_shows_a_survivor_with_its_change(trial: Trial) -> None:
    text = text_of(trial, found(lost(SIGN, cause="sign"), Judged(TERM)))

    assert "not passed" in text
    assert "mutation score 50.0 %: 1 of 2 mistakes cost points" in text
    assert "  forward/drop-term/1\n    -    return 2 * x + 1\n    +    return 2 * x\n" in text
    assert "names of mistakes in gradients: 1 right, 0 symptom, 0 none, 0 wrong" in text


def test_the_report_lists_every_kind_of_problem(trial: Trial) -> None:
    findings = Findings(
        right=["ex1/values is failed: no (seed 3)"],
        starter=["ex1/values gives the untouched starter 1 of 2"],
        vacuous=["ex1/values passes where every function returns zeros"],
        mutants=[Judged(SIGN, lost=("ex1",), spilled=("ex2",))],
        unused_waivers=["survives/old/comparison/1"],
        failures=["forward/drop-term/1: the sandbox went away"],
    )
    text = text_of(trial, findings)

    for part in (*findings.right, *findings.starter, *findings.vacuous, *findings.failures):
        assert part in text
    assert "forward/flip-sign/1  ex2" in text
    assert "survives/old/comparison/1" in text


def test_the_document_has_all_survivors_with_diffs(trial: Trial) -> None:
    made = findings_document(trial, found(lost(SIGN), Judged(TERM)))

    assert json.loads(json.dumps(made)) == made
    assert made["passed"] is False
    [survivor] = made["mutation"]["survivors"]
    assert survivor["name"] == TERM.name
    assert "+    return 2 * x\n" in survivor["diff"] + "\n"
    assert made["mutation"]["mutants"] == {SIGN.name: ["ex1"], TERM.name: []}


class FakeZygote:
    """Stands for a warm zygote."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> FakeZygote:
        return self

    def __exit__(self, *exc: object) -> None: ...


Command = Callable[[Findings], int]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    bundle_folder(tmp_path, RUBRIC)
    (tmp_path / "reference" / "two-layers" / "answer.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("workers.zygote.Zygote", FakeZygote)

    def call(findings: Findings) -> int:
        monkeypatch.setattr("workers.rubrictest.run.try_out", lambda *_: findings)
        return run(["rubric", "test", "two-layers", "--json", "--quiet"])

    return call


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        (Findings(), 0),
        (found(Judged(TERM)), 1),
        (Findings(starter=["ex1/values gives 1"]), 1),
        (Findings(unused_waivers=["survives/x/y/1"]), 1),
        (Findings(failures=["it broke"]), 3),
    ],
)
def test_the_status_says_how_it_went(
    command: Command, findings: Findings, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(findings) == status
    assert json.loads(capsys.readouterr().out)["schema"] == "chainrule.rubric-test/1"


def test_a_bundle_without_a_model_answer_is_a_bad_call(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reference" / "two-layers" / "answer.py").unlink()

    assert command(Findings()) == 2
    assert "there is no model answer reference/two-layers/answer.py" in capsys.readouterr().err
