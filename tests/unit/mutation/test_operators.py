"""Each operator by what it makes of a line: before, and every mutant after."""

from __future__ import annotations

import ast
import textwrap

import pytest

from grader.notebooks.read import parse
from workers.mutation.mutants import mutants
from workers.mutation.table import OPERATORS


def made(operator: str, before: str) -> list[str]:
    """The mutants of a source by one operator, as their normalised text."""
    right = parse("answer.py", textwrap.dedent(before).encode())
    found = mutants(right, {operator: OPERATORS[operator]})
    return [one.submission(right).cells[one.cell].source for one in found]


def same(text: str) -> str:
    return ast.unparse(ast.parse(textwrap.dedent(text)))


ONE_LINE = [
    ("drop-term", "z = x @ w + b", ["z = x @ w", "z = b"]),
    ("drop-term", "e = p - y", ["e = p", "e = -y"]),
    ("drop-factor", "g = 2 * e", ["g = 2", "g = e"]),
    ("drop-factor", "g = e / n", ["g = e"]),
    ("drop-factor", "g = e ** 2", ["g = e"]),
    ("drop-factor", "g = e.square()", ["g = e"]),
    ("swap-operands", "e = p - y", ["e = y - p"]),
    ("swap-operands", "z = x @ w", ["z = w @ x"]),
    ("swap-operands", "z = torch.matmul(x, w)", ["z = torch.matmul(w, x)"]),
    ("swap-operands", "z = p + y", []),
    ("flip-sign", "e = p - y", ["e = p + y"]),
    ("flip-sign", "e = p + y", ["e = p - y"]),
    ("flip-sign", "loss = -total", ["loss = total"]),
    ("flip-sign", "w -= g", ["w += g"]),
    ("flip-sign", "x = y[-1]", []),
    ("sum-for-mean", "l = e.mean()", ["l = e.sum()"]),
    ("sum-for-mean", "l = torch.mean(e, dim=0)", ["l = torch.sum(e, dim=0)"]),
    ("sum-for-mean", "l = F.mse_loss(p, y)", ["l = F.mse_loss(p, y, reduction='sum')"]),
    ("mean-for-sum", "l = e.sum()", ["l = e.mean()"]),
    (
        "mean-for-sum",
        "l = F.mse_loss(p, y, reduction='sum')",
        ["l = F.mse_loss(p, y, reduction='mean')"],
    ),
    ("missing-reduction", "g = e.sum(dim=0)", ["g = e"]),
    ("missing-transpose", "g = x.T @ e", ["g = x @ e"]),
    ("missing-transpose", "g = x.transpose(0, 1)", ["g = x"]),
    ("missing-transpose", "g = torch.transpose(x, 0, 1)", ["g = x"]),
    ("wrong-axis", "g = e.sum(dim=0)", ["g = e.sum(dim=1)"]),
    ("wrong-axis", "p = torch.softmax(z, -1)", ["p = torch.softmax(z, 0)"]),
    ("wrong-axis", "g = e.sum(0)", ["g = e.sum(1)"]),
    ("wrong-axis", "x = torch.randn(0, 1)", []),
    ("axis-dropped", "g = e.sum(dim=0, keepdim=True)", ["g = e.sum()"]),
    ("axis-dropped", "g = e.sum(0)", ["g = e.sum()"]),
    ("keepdim-dropped", "m = e.max(dim=1, keepdim=True)", ["m = e.max(dim=1)"]),
    ("missing-activation", "h = torch.relu(z)", ["h = z"]),
    ("missing-activation", "h = z.relu()", ["h = z"]),
    ("missing-activation", "h = z.clamp(min=0)", ["h = z"]),
    ("missing-activation", "n = nn.ReLU()", ["n = nn.Identity()"]),
    ("wrong-activation", "h = torch.sigmoid(z)", ["h = torch.tanh(z)"]),
    ("wrong-activation", "p = z.softmax(dim=1)", ["p = z.sigmoid()"]),
    ("wrong-activation", "n = nn.Sigmoid()", ["n = nn.Tanh()"]),
    ("missing-activation-derivative", "g = e * s * (1 - s)", ["g = e"]),
    ("missing-activation-derivative", "g = e * (z > 0)", ["g = e"]),
    ("missing-activation-derivative", "g = e * (z > 0).float()", ["g = e"]),
    ("missing-activation-derivative", "g = e * s * (1 - t)", []),
    (
        "wrong-activation-derivative",
        "g = e * s * (1 - s)",
        ["g = e * s", "g = e * s.sigmoid() * (1 - s.sigmoid())"],
    ),
    ("wrong-activation-derivative", "g = e * (z > 0)", ["g = e * z.clamp(min=0)"]),
    ("comparison", "m = z > 0", ["m = z >= 0", "m = z < 0"]),
    ("comparison", "m = a == b", ["m = a != b"]),
    ("off-by-one", "a = x[1]", ["a = x[2]", "a = x[0]"]),
    ("off-by-one", "a = x[:n]", ["a = x[:n + 1]", "a = x[:n - 1]"]),
    ("off-by-one", "a = x[:, 0]", ["a = x[:, 1]", "a = x[:, -1]"]),
    ("off-by-one", "a = d[key]", []),
    ("constant-changed", "g = 2 * e", ["g = 3 * e"]),
    ("constant-changed", "g = 0.5 * e", ["g = 1.0 * e"]),
    ("constant-changed", "n = nn.Linear(3, 4, bias=False)", None),
    ("constant-changed", "g = e.sum(dim=0)", []),
    ("constant-changed", "torch.manual_seed(3)", []),
    ("matmul-for-elementwise", "z = x @ w", ["z = x * w"]),
    ("matmul-for-elementwise", "z = x * w", ["z = x @ w"]),
    ("matmul-for-elementwise", "z = 2 * w", []),
    ("shape-literal", "w = torch.zeros(3, n)", ["w = torch.zeros(4, n)"]),
    ("shape-literal", "x = y.reshape((2, -1))", ["x = y.reshape((3, -1))"]),
    ("reshape-dropped", "x = y.flatten(1)", ["x = y"]),
    ("wrong-loss", "l = F.mse_loss(p, y)", ["l = F.l1_loss(p, y)"]),
    ("wrong-loss", "c = nn.CrossEntropyLoss()", ["c = nn.NLLLoss()"]),
    (
        "wrong-optimiser-argument",
        "o = SGD(m.parameters(), lr=0.1, momentum=0.9)",
        [
            "o = SGD(m.parameters(), lr=1e-06 * 0.1, momentum=0.9)",
            "o = SGD(m.parameters(), lr=10000.0 * 0.1, momentum=0.9)",
            "o = SGD(m.parameters(), lr=0.1)",
        ],
    ),
    (
        "other-parameters",
        "o = optim.SGD(m.parameters(), lr=0.1)",
        ["o = optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)"],
    ),
    ("arguments-swapped", "n = nn.Linear(3, 4)", ["n = nn.Linear(4, 3)"]),
    ("arguments-swapped", "l = F.mse_loss(p, y)", []),
    ("in-place", "y = x.add(1)", ["y = x.add_(1)"]),
    ("in-place", "w = w - g", ["w -= g"]),
    ("out-of-place", "w.sub_(g)", ["w.sub(g)"]),
    ("out-of-place", "w -= g", ["w = w - g"]),
    ("missing-clone", "y = x.clone()", ["y = x"]),
    ("missing-zero-grad", "opt.zero_grad()", ["pass"]),
    ("missing-backward", "loss.backward()", ["pass"]),
    ("missing-step", "opt.step()", ["pass"]),
    ("missing-mode", "model.eval()", ["pass"]),
    ("answer-in-code", "q1 = 'B'", ["q1 = 'C'"]),
    ("answer-in-code", "shapes = ['(100, 2)']", None),
    ("answer-in-code", "f('B')", []),
]


