"""Every submission of the corpus gets its verdict, on every run and in any order."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from grader.domain.results import Result
from workers.pipeline import kind_of
from workers.zygote import Zygote

from ..submissions import CORPUS, Case, cases, disagreements, explained

SEEDS = 20
SLUGS = sorted({case.slug for case in cases()})

exhaustive = pytest.mark.skipif(
    "not config.getoption('--exhaustive')", reason="takes long: with --exhaustive"
)


def named(case: Case) -> str:
    return f"{case.slug}/{case.name}"


def disagreeing(graded: list[tuple[Case, Result]]) -> str:
    """What went otherwise than expected, in words; empty where nothing did."""
    return "\n".join(
        explained(case, result) for case, result in graded if disagreements(case, result)
    )


# The hostile ones get theirs where the host is watched: tests/sandbox/test_host_unchanged.py.
@pytest.mark.parametrize("case", cases("right", "wrong", "cheat"), ids=named)
def test_a_submission_gets_its_verdict(case: Case, zygote: Zygote) -> None:
    result = case.grade(zygote)
    assert not disagreements(case, result), explained(case, result)


# The quickest trainings that an unlucky seed could fail; all are tried under many on demand.
@pytest.mark.parametrize(
    "case",
    [
        case
        for case in cases("right")
        if case.name in ("right-sgd-unlucky", "right-model-made-earlier-unlucky")
    ],
    ids=named,
)
def test_an_unlucky_training_is_right_under_other_seeds(case: Case, zygote: Zygote) -> None:
    assert not disagreeing([(case, case.grade(zygote, seed)) for seed in (SEEDS, SEEDS + 1)])


@exhaustive
@pytest.mark.parametrize("case", cases("right", "wrong", "cheat"), ids=named)
def test_a_verdict_does_not_depend_on_the_seed(case: Case, zygote: Zygote) -> None:
    assert not disagreeing([(case, case.grade(zygote, seed)) for seed in range(SEEDS)])


@exhaustive
@pytest.mark.parametrize("shuffle", range(3))
def test_verdicts_do_not_depend_on_the_order(shuffle: int, zygote: Zygote) -> None:
    order = cases()
    random.Random(shuffle).shuffle(order)
    assert not disagreeing([(case, case.grade(zygote, shuffle)) for case in order])


@pytest.mark.parametrize("slug", SLUGS)
def test_the_corpus_is_large_and_varied_enough(slug: str) -> None:
    kinds = Counter(case.kind for case in cases() if case.slug == slug)
    assert kinds["right"] >= 12
    assert kinds["wrong"] >= 14
    assert kinds["cheat"] >= 6
    assert kinds.total() >= 30


def test_the_first_assignment_s_corpus_holds_what_attacks_the_sandbox() -> None:
    kinds = Counter(case.kind for case in cases() if case.slug == "uw-cse447-a0")
    assert kinds["right"] >= 25
    assert kinds["wrong"] >= 30
    assert kinds["cheat"] >= 14
    assert kinds["hostile"] >= 20


@pytest.mark.parametrize("case", cases(), ids=named)
def test_an_expectation_is_sound(case: Case) -> None:
    expected, exercises = case.expected, case.bundle().rubric.exercises
    assert len(list(case.folder.iterdir())) == 2
    assert expected.about.strip()
    assert expected.exercises.keys() == {exercise.id for exercise in exercises}
    assert sum(expected.exercises.values()) == expected.score
    known = {f"{exercise.id}/{check.id}" for exercise in exercises for check in exercise.checks}
    assert expected.outcomes.keys() | expected.hints.keys() <= known
    automatic = [
        one for one in exercises if all(kind_of(check) != "manual" for check in one.checks)
    ]
    lost = [one.id for one in automatic if expected.exercises[one.id] < one.max_score]
    if case.kind == "right":
        assert not lost
    elif case.kind == "wrong":  # one exercise, or nothing was done at all
        assert len(lost) in (1, len(automatic))


def test_every_folder_of_the_corpus_is_a_case() -> None:
    folders = {path for path in CORPUS.glob("*/*") if path.is_dir()}
    assert folders == {case.folder for case in cases()}
