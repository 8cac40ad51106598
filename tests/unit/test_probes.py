"""Probes: questions to the namespace of a run, asked here of namespaces made up for the purpose."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from workers.inside import wire
from workers.inside.describe import ROOM
from workers.inside.probes import answer
from workers.inside.probes.matching import MATCHINGS, matchings
from workers.inside.wire import Array


def asked(kind: str, payload: dict[str, Any], namespace: dict[str, Any]) -> dict[str, Any]:
    """The evidence, having been through the wire format both ways."""
    sent: Any = wire.loads(wire.dumps(payload))
    found: Any = wire.loads(wire.dumps(answer(kind, sent, namespace, ROOM)))
    return found  # type: ignore[no-any-return]


def arr(value: object, dtype: str = "float32") -> Array:
    array = np.array(value, dtype=dtype)
    return Array(dtype, array.shape, array.tobytes())


def ran(source: str, **namespace: Any) -> dict[str, Any]:
    """A namespace as a cell leaves it."""
    namespace = {"torch": torch, "nn": nn, **namespace}
    exec(source, namespace)
    return namespace


def numbers(found: Any) -> list[Any]:
    array = found["data"] if isinstance(found, dict) else found
    return np.frombuffer(array.data, array.dtype).reshape(array.shape).tolist()  # type: ignore


def called(namespace: dict[str, Any], *, case: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = asked("call", {"function": "f", "cases": [case], **more}, namespace)
    return found["cases"][0]  # type: ignore[no-any-return]


class TestCall:
    def test_a_name_that_is_missing_is_not_found(self) -> None:
        assert asked("call", {"function": "f", "cases": [{}]}, {})["found"] is None

    def test_names_are_bound_for_the_call_and_afterwards_as_before(self) -> None:
        namespace = ran("def f(x): return x @ W + B", W="the student's own")
        case = {"bind": {"W": arr([[2.0]]), "B": arr([1.0])}, "args": [arr([[3.0]])]}
        assert numbers(called(namespace, case=case)["values"][0]) == [[7.0]]
        assert namespace["W"] == "the student's own"
        assert "B" not in namespace

    def test_arguments_may_be_bound_names_plain_values_and_keywords(self) -> None:
        namespace = ran("def f(x, n, *, flag, y): return [x is X, n, flag, y.tolist()]")
        case = {
            "bind": {"X": arr([1.0])},
            "args": [{"name": "X"}, 3],
            "kwargs": {"flag": True, "y": arr([2], "int64")},
        }
        items = called(namespace, case=case)["values"][0]["items"]
        assert [items[0]["v"], items[1]["v"], items[2]["v"]] == [True, 3, True]
        assert items[3]["items"] == [{"k": "plain", "v": 2}]

    @pytest.mark.parametrize(
        "wrapped",
        [
            lambda f: f,
            torch.no_grad(),
            functools.partial,
            lambda f: types.MethodType(f, torch.tensor([3.0])),
        ],
        ids=["plain", "decorated", "partial", "method"],
    )
    def test_a_function_of_a_helper_module_sees_what_is_bound(
        self, wrapped: Callable[[Any], Any]
    ) -> None:
        helper = ran("def g(x): return x * W")
        function = wrapped(helper["g"])
        case: dict[str, Any] = {"bind": {"W": arr([2.0])}, "args": [arr([3.0])]}
        if isinstance(function, types.MethodType):
            case["args"] = []
        assert numbers(called({"f": function}, case=case)["values"][0]) == [6.0]
        assert "W" not in helper

    def test_the_function_may_be_given_its_arrays_without_seeing_the_payload(self) -> None:
        namespace = ran("def f(x): x += 1; return x")
        case = {"args": [arr([1.0])]}
        found = asked("call", {"function": "f", "cases": [case, case]}, namespace)
        assert [numbers(one["values"][0]) for one in found["cases"]] == [[2.0], [2.0]]

    def test_what_a_function_raises_is_evidence(self) -> None:
        namespace = ran("def f(): raise ValueError('no')")
        found = called(namespace, case={})["values"][0]
        assert (found["k"], found["type"], found["message"]) == ("raised", "ValueError", "no")

    @pytest.mark.parametrize("source", ["import sys; sys.exit(1)", "raise KeyboardInterrupt"])
    def test_not_even_an_exit_ends_the_probe(self, source: str) -> None:
        namespace = ran(f"def f():\n {source}")
        assert called(namespace, case={})["values"][0]["k"] == "raised"

    def test_what_is_no_function_is_described_and_raises(self) -> None:
        found = asked("call", {"function": "f", "cases": [{}]}, {"f": 3})
        assert found["found"] == {"k": "plain", "v": 3}
        assert found["cases"][0]["values"][0]["type"] == "TypeError"

    def test_activations_are_replaced_in_each_call(self) -> None:
        namespace = ran("def f(x): return torch.relu(x).tanh()")
        case = {"args": [arr([-1.0])]}
        payload = {"function": "f", "cases": [case, case]}
        found = asked("call", payload | {"activations": {"at": [0], "use": "tanh"}}, namespace)
        assert found["activations"] == ["relu", "tanh"]
        twice = [pytest.approx(float(np.tanh(np.tanh(-1.0))))]
        assert [numbers(one["values"][0]) for one in found["cases"]] == [twice, twice]

    def test_repeated_calls_share_their_objects_and_each_result_is_kept(self) -> None:
        namespace = ran("def f():\n W.add_(1)\n return W")
        found = called(namespace, case={"bind": {"W": arr([0.0])}}, repeat=3)
        assert [numbers(value) for value in found["values"]] == [[1.0], [2.0], [3.0]]

    def test_inputs_that_the_call_altered_are_named(self) -> None:
        namespace = ran(
            """