@pytest.mark.parametrize(("operator", "before", "after"), ONE_LINE)
def test_an_operator_makes_these_mistakes_and_no_others(
    operator: str, before: str, after: list[str] | None
) -> None:
    found = [same(one) for one in made(operator, before)]

    if after is None:  # more than one place: each is another mutant
        assert len(found) > 1
        assert len(set(found)) == len(found)
    else:
        assert found == [same(one) for one in after]


IN_CONTEXT = [
    (
        "few-steps",
        "for _ in range(100):\n    step()\n",
        ["for _ in range(1):\n    step()\n"],
    ),
    ("few-steps", "for i in range(100):\n    step(i)\n", []),
    ("off-by-one", "for _ in range(100):\n    step()\n", []),
    (
        "detached-graph",
        "class M(nn.Module):\n    def forward(self, x):\n        return self.f(x)\n",
        ["class M(nn.Module):\n    def forward(self, x):\n        return self.f(x).detach()\n"],
    ),
    (
        "missing-no-grad",
        "with torch.no_grad():\n    f()\n",
        ["with torch.enable_grad():\n    f()\n"],
    ),
    (
        "missing-super-init",
        "class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n",
        ["class M(nn.Module):\n    def __init__(self):\n        pass\n"],
    ),
    (
        "return-dropped",
        "def f():\n    return a, b\n",
        ["def f():\n    return\n", "def f():\n    return a\n"],
    ),
    (
        "return-reordered",
        "def f():\n    return a, b, c\n",
        ["def f():\n    return b, a, c\n", "def f():\n    return a, c, b\n"],
    ),
    (  # where the default is what a loop descends on, the sum is only another learning rate
        "sum-for-mean",
        "for _ in range(9):\n    loss = F.mse_loss(m(x), y)\n    loss.backward()\n",
        [],
    ),
]


@pytest.mark.parametrize(("operator", "before", "after"), IN_CONTEXT)
def test_what_stands_around_decides(operator: str, before: str, after: list[str]) -> None:
    assert [same(one) for one in made(operator, before)] == [same(one) for one in after]


def test_every_operator_is_in_the_table_of_these_tests() -> None:
    assert {operator for operator, *_ in (*ONE_LINE, *IN_CONTEXT)} == set(OPERATORS)
