"""`training`: a threshold is judged on the run as written, then on further seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from grader.domain.evidence import Answer, AnswerStatus
from grader.domain.outcomes import Outcome
from grader.domain.questions import Look, Probe, Rerun, Verdict
from tests.unit.checks._net import model, reference, run, weights
from tests.unit.checks._play import Model, Player, cells_of, judge, spec

FIELDS: dict[str, Any] = {
    "model": "model",
    "data": {"inputs": "X", "targets": "Y"},
    "architecture": "ToyModel",
    "loss": "mean_squared_error",
    "thresholds": [{"below": 0.01, "fraction": 1}, {"below": 0.05, "fraction": 0.5}],
    "seeds": 16,
}
X = np.random.default_rng(8).standard_normal((20, 3)).astype(np.float32)
SOLVED = weights(5)
Y = run(SOLVED, X).astype(np.float32)
LOOKS = [Look(2), Look(3, end=True, last=True)]
CODE = ("class ToyModel: pass", "model = ToyModel()", "for step in range(100): train()", "model")


def off(by: float, seed: int = 0) -> Model:
    """A model whose loss is `by`, with weights that are `seed`'s own."""
    rng = np.random.default_rng(seed)
    while True:
        direction = [rng.standard_normal(one.shape).astype(np.float32) for one in SOLVED]
        low, high = 0.0, 20.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if loss_of(moved(direction, middle)) < by else (low, middle)
        held = moved(direction, low)
        if abs(loss_of(held) - by) < 1e-4:
            return model(held)


def moved(direction: Sequence[np.ndarray], step: float) -> list[np.ndarray]:
    return [one + np.float32(step) * way for one, way in zip(SOLVED, direction, strict=True)]


def loss_of(held: Sequence[np.ndarray]) -> float:
    return float(np.mean((run(list(held), X) - Y) ** 2))


def ours() -> Player:
    return reference(values={"X": X, "Y": Y})


def judged(
    made: Any,
    reruns: Callable[[int], Any] | None = None,
    looks: Sequence[Look] = LOOKS,
    code: Sequence[str | None] = CODE,
    student: Player | None = None,
    **more: Any,
) -> Verdict:
    values = {"X": X, "Y": Y, "model": made}
    student = student or Player(values=values, classes={"ToyModel": model}, reruns=reruns)
    check = spec("training", **FIELDS | more)
    cells = cells_of(*(source or "" for source in code))
    return judge(check, student, ours(), looks, cells=cells, code=code)


def always(by: float) -> Callable[[int], Model]:
    return lambda seed: off(by, seed)


def test_the_run_as_written_passes_without_any_further_seed() -> None:
    verdict = judged(off(0.005))
    assert verdict.outcome is Outcome.PASSED
    assert "below 0.01 (after cell 3)" in verdict.message
    assert verdict.detail["reruns"] == []


def test_the_loss_is_computed_from_the_weights_in_the_reference_architecture() -> None:
    lying = off(0.3)
    lying.forward = lambda w, x: Y if len(x) == len(Y) else x
    verdict = judged(lying, always(0.3))
    assert verdict.fraction == 0
    assert verdict.cause == "other-architecture"
    assert "your own model has" in verdict.message


def test_an_unlucky_run_passes_by_a_further_seed_and_the_report_says_which() -> None:
    losses = iter([0.2, 0.03, 0.004, 0.001])
    verdict = judged(off(0.2), lambda seed: off(next(losses), seed))
    assert verdict.outcome is Outcome.PASSED
    assert "As you ran it, it came to 0.2" in verdict.message
    assert "3 further seeds, the best of them, number 3, counts" in verdict.message
    reruns: Any = verdict.detail["reruns"]
    assert [round(one["loss"], 3) for one in reruns] == [0.2, 0.03, 0.004]
    assert verdict.detail["counted"] == {"cell_number": 3, "seed": reruns[2]["seed"]}
    assert len({one["seed"] for one in reruns}) == 3