def f(x, y):
    global V
    W.mul_(2); y.zero_()
    V = V + 1
    U.mul_(1)
"""
        )
        case = {
            "bind": {"W": arr([1.0]), "V": arr([1.0]), "U": arr([float("nan")])},
            "args": [arr([1.0]), arr([1.0])],
        }
        assert called(namespace, case=case)["inputs_changed"] == ["W", "V", "args[1]"]

    def test_bound_tensors_require_gradients_only_when_asked(self) -> None:
        namespace = ran("def f(): return [W.requires_grad, N.requires_grad, W.is_leaf]")
        case = {"bind": {"W": arr([1.0]), "N": arr([1], "int64")}}
        for grad in (False, True):
            items = called(namespace, case=case, grad=grad)["values"][0]["items"]
            assert [item["v"] for item in items] == [grad, False, True]

    def test_with_grad_a_graph_is_recorded_even_where_it_was_switched_off(self) -> None:
        namespace = ran("def f(): return W * 2")
        with torch.no_grad():
            found = called(namespace, case={"bind": {"W": arr([1.0])}}, grad=True)
        assert found["values"][0]["has_graph"] is True


AUTOGRAD = {
    "backward": "w = W.clone().requires_grad_(); (w * w).sum().backward(); return w.grad",
    "grad": "w = W.clone().requires_grad_(); return torch.autograd.grad((w * w).sum(), w)[0]",
    "functional": "return torch.autograd.functional.jacobian(lambda w: w * w, W)",
    "func.grad": "return torch.func.grad(lambda w: (w * w).sum())(W)",
    "jvp": "return torch.func.jvp(lambda w: w * w, (W,), (W,))[1]",
    "forward mode": """
  import torch.autograd.forward_ad as fw
  with fw.dual_level():
      return fw.unpack_dual(fw.make_dual(W, W) * 2).tangent""",
    "the engine itself": """
  w = W.clone().requires_grad_()
  out = (w * w).sum()
  engine = torch.autograd.Variable._execution_engine
  engine.run_backward((out,), (torch.ones(()),), False, False, (), True, True)
  return w.grad""",
    "an operator": """
  w = W.clone().requires_grad_()
  torch.ops.aten._backward((w * w).sum(), [w])
  return w.grad""",
    "an operator's overload": """
  w = W.clone().requires_grad_()
  torch.ops.aten._backward.default((w * w).sum(), [w])
  return w.grad""",
    "a kernel of the backward pass": "return torch.ops.aten.sigmoid_backward(W, W)",
    "a kernel's overload": "return torch.ops.aten.mse_loss_backward.default(W.sum(), W, W, 2)",
    "a kernel by a name made at run time": """
  return getattr(torch, "_".join(["", "softmax", "backward", "data"]))(W, W, 0, W.dtype)""",
    "TorchScript": """
  source = "def g(w):\\n  out = (w * w).sum()\\n  out.backward()\\n  return w.grad\\n"
  return torch.jit.CompilationUnit(source).g(W.clone().requires_grad_())""",
    "a thread": """
  import threading
  w = W.clone().requires_grad_()
  thread = threading.Thread(target=lambda: (w * w).sum().backward())
  thread.start(); thread.join()
  return w.grad""",
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
class TestWatching:
    @pytest.mark.parametrize("way", AUTOGRAD)
    def test_every_way_into_autograd_counts(self, way: str) -> None:
        namespace = ran(f"def f():\n  {AUTOGRAD[way].lstrip()}")
        case = {"bind": {"W": arr([1.0, 2.0])}}
        found = called(namespace, case=case, watch=True)
        assert found["values"][0]["k"] == "tensor", found
        assert found["autograd"] >= 1

    def test_arithmetic_by_hand_does_not_count(self) -> None:
        namespace = ran("def f(x):\n  w = W.clone(); w.requires_grad_()\n  return 2 * w * x.relu()")
        case = {"bind": {"W": arr([1.0])}, "args": [arr([1.0])]}
        assert called(namespace, case=case, watch=True)["autograd"] == 0

    def test_a_helper_named_like_a_kernel_does_not_count(self) -> None:
        source = "def sigmoid_backward(g, y): return g * y * (1 - y)\n"
        namespace = ran(f"{source}def f(): return sigmoid_backward(W, W.sigmoid())")
        case = {"bind": {"W": arr([1.0, 2.0])}}
        assert called(namespace, case=case, watch=True)["autograd"] == 0

    def test_a_call_that_raises_is_counted_too(self) -> None:
        source = "w = W.clone().requires_grad_(); w.sum().backward(); raise ValueError"
        namespace = ran(f"def f():\n  {source}")
        found = called(namespace, case={"bind": {"W": arr([1.0])}}, watch=True)
        assert (found["values"][0]["type"], found["autograd"]) == ("ValueError", 1)

    def test_watching_ends_with_the_call(self) -> None:
        import sys

        seen: list[str] = []

        def mine(frame: object, event: str, arg: object) -> None:
            seen.append(event)

        sys.setprofile(mine)
        try:
            called(ran("def f(): return 1"), case={}, watch=True)
            assert sys.getprofile() is mine
        finally:
            sys.setprofile(None)
        w = torch.ones(1, requires_grad=True)
        w.sum().backward()  # the profiler is off again: it can be started anew
        assert called(ran("def f(): return 1"), case={}, watch=True)["autograd"] == 0


def swept(namespace: dict[str, Any], **payload: Any) -> dict[str, Any]:
    return asked("sweep", {"function": "f", "bind": {}, "args": [], **payload}, namespace)


class TestSweep:
    def test_each_shift_is_applied_alone(self) -> None:
        namespace = ran("def f(x): return x * W + torch.zeros(2)")
        shifts = [{"name": "W", "index": i, "delta": d} for i in (0, 1) for d in (0.5, -0.5)]
        found = swept(
            namespace, bind={"W": arr([1.0, 2.0])}, args=[arr([10.0, 10.0])], shifts=shifts
        )
        assert numbers(found["base"]) == [10.0, 20.0]
        assert found["stacked"].dtype == "float64"
        assert numbers(found["stacked"]) == [[15, 20], [5, 20], [10, 25], [10, 15]]
        assert "outputs" not in found

    def test_everything_is_float64_and_the_default_is_restored(self) -> None:
        namespace = ran("def f(): return torch.ones(3) @ W")
        found = swept(namespace, bind={"W": arr([1.0, 1.0, 1e-9])}, shifts=[])
        assert found["base"]["dtype"] == "float64"
        assert found["outputs"] == []
        assert torch.get_default_dtype() is torch.float32

    def test_a_call_that_spoils_its_inputs_spoils_no_other(self) -> None:
        namespace = ran("def f(): return W.mul_(2).clone()")
        shift = {"name": "W", "index": 0, "delta": 1.0}
        found = swept(namespace, bind={"W": arr([1.0])}, shifts=[shift, shift])
        assert numbers(found["stacked"]) == [[4.0], [4.0]]

    def test_outputs_of_several_kinds_come_one_by_one(self) -> None:
        namespace = ran("def f():\n if W[0] > 1: raise ValueError('big')\n return W")
        shift = [{"name": "W", "index": 0, "delta": d} for d in (-1.0, 1.0)]
        found = swept(namespace, bind={"W": arr([1.0])}, shifts=shift)
        assert [one["k"] for one in found["outputs"]] == ["tensor", "raised"]

    def test_a_missing_function_is_not_found(self) -> None:
        assert swept({}, shifts=[])["found"] is None


class TestAutograd:
    def test_gradients_of_a_scalar_in_float64(self) -> None:
        namespace = ran("def f(x): return ((x @ W + B) ** 2).sum()")
        case = {"bind": {"W": arr([[1.0]]), "B": arr([2.0])}, "args": [arr([[3.0]])]}
        payload = {"function": "f", "cases": [case], "wrt": ["W", "B"]}
        one = asked("autograd", payload, namespace)["cases"][0]
        assert numbers(one["value"]) == 25.0
        assert (numbers(one["gradients"]["W"]), numbers(one["gradients"]["B"])) == (
            [[30.0]],
            [10.0],
        )
        assert one["gradients"]["W"].dtype == "float64"

    def test_what_the_result_does_not_depend_on_has_a_gradient_of_zero(self) -> None:
        namespace = ran("def f(): return W.sum()")
        case = {"bind": {"W": arr([1.0]), "B": arr([2.0])}}
        one = asked("autograd", {"function": "f", "cases": [case], "wrt": ["B"]}, namespace)
        assert numbers(one["cases"][0]["gradients"]["B"]) == [0.0]

    def test_a_reference_that_raises_says_so(self) -> None:
        namespace = ran("def f(): return W")
        case = {"bind": {"W": arr([1.0, 2.0])}}
        one = asked("autograd", {"function": "f", "cases": [case], "wrt": ["W"]}, namespace)
        assert one["cases"][0]["raised"]["k"] == "raised"


NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        {init}
    def forward(self, x):
        {forward}
"""
LINEAR = NET.format(
    init="self.a = nn.Linear(3, 4); self.b = nn.Linear(4, 2)",
    forward="return torch.sigmoid(self.b(torch.relu(self.a(x))))",
)
SAME_NETS = {
    "attributes": LINEAR,
    "sequential": NET.format(
        init="self.m = nn.Sequential(nn.Linear(3,4), nn.ReLU(), nn.Linear(4,2), nn.Sigmoid())",
        forward="return self.m(x)",
    ),
    "the other way round": NET.format(
        init="self.out = nn.Linear(4, 2); self.hid = nn.Linear(3, 4)",
        forward="return torch.sigmoid(self.out(torch.relu(self.hid(x))))",
    ),
    "raw parameters, transposed": NET.format(
        init="P = lambda *s: nn.Parameter(torch.randn(*s)); "
        "self.W1, self.B1, self.W2, self.B2 = P(3, 4), P(1, 4), P(4, 2), P(1, 2)",
        forward="return torch.sigmoid((x @ self.W1 + self.B1).relu() @ self.W2 + self.B2)",
    ),
    "lazy": NET.format(
        init="self.a = nn.LazyLinear(4); self.b = nn.LazyLinear(2)",
        forward="return torch.sigmoid(self.b(torch.relu(self.a(x))))",
    ),
    "a layer used under two names": NET.format(
        init="self.a = nn.Linear(3, 4); self.b = nn.Linear(4, 2); self.again = self.b",
        forward="return torch.sigmoid(self.again(torch.relu(self.a(x))))",
    ),
}
GENERATOR = np.random.default_rng(0)
VALUES = {
    "l1.weight": GENERATOR.normal(size=(4, 3)),
    "l1.bias": GENERATOR.normal(size=4),
    "l2.weight": GENERATOR.normal(size=(2, 4)),
    "l2.bias": GENERATOR.normal(size=2),
}
X = GENERATOR.normal(size=(5, 3))


