"""Which values are read where they are, without a fork."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from workers.inside.plainly import all_plain

pytestmark = [
    pytest.mark.filterwarnings("ignore:Sparse"),
    pytest.mark.filterwarnings("ignore:.*[Qq]uantiz"),
    pytest.mark.filterwarnings("ignore:.*nested tensors"),
]

ONES = torch.ones(3)


class Mine(torch.Tensor):
    """A class of the student's."""


class Text(str):
    """Another one."""


PLAIN: dict[str, Any] = {
    "nothing": None,
    "number": 1 << 70,
    "numpy's number": np.float32(1),
    "text": "text",
    "tensor": ONES,
    "parameter": torch.nn.Parameter(ONES),
    "with a graph": ONES.clone().requires_grad_() * 2,
    "bfloat16": ONES.bfloat16(),
    "array": np.zeros((3, 4))[1:].T,
    "array of a tensor": ONES.numpy(),
    "containers": [1, {2: (ONES, {"a"})}],
}
_itself: list[Any] = []
_itself.append(_itself)
NOT_PLAIN: dict[str, Callable[[], object]] = {
    "object": lambda: object(),
    "function": lambda: print,
    "subclass of a tensor": lambda: ONES.as_subclass(Mine),
    "subclass of a text": lambda: Text("a"),
    "sparse": lambda: ONES.to_sparse(),
    "on no device": lambda: torch.ones(3, device="meta"),
    "nested": lambda: torch.nested.nested_tensor([ONES, ONES]),
    "quantised": lambda: torch.quantize_per_tensor(ONES, 1, 0, torch.qint8),
    "large": lambda: torch.zeros(1 << 21),
    "array beyond its memory": lambda: np.lib.stride_tricks.as_strided(np.zeros(3), (9,), (8,)),
    "array of objects": lambda: np.array([None]),
    "masked": lambda: np.ma.array([1]),
    "many": lambda: list(range(1000)),
    "many in all": lambda: [[0] * 400, [0] * 400],
    "in itself": lambda: _itself,
    "in a list": lambda: [[object()]],
    "as a key": lambda: {Text("a"): 1},
}


@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_of_builtin_types_and_of_torchs_and_numpys_own_it_is_plain(value: object) -> None:
    assert all_plain([value])


@pytest.mark.parametrize("make", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_may_run_code_lie_or_take_long_is_not(make: Callable[[], object]) -> None:
    assert not all_plain([1, make()])


def test_a_mode_that_answers_for_all_tensors_is_not_called() -> None:
    class Answering(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, *_: object, **__: object) -> Any:
            pytest.fail("a method of the student's was called")

    with Answering():
        assert all_plain([ONES])