def test_a_lower_threshold_earns_its_fraction_from_the_best_of_all_seeds() -> None:
    losses = iter([0.2, 0.03, *[0.3] * 14])
    verdict = judged(off(0.2), lambda seed: off(next(losses), seed))
    assert (verdict.outcome, verdict.fraction) == (Outcome.PARTIAL, 0.5)
    assert verdict.cause == "threshold-missed"
    assert len(verdict.detail["reruns"]) == 16  # type: ignore[arg-type]


def test_the_own_run_counts_where_further_seeds_do_no_better() -> None:
    verdict = judged(off(0.03), always(0.2))
    assert verdict.fraction == 0.5
    assert "your own run counts" in verdict.message


def test_a_loop_that_does_not_train_fails_every_seed() -> None:
    verdict = judged(off(0.3), always(0.3))
    assert (verdict.outcome, verdict.fraction) == (Outcome.FAILED, 0)
    assert verdict.hint


def test_a_re_run_repeats_the_cells_up_to_the_best_look_and_never_more_than_asked() -> None:
    models = iter([off(0.3), off(0.2), off(0.25)])
    asked: list[Rerun] = []

    def instead(question: Probe | Rerun) -> Answer | None:
        if isinstance(question, Rerun):
            asked.append(question)
            return Player(reruns=always(0.3)).answer(question)
        if question.kind == "module":
            return Player(values={"model": next(models)}).answer(question)
        return None

    looks = [Look(2), Look(4), Look(6, end=True, last=True)]
    verdict = judged(None, student=Player(instead=instead), looks=looks, seeds=5)
    assert verdict.fraction == 0
    assert [one.until for one in asked] == [4] * 5


def test_no_further_seed_begins_once_the_budget_is_used() -> None:
    def slow(question: Probe | Rerun) -> Answer | None:
        if not isinstance(question, Rerun):
            return None
        return Answer(AnswerStatus.TIME_LIMIT, {}, cpu_s=1)

    values = {"X": X, "Y": Y, "model": off(0.3)}
    verdict = judged(
        None, student=Player(values=values, instead=slow), rerun_limit_s=20, budget_s=50
    )
    assert verdict.fraction == 0
    assert len(verdict.detail["reruns"]) == 3  # type: ignore[arg-type]


def test_a_good_model_without_any_training_is_not_enough() -> None:
    verdict = judged(off(0.001), looks=[LOOKS[-1]])
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "no-training")


def test_weights_that_are_put_in_are_found_by_training_again() -> None:
    code = (CODE[0], "model = ToyModel()", "model.load_state_dict(TRAINED)", "model")
    for loss, seeds in ((0.001, 1), (0.03, 16)):
        same = off(loss)
        verdict = judged(same, lambda seed, same=same: same, code=code, seeds=seeds)
        assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "not-trained")
    honest = judged(off(0.001), always(0.002), code=code)
    assert honest.outcome is Outcome.PASSED


def test_weights_that_are_not_finite() -> None:
    nan = model([one * np.float32(np.nan) for one in weights()])
    verdict = judged(nan, lambda seed: nan)
    assert verdict.cause == "diverged"
    assert verdict.detail["runs"] == [
        {"cell_number": 3, "loss": None, "own": None},
        {"cell_number": 4, "loss": None, "own": None},
    ]


def test_other_data_are_a_hint_where_the_threshold_is_missed() -> None:
    values = {"X": X + 1, "Y": Y, "model": off(0.3)}
    verdict = judged(None, student=Player(values=values, reruns=always(0.3)))
    assert verdict.cause == "other-data"
    passing = {"X": X + 1, "Y": Y, "model": off(0.001)}
    assert judged(None, student=Player(values=passing)).outcome is Outcome.PASSED


def test_a_model_in_another_order_of_layers_is_measured_as_well() -> None:
    w = off(0.004).parameters
    names = list(w)
    reordered = {name: w[name] for name in [*names[2:], *names[:2]]}
    made = Model(reordered, lambda v, x: run([*v[2:], *v[:2]], x))
    assert judged(made).outcome is Outcome.PASSED


# -- models of another structure --------------------------------------------------------------


