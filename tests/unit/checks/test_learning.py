"""`learning`: what a training function did, told by made-up events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from grader.domain.evidence import Answer, AnswerStatus, Raised, Thing
from grader.domain.outcomes import Outcome
from grader.domain.questions import Probe, Rerun, Verdict
from tests.unit.checks._play import END, Player, answered, judge, spec, tensor

EVERYTHING = [
    "loss_decreases",
    "zeroes_gradients",
    "moves_parameters",
    "steps_each_batch",
    "train_mode",
    "eval_mode",
    "no_grad",
    "leaves_held_out",
]
FIELDS: dict[str, Any] = {
    "function": "train",
    "args": ["model", "criterion", "optimizer", "train_loader", "held_out_loader", 3],
    "expects": EVERYTHING,
}
Event = list[Any]


def batch(
    n: int, *, training: bool = True, stale: Any = (), moved: Any = (0, 1, 2, 3)
) -> list[Event]:
    return [
        ["forward", n, training, True, 16, 0],
        ["backward", n, list(stale)],
        *([["moved", list(moved)]] if moved else []),
        ["step"],
    ]


def evaluation(n: int, *, training: bool = False, grad: bool = False) -> list[Event]:
    return [["forward", n, training, grad, 0, 16]]


GOOD = [*batch(0), *batch(1), *batch(2), *batch(3), *evaluation(4), *evaluation(5)]


def judged(
    events: Any = GOOD,
    *,
    after: float = 0.1,
    covered: Any = 64,
    evidence: dict[str, Any] | None = None,
    **more: Any,
) -> Verdict:
    check = spec("learning", **FIELDS | more)

    def instead(question: Probe | Rerun) -> Answer:
        assert isinstance(question, Probe)
        data: Any = question.payload["data"]
        y = data["targets"].astype(np.float32)
        fields = {
            "found": Thing("function", callable=True),
            "events": events,
            "cut": False,
            "covered": covered,
            "parameters": 4,
            "before": tensor(y + 1),
            "after": tensor(y + np.float32(after)),
        }
        return answered(**fields | (evidence or {}))

    return judge(check, Player(instead=instead), None, [END])


def wrong(verdict: Verdict) -> set[str]:
    has: Any = verdict.detail["expects"]
    return {name for name, right in has.items() if not right}


def test_a_loop_that_does_everything_passes() -> None:
    verdict = judged()
    assert verdict.outcome is Outcome.PASSED, verdict.message
    assert verdict.detail["loss_before"] == pytest.approx(1)
    assert verdict.detail["loss_after"] == pytest.approx(0.01)


@pytest.mark.parametrize("after", [0.9, 0.99, 0.998])
def test_a_loss_that_falls_a_little_has_fallen(after: float) -> None:
    assert judged(after=after).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("events", "lost", "cause"),
    [
        (
            [*batch(0), *batch(1, stale=[0]), *evaluation(2)],
            "zeroes_gradients",
            "gradients-not-zeroed",
        ),
        ([*batch(0), *evaluation(2)], "zeroes_gradients", "single-step"),
        (
            [*batch(0, moved=[2]), *batch(1, moved=[3]), *evaluation(2)],
            "moves_parameters",
            "parameters-not-moved",
        ),
        (
            [*batch(0, moved=()), *batch(1), *evaluation(2)],
            "steps_each_batch",
            "step-not-each-batch",
        ),
        (
            [*batch(0), ["step"], *batch(1), *evaluation(2)],
            "steps_each_batch",
            "step-not-each-batch",
        ),
        ([*batch(0), *batch(1, training=False), *evaluation(2)], "train_mode", "not-in-train-mode"),
        ([*GOOD, *evaluation(6, training=True)], "eval_mode", "not-in-eval-mode"),
        ([*GOOD, *evaluation(6, grad=True)], "no_grad", "gradients-in-evaluation"),
    ],
)
def test_a_mistake_costs_its_share_and_has_a_name(
    events: list[Event], lost: str, cause: str
) -> None:
    verdict = judged(events)
    assert (wrong(verdict), verdict.cause) == ({lost}, cause), verdict.message
    assert verdict.fraction == pytest.approx(7 / 8)
    assert verdict.hint


def test_held_out_rows_in_a_backward_pass() -> None:
    events = [*GOOD, ["forward", 9, True, True, 0, 16], ["backward", 9, []], ["moved", [0]]]
    assert wrong(judged(events)) == {"leaves_held_out", "eval_mode", "no_grad"}


def test_held_out_rows_that_are_never_run() -> None:
    assert wrong(judged([*batch(0), *batch(1)])) == {"eval_mode", "no_grad"}


def test_rows_that_never_take_part() -> None:
    verdict = judged(covered=16)
    assert (wrong(verdict), verdict.cause) == ({"steps_each_batch"}, "rows-left-out")
    assert "16 of the 64 rows" in verdict.message


@pytest.mark.parametrize(
    ("after", "cause"), [(1.0, "loss-not-decreasing"), (2.0, "loss-not-decreasing")]
)
def test_a_loss_that_does_not_fall(after: float, cause: str) -> None:
    verdict = judged(after=after)
    assert (wrong(verdict), verdict.cause) == ({"loss_decreases"}, cause)
    assert verdict.hint is not None
    assert ("minus sign" in verdict.hint) is (after > 1)


def test_a_loss_that_is_no_number() -> None:
    assert judged(after=float("nan")).cause == "diverged"


def test_gradients_of_parameters_that_are_never_moved_may_stay() -> None:
    events = [
        *batch(0, moved=[2, 3]),
        *batch(1, moved=[2, 3], stale=[0, 1]),
        *batch(2, moved=[2, 3], stale=[0, 1]),
        *evaluation(3),
    ]
    assert wrong(judged(events)) == {"moves_parameters"}


def test_two_passes_of_one_loss_are_one_batch() -> None:
    both = [["forward", 1, True, True, 16, 0], ["backward", 1, []], ["backward", 0, [0, 1]]]
    events = [["forward", 0, True, True, 16, 0], *both, ["moved", [0, 1, 2, 3]], ["step"]]
    again = [[*one] for one in events]
    assert judged([*events, *again, *evaluation(5)]).outcome is Outcome.PASSED


def test_a_loop_without_steps_is_not_blamed_for_its_gradients() -> None:
    verdict = judged([*batch(0, moved=()), *batch(1, moved=()), *evaluation(2)], after=1.0)
    assert wrong(verdict) == {"loss_decreases", "moves_parameters", "steps_each_batch"}


def test_a_batch_in_which_the_record_ends_is_not_judged() -> None:
    events = [*batch(0), *batch(1), *evaluation(2), *batch(3)[:2]]
    assert judged(events, evidence={"cut": True}).outcome is Outcome.PASSED
    assert wrong(judged(events)) == {"steps_each_batch"}


def test_shares_are_the_rubrics() -> None:
    verdict = judged([*batch(0), *batch(1)], expects={"loss_decreases": 3, "no_grad": 1})
    assert verdict.fraction == 0.75


def test_weights_that_fall_from_heaven_are_no_training() -> None:
    verdict = judged([["moved", [0, 1, 2, 3]]])
    assert (verdict.fraction, verdict.cause) == (0, "no-training")


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [
        ({"found": None}, "missing"),
        ({"found": 3}, "not-callable"),
        ({"found": Thing("type", callable=True, is_class=True)}, "not-callable"),
        ({"raised": Raised("ValueError", "no")}, "raised"),
        ({"events": "many"}, "unreadable"),
        ({"events": [["backward", 3, []]]}, "unreadable"),
        ({"events": [["forward", 1, 1, True, 1, 1]]}, "unreadable"),
        ({"events": [["moved", ["all"]]]}, "unreadable"),
        ({"after": tensor(np.zeros((3, 3)))}, "unreadable"),
        ({"covered": True}, "unreadable"),
    ],
)
def test_evidence_of_nothing_earns_nothing(evidence: dict[str, Any], cause: str) -> None:
    verdict = judged(evidence=evidence)
    assert (verdict.fraction, verdict.cause) == (0, cause)


def test_no_answer_is_told_in_plain_words() -> None:
    student = Player(instead=lambda probe: Answer(AnswerStatus.TIME_LIMIT, {}))
    assert judge(spec("learning", **FIELDS), student).cause == "time-limit"


def test_the_model_is_handed_over_in_the_wrong_mode_only_where_that_matters() -> None:
    for expects, training in ((["train_mode"], False), (["loss_decreases"], True)):
        student = Player(instead=lambda probe: Answer(AnswerStatus.DIED, {}))
        judge(spec("learning", **FIELDS | {"expects": expects}), student)
        (probe,) = student.asked
        assert isinstance(probe, Probe)
        assert probe.payload["training"] is training


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_flat_targets_have_one_dimension(task: str) -> None:
    student = Player(instead=lambda probe: Answer(AnswerStatus.DIED, {}))
    judge(spec("learning", **FIELDS | {"task": task, "flat_targets": True}), student)
    (probe,) = student.asked
    assert isinstance(probe, Probe)
    data: Any = probe.payload["data"]
    assert data["targets"].shape == data["held_out_targets"].shape == (64,)


@pytest.mark.parametrize(
    "fields",
    [
        {"args": ["criterion"]},
        {"args": ["model", "network"]},
        {"args": ["model", "inputs"], "expects": ["eval_mode"]},
        {"expects": []},
        {"expects": ["magic"]},
        {"expects": {"no_grad": 0}},
        {"batch": 1},
        {"rows": 8},
        {"lr": 0},
        {"task": "ranking"},
        {"task": "multiclass", "flat_targets": True},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("learning", **FIELDS | fields)
