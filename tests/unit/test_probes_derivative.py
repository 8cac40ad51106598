"""The probes `derivative` and `formula`, asked of namespaces made up for the purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.unit.test_probes import arr, asked, numbers, ran


def derived(
    namespace: dict[str, Any],
    shifts: list[dict[str, Any]] | None = None,
    *,
    args: list[Any] | None = None,
    weights: tuple[float, ...] = (1.0, 10.0, 100.0),
    **more: Any,
) -> dict[str, Any]:
    """The only case's evidence, for x of shape (2, 2) and w of shape (2,)."""
    payload = {
        "target": "function",
        "name": "f",
        "make": [],
        "seed": 3,
        "dtype": "float64",
        "wrt": ["x", "w"],
        "cases": [
            {
                "bind": {"x": arr([[1.0, 2.0], [3.0, 4.0]]), "w": arr([5.0, 6.0])},
                "args": [{"name": "x"}, {"name": "w"}] if args is None else args,
                "weights": arr(weights, "float64"),
                "shifts": shifts or [],
            }
        ],
        **more,
    }
    found = asked("derivative", payload, namespace)
    return found["cases"][0] if found.get("cases") else found  # type: ignore[no-any-return]


def test_a_value_its_weighted_sum_and_the_gradients_of_that() -> None:
    found = derived(ran("def f(x, w): return x @ w"))
    assert numbers(found["value"]) == [17.0, 39.0]
    assert found["value"]["dtype"] == "float64"
    assert found["total"] == found["base"] == 17 + 390
    assert numbers(found["gradients"]["x"]) == [[5, 6], [50, 60]]
    assert numbers(found["gradients"]["w"]) == [31, 42]


def test_each_shift_is_applied_alone() -> None:
    shifts = [
        {"name": "x", "index": 3, "delta": 0.5},
        {"name": "w", "index": 0, "delta": -1.0},
    ]
    found = derived(ran("def f(x, w): return x @ w"), shifts)
    assert numbers(found["shifted"]) == [407 + 30, 407 - 31]


def test_weights_begin_again_where_there_are_more_entries() -> None:
    found = derived(ran("def f(x, w): return torch.ones(2, 4)"))
    assert found["total"] == 1 + 10 + 100 + 1 + 10 + 100 + 1 + 10
    assert found["gradients"] == {}


def test_what_the_result_does_not_depend_on_has_no_gradient() -> None:
    found = derived(ran("def f(x, w): return x.detach().sum() + w.sum()"))
    assert found["gradients"]["x"] is None
    assert numbers(found["gradients"]["w"]) == [1, 1]


def test_float32_where_it_is_asked_for_and_the_default_dtype_is_as_before() -> None:
    namespace = ran("def f(x, w): return x @ w + torch.zeros(2)")
    assert derived(namespace, dtype="float32")["value"]["dtype"] == "float32"
    assert derived(namespace)["value"]["dtype"] == "float64"
    assert torch.get_default_dtype() is torch.float32


def test_random_functions_get_the_same_stream_in_every_call() -> None:
    shifts = [{"name": "x", "index": 0, "delta": 0.0}] * 2
    found = derived(ran("def f(x, w): return nn.functional.dropout(x, 0.5)"), shifts)
    assert numbers(found["shifted"]) == [found["total"]] * 2 == [found["base"]] * 2


@pytest.mark.parametrize(
    ("source", "key", "words"),
    [
        ("def f(x, w): raise SystemExit(3)", "value", "SystemExit"),
        ("def f(x, w):\n    y = w.exp(); y += 1\n    return y", "failed", "RuntimeError"),
        ("def f(x, w):\n    if not x.requires_grad: raise ValueError\n    return x", "unswept",
         "ValueError"),
    ],
)  # fmt: skip
def test_exceptions_are_told_where_they_came_up(source: str, key: str, words: str) -> None:
    assert derived(ran(source))[key]["type"] == words


@pytest.mark.parametrize("result", ["None", "(x, w)", "3.0"])
def test_what_is_no_tensor_has_no_sum(result: str) -> None:
    found = derived(ran(f"def f(x, w): return {result}"))
    assert "value" in found
    assert "total" not in found


def test_a_missing_name_is_not_found() -> None:
    assert derived({})["found"] is None


def test_a_module_is_made_and_its_parameters_shift_and_come_back() -> None:
    class Layer(nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.arange(float(size)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ self.weight

    shifts = [{"name": "self.weight", "index": 1, "delta": 1.0}]
    fields: dict[str, Any] = {
        "target": "instance",
        "make": [2],
        "args": [{"name": "x"}],
        "wrt": ["x"],
    }
    found = derived({"f": Layer}, shifts * 2, **fields)
    assert found["shapes"] == {"self.weight": [2]}
    assert numbers(found["gradients"]["self.weight"]) == [31, 42]
    assert numbers(found["shifted"]) == [found["base"] + 42] * 2
    assert asked_fits({"f": dict}, **fields) is False


def asked_fits(namespace: dict[str, Any], **fields: Any) -> bool:
    return bool(derived(namespace, **(fields | {"make": []}))["fits"])


class Double(torch.autograd.Function):
    """Its backward pass is wrong on purpose, so that it shows."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, *above: torch.Tensor) -> torch.Tensor:
        return 7 * above[0]

    apply = staticmethod(lambda x: 2 * x)  # type: ignore[assignment]


def test_an_autograd_function_is_applied_whatever_its_class_calls_apply() -> None:
    fields: dict[str, Any] = {"target": "apply", "args": [{"name": "w"}], "wrt": ["w"]}
    found = derived({"f": Double}, **fields)
    assert numbers(found["value"]) == [10, 12]
    assert numbers(found["gradients"]["w"]) == [7, 70]
    for other in (nn.Linear, np.sin, 3):
        assert derived({"f": other}, **fields)["fits"] is False


def test_the_text_of_a_formula_of_sympy_and_of_nothing_else() -> None:
    namespace = ran(
        "import sympy\np = sympy.Symbol('p')\na = sympy.diff(p**2 + 2 * p, p)\n"
        "class Liar:\n    __module__ = 'sympy.core'\n"
        "    def __str__(self): raise SystemExit\nb = Liar()\nc = '2*p'\n"
    )
    texts = {
        name: asked("formula", {"name": name}, namespace)["text"]["v"]
        for name in ("a", "b", "c", "d")
    }
    assert texts == {"a": "2*p + 2", "b": None, "c": None, "d": None}