def other(predict: Callable[[np.ndarray], Any], type: str = "ToyModel") -> Model:
    """A model with one parameter, and predictions of its own."""
    return Model({"w": np.ones((7, 7), np.float32)}, lambda w, x: predict(x), type=type)


def right(x: np.ndarray) -> np.ndarray:
    return run(SOLVED, x).astype(np.float32)


def judged_other(made: Model, fresh: Any) -> Verdict:
    student = Player(
        values={"X": X, "Y": Y, "model": made},
        classes={"ToyModel": lambda: fresh},
        reruns=lambda seed: made,
    )
    return judged(None, student=student, seeds=2)


def poor(x: np.ndarray) -> np.ndarray:
    return np.full((len(x), 2), 0.9, np.float32)


def test_a_wrong_structure_is_judged_by_its_own_predictions() -> None:
    assert judged_other(other(right), other(poor)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("made", "fresh", "cause"),
    [
        (other(lambda x: Y), other(poor), "ignores-input"),
        (other(right), other(right), "untrained-meets-threshold"),
        (other(right, type="Sneaky"), other(poor), "wrong-structure"),
        (other(right), None, "wrong-structure"),
        (other(lambda x: right(x)[:, :1]), other(poor), "wrong-structure"),
        (other(lambda x: None), other(poor), "wrong-structure"),
        (other(poor), other(poor), "threshold-missed"),
        (other(lambda x: right(x) * np.float32(np.nan)), other(poor), "diverged"),
    ],
)
def test_own_predictions_have_to_come_from_training(made: Model, fresh: Any, cause: str) -> None:
    verdict = judged_other(made, fresh)
    assert (verdict.fraction, verdict.cause) == (0, cause)


# -- no model ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (AnswerStatus.TIME_LIMIT, "time-limit"),
        (AnswerStatus.DIED, "died"),
        (AnswerStatus.MALFORMED, "unreadable"),
        (AnswerStatus.NOT_RUN, "not-run"),
    ],
)
def test_no_answer_is_told_in_plain_words(status: AnswerStatus, cause: str) -> None:
    student = Player(instead=lambda probe: Answer(status, {}))
    verdict = judged(None, student=student)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, cause)


def test_a_name_that_is_missing_or_holds_no_model() -> None:
    assert judged(None).cause == "missing"
    assert judged(3).cause == "not-a-module"


def test_a_run_that_was_cut_short_keeps_what_was_seen_and_runs_nothing_again() -> None:
    looks = [Look(2), Look(2, end=True, last=True, alive=False)]
    verdict = judged(off(0.03), looks=looks)
    assert verdict.fraction == 0.5


def test_weights_that_can_not_be_read_fail() -> None:
    def instead(question: Probe | Rerun) -> Answer:
        answer = Player(values={"model": off(0.001)}).answer(question)
        for parameter in answer.evidence["parameters"]:  # type: ignore[attr-defined]
            parameter["value"] = None
        return answer

    assert judged(None, student=Player(instead=instead)).cause == "unreadable"


def test_a_fault_of_the_reference_is_never_a_zero() -> None:
    values = {"X": X, "Y": Y, "model": off(0.001)}
    for fault in (
        reference(),
        reference(values={"X": X}),
        Player(values={"X": X, "Y": Y}),
        reference(
            values={"X": X, "Y": Y},
            classes={"ToyModel": lambda: model(forward=lambda w, x: None)},
        ),
    ):
        verdict = judge(spec("training", **FIELDS), Player(values=values), fault, LOOKS, code=CODE)
        assert verdict.outcome is Outcome.NOT_JUDGED


@pytest.mark.parametrize(
    "wrong",
    [
        {"thresholds": []},
        {"thresholds": [{"below": 0.1, "fraction": 0.5}]},
        {"thresholds": [{"below": 0.1, "fraction": 1}, {"below": 0.2, "fraction": 0}]},
        {"seeds": -1},
        {"look": [{"marker": "ex5"}]},
        {"loss": "hinge"},
        {"data": {"inputs": "X"}},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("training", **FIELDS | wrong)
