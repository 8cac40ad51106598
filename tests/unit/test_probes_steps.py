"""The probe `steps`: a few steps in made-up namespaces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from workers.inside import wire
from workers.inside.describe import ROOM
from workers.inside.probes import answer
from workers.inside.wire import Array

X = Array("float64", (3,), np.array([1.0, 2.0, 3.0]).tobytes())


def asked(
    *steps: dict[str, Any],
    library: str = "torch",
    precision: str = "float32",
    **namespace: Any,
) -> dict[str, Any]:
    """The evidence, having been through the wire format both ways."""
    payload = {"steps": list(steps), "library": library, "precision": precision}
    sent: Any = wire.loads(wire.dumps(payload))
    found: Any = wire.loads(wire.dumps(answer("steps", sent, namespace, ROOM)))
    return found  # type: ignore[no-any-return]


def name(name: str) -> dict[str, Any]:
    return {"do": "name", "name": name}


def call(of: int, *args: dict[str, Any], **kwargs: dict[str, Any]) -> dict[str, Any]:
    return {"do": "call", "args": [{"step": of}, *args], "kwargs": kwargs}


def value(found: dict[str, Any]) -> Any:
    return found["value"]["v"]


def test_a_name_gives_its_value() -> None:
    assert value(asked(name("n"), n=3)) == 3


def test_a_missing_name_is_told() -> None:
    assert asked(name("n")) == {"missing": "n"}


def test_a_call_takes_data_and_what_earlier_steps_gave() -> None:
    found = asked(name("f"), name("n"), call(0, {"step": 1}, k={"value": 2}), f=pow_, n=5)
    assert value(found) == 25


def pow_(n: int, k: int) -> int:
    return n**k


def test_arguments_may_be_nested() -> None:
    nested = {"list": [{"value": 1}, {"tuple": [{"value": "a"}, {"value": None}]}]}
    pairs = {"dict": [[{"value": "k"}, nested]]}
    assert value(asked(name("f"), call(0, pairs), f=repr)) == "{'k': [1, ('a', None)]}"


def test_arrays_arrive_as_tensors_of_the_precision_of_the_rubric() -> None:
    def dtype(**more: Any) -> Any:
        return value(asked(name("f"), call(0, {"array": X}), f=lambda x: str(x.dtype), **more))

    assert dtype() == "torch.float32"
    assert dtype(precision="float64") == "torch.float64"
    assert dtype(library="numpy") == "float64"


def test_attributes_items_lengths_and_iterations_are_steps() -> None:
    of = [{"step": 0}]
    assert value(asked(name("x"), {"do": "attribute", "name": "real", "args": of}, x=3)) == 3
    assert value(asked(name("x"), {"do": "length", "args": of}, x="abc")) == 3
    key = {"slice": [{"value": 1}, {"value": None}, {"value": None}]}
    assert value(asked(name("x"), {"do": "item", "args": [*of, key]}, x="abc")) == "bc"
    items = asked(name("x"), {"do": "items", "args": of}, x=iter("ab"))["value"]
    assert [one["v"] for one in items["items"]] == ["a", "b"]


def test_an_endless_iteration_is_cut() -> None:
    from itertools import count

    assert asked(name("x"), {"do": "items", "args": [{"step": 0}]}, x=count())["value"]["cut"]


@pytest.mark.parametrize(
    ("operator", "args", "expected"),
    [("sub", [5, 3], 2), ("truediv", [3, 2], 1.5), ("neg", [3], -3)],
)
def test_operators_are_steps(operator: str, args: list[int], expected: float) -> None:
    step = {"do": "operator", "name": operator, "args": [{"value": one} for one in args]}
    assert value(asked(step)) == expected


def test_a_bound_name_is_there_for_the_next_step() -> None:
    step = {"do": "set", "name": "n", "args": [{"value": 4}]}
    assert value(asked(step, name("n"), n=3)) == 4


class Refused(ValueError):
    pass


@pytest.mark.parametrize(
    ("error", "bases"),
    [(Refused("no"), ["ValueError", "Exception"]), (SystemExit(0), [])],
)
def test_an_exception_is_told_with_the_builtin_ones_that_it_is(
    error: BaseException, bases: list[str]
) -> None:
    def fails() -> None:
        raise error

    found = asked(name("f"), call(0), f=fails)
    assert (found["raised"]["type"], found["bases"]) == (type(error).__name__, bases)


def test_an_object_is_told_by_its_type_alone() -> None:
    class Liar:
        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            raise AssertionError("nobody asks")

    found = asked(name("x"), x=Liar())["value"]
    assert (found["k"], found["type"]) == ("thing", "Liar")


def test_a_tensor_that_lies_about_itself_is_read_as_it_is() -> None:
    class Liar(torch.Tensor):
        shape = (9, 9)

    found = asked(name("x"), x=torch.zeros(2).as_subclass(Liar))["value"]
    assert (found["shape"], found["subclass"]) == ([2], "Liar")
