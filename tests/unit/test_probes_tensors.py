"""The probe `tensors`: what tensors are and whose memory they have, in made-up namespaces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from workers.inside import wire
from workers.inside.describe import ROOM
from workers.inside.probes import answer
from workers.inside.wire import Array


def asked(payload: dict[str, Any], namespace: dict[str, Any]) -> dict[str, Any]:
    """The evidence, having been through the wire format both ways."""
    sent: Any = wire.loads(wire.dumps(payload))
    found: Any = wire.loads(wire.dumps(answer("tensors", sent, namespace, ROOM)))
    return found  # type: ignore[no-any-return]


def held(**namespace: Any) -> dict[str, Any]:
    return asked({"names": list(namespace)}, namespace)


def shared(**namespace: Any) -> list[list[str]]:
    return held(**namespace)["sharing"]  # type: ignore[no-any-return]


def called(function: Any, **case: Any) -> dict[str, Any]:
    x = Array("float32", (2, 3), np.arange(6, dtype="float32").tobytes())
    case = {"bind": {"x": x}, "args": [{"name": "x"}], "kwargs": {}, **case}
    found = asked({"function": "f", "cases": [case]}, {"f": function})
    return found["cases"][0]  # type: ignore[no-any-return]


def test_a_name_that_is_missing_is_left_out() -> None:
    found = asked({"names": ["x", "y"]}, {"x": torch.zeros(2)})
    assert list(found["tensors"]) == ["x"]
    assert found["tensors"]["x"]["value"]["shape"] == [2]


VIEWS: list[Any] = [
    lambda x: x,
    lambda x: x.view(6),
    lambda x: x.T,
    lambda x: x[1:],
    lambda x: x[:, 0],
    lambda x: x.detach(),
    lambda x: x.data,
    lambda x: x.numpy(),
    lambda x: x.numpy()[::-1],
    lambda x: torch.from_numpy(x.numpy()[1:]),
    lambda x: np.asarray(x).reshape(-1)[2:4],
    lambda x: x.as_subclass(torch.nn.Parameter),
]
COPIES: list[Any] = [
    lambda x: x.clone(),
    lambda x: x + 0,
    lambda x: torch.tensor(x.tolist()),
    lambda x: x[[0, 1]],
    lambda x: x.to(torch.float64),
    lambda x: x.numpy().copy(),
    lambda x: x.T.contiguous(),
    lambda x: x.T.reshape(6),
    lambda x: x.tolist(),
    lambda x: x.to_sparse(),
    lambda x: x.to("meta"),
    lambda x: torch.empty(0),
]


@pytest.mark.parametrize("view", VIEWS, ids=range(len(VIEWS)))
def test_a_view_shares_storage(view: Any) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert shared(x=x, y=view(x), z=torch.arange(6.0)) == [["x", "y"]]


@pytest.mark.parametrize("copy", COPIES, ids=range(len(COPIES)))
def test_a_copy_does_not(copy: Any) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert shared(x=x, y=copy(x)) == []


def test_two_views_of_one_array_share_it_even_where_they_do_not_meet() -> None:
    array = np.arange(6)
    assert shared(a=torch.from_numpy(array[:2]), b=torch.from_numpy(array[4:])) == []
    assert shared(a=array[:2], b=array[4:]) == [["a", "b"]]
    x = torch.arange(6)
    assert shared(a=x[:2], b=x[4:]) == [["a", "b"]]


def test_several_storages_are_told_apart() -> None:
    x, y = torch.zeros(3), torch.zeros(3)
    assert sorted(shared(a=x, b=y, c=x[1:], d=y[1:])) == [["a", "c"], ["b", "d"]]


def test_contiguous_is_said_of_tensors_and_arrays_alone() -> None:
    x, a = torch.zeros(2, 3), np.zeros((2, 3))
    tensors = held(x=x, t=x.T, a=a, b=a.T, n=3, s=x.to_sparse())["tensors"]
    said = {name: found["contiguous"] for name, found in tensors.items()}
    assert said == {"x": True, "t": False, "a": True, "b": False, "n": None, "s": said["s"]}


class Liar(torch.Tensor):
    """Says whatever is asked."""

    @classmethod
    def __torch_function__(cls, *args: Any, **kwargs: Any) -> Any:
        return True

    def __eq__(self, other: object) -> Any:
        return True

    def is_contiguous(self, *args: Any) -> bool:  # type: ignore[override]
        return True


def test_a_tensor_that_lies_is_seen_as_it_is() -> None:
    x = torch.zeros(2, 3)
    liar = x.T.as_subclass(Liar)
    found = held(x=x, liar=liar, y=torch.zeros(2, 3).as_subclass(Liar))
    assert found["sharing"] == [["liar", "x"]]
    assert found["tensors"]["liar"]["contiguous"] is False
    assert found["tensors"]["liar"]["value"]["shape"] == [3, 2]


def test_in_place_is_seen_by_identity_and_by_change() -> None:
    def in_place(x: Any) -> Any:
        x += 1
        return x

    assert (called(in_place)["same"], called(in_place)["changed"]) == (["x"], ["x"])
    assert called(lambda x: x)["same"] == ["x"]
    assert called(lambda x: x)["changed"] == []
    assert called(lambda x: x + 1)["same"] == []
    view = called(lambda x: x.add_(1).view(6))
    assert (view["same"], view["changed"], view["sharing"]) == ([], ["x"], [["", "x"]])


def test_a_result_that_shares_no_input_says_so() -> None:
    assert called(lambda x: x * 2)["sharing"] == []
    assert called(lambda x: x.T)["sharing"] == [["", "x"]]
    assert called(lambda x: x.T)["result"]["contiguous"] is False


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(0), KeyboardInterrupt()])
def test_what_the_function_raises_is_said(error: BaseException) -> None:
    def f(x: Any) -> Any:
        raise error

    assert called(f)["result"]["value"]["type"] == type(error).__name__


def test_a_function_that_is_missing_is_not_found() -> None:
    assert asked({"function": "f", "cases": [{}]}, {})["found"] is None


def test_a_patched_torch_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "is_contiguous", lambda *_: True, raising=False)
    monkeypatch.setattr(torch.Tensor, "untyped_storage", lambda *_: None, raising=False)
    monkeypatch.setattr(torch.Tensor, "data_ptr", lambda *_: 1, raising=False)
    x = torch.zeros(2, 3)
    found = held(x=x, y=x.T, z=torch.zeros(1))
    assert found["sharing"] == [["x", "y"]]
    assert found["tensors"]["y"]["contiguous"] is False
