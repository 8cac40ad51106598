"""`source`: capabilities in every spelling that a parse can see, and watched at run time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.checks.code.capabilities import Capability, undecided, uses
from grader.checks.code.closure import reached
from grader.domain.evidence import Answer, AnswerStatus
from grader.domain.outcomes import Outcome
from grader.domain.questions import Look, Verdict
from tests.unit.checks._net import INPUTS
from tests.unit.checks._play import END, Player, cells_of, judge, spec

BY_HAND = """
def backprop(x):
    \"\"\"No loss.backward() here, nor torch.autograd.grad(loss, W1).\"\"\"
    z1 = x @ W1 + B1  # instead of z1.backward()
    h = torch.relu(z1)
    y = torch.sigmoid(h @ W2 + B2)
    message = "loss.backward() and W1.grad"
    z2_grad = 2 * (y - Y) * y * (1 - y)
    z1_grad = z2_grad @ W2.T * (z1 > 0)
    return x.T @ z1_grad, z1_grad.sum(0), h.T @ z2_grad, z2_grad.sum(0)
"""


def found(code: str | tuple[str | None, ...], capability: Capability = "autograd") -> list[int]:
    """The lines of code at which `backprop` uses a capability."""
    cells = (code,) if isinstance(code, str) else code
    seen = reached(cells, "backprop", len(cells) - 1)
    return [use.line for use in uses(capability, seen)]


def is_undecided(code: str) -> bool:
    seen = reached((code,), "backprop", 0)
    return bool(undecided("autograd", seen)) and not uses("autograd", seen)


def in_function(*lines: str, before: str = "import torch") -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"{before}\ndef backprop(x):\n{body}\n"


SPELLINGS = {
    "a method": in_function("loss.backward()"),
    "a method that is only named": in_function("back = loss.backward", "back()"),
    "of the class": in_function("torch.Tensor.backward(loss)"),
    "the gradient": in_function("return W1.grad"),
    "the graph": in_function("return y.grad_fn(1)"),
    "the function": in_function("torch.autograd.grad(loss, W1)"),
    "backward of the module": in_function("torch.autograd.backward(loss)"),
    "the module renamed": in_function("ag.grad(loss, W1)", before="import torch.autograd as ag"),
    "the package renamed": in_function("t.autograd.grad(loss, W1)", before="import torch as t"),
    "from the package": in_function("ad.grad(loss, W1)", before="from torch import autograd as ad"),
    "from the module": in_function("g(loss, W1)", before="from torch.autograd import grad as g"),
    "with a star": in_function("grad(loss, W1)", before="from torch.autograd import *"),
    "imported inside": in_function("from torch.autograd import grad", "grad(loss, W1)"),
    "an alias outside": in_function("g(loss, W1)", before="import torch\ng = torch.autograd.grad"),
    "an alias of an alias": in_function(
        "h(loss, W1)", before="import torch\na = torch.autograd\ng = a.grad\nh = g"
    ),
    "an alias inside": in_function("a = torch.autograd", "g = a.grad", "g(loss, W1)"),
    "one of a pair": in_function("a, b = 1, torch.autograd", "b.grad(loss, W1)"),
    "a walrus": in_function("(g := torch.autograd.grad)(loss, W1)"),
    "torch.func": in_function("torch.func.grad(f)(W1)"),
    "a transform made outside": in_function("g(W1)", before="import torch\ng = torch.func.grad(f)"),
    "functorch": in_function("vjp(f, W1)", before="from functorch import vjp"),
    "jvp": in_function("jvp(f, (W1,), (v,))", before="from torch.func import jvp"),
    "jacrev": in_function("torch.func.jacrev(f)(W1)"),
    "hessian": in_function("torch.func.hessian(f)(W1)"),
    "functional": in_function("torch.autograd.functional.jacobian(f, W1)"),
    "functional imported": in_function(
        "jacobian(f, W1)", before="from torch.autograd.functional import jacobian"
    ),
    "forward mode": in_function("with fw.dual_level():", "    pass",
                                before="import torch.autograd.forward_ad as fw"),
    "the engine": in_function("torch.autograd.Variable._execution_engine.run_backward()"),
    "a kernel": in_function("torch.ops.aten.sigmoid_backward(g, y)"),
    "a kernel's overload": in_function("torch.ops.aten.sigmoid_backward.default(g, y)"),
    "a kernel's second name": in_function("torch.ops.aten.convolution_backward_overrideable(g)"),
    "an underscore and a kernel": in_function("torch.ops.aten._log_softmax_backward_data(g, y)"),
    "a kernel on torch": in_function("torch._softmax_backward_data(g, y, 1, g.dtype)"),
    "a public kernel on torch": in_function("torch.batch_norm_backward_elemt(g, y)"),
    "a kernel of C": in_function("torch._C._nn.mse_loss_backward(g, y, Y, 2)"),
    "a kernel of C itself": in_function("torch._C._VariableFunctions._softmax_backward_data(g)"),
    "a kernel of C imported": in_function(
        "back(g, y, Y, 2)", before="from torch._C._nn import mse_loss_backward as back"
    ),
    "a kernel's decomposition": in_function(
        "d.sigmoid_backward(g, y)", before="import torch._decomp.decompositions as d"
    ),
    "kernels imported": in_function(
        "aten.sigmoid_backward(g, y)", before="from torch.ops import aten"
    ),
    "kernels renamed": in_function(
        "a.threshold_backward(g, y, 0)", before="from torch.ops import aten as a"
    ),
    "kernels by an alias outside": in_function(
        "aten.sigmoid_backward(g, y)", before="import torch\naten = torch.ops.aten"
    ),
    "kernels by an alias inside": in_function("o = torch.ops", "o.aten.sigmoid_backward(g, y)"),
    "a kernel by an alias": in_function(
        "slope(g, y)", before="import torch\nslope = torch.ops.aten.sigmoid_backward"
    ),
    "a kernel by getattr": in_function('getattr(torch.ops.aten, "sigmoid_" + "backward")(g, y)'),
    "kernels by getattr": in_function('getattr(torch.ops, "aten").sigmoid_backward(g, y)'),
    "a kernel by __getattr__": in_function('torch.ops.aten.__getattr__("sigmoid_backward")(g, y)'),
    "a kernel by getattribute": in_function(
        'torch.ops.aten.__getattribute__("sigmoid_backward")(g, y)'
    ),
    "a kernel by attrgetter": in_function(
        'attrgetter("ops.aten.sigmoid_backward")(torch)(g, y)',
        before="import torch\nfrom operator import attrgetter",
    ),
    "a kernel in a dictionary": in_function('torch.ops.aten.__dict__["sigmoid_backward"](g, y)'),
    "a kernel in vars": in_function('vars(torch.ops.aten)["sigmoid_backward"](g, y)'),
    "a kernel in sys.modules": in_function(
        'sys.modules["torch.ops.aten"].sigmoid_backward(g, y)', before="import sys"
    ),
    "a kernel in eval": in_function('eval("torch.ops.aten.sigmoid_backward(g, y)")'),
    "the engine as an operator": in_function("torch.ops.aten._backward(loss, [W1])"),
    "ready-made gradients": in_function("torch.nn.grad.conv2d_weight(x, W1.shape, g)"),
    "ready-made gradients imported": in_function(
        "conv2d_weight(x, W1.shape, g)", before="from torch.nn.grad import conv2d_weight"
    ),
    "getattr": in_function('getattr(loss, "backward")()'),
    "getattr with a sum of texts": in_function('getattr(loss, "back" + "ward")()'),
    "getattr of the module": in_function('getattr(torch.autograd, "grad")(loss, W1)'),
    "getattr of the package": in_function('getattr(torch, "autograd").grad(loss, W1)'),
    "getattribute": in_function('loss.__getattribute__("backward")()'),
    "methodcaller": in_function(
        'operator.methodcaller("backward")(loss)', before="import operator"
    ),
    "attrgetter": in_function('attrgetter("grad")(W1)', before="from operator import attrgetter"),
    "a dictionary of the module": in_function('torch.autograd.__dict__["grad"](loss, W1)'),
    "vars": in_function('vars(torch.autograd)["grad"](loss, W1)'),
    "__import__": in_function('__import__("torch").autograd.grad(loss, W1)'),
    "import_module": in_function(
        'importlib.import_module("torch.autograd").grad(loss, W1)', before="import importlib"
    ),
    "sys.modules": in_function('sys.modules["torch.autograd"].grad(l, W)', before="import sys"),
    "exec": in_function('exec("loss.backward()")'),
    "eval": in_function('return eval("torch.autograd.grad(loss, W1)")'),
    "eval in eval": in_function('eval("eval(\'loss.backward()\')")'),
    "a lambda inside": in_function("f = lambda: loss.backward()", "f()"),
    "a function inside": in_function("def inner():", "    loss.backward()", "inner()"),
    "a comprehension": in_function("return [p.grad for p in parameters]"),
    "a default": "def backprop(x, back=torch.Tensor.backward):\n    back(x)\nimport torch",
    "a decorator": "import torch\n@torch.func.grad\ndef backprop(x):\n    return x",
    "a lambda": "backprop = lambda x: loss.backward()",
    "a function by another name": "def mine(x):\n    loss.backward()\nbackprop = mine",
    "a partial": "from functools import partial\ndef f(a, x):\n    a.backward()\n"
    "backprop = partial(f, 1)",
    "a factory": "def make():\n    return lambda x: x.backward()\nbackprop = make()",
}  # fmt: skip


@pytest.mark.parametrize("code", SPELLINGS.values(), ids=SPELLINGS)
def test_autograd_is_seen_in_every_spelling(code: str) -> None:
    assert found(code)


REACHED = {
    "a helper": ("def helper(y):\n    y.backward()", in_function("helper(x)")),
    "a helper's helper": (
        "def deep(y):\n    y.backward()",
        "def helper(y):\n    deep(y)",
        in_function("helper(x)"),
    ),
    "a helper below": (in_function("helper(x)"), "def helper(y):\n    y.backward()"),
    "a helper that is handed on": (
        "def helper(y):\n    y.backward()",
        in_function("list(map(helper, [x]))"),
    ),
    "a lambda": ("helper = lambda y: y.backward()", in_function("helper(x)")),
    "a class": (
        "class Tape:\n    def run(self, y):\n        y.backward()",
        in_function("Tape().run(x)"),
    ),
    "an instance": (
        "class Tape:\n    def run(self, y):\n        y.backward()",
        "tape = Tape()",
        in_function("tape.run(x)"),
    ),
    "by its name in globals": (
        "def helper(y):\n    y.backward()",
        in_function('globals()["helper"](x)'),
    ),
    "a helper that is redefined later": (
        "def helper(y):\n    return y",
        in_function("helper(x)"),
        "def helper(y):\n    y.backward()",
    ),
    "defined in a branch": (
        "if True:\n    def helper(y):\n        y.backward()\nelse:\n    helper = None",
        in_function("helper(x)"),
    ),
    "bound from a function": (
        "def setup():\n    global helper\n    def helper(y):\n        y.backward()",
        in_function("helper(x)"),
    ),
}


@pytest.mark.parametrize("code", REACHED.values(), ids=REACHED)
def test_what_the_function_reaches_is_read_too(code: tuple[str, ...]) -> None:
    assert found(code)


HARMLESS = {
    "by hand": BY_HAND,
    "a local name": in_function("grad = 2 * x", "backward = grad", "return grad + backward",
                                before="from torch.autograd import grad"),
    "a parameter": "from torch.autograd import grad\ndef backprop(x, grad=1):\n    return grad * x",
    "a loop's name": in_function("return [grad for grad in x]",
                                 before="from torch.autograd import grad"),
    "no_grad": in_function("with torch.no_grad():", "    return x",),
    "detaching": in_function("return x.detach().requires_grad_(False)"),
    "asking for gradients alone": in_function("W1.requires_grad_(True)", "return x"),
    "clearing": in_function("W1.grad = None", "return x"),
    "a type hint": "from torch.autograd import Variable\n"
    "def backprop(x: Variable) -> Variable:\n    return x",
    "a helper named like a kernel": "def relu_backward(g, z):\n    return g * (z > 0)\n"
    + in_function("return relu_backward(g, x)"),
    "a helper inside": in_function("def linear_backward(g):", "    return g @ W2.T",
                                   "return linear_backward(g)"),
    "a helper that stands further down": in_function("return sigmoid_backward(x, y)")
    + "sigmoid_backward = lambda g, y: g * y * (1 - y)\n",
    "a helper beside a star": "def softmax_backward(g, p):\n    return p * g\n"
    + in_function("return softmax_backward(g, x)", before="from torch import *"),
    "a helper of a file": in_function("return relu_backward(g, x) + layers.linear_backward(g)",
                                      before="import layers\nfrom layers import relu_backward"),
    "a helper that is handed on": "def relu_backward(g):\n    return g\n"
    + in_function("return list(map(relu_backward, [x]))"),
    "methods named like kernels": "class Net:\n    def layer_backward(self, g):\n        return g\n"
    "    def my_backward(self, g):\n        return self.layer_backward(g)\n"
    "model = Net()\n" + in_function("return model.my_backward(x)"),
    "a method of what is not seen": in_function("return model.my_backward(x)"),
    "a variable named like a kernel": in_function("sigmoid_backward = y * (1 - y)",
                                                  "return x * sigmoid_backward"),
    "a parameter named like a kernel": "import torch\n"
    "def backprop(x, softmax_backward_data=1):\n    return x * softmax_backward_data",
    "a dictionary's kernel": 'steps = {"relu_backward": abs}\n'
    + in_function('return steps["relu_backward"](x)'),
    "a kernel's name in words": in_function(
        '"""As torch.ops.aten.sigmoid_backward does."""', "# not torch._softmax_backward_data",
        'print("torch.ops.aten.sigmoid_backward")', "return x"),
    "an operator of their own": in_function("return torch.ops.mine.relu_backward(x)"),
    "a helper of another module": in_function(
        "return relu_backward(x)", before="from torch import *\nfrom helpers import *"
    ),
    "a helper put into functional": "import torch.nn.functional as F\n"
    "F.relu_backward = lambda g: g\n" + in_function("return F.relu_backward(x)"),
    "another kernel": in_function("return torch.ops.aten.sigmoid(x)"),
    "another function": "def other(y):\n    y.backward()\n" + BY_HAND,
    "another cell's training": BY_HAND + "\nloss = f(x)\nloss.backward()\nprint(W1.grad)",
    "data that came from autograd": "W1 = W1 - W1.grad\n" + in_function("return x @ W1"),
    "a class that is not used": "class Tape:\n    def run(self, y):\n        y.backward()\n"
    + BY_HAND,
    "a Function of their own": "import torch\nclass F(torch.autograd.Function):\n"
    "    @staticmethod\n    def forward(ctx, y):\n        return y\n" + in_function("return F"),
    "an earlier definition": "def backprop(x):\n    x.backward()\n" + BY_HAND,
    "eval of a model": in_function("model.eval()", "return x"),
    "a regular expression": in_function("re.compile(pattern)", before="import re"),
    "literal code": in_function('exec("y = x * 2")'),
}  # fmt: skip


@pytest.mark.parametrize("code", HARMLESS.values(), ids=HARMLESS)
def test_what_is_not_autograd_is_let_be(code: str) -> None:
    assert found(code) == []
    assert not is_undecided(code)


DYNAMIC = {
    "getattr": in_function("getattr(loss, name)()"),
    "eval": in_function("eval(text)"),
    "exec of joined text": in_function('exec("".join(parts))'),
    "an import by name": in_function("__import__(name)"),
    "globals": in_function("globals()[name](x)"),
    "all of globals": in_function("space = globals()"),
    "the shell": in_function("get_ipython().run_cell(text)"),
    "a method of their own": "class Tape:\n    def backward(self, g):\n        return g\n"
    + in_function("return Tape().backward(x)"),
    "an attribute of their own": "class P:\n    def __init__(self):\n        self.grad = 0\n"
    + in_function("p = P()", "return p.grad"),
    "a gradient of their own in .grad": in_function("W1.grad = x.T @ x", "return W1.grad"),
    "too deep to follow": in_function("return " + "-" * 400 + "x"),
}


@pytest.mark.parametrize("code", DYNAMIC.values(), ids=DYNAMIC)
def test_what_only_running_tells_is_undecided(code: str) -> None:
    assert is_undecided(code)


CAPABILITIES: list[tuple[Capability, str, bool]] = [
    ("optimizer", in_function("torch.optim.SGD([x])"), True),
    ("optimizer", in_function("Adam([x])", before="from torch.optim import Adam"), True),
    ("optimizer", in_function("x.step()"), False),
    ("nn_modules", in_function("nn.Linear(3, 4)", before="from torch import nn"), True),
    ("nn_modules", in_function("nn.Sequential()", before="import torch.nn as nn"), True),
    ("nn_modules", "import torch.nn as nn\nclass backprop(nn.Module):\n    pass", False),
    ("nn_modules", in_function("nn.Parameter(x)", before="import torch.nn as nn"), False),
    ("nn_modules", in_function("F.relu(x)", before="import torch.nn.functional as F"), False),
    ("builtin_loss", in_function("F.mse_loss(x)", before="import torch.nn.functional as F"), True),
    ("builtin_loss", in_function("ce(x)", before="from torch.nn.functional import cross_entropy "
                                 "as ce"), True),
    ("builtin_loss", in_function("nn.MSELoss()(x)", before="from torch import nn"), True),
    ("builtin_loss", in_function("loss = x.sum()", "return loss"), False),
    ("loops", in_function("for row in x:", "    print(row)"), True),
    ("loops", in_function("while True:", "    break"), True),
    ("loops", in_function("return [row for row in x]"), True),
    ("loops", in_function("return x.sum(0)"), False),
    ("loops", "for n in range(3):\n    pass\n" + in_function("return x"), False),
    ("einsum", in_function("torch.einsum('ij->j', x)"), True),
    ("einsum", in_function("np.einsum('ij->j', x)", before="import numpy as np"), True),
    ("einsum", in_function("x @ x"), False),
    ("builtin_softmax", in_function("torch.softmax(x, dim=0)"), True),
    ("builtin_softmax", in_function("x.softmax(dim=0)"), True),
    ("builtin_softmax", in_function("s(x)", before="from torch.nn import Softmax as s"), True),
    ("builtin_softmax", in_function("x.exp() / x.exp().sum()"), False),
    ("builtin_softmax", in_function("softmax(x)", before="def softmax(x): return x"), False),
    ("products", in_function("x @ x"), True),
    ("products", in_function("x @= x"), True),
    ("products", in_function("torch.dot(x, x)"), True),
    ("products", in_function("x.matmul(x)"), True),
    ("products", in_function("(x * x).sum()"), False),
    ("reductions", in_function("(x * x).sum()"), True),
    ("reductions", in_function("torch.mean(x)"), True),
    ("reductions", in_function("sum(a * a for a in x)"), False),
    ("reductions", in_function("x @ x"), False),
]  # fmt: skip


@pytest.mark.parametrize(("capability", "code", "used"), CAPABILITIES)
def test_capabilities(capability: Capability, code: str, used: bool) -> None:
    assert bool(found(code, capability)) is used


def test_what_stands_at_the_look_is_read_and_what_may_replace_it() -> None:
    code = (in_function("x.backward()"), BY_HAND, "print(1)")
    assert uses("autograd", reached(code, "backprop", 0))
    assert not uses("autograd", reached(code, "backprop", 1))
    again = (BY_HAND, in_function("x.backward()"))
    assert uses("autograd", reached(again, "backprop", 0))


def test_cells_that_do_not_parse_are_passed_over() -> None:
    assert found((None, "def broken(:", in_function("x.backward()"))) == [3]


@pytest.mark.parametrize(
    "code",
    [
        "a = b\nb = a\n" + in_function("a.grad(b)"),
        "def backprop(x):\n    return " + ".a" * 3 + "x",
        "def backprop(x):\n    return x" + ".a" * 20_000,
        "def backprop(x):\n    return " + "+".join(["'a'"] * 20_000),
        "backprop = " + "(" * 90 + "0" + ")" * 90,
        "def backprop(x):\n    return f(\0)",
        "\n".join(f"a{n} = a{n + 1}" for n in range(3000)) + "\n" + in_function("a0.grad(x)"),
        "def backprop(x):\n" + "".join(f"    a = b{n}\n" for n in range(3000)),
        in_function(f"getattr(torch, {'_backward' * 20_000 + '!'!r})"),
        in_function(f"getattr(torch, {'_C.' + 'a_backwards.' * 20_000!r})"),
    ],
    ids=range(10),
)
def test_hostile_code_is_survived(code: str) -> None:
    found(code)


@given(st.text(alphabet=st.sampled_from("backprop(x):\n =.[]'lambd+*@"), max_size=80))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    reached((text, in_function(text.replace("\n", " "))), "backprop", 1)


# -- the check --------------------------------------------------------------------------------

FIELDS: dict[str, Any] = {
    "function": "backprop",
    "forbid": ["autograd"],
    "args": ["X"],
    "inputs": {**INPUTS, "Y": {"bernoulli": ["N", 2]}},
    "cases": [{"N": 4}],
}


def runs(g: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    return x


def judged(*code: str, student: Player | None = None, looks: Any = (END,), **more: Any) -> Verdict:
    played = student or Player({"backprop": runs})
    check = spec("source", **FIELDS | more)
    return judge(check, played, looks=looks, cells=cells_of(*code), code=code)


def test_by_hand_passes() -> None:
    verdict = judged("import torch", BY_HAND)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.detail == {"autograd_calls": 0}


def test_the_message_names_the_cell_the_line_and_the_spelling() -> None:
    verdict = judged("import torch", "a = 1", in_function("y = x", "y.backward()"))
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "forbidden")
    assert verdict.message == "backprop() uses autograd: y.backward (cell 3, line 4)."
    assert "derivatives yourself" in str(verdict.hint)


def test_what_is_evaluated_is_shown_as_it_is_written() -> None:
    verdict = judged(in_function('eval("loss.backward()")'))
    assert 'eval("loss.backward()")' in verdict.message


def test_autograd_that_is_seen_at_work_fails_code_that_hides_it() -> None:
    hidden = in_function("getattr(x, name)()")
    at_work = Player({"backprop": runs}, autograd=2)
    verdict = judged(hidden, student=at_work)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "forbidden")
    assert "at work" in verdict.message
    idle = judged(hidden)
    assert idle.outcome is Outcome.PASSED
    assert idle.detail["undecided"] == ["getattr(x, name) (cell 1, line 3)"]


def test_the_watch_counts_also_where_the_function_raises() -> None:
    def raises(g: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
        raise ValueError("later")

    assert judged(BY_HAND, student=Player({"backprop": raises})).outcome is Outcome.PASSED
    at_work = Player({"backprop": raises}, autograd=1)
    assert judged(BY_HAND, student=at_work).outcome is Outcome.FAILED


@pytest.mark.parametrize("status", [AnswerStatus.TIME_LIMIT, AnswerStatus.DIED])
def test_a_function_that_can_not_be_watched_does_not_pass(status: AnswerStatus) -> None:
    student = Player(instead=lambda probe: Answer(status, {}))
    assert judged(BY_HAND, student=student).outcome is Outcome.FAILED


@pytest.mark.parametrize("points", [0, 1])
def test_a_function_that_is_not_there_does_not_pass(points: int) -> None:
    verdict = judged("a = 1", student=Player(), points=points)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, "missing")


def test_without_cases_the_code_is_only_read() -> None:
    played = Player()
    read: dict[str, Any] = {"cases": [], "inputs": {}, "args": [], "student": played}
    assert judged(BY_HAND, **read).outcome is Outcome.PASSED
    assert judged(in_function("y = x", "y.backward()"), **read).outcome is Outcome.FAILED
    assert judged("a = 1", **read).cause == "missing"
    assert played.asked == []


def test_the_gate_stays_shut_until_the_last_look() -> None:
    looks = [Look(0), END]
    tries = iter([Player(), Player({"backprop": runs}, autograd=1)])
    student = Player(instead=lambda probe: next(tries).answer(probe))
    assert judged(BY_HAND, student=student, looks=looks).outcome is Outcome.FAILED


def test_a_capability_can_be_required() -> None:
    fields = {"forbid": ["loops"], "require": ["einsum"]}
    assert judged(in_function("torch.einsum('i', x)"), **fields).outcome is Outcome.PASSED
    missing = judged(in_function("return x"), **fields)
    assert (missing.outcome, missing.cause) == (Outcome.FAILED, "required")
    assert "does not use einsum" in missing.message
    looped = judged(in_function("for r in x:", "    torch.einsum('i', r)"), **fields)
    assert looped.cause == "forbidden"


def test_without_autograd_nothing_is_run() -> None:
    student = Player({"backprop": runs})
    judged(in_function("return x"), student=student, forbid=["loops"])
    assert student.asked == []


def test_autograd_that_is_required_may_be_seen_or_watched() -> None:
    fields = {"forbid": [], "require": ["autograd"]}
    assert judged(in_function("x.backward()"), **fields).outcome is Outcome.PASSED
    at_work = Player({"backprop": runs}, autograd=1)
    imported = "from helpers import backprop"
    assert judged(imported, student=at_work, **fields).outcome is Outcome.PASSED
    assert judged(BY_HAND, **fields).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "wrong",
    [
        {"forbid": []},
        {"forbid": ["magic"]},
        {"forbid": ["loops"], "require": ["loops"]},
        {"args": ["Z"]},
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec("source", **FIELDS | wrong)