def expected_output() -> Any:
    hidden = np.maximum(X @ VALUES["l1.weight"].T + VALUES["l1.bias"], 0)
    return 1 / (1 + np.exp(-(hidden @ VALUES["l2.weight"].T + VALUES["l2.bias"])))


def looked_at(namespace: dict[str, Any], **payload: Any) -> dict[str, Any]:
    given = [{"name": name, "value": arr(value)} for name, value in VALUES.items()]
    full = {
        "name": "Net",
        "make": True,
        "args": [],
        "parameters": given,
        "inputs": [arr(X)],
        "seed": 7,
        **payload,
    }
    return asked("module", full, namespace)


@pytest.mark.filterwarnings("ignore:Lazy modules")
class TestModule:
    @pytest.mark.parametrize("way", SAME_NETS)
    def test_the_same_net_written_differently_gives_the_same_outputs(self, way: str) -> None:
        found = looked_at(ran(SAME_NETS[way]))
        assert len(found["parameters"]) == 4
        outputs = [np.array(numbers(tried[0])) for tried in found["outputs"]]
        assert len(outputs) == found["matchings"] >= 1
        np.testing.assert_allclose(outputs[0], expected_output(), rtol=1e-5)

    def test_square_layers_are_tried_as_they_stand_and_transposed(self) -> None:
        namespace = ran(
            NET.format(init="self.W = nn.Parameter(torch.zeros(3, 3))", forward="return x @ self.W")
        )
        weight = np.arange(9.0).reshape(3, 3)
        given = [{"name": "weight", "value": arr(weight)}]
        found = looked_at(namespace, parameters=given)
        tried = [numbers(one[0]) for one in found["outputs"]]
        np.testing.assert_allclose(tried, [X @ weight, X @ weight.T], rtol=1e-5)

    def test_what_it_is_and_has(self) -> None:
        found = looked_at(ran(SAME_NETS["sequential"]))
        assert (found["found"], found["is_module"], found["class"]) == (True, True, "Net")
        expected = ["Net", "Sequential", "Linear", "ReLU", "Linear", "Sigmoid"]
        assert found["modules"] == expected
        assert [one["name"] for one in found["parameters"]][:2] == ["m.0.weight", "m.0.bias"]
        assert found["parameters"][0]["shape"] == [4, 3]
        assert found["without_gradient"] == []
        assert found["training"] is True

    @pytest.mark.parametrize("way", ["sequential", "raw parameters, transposed"])
    def test_activations_are_counted_and_replaced(self, way: str) -> None:
        namespace = ran(SAME_NETS[way])

        def replaced(*at: int, use: str) -> Any:
            found = looked_at(namespace, activations={"at": list(at), "use": use})
            assert found["activations"] == ["relu", "sigmoid"]
            return np.array(numbers(found["outputs"][0][0]))

        right = replaced(use="")
        np.testing.assert_allclose(right, expected_output(), rtol=1e-5)
        logits = np.log(right) - np.log1p(-right)
        np.testing.assert_allclose(replaced(1, use=""), logits, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(replaced(1, use="tanh"), np.tanh(logits), rtol=1e-3, atol=1e-4)
        assert not np.allclose(replaced(0, use="sigmoid"), right, rtol=1e-2)
        assert "activations" not in looked_at(namespace)

    def test_an_object_keeps_its_parameters_and_its_mode(self) -> None:
        namespace = ran(LINEAR + "\nnet = Net(); net.a.eval()")
        net = namespace["net"]
        before = {name: value.clone() for name, value in net.state_dict().items()}
        found = looked_at(namespace, name="net", make=False)
        assert found["matchings"] >= 1
        assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
        assert (net.training, net.a.training, net.b.training) == (True, False, True)
        with torch.no_grad():
            expected = net(torch.tensor(X, dtype=torch.float32))
        np.testing.assert_allclose(numbers(found["own"][0]), expected, rtol=1e-6)

    def test_outputs_are_those_of_evaluation(self) -> None:
        namespace = ran(NET.format(init="self.d = nn.Dropout(0.9)", forward="return self.d(x)"))
        found = looked_at(namespace, parameters=[])
        np.testing.assert_allclose(numbers(found["own"][0]), X, rtol=1e-6)
        assert found["outputs"] == []

    def test_the_seed_decides_what_is_made(self) -> None:
        namespace = ran(LINEAR)
        first, again, other = (looked_at(namespace, seed=seed)["own"] for seed in (1, 1, 2))
        assert first == again != other

    def test_a_model_of_other_sizes_has_no_matching(self) -> None:
        namespace = ran(NET.format(init="self.a = nn.Linear(3, 5)", forward="return self.a(x)"))
        found = looked_at(namespace)
        assert (found["matchings"], found["outputs"]) == (0, [])
        assert found["own"][0]["k"] == "tensor"

    def test_parameters_that_the_output_does_not_reach_are_named(self) -> None:
        namespace = ran(
            NET.format(
                init="self.a = nn.Linear(3, 2); self.b = nn.Linear(3, 2); self.c = nn.Linear(3, 2);"
                " self.c.requires_grad_(False)",
                forward="return self.a(x) + self.b(x).detach() + self.c(x)",
            )
        )
        found = looked_at(namespace, parameters=[])
        assert found["without_gradient"] == ["b.weight", "b.bias", "c.weight", "c.bias"]

    def test_a_forward_that_raises_or_returns_something_else_is_evidence(self) -> None:
        raising = looked_at(ran(NET.format(init="pass", forward="raise ValueError('no')")))
        assert raising["own"][0]["type"] == "ValueError"
        other = looked_at(ran(NET.format(init="self.a = nn.Linear(1, 1)", forward="return 'x'")))
        assert other["own"] == [{"k": "plain", "v": "x"}]
        assert other["without_gradient"] == ["a.weight", "a.bias"]

    def test_a_constructor_that_raises_is_evidence(self) -> None:
        found = looked_at(ran(NET.format(init="self.a = nn.Linear(3)", forward="pass")))
        assert (found["found"], found["is_module"]) == (True, False)
        assert found["raised"]["type"] == "TypeError"

    def test_what_is_missing_or_no_module_says_so(self) -> None:
        assert looked_at({})["found"] is False
        found = looked_at({"Net": nn.Linear}, make=False)
        assert (found["found"], found["is_module"], found["class"]) == (True, False, "type")

    def test_methods_that_lie_about_parameters_are_not_asked(self) -> None:
        lies = (
            "\n    def parameters(self, *a): return iter(())"
            "\n    named_parameters = modules = parameters"
        )
        assert len(looked_at(ran(LINEAR + lies))["parameters"]) == 4


class TestMatching:
    def test_definition_order_comes_first(self) -> None:
        shapes = [("a.weight", (4, 4)), ("a.bias", (4,)), ("b.weight", (4, 4)), ("b.bias", (4,))]
        found = matchings(shapes, shapes)
        assert found[0].places == (0, 1, 2, 3)
        assert not any(found[0].transposed)
        assert found[1].places == (0, 1, 2, 3)
        assert found[1].transposed == (True, False, True, False)
        assert found[2].places == (2, 3, 0, 1), "whole layers change places before single values"
        assert len(set(found)) == len(found)

    def test_there_are_never_too_many(self) -> None:
        shapes = [(f"l{i}.weight", (8, 8)) for i in range(50)]
        assert len(matchings(shapes, shapes)) == MATCHINGS

    def test_shapes_fit_but_for_ones_and_the_order_of_two(self) -> None:
        assert matchings([("a", (4,))], [("b", (1, 4))])
        assert matchings([("a", (3, 4))], [("b", (4, 3))])
        assert not matchings([("a", (2, 3, 4))], [("b", (4, 3, 2))])
        assert not matchings([("a", (4,))], [("b", (4,)), ("c", (4,))])


class TestValues:
    def test_names_are_described_and_missing_ones_left_out(self) -> None:
        found = asked("values", {"names": ["a", "b"]}, {"a": torch.ones(1)})
        assert list(found["values"]) == ["a"]
        assert numbers(found["values"]["a"]) == [1.0]
