"""Exhibits: each kind of check shows where it is wrong, in bounds, and no more than it may."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from grader.checks.exhibits import of_mismatch
from grader.checks.models.recorded import NOTHING, Recorded, Told, loss_exhibit, recorded
from grader.checks.numbers.compare import Expected, compare, measured_error, within
from grader.domain.exhibits import Difference, Exhibit, Gradients, Losses, LossRun, Shapes
from grader.domain.outcomes import Outcome
from grader.domain.questions import Probe, Rerun, Verdict
from grader.resultdoc import document, json_schema
from tests.unit._builders import check as check_result
from tests.unit._builders import exercise, result
from tests.unit.checks import (
    test_accuracy,
    test_autograd_function,
    test_forward,
    test_function,
    test_gradcheck,
    test_gradient,
    test_module,
    test_tensor,
    test_training,
)
from tests.unit.checks._derive import differentiable
from tests.unit.checks._net import forward, gradients
from tests.unit.checks._play import Model, Player, tensor


def of(kind: type[Any], verdict: Verdict) -> Any:
    """The one exhibit of that kind."""
    (found,) = [one for one in verdict.exhibits if isinstance(one, kind)]
    return found


def seen(got: Any, want: Any, *, fresh: bool = True) -> tuple[Exhibit, ...]:
    got, want = np.asarray(got, dtype=np.float32), np.asarray(want, dtype=np.float32)
    mismatch = compare(tensor(got), Expected(array=want, dtype="float32"), "It")
    assert mismatch is not None
    return of_mismatch("it", mismatch, fresh=fresh)


def mapped(got: Any, want: Any) -> Difference:
    (found,) = seen(got, want)
    assert isinstance(found, Difference)
    return found


# -- error maps -------------------------------------------------------------------------------


def test_an_error_is_received_less_expected_with_its_sign() -> None:
    found = mapped([[1, 2], [3, 4]], [[1, 1], [4, 4]])
    assert found.blocks == ((0, 1), (-1, 0))
    assert (found.rows, found.columns, found.shape) == (2, 2, (2, 2))


def test_the_largest_error_has_its_place_and_both_values() -> None:
    found = mapped(np.eye(3) * [1, 1, 5], np.eye(3))
    assert found.largest.index == (2, 2)
    assert (found.largest.row, found.largest.column) == (2, 2)
    assert (found.largest.expected, found.largest.received) == ("1", "5")


@pytest.mark.parametrize(
    ("shape", "laid_out"),
    [((7,), (1, 7)), ((3, 5), (3, 5)), ((8, 2, 3, 3), (16, 9)), ((10, 1, 28, 28), (280, 28))],
)
def test_more_dimensions_are_laid_out_as_rows_and_columns(
    shape: tuple[int, ...], laid_out: tuple[int, int]
) -> None:
    found = mapped(np.ones(shape), np.zeros(shape))
    assert (found.rows, found.columns) == laid_out


def test_beyond_64_by_64_a_block_has_its_largest_error_with_the_sign() -> None:
    got = np.zeros((200, 130), dtype=np.float32)
    got[150, 99], got[150, 98] = -5, 3
    found = mapped(got, np.zeros_like(got))
    assert (len(found.blocks), len(found.blocks[0])) == (64, 64)
    row, column = found.largest.row, found.largest.column
    assert found.largest.index == (150, 99)
    assert found.blocks[row][column] == -5
    assert sum(value != 0 for line in found.blocks for value in line) in (1, 2)


@given(array_shapes(max_dims=4, max_side=90).filter(lambda shape: 1 < math.prod(shape) < 40_000))
def test_a_map_of_any_shape_is_bounded_and_marks_the_largest(shape: tuple[int, ...]) -> None:
    got = np.zeros(shape, dtype=np.float32)
    got.reshape(-1)[got.size // 3] = 7
    found = mapped(got, np.zeros_like(got))
    assert len(found.blocks) <= 64
    assert {len(line) for line in found.blocks} == {min(64, found.columns)}
    assert found.blocks[found.largest.row][found.largest.column] == 7
    assert sum(value == 7 for line in found.blocks for value in line) == 1


def test_what_is_not_finite_has_no_number() -> None:
    found = mapped([1, np.nan, np.inf, 4], [1, 2, 3, 4])
    assert found.blocks == ((0, None, None, 0),)
    assert found.largest.received == "nan"


def test_a_shape_that_differs_is_shown_instead_of_an_error() -> None:
    assert seen(np.zeros((3, 1)), np.zeros(3)) == (
        Shapes(name="it", expected=(3,), received=(3, 1)),
    )


def test_a_map_of_inputs_that_stay_the_same_would_tell_the_answer() -> None:
    assert seen([1, 2], [1, 3], fresh=False) == ()


def test_a_single_number_has_its_place_in_the_message_alone() -> None:
    assert seen(1.0, 2.0) == ()


def test_names_of_the_student_are_cut_and_printable() -> None:
    mismatch = compare(tensor(np.zeros(2)), Expected(array=np.ones(2), dtype="float64"), "It")
    (found,) = of_mismatch("\x1b[2J" + "x" * 5000, mismatch, fresh=True)
    assert isinstance(found, Difference)
    assert len(found.name) == 200
    assert found.name.isprintable()


FLOATS = arrays(np.float32, (3, 2), elements=st.floats(-1e6, 1e6, width=32))


@given(FLOATS, FLOATS, st.sampled_from([1e-6, 1e-3, 0.5]))
def test_an_error_is_measured_as_it_is_judged(got: Any, want: Any, tolerance: float) -> None:
    error = measured_error(got, want)
    right = bool(within(got, want, tolerance).all())
    if error is None:
        assert not right
    elif not math.isclose(error, tolerance, rel_tol=1e-6):
        assert (error < tolerance) is right


# -- kinds ------------------------------------------------------------------------------------


def test_forward_shows_where_its_result_is_wrong() -> None:
    verdict = test_forward.judged(lambda g, x: forward(g, x) + np.eye(len(x), 2))
    found = of(Difference, verdict)
    assert (found.name, found.shape) == ("forward()", (20, 2))
    assert found.blocks[0] == (1.0, 0.0)


def test_forward_shows_a_shape_that_differs() -> None:
    verdict = test_forward.judged(lambda g, x: forward(g, x).T)
    assert of(Shapes, verdict).expected == (20, 2)


def test_what_passes_has_no_map() -> None:
    assert test_forward.judged(forward).exhibits == ()
    assert test_function.judged(test_function.softmax).exhibits == ()


def test_fixed_inputs_have_no_map() -> None:
    fixed = {"x": {"values": [[1.0, 2.0]]}}
    wrong: Any = lambda g, x: 2 * x + 1  # noqa: E731
    fields: dict[str, Any] = {"args": ["x"], "cases": [{}]}
    check = test_forward.spec("forward", function="f", inputs=fixed, **fields)
    verdict = test_forward.judge(check, Player({"f": wrong}), Player({"f": lambda g, x: x}))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.exhibits == ()
    check = test_forward.spec("function", function="f", inputs=fixed, **fields)
    verdict = test_forward.judge(check, Player({"f": wrong}), Player({"f": lambda g, x: x}))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.exhibits == ()


def test_gradient_shows_each_gradient_and_where_the_worst_is_wrong() -> None:
    verdict = test_gradient.judged(test_gradient.times(2, "W1", "B1"))
    parts = of(Gradients, verdict).parts
    assert [(part.name, part.outcome) for part in parts] == [
        ("W1", "wrong"),
        ("B1", "wrong"),
        ("W2", "right"),
        ("B2", "right"),
    ]
    assert all((part.error > part.tolerance) is (part.outcome == "wrong") for part in parts)
    assert "2 times what they should be" in parts[0].cause
    assert parts[2].cause is None
    assert of(Difference, verdict).name in ("gradient of W1", "gradient of B1")


def test_a_gradient_of_another_shape_cannot_be_measured_and_says_so() -> None:
    def wrong(g: Any, x: Any) -> Any:
        found = gradients(g, x)
        return found["W1"], np.zeros(7, dtype=np.float32), found["W2"], found["B2"]

    verdict = test_gradient.judged(wrong)
    part = of(Gradients, verdict).parts[1]
    assert (part.name, part.error, part.outcome) == ("B1", None, "wrong")
    assert "has shape (7,)" in part.cause
    assert of(Shapes, verdict).received == (7,)


def test_a_gradient_right_for_the_own_forward_pass_is_told_apart() -> None:
    def own(g: Any, x: Any) -> Any:
        return x @ g["W1"] @ g["W2"]

    def backward(g: Any, x: Any) -> Any:
        up = 2 * (own(g, x) - g["Y"])
        none = (np.zeros_like(g["B1"]), np.zeros_like(g["B2"]))
        return x.T @ up @ g["W2"].T, none[0], (x @ g["W1"]).T @ up, none[1]

    verdict = test_gradient.judged(backward, own)
    outcomes = {part.name: part.outcome for part in of(Gradients, verdict).parts}
    assert (outcomes["W1"], outcomes["W2"]) == ("followed", "followed")


def test_right_gradients_are_shown_below_their_tolerances() -> None:
    verdict = test_gradient.judged(test_gradient.times(1))
    assert verdict.outcome is Outcome.PASSED
    assert all(part.error <= part.tolerance for part in of(Gradients, verdict).parts)


def test_gradcheck_shows_how_far_each_gradient_is_off() -> None:
    player = differentiable(test_gradcheck.relu, test_gradcheck.scaled(w=3, x=None))
    verdict = test_gradcheck.judged(player)
    x, w = of(Gradients, verdict).parts
    assert (x.name, x.error, x.outcome, x.cause) == ("x", None, "wrong", "detached")
    assert (w.name, w.outcome) == ("w", "wrong")
    assert w.error > 0.5 > w.tolerance
    right = test_gradcheck.judged(
        differentiable(test_gradcheck.relu, test_gradcheck.relu_gradients)
    )
    assert {part.outcome for part in of(Gradients, right).parts} == {"right"}


def test_autograd_function_shows_both_ways() -> None:
    student = differentiable(lambda g, x, a, n: a * x, test_autograd_function.times(x=-1))
    verdict = test_autograd_function.judged(student)
    assert of(Difference, verdict).name == "Scaled.apply()"
    x, a = of(Gradients, verdict).parts
    assert (x.outcome, a.outcome) == ("wrong", "right")
    assert x.error > x.tolerance


def test_module_shows_the_result_for_known_parameters() -> None:
    verdict = test_module.judged(test_module.forward(lambda w, x: test_module.run(w, x) + 1))
    found = of(Difference, verdict)
    assert (found.name, found.shape) == ("ToyModel()", (16, 2))
    assert {value for line in found.blocks for value in line} == {1.0}


def test_function_shows_the_case_that_it_was_found_in_and_not_the_small_example() -> None:
    verdict = test_function.judged(lambda g, x: np.exp(x) / np.exp(x).max())
    assert of(Difference, verdict).shape == (9,)


def test_tensor_shows_a_shape_with_its_symbols() -> None:
    verdict = test_tensor.held(np.zeros((3, 5)), shape=["n", 2])
    found = of(Shapes, verdict)
    assert (found.name, found.expected, found.received) == ("x", ("n", 2), (3, 5))


# -- trainings --------------------------------------------------------------------------------


def training(player: Player, losses: list[Any], **more: Any) -> Verdict:
    """A training whose process recorded these losses, of the run and of each re-run in turn."""
    waiting = iter(losses)
    plain = Player(values=player.values, classes=player.classes, reruns=player.reruns)

    def instead(question: Probe | Rerun) -> Any:
        asked = question.probe.payload if isinstance(question, Rerun) else question.payload
        if not asked.get("losses"):
            return None
        answer = plain.answer(question)
        answer.evidence["losses"] = next(waiting)  # type: ignore[index]
        return answer

    student = Player(values=player.values, classes=player.classes, instead=instead)
    return test_training.judged(None, student=student, **more)


def told(*values: float, every: int = 1) -> dict[str, Any]:
    return {"values": [float(one) for one in values], "every": every, "steps": every * len(values)}


def learner(made: Model, reruns: Any = None) -> Player:
    values = {"X": test_training.X, "Y": test_training.Y, "model": made}
    return Player(values=values, classes={"ToyModel": test_training.model}, reruns=reruns)


def test_training_shows_the_losses_with_the_thresholds_and_their_points() -> None:
    verdict = training(learner(test_training.off(0.005)), [told(0.5, 0.1, 0.004)] * 2, points=4)
    found = of(Losses, verdict)
    (own,) = found.runs
    assert (own.losses, own.steps, own.counts) == ((0.5, 0.1, 0.004), 3, True)
    assert own.final == pytest.approx(0.005, abs=1e-3)
    assert [(one.loss, one.points) for one in found.thresholds] == [(0.01, 4), (0.05, 2)]


def test_each_further_seed_is_a_run_of_its_own_and_the_best_counts() -> None:
    finals = iter([0.2, 0.004])
    player = learner(test_training.off(0.2), lambda seed: test_training.off(next(finals), seed))
    verdict = training(player, [told(1, 0.2), told(1, 0.2), told(1, 0.3), told(1, 0.004)])
    found = of(Losses, verdict)
    assert [(run.label, run.counts) for run in found.runs] == [
        ("As you ran it", False),
        ("Trained again, number 1", False),
        ("Trained again, number 2", True),
    ]
    assert found.runs[2].losses == (1, 0.004)


def test_losses_earn_nothing_and_cost_nothing() -> None:
    lying = training(learner(test_training.off(0.3)), [told(1e-9, 1e-9)] * 2, seeds=0)
    assert lying.fraction == 0
    assert of(Losses, lying).runs[0].final == pytest.approx(0.3, abs=1e-3)
    silent = training(learner(test_training.off(0.005)), [None] * 2)
    assert silent.outcome is Outcome.PASSED
    assert silent.exhibits == ()


def test_accuracy_shows_the_losses_without_a_threshold_of_another_kind() -> None:
    student = test_accuracy.Student(test_accuracy.right)
    answer = student.answer

    def answered(question: Probe | Rerun) -> Any:
        found = answer(question)
        found.evidence["losses"] = told(0.7, 0.2)  # type: ignore[index]
        return found

    student.answer = answered  # type: ignore[method-assign]
    found = of(Losses, test_accuracy.judged(student))
    assert found.thresholds == ()
    assert [(run.losses, run.final) for run in found.runs] == [((0.7, 0.2), None)]


def test_losses_that_are_not_finite_have_no_number() -> None:
    found = recorded({"losses": told(0.5, math.nan, math.inf)})
    assert found == Recorded((0.5, None, None), 1, 3)


@pytest.mark.parametrize(
    "losses",
    [
        None,
        [1.0],
        {},
        {"values": "abc", "every": 1, "steps": 3},
        {"values": [0.1] * 501, "every": 1, "steps": 501},
        {"values": [True], "every": 1, "steps": 1},
        {"values": ["0.1"], "every": 1, "steps": 1},
        {"values": [], "every": 1, "steps": 1},
        {"values": [0.1], "every": 0, "steps": 1},
        {"values": [0.1, 0.2], "every": 1, "steps": 1},
        {"values": [0.1], "every": 1, "steps": 1 << 50},
        {"values": [0.1], "every": 1.0, "steps": 1},
        {"values": [0.1], "steps": 1},
    ],
)
def test_losses_that_are_none_are_left_out(losses: object) -> None:
    assert recorded({"losses": losses}) == NOTHING


def test_many_runs_are_bounded_and_the_one_that_counts_is_among_them() -> None:
    long = Recorded(tuple(float(n) for n in range(500)), 7, 3500)
    trainings = [Told(label=str(n), recorded=long, final=0.1, counts=n == 90) for n in range(101)]
    (found,) = loss_exhibit(trainings)
    assert isinstance(found, Losses)
    assert len(found.runs) == 32
    (counting,) = [run for run in found.runs if run.counts]
    assert (counting.label, len(counting.losses), counting.every) == ("90", 500, 7)
    assert {(len(run.losses), run.every) for run in found.runs if not run.counts} == {(100, 35)}


# -- documents --------------------------------------------------------------------------------


def written(*exhibits: Exhibit) -> list[Any]:
    shown = check_result(exhibits=exhibits)
    made = json.loads(json.dumps(document(result(exercise(shown))), allow_nan=False))
    jsonschema.validate(made, json_schema())
    found: list[Any] = made["exercises"][0]["checks"][0]["exhibits"]
    return found


def test_exhibits_stand_in_the_document_by_their_kind() -> None:
    run = LossRun(
        label="As you ran it", losses=(0.5, None), every=2, steps=4, final=math.nan, counts=True
    )
    (error,) = seen([1, 2], [1, 3])
    panel = of(Gradients, test_gradient.judged(test_gradient.times(2, "W1")))
    shapes = Shapes(name="\ud800", expected=("n", 2), received=(3,))
    found = written(error, panel, Losses(runs=(run,)), shapes)
    assert [one["kind"] for one in found] == ["difference", "gradients", "loss", "shapes"]
    assert found[0]["blocks"] == [[0, -1]]
    assert found[2]["runs"][0]["losses"] == [0.5, None]
    assert found[2]["runs"][0]["final"] is None
    assert found[3]["name"] == "?"


def test_all_exhibits_of_a_document_are_bounded_together() -> None:
    (large,) = seen(np.random.default_rng(0).random((64, 64)), np.zeros((64, 64)))
    shapes = Shapes(name="y", expected=(3,), received=(3, 1))
    found = written(*[large] * 50, shapes)
    assert [one["kind"] for one in found] == ["difference"] * 9 + ["shapes"]
    assert len(json.dumps(found)) < 500_000


@pytest.mark.parametrize(
    "made",
    [
        lambda: Losses(runs=()),
        lambda: Gradients(parts=()),
        lambda: Shapes(name="x" * 201, expected=(), received=()),
        lambda: Shapes(name="x", expected=(1,) * 17, received=()),
        lambda: LossRun(
            label="x", losses=(0.1,) * 501, every=1, steps=501, final=None, counts=True
        ),
    ],
)
def test_an_exhibit_beyond_its_bounds_cannot_be_made(made: Any) -> None:
    with pytest.raises(ValueError, match="too many"):
        made()
