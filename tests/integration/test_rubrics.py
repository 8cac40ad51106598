"""Rubrics that test themselves, and attempts that are judged again, through real sandboxes."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from grader.checks.gradients.gradspec import GradientSpec
from grader.domain.outcomes import Outcome
from grader.domain.rubric import Bundle, CheckSpec
from grader.notebooks.read import parse, read_submission
from grader.resultdoc import document
from grader.rubricfile import load_bundle
from grader.rubriclint import lint
from grader.scaffold import scaffold
from workers import pipeline
from workers.commands.testreport import print_findings
from workers.replay import differences, judged_again
from workers.rubrictest.findings import Findings
from workers.rubrictest.run import try_out
from workers.rubrictest.trial import Trial, trial_of
from workers.zygote import Zygote

CORPUS = Path(__file__).parent.parent / "corpus" / "uw-cse447-a0"


def tried(zygote: Zygote, trial: Trial) -> Findings:
    return try_out(zygote, trial, 2, lambda phase, count: None)


def told(trial: Trial, findings: Findings) -> str:
    file = io.StringIO()
    print_findings(trial, findings, Console(file=file, width=100, color_system=None))
    return file.getvalue()


@pytest.fixture
def new_bundle(tmp_path: Path) -> Bundle:
    scaffold(tmp_path, "my-hw")
    return load_bundle("my-hw", tmp_path)


def test_a_new_bundle_passes_lint_and_test(new_bundle: Bundle, zygote: Zygote) -> None:
    trial = trial_of(new_bundle, seeds=20)
    findings = tried(zygote, trial)

    assert lint(new_bundle) == []
    assert findings.passed, told(trial, findings)


def with_check(bundle: Bundle, number: int, **changed: object) -> Bundle:
    """The bundle with fields of the first check with points of one exercise changed."""

    def other(check: CheckSpec) -> CheckSpec:
        return dataclasses.replace(check, **changed) if check.points else check  # type: ignore[arg-type]

    exercises = list(bundle.rubric.exercises)
    checks = tuple(other(check) for check in exercises[number].checks)
    exercises[number] = dataclasses.replace(exercises[number], checks=checks)
    rubric = dataclasses.replace(bundle.rubric, exercises=tuple(exercises))
    return dataclasses.replace(bundle, rubric=rubric)


def test_mistakes_that_the_inputs_can_not_show_survive(new_bundle: Bundle, zygote: Zygote) -> None:
    one_row = with_check(new_bundle, 1, cases=({"N": 1},))
    trial = dataclasses.replace(trial_of(new_bundle, seeds=1), bundle=one_row)
    findings = tried(zygote, trial)

    survivors = {one.mutant.name for one in findings.survivors}
    assert survivors >= {"gradients/mean-for-sum/1", "gradients/missing-reduction/1"}
    assert all(name in told(trial, findings) for name in survivors)


def test_mutants_can_be_picked_by_name(new_bundle: Bundle, zygote: Zygote) -> None:
    findings = tried(zygote, trial_of(new_bundle, seeds=1, only="predict/"))

    assert {one.mutant.definition for one in findings.mutants} == {"predict"}


def test_a_wrong_model_answer_ends_the_test_at_once(new_bundle: Bundle, zygote: Zygote) -> None:
    wrong = parse("answer.py", b"def predict(x):\n    return x\n")
    trial = dataclasses.replace(trial_of(new_bundle, seeds=3), answer=wrong)
    findings = tried(zygote, trial)

    assert any("ex1-predict/values is failed" in words for words in findings.right)
    assert findings.mutants == []
    assert findings.unused_waivers == []


def test_a_starter_that_earns_points_is_found(new_bundle: Bundle, zygote: Zygote) -> None:
    trial = trial_of(new_bundle, seeds=1)
    findings = tried(zygote, dataclasses.replace(trial, starter=trial.answer))

    assert "ex1-predict/values gives the untouched starter 2 of 2" in findings.starter


def test_a_check_that_passes_for_nothing_is_found(new_bundle: Bundle, zygote: Zygote) -> None:
    path = new_bundle.folder / "rubric.yaml"
    text = path.read_text()
    path.write_text(text.replace("kind: source\n", "kind: source\n        points: 1\n"))
    findings = tried(zygote, trial_of(load_bundle(path.parent, path.parent), seeds=1))

    words = "ex2-gradients/by-hand passes where every function returns None"
    assert findings.vacuous == [words]


def test_without_partial_points_a_part_earns_nothing(bundle: Bundle, zygote: Zygote) -> None:
    submission = read_submission(CORPUS / "wrong-backprop-first-layer" / "submission.ipynb")
    whole = with_check(bundle, 1, partial=False)
    assert isinstance(whole.rubric.exercises[1].checks[1], GradientSpec)

    partly = pipeline.grade(zygote, bundle, submission, seed=1).exercises[1].checks[1]
    nothing = pipeline.grade(zygote, whole, submission, seed=1).exercises[1].checks[1]

    assert 0 < partly.score < partly.max_score
    assert (nothing.score, nothing.outcome) == (0.0, Outcome.FAILED)
    assert nothing.message == partly.message


def test_an_attempt_comes_out_the_same_again_bit_for_bit(bundle: Bundle, zygote: Zygote) -> None:
    submission = read_submission(CORPUS / "wrong-backprop-no-two" / "submission.ipynb")
    first = json.loads(json.dumps(document(pipeline.grade(zygote, bundle, submission))))
    again = judged_again(zygote, bundle, submission, first)

    assert differences(first, again) == []
    assert differences(first, judged_again(zygote, bundle, submission, {**first, "seed": "1"}))
