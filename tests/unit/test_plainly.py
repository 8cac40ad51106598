"""Which values are read where they are, without a fork."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from workers.inside.describe import Describer
from workers.inside.plainly import all_plain, are_plain

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


class Posing(type):
    """A class of classes that says of each that it is a list."""

    def __hash__(cls) -> int:
        pytest.fail("a method of the student's was called")

    def __eq__(cls, other: object) -> bool:
        pytest.fail("a method of the student's was called")


class Bare(type):
    """Another one, whose classes have no hash."""

    def __eq__(cls, other: object) -> bool:
        return cls is other


class Key(str):
    """A name that compares as a student likes."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        pytest.fail("a method of the student's was called")


def _shrunk(tensor: torch.Tensor) -> torch.Tensor:
    held = tensor[10:]
    tensor.untyped_storage().resize_(0)
    return held


PLAIN: dict[str, Any] = {
    "nothing": None,
    "number": 1 << 70,
    "numpy's number": np.float32(1),
    "text": "text",
    "tensor": ONES,
    "parameter": torch.nn.Parameter(ONES),
    "with a graph": ONES.clone().requires_grad_() * 2,
    "bfloat16": ONES.bfloat16(),
    "array": np.zeros((3, 4)),
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
    "not in order": lambda: torch.ones(2, 3).T,
    "conjugated": lambda: torch.ones(2, dtype=torch.complex64).conj(),
    "of memory that went": lambda: _shrunk(torch.ones(1000)),
    "of an array beyond its memory": lambda: torch.from_numpy(
        np.lib.stride_tricks.as_strided(np.zeros(3), (9,), (8,))
    ),
    "array of a tensor": lambda: torch.ones(3).numpy(),
    "view of an array": lambda: np.zeros(9)[1:],
    "of a class that is equal to any": lambda: Posing("Any", (), {})(),
    "of a class without a hash": lambda: Bare("Any", (), {})(),
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


def test_names_are_looked_up_where_all_are_plain_texts() -> None:
    assert are_plain(["a", "b"], {"a": 1, "c": object()})
    assert not are_plain(["a"], {"b": 1, "a": object()})
    assert not are_plain(["a"], {Key("a"): 1})


def test_neither_a_mode_nor_another_operator_is_called() -> None:
    class Answering(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, *_: object, **__: object) -> Any:
            pytest.fail("a method of the student's was called")

    class Dispatching(TorchDispatchMode):
        def __torch_dispatch__(self, *_: object, **__: object) -> Any:
            pytest.fail("a method of the student's was called")

    with Answering(), Dispatching():
        assert all_plain([ONES])
        assert Describer().describe(ONES)["shape"] == [3]
