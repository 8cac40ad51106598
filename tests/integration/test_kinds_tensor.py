"""`tensor` through real sandboxes: what a tensor is, whose memory it has, and who lies about it."""

from __future__ import annotations

from typing import Any

import pytest

from grader.domain.outcomes import Outcome
from tests.grading import Assignment, assignment
from workers.zygote import Zygote

PROPERTIES: dict[str, Any] = {
    "kind": "tensor",
    "name": "x",
    "shape": ["n", 2],
    "dtype": "float64",
    "requires_grad": True,
    "contiguous": True,
    "not_shares_storage_with": "base",
}
VIEW: dict[str, Any] = {"kind": "tensor", "name": "x", "shares_storage_with": "base"}
IN_PLACE: dict[str, Any] = {
    "kind": "tensor",
    "function": "add_one_",
    "args": ["x"],
    "inputs": {"x": {"normal": ["N", 3]}},
    "cases": [{"N": 4}, {"N": 1}],
    "shape": ["N", 3],
    "in_place_on": "x",
    "limit_s": 2,
}
BASE = "import torch, numpy as np\nbase = torch.arange(6.0, dtype=torch.float64).reshape(3, 2)\n"


@pytest.fixture(scope="module")
def properties(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("properties"), PROPERTIES, "")


@pytest.fixture(scope="module")
def view(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("view"), VIEW, "")


@pytest.fixture(scope="module")
def in_place(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(zygote, tmp_path_factory.mktemp("in-place"), IN_PLACE, "")


@pytest.mark.parametrize(
    "source",
    [
        "x = base.clone().requires_grad_()",
        "x = torch.zeros(5, 2, dtype=torch.double, requires_grad=True)",
        "x = torch.nn.Parameter(torch.randn(1, 2).double())",
    ],
)
def test_right_tensors_pass(properties: Assignment, source: str) -> None:
    assert properties.grade(BASE + source).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("source", "right", "words"),
    [
        ("x = base.float().requires_grad_()", 4, "dtype float32"),
        ("x = base.clone()", 4, "requires_grad=False"),
        ("x = base.requires_grad_()", 4, "the memory of base"),
        ("x = torch.zeros(2, 5).double().T.requires_grad_()", 4, "not contiguous"),
        ("x = base.T", 1, "has shape (2, 3); (n, 2) was expected"),
        ("x = [[1.0, 2.0]]", 0, "a tensor was expected"),
        ("", 0, "not defined"),
    ],
)
def test_each_wrong_property_costs_its_share(
    properties: Assignment, source: str, right: int, words: str
) -> None:
    result = properties.grade(BASE + source)
    assert (result.score, result.outcome) != (1, Outcome.PASSED)
    assert result.score == right / 5
    assert words in result.message


@pytest.mark.parametrize(
    "source",
    [
        "x = base.T",
        "x = base.numpy()",
        "x = torch.from_numpy(base.numpy())",
        "x = base[1:].view(-1)",
    ],
)
def test_views_share_storage(view: Assignment, source: str) -> None:
    assert view.grade(BASE + source).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "source",
    ["x = base.clone()", "x = torch.tensor(base.numpy())", "x = base[[0, 1]]", "x = base * 1"],
)
def test_copies_do_not(view: Assignment, source: str) -> None:
    assert view.grade(BASE + source).detail["cause"] == "tensor-shares_storage_with"


@pytest.mark.parametrize(
    "body", ["x += 1\n    return x", "return x.add_(1)", "x[:] = x + 1\n    return x"]
)
def test_a_function_in_place_passes(in_place: Assignment, body: str) -> None:
    result = in_place.grade(f"import torch\ndef add_one_(x):\n    {body}")
    assert result.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("body", "score"),
    [
        ("return x + 1", 0.5),
        ("return x", 0.5),
        ("x += 1\n    return x.clone()", 0.5),
        ("x += 1", 0),
        ("raise SystemExit", 0),
        ("return None", 0),
    ],
)
def test_one_that_is_not_in_place_does_not(in_place: Assignment, body: str, score: float) -> None:
    assert in_place.grade(f"import torch\ndef add_one_(x):\n    {body}").score == score


LIAR = """
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *args, **kwargs): return True
    shape = property(lambda self: torch.Size([7, 2]))
    dtype = property(lambda self: torch.float64)
    requires_grad = property(lambda self: True)
    def __eq__(self, other): return True
    def data_ptr(self): return 1
    def untyped_storage(self): return base.untyped_storage()
"""
CHEATS = [
    f"{LIAR}x = torch.zeros(3, 3, dtype=torch.int32).T.as_subclass(Liar)",
    f"{LIAR}x = object.__new__(Liar)",
    "torch.Tensor.shape = property(lambda self: torch.Size([7, 2]))\nx = torch.zeros(3)",
    "class X:\n    def __getattr__(self, name): return True\nx = X()",
    "x = torch.zeros(3, 3).expand(10 ** 9, 3, 3)",
]


@pytest.mark.parametrize("source", CHEATS, ids=range(len(CHEATS)))
def test_a_tensor_that_lies_earns_no_more_than_it_is_worth(
    properties: Assignment, view: Assignment, source: str
) -> None:
    assert properties.grade(BASE + source).score < 0.5
    assert view.grade(BASE + source).score == 0


def test_an_endless_function_costs_its_own_check(in_place: Assignment) -> None:
    result = in_place.grade("def add_one_(x):\n    while True: pass")
    assert result.detail["cause"] == "time-limit"
