"""The probes `predict`, `learning` and `counting`, asked of namespaces made up for the purpose."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.unit.test_probes import arr, asked, numbers, ran

ROWS = arr([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def predicted(namespace: dict[str, Any], rows: int = 2) -> dict[str, Any]:
    return asked("predict", {"name": "model", "inputs": ROWS, "rows": rows}, namespace)


class TestPredict:
    def test_rows_go_in_some_at_a_time(self) -> None:
        found = predicted(ran("def model(x): return x.sum(1)"))
        assert [numbers(one) for one in found["outputs"]] == [[3.0, 7.0], [11.0]]
        assert (found["is_module"], found["callable"], found["weights"]) == (False, True, b"")

    @pytest.mark.parametrize(
        "result", ["x[:, 0].tolist()", "[row[0] for row in x]", "tuple(float(r[0]) for r in x)"]
    )
    def test_a_long_list_of_numbers_or_tensors_is_one_array(self, result: str) -> None:
        rows = arr(np.arange(3000.0).reshape(-1, 2))
        namespace = ran(f"def model(x): return {result}")
        (one,) = asked("predict", {"name": "model", "inputs": rows, "rows": 1500}, namespace)[
            "outputs"
        ]
        assert one["shape"] == [1500]
        assert numbers(one)[-1] == 2998.0

    def test_a_list_of_something_else_stays_one(self) -> None:
        for result in ("[x, x[0]]", "['cat'] * len(x)", "[None]"):
            found = predicted(ran(f"def model(x): return {result}"), rows=10)
            assert found["outputs"][0]["k"] == "sequence"

    def test_a_module_predicts_in_eval_mode_and_without_a_graph(self) -> None:
        net = nn.Sequential(nn.Dropout(0.99), nn.Linear(2, 1)).train()
        found = predicted({"model": net}, rows=10)
        assert found["outputs"][0]["has_graph"] is False
        assert numbers(found["outputs"][0]) == numbers(predicted({"model": net}, 10)["outputs"][0])
        assert net.training

    def test_the_weights_have_a_digest(self) -> None:
        net = nn.Linear(2, 1)
        held = net.weight.detach().numpy().tobytes() + net.bias.detach().numpy().tobytes()
        assert predicted({"model": net})["weights"] == hashlib.sha256(held).digest()

    def test_a_model_in_float64_is_given_float64(self) -> None:
        found = predicted({"model": nn.Linear(2, 1).double()})
        assert {one["dtype"] for one in found["outputs"]} == {"float64"}

    def test_what_raises_ends_it(self) -> None:
        found = predicted(ran("def model(x): raise SystemExit(3)"), rows=1)
        assert [one["type"] for one in found["outputs"]] == ["SystemExit"]

    @pytest.mark.parametrize(
        ("value", "callable_"), [(3, False), (nn.Linear, False), (nn.Linear(2, 1), True)]
    )
    def test_a_class_or_a_number_is_no_model(self, value: object, callable_: bool) -> None:
        assert predicted({"model": value})["callable"] is callable_

    def test_a_name_that_is_missing_is_not_found(self) -> None:
        assert predicted({})["found"] is False


LEARNING: dict[str, Any] = {
    "functions": ["train", "fit"],
    "args": [{"word": "model"}, {"word": "criterion"}, {"word": "optimizer"}],
    "kwargs": {"loader": {"word": "train_loader"}, "valid": {"word": "held_out_loader"}},
    "data": {
        "inputs": arr(np.random.default_rng(0).standard_normal((8, 3))),
        "targets": arr(np.random.default_rng(1).standard_normal((8, 1))),
        "held_out_inputs": arr(np.random.default_rng(2).standard_normal((6, 3))),
        "held_out_targets": arr(np.random.default_rng(3).standard_normal((6, 1))),
    },
    "weights": [
        arr(np.random.default_rng(4).standard_normal(shape)) for shape in ((4, 3), (4,), (1, 4), 1)
    ],
    "loss": "mse",
    "optimizer": "sgd",
    "lr": 0.1,
    "batch": 4,
    "training": False,
    "seed": 3,
}
LOOP = """
def train(model, criterion, optimizer, loader, valid):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        for x, y in valid: model(x)
"""


def learned(source: str, **more: Any) -> dict[str, Any]:
    return asked("learning", {**LEARNING, **more}, ran(source))


class TestLearning:
    def test_everything_that_happens_is_told_in_its_order(self) -> None:
        found = learned(LOOP)
        step: list[Any] = [["moved", [0, 1, 2, 3]], ["step"]]
        assert found["events"] == [
            ["forward", 0, True, True, 4, 0], ["backward", 0, []], *step,
            ["forward", 1, True, True, 4, 0], ["backward", 1, []], *step,
            ["forward", 2, False, False, 0, 4],
            ["forward", 3, False, False, 0, 2],
        ]  # fmt: skip
        assert (found["parameters"], found["covered"], found["cut"]) == (4, 8, False)
        assert found["before"].shape == found["after"].shape == (8, 1)
        assert found["before"].data != found["after"].data

    def test_gradients_of_the_step_before_are_told(self) -> None:
        events = learned(LOOP.replace("optimizer.zero_grad()", "pass"))["events"]
        assert [one[2] for one in events if one[0] == "backward"] == [[], [0, 1, 2, 3]]

    def test_gradients_that_are_minus_zero_are_zero(self) -> None:
        source = LOOP.replace(
            "optimizer.zero_grad()",
            "[p.grad.mul_(-0.0) for p in model.parameters() if p.grad is not None]",
        )
        events = learned(source)["events"]
        assert [one[2] for one in events if one[0] == "backward"] == [[], []]

    def test_steps_by_hand_are_seen_as_moves(self) -> None:
        by_hand = "[p.data.sub_(p.grad) for p in model.parameters()]"
        kinds = [one[0] for one in learned(LOOP.replace("optimizer.step()", by_hand))["events"]]
        assert kinds[:6] == ["forward", "backward", "moved", "forward", "backward", "moved"]

    def test_another_of_the_names_does_as_well(self) -> None:
        assert learned(LOOP.replace("def train", "def fit"))["name"] == "fit"
        assert learned("") == {"found": None}

    def test_what_is_raised_is_told_with_what_was_seen_before(self) -> None:
        found = learned(LOOP.replace("    model.eval()", "    raise SystemExit"))
        assert found["raised"]["type"] == "SystemExit"
        assert len(found["events"]) == 8

    @pytest.mark.parametrize("loss", ["bce_with_logits", "mse"])
    @pytest.mark.parametrize("optimizer", ["sgd", "adam"])
    def test_losses_and_optimisers(self, loss: str, optimizer: str) -> None:
        found = learned(LOOP, loss=loss, optimizer=optimizer)
        assert "raised" not in found

    def test_a_patched_torch_moves_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.nn.functional, "linear", lambda *args: None)
        monkeypatch.setattr(torch.optim.SGD, "step", lambda self: None)
        events = learned(LOOP)["events"]
        assert {one[0] for one in events} == {"forward", "backward", "step"}  # none has moved

    def test_what_is_hooked_to_the_model_says_nothing_of_its_loss(self) -> None:
        plain = learned(LOOP)["after"]
        for line in (
            "model.forward = lambda x: torch.zeros(len(x), 1)",
            "model.register_forward_hook(lambda *_: torch.zeros(8, 1))",
        ):
            assert learned(f"{LOOP}    {line}\n")["after"] == plain

    def test_a_model_in_float64_is_followed_as_well(self) -> None:
        source = LOOP.replace("model.train()", "model.train().double()")
        source = source.replace("model(x), y", "model(x.double()), y.double()")
        found = learned(source.replace("valid: model(x)", "valid: model(x.double())"))
        assert (found["covered"], found["after"].dtype) == (8, "float32")
        assert found["events"][-1] == ["forward", 3, False, False, 0, 2]

    def test_a_model_that_was_taken_apart_has_no_predictions(self) -> None:
        assert learned(f"{LOOP}    model.weight1.data = torch.zeros(0)\n")["after"] is None

    def test_a_copy_of_the_model_works_and_moves_nothing(self) -> None:
        source = "import copy\n" + LOOP.replace(
            "    model.train()",
            "    model = copy.deepcopy(model).train()\n"
            "    optimizer = torch.optim.SGD(model.parameters(), 0.1)",
        )
        found = learned(source)
        assert "raised" not in found
        assert not [one for one in found["events"] if one[0] == "moved"]


def counted(source: str, sizes: tuple[int, ...] = (4, 16)) -> list[dict[str, Any]]:
    cases = [{"args": [arr(np.ones(size))]} for size in sizes]
    found = asked("counting", {"function": "f", "cases": cases}, ran(source, np=np))
    return found["cases"]  # type: ignore[no-any-return]


class TestCounting:
    def test_operations_and_lines_are_counted(self) -> None:
        (one,) = counted("def f(x):\n    y = x * x\n    return y.sum()", sizes=(4,))
        assert (one["operations"], one["lines"], one["watched"]) == (2, 3, True)
        assert [numbers(value) for value in one["values"]] == [4.0, 4.0]

    @pytest.mark.parametrize(
        "source",
        [
            "def f(x):\n    for v in x.tolist(): pass",
            "def f(x): return [v for v in x.tolist()]",
            "def f(x): return sum(v for v in x.tolist())",
            "def f(x): return list(map(lambda v: v, x.tolist()))",
            "def f(x): return np.vectorize(lambda v: v)(x.numpy())",
            "def f(x): return x[0] + f(x[1:]) if len(x) > 1 else x[0]",
            "def f(x): return sum(x)",
        ],
    )
    def test_every_kind_of_loop_does_at_least_one_thing_for_each_element(self, source: str) -> None:
        small, large = (one["operations"] + one["lines"] for one in counted(source))
        assert large - small >= 12

    def test_imports_of_the_first_call_do_not_count(self) -> None:
        once = (
            "done = []\ndef f(x):\n    if not done:\n        for i in range(50): done.append(i)\n"
        )
        assert all(one["lines"] < 5 for one in counted(once))

    def test_what_a_function_raises_is_evidence(self) -> None:
        (one,) = counted("def f(x): raise SystemExit", sizes=(4,))
        assert (one["lines"], one["operations"]) == (2, 0)
        assert [value["type"] for value in one["values"]] == ["SystemExit", "SystemExit"]

    @pytest.mark.parametrize(
        "line",
        [
            "sys.settrace(None)",
            "kept = sys.gettrace(); sys.settrace(None); sys.settrace(kept)",
            "sys._getframe().f_trace_lines = False",
            "sys._getframe().f_trace = None",
        ],
    )
    def test_whoever_keeps_lines_from_being_counted_is_told(self, line: str) -> None:
        (one,) = counted(f"import sys\ndef f(x):\n    {line}\n    return 1", sizes=(4,))
        assert one["watched"] is False

    def test_generators_left_and_exceptions_caught_are_no_escape(self) -> None:
        source = (
            "def g():\n    yield 1\n    yield 2\ndef f(x):\n    kept = g()\n    next(kept)\n"
            "    next(g())\n    for _ in g(): break\n    try: kept.throw(ValueError)\n"
            "    except ValueError: pass\n    return iter(g())"
        )
        (one,) = counted(source, sizes=(4,))
        assert one["watched"] is True

    def test_a_name_that_is_missing_is_not_found(self) -> None:
        assert asked("counting", {"function": "f", "cases": [{}]}, {})["found"] is None
