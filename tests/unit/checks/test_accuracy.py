"""`accuracy` and `metric`: a model on rows that only the grader has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from grader.domain.evidence import Answer, AnswerStatus, Raised
from grader.domain.outcomes import Outcome
from grader.domain.questions import Look, Probe, Rerun, Verdict
from tests.unit.checks._play import END, Player, answered, cells_of, described, judge, spec

FIELDS: dict[str, Any] = {
    "model": "model",
    "data": {"inputs": "X_test", "targets": "y_test"},
    "thresholds": [{"above": 0.9, "fraction": 1}, {"above": 0.7, "fraction": 0.5}],
}
RNG = np.random.default_rng(3)
X = RNG.standard_normal((1500, 2)).astype(np.float32)
SCORES = X @ np.array([2.0, -1.0])
Y = (SCORES > 0).astype(np.int64)
LOOKS = [Look(1), Look(2, end=True, last=True)]
CODE = ("model = Net()", "for step in range(100): train()", "model")

Predict = Callable[[np.ndarray], Any]


def right(x: np.ndarray) -> np.ndarray:
    return x @ np.array([2.0, -1.0])


def right_for(share: float, seed: int = 0) -> Predict:
    """Logits that have the right sign for about so large a share of rows."""

    def predict(x: np.ndarray) -> np.ndarray:
        flip = np.random.default_rng(seed).random(len(x)) > share
        return np.where(flip, -right(x), right(x))

    return predict


@dataclass
class Student:
    """Answers `predict` probes: with a function of each batch, and weights' digests."""

    predict: Predict | None
    weights: bytes = b"w"
    module: bool = True
    reruns: Callable[[int], Student] | None = None
    asked: list[Probe | Rerun] = field(default_factory=list)

    def answer(self, question: Probe | Rerun) -> Answer:
        self.asked.append(question)
        if isinstance(question, Rerun):
            assert self.reruns is not None
            return self.reruns(question.seed).answer(question.probe)
        if self.predict is None:
            return answered(found=False, is_module=False, callable=False, **{"class": ""})
        x, rows = np.asarray(question.payload["inputs"]), question.payload["rows"]
        assert isinstance(rows, int)
        outputs = []
        for start in range(0, len(x), rows):
            value = self.predict(x[start : start + rows])
            outputs.append(value if isinstance(value, Raised) else described(value))
        flags = {"found": True, "is_module": self.module, "callable": True, "class": "Net"}
        return answered(**flags, outputs=outputs, weights=self.weights)


def judged(
    student: Any,
    looks: Sequence[Look] = LOOKS,
    *,
    kind: str = "accuracy",
    targets: np.ndarray = Y,
    code: Sequence[str] = CODE,
    **more: Any,
) -> Verdict:
    reference = Player(values={"X_test": X, "y_test": targets})
    check = spec(kind, **FIELDS | more)
    return judge(check, student, reference, looks, cells=cells_of(*code), code=code)


def test_a_model_above_the_threshold_passes() -> None:
    verdict = judged(Student(right), leaderboard=True)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.message == "The accuracy on held-out data is 1, above 0.9 (after cell 2)."
    assert verdict.detail["leaderboard"] == {"name": "accuracy", "value": 1.0, "higher": True}


def test_a_lower_threshold_earns_its_fraction() -> None:
    verdict = judged(Student(right_for(0.8)))
    assert (verdict.outcome, verdict.fraction) == (Outcome.PARTIAL, 0.5)
    assert verdict.cause == "threshold-missed"
    assert 0.6 < judged(Student(right_for(0.83)), between="linear").fraction < 0.95


def test_rows_come_in_a_drawn_order_and_the_targets_not_at_all() -> None:
    student = Student(right)
    judged(student, [END])
    (probe,) = student.asked
    assert isinstance(probe, Probe)
    sent: Any = probe.payload["inputs"]
    assert not np.array_equal(sent, X)
    assert np.array_equal(np.sort(sent, axis=0), np.sort(X, axis=0))
    assert set(probe.payload) == {"name", "inputs", "rows", "losses"}


def test_predictions_by_heart_for_the_rows_as_they_lie_are_worth_nothing() -> None:
    start = iter([0, 1000])
    assert judged(Student(lambda x: Y[(at := next(start)) : at + len(x)]), [END]).fraction == 0


@pytest.mark.parametrize(
    ("predict", "cause"),
    [
        (None, "missing"),
        (lambda x: Raised("ValueError", "no"), "raised"),
        (lambda x: None, "predictions"),
        (lambda x: (right(x), right(x)), "predictions"),
        (lambda x: np.float64(1), "predictions"),
        (lambda x: right(x)[:5], "predictions"),
        (lambda x: "1" * len(x), "predictions"),
        (lambda x: right(x) * np.nan, "diverged"),
        (lambda x: np.zeros(len(x)), "threshold-missed"),
    ],
)
def test_what_is_no_good_prediction_earns_nothing(predict: Any, cause: str) -> None:
    verdict = judged(Student(predict), [END])
    assert (verdict.fraction, verdict.cause) == (0, cause)
    assert verdict.message


def test_an_answer_that_is_no_evidence_earns_nothing() -> None:
    broken = Player(instead=lambda probe: answered(found=True, is_module=1, callable=True))
    assert judged(broken, [END]).cause == "unreadable"
    late = Player(instead=lambda probe: Answer(AnswerStatus.TIME_LIMIT, {}))
    assert judged(late, [END]).cause == "time-limit"


def test_missing_the_threshold_further_seeds_follow_as_many_as_the_rubric_says() -> None:
    models = iter([right_for(0.5, 1), right_for(0.6, 2), right])
    student = Student(
        right_for(0.5), reruns=lambda seed: Student(next(models), bytes([seed % 256]))
    )
    verdict = judged(student, seeds=3)
    assert verdict.outcome is Outcome.PASSED
    assert "3 further seeds, the best of them, number 3, counts" in verdict.message
    assert judged(Student(right_for(0.5)), seeds=0).fraction == 0


def test_where_training_is_asked_for_the_weights_must_come_from_it() -> None:
    copied = (CODE[0], "model.load_state_dict(W)", CODE[2])
    same = Student(right, b"same", reruns=lambda seed: Student(right, b"same"))
    assert judged(same, trained=True, code=copied).cause == "not-trained"
    assert judged(same, trained=False, code=copied).outcome is Outcome.PASSED
    honest = Student(right, b"a", reruns=lambda seed: Student(right_for(0.99), b"b"))
    assert judged(honest, trained=True, code=copied).outcome is Outcome.PASSED
    hidden = Student(right, b"a", reruns=lambda seed: Student(right, b"b"))
    assert judged(hidden, trained=True, code=copied).cause == "not-trained"
    assert judged(Student(right), [END], trained=True).cause == "no-training"
    assert judged(Student(right, module=False), trained=True).cause == "not-a-module"


def test_a_metric_goes_its_own_way() -> None:
    fields = {"kind": "metric", "metric": "mean_squared_error", "targets": SCORES[:, None]}
    thresholds = [{"below": 0.1, "fraction": 1}]
    assert judged(Student(right), thresholds=thresholds, **fields).outcome is Outcome.PASSED
    worse = judged(Student(lambda x: right(x) + 1), thresholds=thresholds, **fields)
    assert (
        worse.message
        == "The mean squared error on held-out data is 1, not below 0.1 (after cell 2)."
    )


@pytest.mark.parametrize(
    "targets", [np.zeros(len(X)), Y[:-1], np.full(len(X), 0.5), np.zeros((len(X), 2, 2))]
)
def test_targets_that_tell_nothing_are_a_fault_of_the_reference(targets: np.ndarray) -> None:
    assert judged(Student(right), targets=targets).outcome is Outcome.NOT_JUDGED


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("accuracy", {"thresholds": []}),
        ("accuracy", {"thresholds": [{"above": 0.9, "fraction": 0.5}]}),
        ("accuracy", {"thresholds": [{"below": 0.9, "fraction": 1}]}),
        ("accuracy", {"thresholds": [{"above": 90, "fraction": 1}]}),
        ("accuracy", {"seeds": 101}),
        ("accuracy", {"look": [{"marker": "x"}]}),
        ("accuracy", {"between": "curve"}),
        ("metric", {}),
        ("metric", {"metric": "f2"}),
        ("metric", {"metric": "mean_squared_error"}),
        ("metric", {"metric": "r2", "thresholds": [{"below": 0.9, "fraction": 1}]}),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(kind: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(kind, **FIELDS | wrong)
