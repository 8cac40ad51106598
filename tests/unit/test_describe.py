"""Describing values: what they are, within bounds, and without calling a student's method."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workers.inside import wire
from workers.inside.describe import Describer
from workers.inside.wire import Array

pytestmark = [
    pytest.mark.filterwarnings("ignore:Sparse"),
    pytest.mark.filterwarnings("ignore:.*[Qq]uantiz"),
]


def described(value: object, room: int = 1 << 20) -> dict[str, Any]:
    """The description, through the wire format, which it must always fit."""
    found = wire.loads(wire.dumps({"here": {"is": [Describer(room).describe(value)]}}))
    return found["here"]["is"][0]  # type: ignore


def numbers(found: dict[str, Any]) -> np.ndarray:
    data = found["data"]
    assert isinstance(data, Array), found["unread"]
    return np.frombuffer(data.data, data.dtype).reshape(data.shape)


class Hostile:
    """Every method that a description could stumble into ends the test."""

    def _fail(self, *_: object, **__: object) -> Any:
        pytest.fail("a method of the student's was called")

    __repr__ = __str__ = __len__ = __iter__ = __eq__ = __bool__ = __getattr__ = _fail
    __index__ = __int__ = __float__ = __array__ = __call__ = __reduce__ = __contains__ = _fail
    __hash__ = None  # type: ignore

    @property
    def __class__(self) -> Any:  # type: ignore
        return self._fail()


@pytest.mark.parametrize("value", [None, True, False, 0, -7, 1 << 70, 1.5, 2j, "", "text"])
def test_plain_values_are_themselves(value: object) -> None:
    assert described(value) == {"k": "plain", "v": value}


def test_not_a_number_is_plain() -> None:
    assert math.isnan(described(float("nan"))["v"])


def test_a_long_text_is_cut_and_says_its_length() -> None:
    assert described("x" * 20_000) == {"k": "text", "v": "x" * 10_000, "length": 20_000}


def test_an_int_without_end_is_a_thing() -> None:
    assert described(10**5000)["k"] == "thing"


def test_subclasses_of_plain_types_are_read_as_their_base() -> None:
    def lie(self: object, *_: object) -> Any:
        return 42

    overrides = dict.fromkeys(
        ("__int__", "__float__", "__str__", "__repr__", "__len__", "__eq__", "__getitem__"), lie
    )
    for base, value in ((int, 3), (float, 0.5), (str, "abc"), (complex, 1j)):
        liar = type("Liar", (base,), dict(overrides))(value)
        assert described(liar) == {"k": "plain", "v": value}
    assert described(IntEnum("Colour", "RED GREEN").GREEN) == {"k": "plain", "v": 2}


DTYPES = sorted(wire.ITEM_SIZES)


@pytest.mark.parametrize("name", DTYPES)
def test_tensors_of_every_dtype_keep_their_bytes(name: str) -> None:
    dtype = getattr(torch, name)
    size = wire.ITEM_SIZES[name]
    raw = torch.arange(6 * size, dtype=torch.uint8).remainder(2)
    found = described(raw.view(dtype).reshape(2, 3))
    assert (found["dtype"], found["shape"], found["unread"]) == (name, [2, 3], None)
    assert found["data"] == Array(name, (2, 3), bytes(raw.tolist()))


@given(st.lists(st.integers(0, 3), max_size=4))
def test_tensors_of_every_small_shape(shape: list[int]) -> None:
    tensor = torch.arange(math.prod(shape), dtype=torch.float64).reshape(shape)
    found = described(tensor)
    assert found["shape"] == shape
    assert numbers(found).tolist() == tensor.tolist()


def test_views_are_read_as_they_look() -> None:
    base = torch.arange(12.0).reshape(3, 4)
    for view in (base.t(), base[::2], base[:, 1:3], base[1:, 1], base.flip(0), base[0, 0]):
        assert numbers(described(view)).tolist() == view.tolist()
    z = torch.tensor([1 + 2j, 3 - 1j])
    assert numbers(described(z.conj())).tolist() == [1 - 2j, 3 + 1j]
    assert numbers(described(z.conj().imag)).tolist() == [-2, 1]


def test_not_a_number_and_infinity_are_kept() -> None:
    found = numbers(described(torch.tensor([float("nan"), float("inf"), -0.0])))
    assert np.isnan(found[0])
    assert np.isinf(found[1])
    assert np.signbit(found[2])


def test_gradients_and_graphs_are_told() -> None:
    leaf = torch.ones(2, requires_grad=True)
    assert (described(leaf)["requires_grad"], described(leaf)["has_graph"]) == (True, False)
    result = described(leaf * 2)
    assert (result["requires_grad"], result["has_graph"]) == (True, True)
    assert numbers(result).tolist() == [2, 2]
    plain = described(torch.ones(2))
    assert (plain["requires_grad"], plain["has_graph"]) == (False, False)


def test_a_parameter_is_a_plain_tensor() -> None:
    found = described(torch.nn.Parameter(torch.ones(2)))
    assert found["subclass"] is None
    assert numbers(found).tolist() == [1, 1]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(1).expand(1 << 40),
        torch.ones(1, 1).expand(1 << 31, 1 << 31),
        torch.sparse_coo_tensor(
            torch.tensor([[0]]), torch.ones(1), (1 << 40,), check_invariants=True
        ),
    ],
    ids=["expanded", "beyond 64 bits", "sparse"],
)
def test_what_is_huge_is_never_made_real(tensor: torch.Tensor) -> None:
    found = described(tensor)
    assert found["data"] is None
    assert found["unread"] == "too large"
    assert found["shape"] == list(tensor.shape)


def test_the_room_is_for_all_arrays_together() -> None:
    found = described([torch.zeros(100), torch.zeros(100), torch.zeros(10)], room=500)
    assert [item["unread"] for item in found["items"]] == [None, "too large", None]


@pytest.mark.parametrize("layout", ["sparse_coo", "sparse_csr", "sparse_csc", "_mkldnn"])
def test_other_layouts_are_read_dense(layout: str) -> None:
    dense = torch.tensor([[0.0, 2.0], [3.0, 0.0]])
    if layout == "_mkldnn":
        if not torch.backends.mkldnn.is_available():
            pytest.skip("this torch has no mkldnn")
        tensor = dense.to_mkldnn()
    else:
        tensor = dense.to_sparse(layout=getattr(torch, layout))
    found = described(tensor)
    assert found["layout"] == layout
    assert numbers(found).tolist() == dense.tolist()


def unreadable() -> dict[str, Any]:
    storage_gone = torch.ones(4)
    storage_gone.untyped_storage().resize_(0)
    leaked: list[Any] = []
    torch.vmap(lambda x: (leaked.append(x), x.sum())[1])(torch.ones(3, 2))
    return {
        "meta": torch.ones(3, device="meta"),
        "quantised": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8),
        "sub-byte": torch.empty(2, dtype=torch.uint4),
        "bits": torch.empty(2, dtype=torch.bits8),
        "storage gone": storage_gone,
        "leaked from vmap": leaked[0],
        "uninitialised": torch.nn.parameter.UninitializedParameter(device="meta"),
    }


@pytest.mark.parametrize(
    "which",
    ["meta", "quantised", "sub-byte", "bits", "storage gone", "leaked from vmap", "uninitialised"],
)
def test_what_cannot_be_read_says_so(which: str) -> None:
    found = described(unreadable()[which])
    assert found["k"] == "tensor"
    assert found["data"] is None
    assert found["unread"]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", ["strided", "jagged"])
def test_nested_tensors_are_not_read(layout: str) -> None:
    parts = [torch.ones(2), torch.ones(3)]
    found = described(torch.nested.nested_tensor(parts, layout=getattr(torch, layout)))
    assert (found["data"], found["unread"]) == (None, "a nested tensor")


class LyingFunction(torch.Tensor):
    """Lies through attributes and through the function protocol."""

    shape = (99,)  # type: ignore
    dtype = torch.int64  # type: ignore

    def _fail(self, *_: object, **__: object) -> Any:
        pytest.fail("a method of the student's was called")

    __repr__ = numpy = tolist = detach = contiguous = cpu = clone = __eq__ = __len__ = _fail
    __hash__ = None  # type: ignore

    @property
    def __class__(self) -> Any:  # type: ignore
        return torch.Tensor

    @classmethod
    def __torch_function__(cls, *_: object, **__: object) -> Any:
        pytest.fail("the student's function protocol was called")


class LyingDispatch(torch.Tensor):
    """Lies below the function protocol."""

    @classmethod
    def __torch_dispatch__(cls, *_: object, **__: object) -> Any:
        pytest.fail("the student's dispatch was called")


class Wrapper(torch.Tensor):
    """Has no storage of its own: whatever it answers would be made up."""

    @staticmethod
    def __new__(cls) -> Any:
        return torch.Tensor._make_wrapper_subclass(cls, (3,), dtype=torch.float32)

    @classmethod
    def __torch_dispatch__(cls, *_: object, **__: object) -> Any:
        pytest.fail("the student's dispatch was called")


@pytest.mark.parametrize("kind", [LyingFunction, LyingDispatch])
def test_a_lying_tensor_is_read_for_what_it_is_and_named(kind: type) -> None:
    found = described(torch.tensor([1.0, 2.0, 3.0]).as_subclass(kind))
    assert (found["shape"], found["dtype"]) == ([3], "float32")
    assert numbers(found).tolist() == [1, 2, 3]
    assert found["subclass"] == kind.__name__


def test_a_tensor_without_values_of_its_own_is_not_read() -> None:
    found = described(Wrapper())
    assert (found["subclass"], found["data"]) == ("Wrapper", None)
    assert found["unread"] == "it has no storage"


def test_modes_that_a_student_left_on_see_nothing() -> None:
    class Everywhere(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, *_: object, **__: object) -> Any:
            pytest.fail("the student's mode was called")

    tensor = torch.ones(2)
    with Everywhere():
        found = described(tensor)
    assert numbers(found).tolist() == [1, 1]


@pytest.mark.parametrize(
    "dtype",
    [
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128", ">i4", ">f8"),
    ],
)
def test_numpy_arrays_keep_their_values(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    found = described(array.T)
    assert (found["library"], found["shape"], found["subclass"]) == ("numpy", [3, 2], None)
    assert numbers(found).tolist() == array.T.tolist()


def test_a_huge_view_of_an_array_is_never_made_real() -> None:
    view = np.broadcast_to(np.float32(1), (1 << 40,))
    assert described(view)["unread"] == "too large"


@pytest.mark.parametrize(
    "array",
    [
        np.array([object()], dtype=object),
        np.array(["text"]),
        np.array([b"text"]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array(["2026-01-01"], dtype="datetime64[D]"),
        np.zeros(2, dtype=np.longdouble),
        np.array(["text"], dtype=np.dtypes.StringDType()),
    ],
    ids=lambda array: str(array.dtype),
)
def test_arrays_of_other_things_are_not_read(array: np.ndarray) -> None:
    found = described(array)
    assert (found["k"], found["data"]) == ("tensor", None)
    assert "no exchange format" in found["unread"]


def test_a_lying_array_is_read_for_what_it_is_and_named() -> None:
    class Lying(np.ndarray):
        def _fail(self, *_: object, **__: object) -> Any:
            pytest.fail("a method of the student's was called")

        __array__ = __array_ufunc__ = __array_function__ = tobytes = astype = __repr__ = _fail
        shape = (99,)  # type: ignore
        dtype = np.dtype("int64")  # type: ignore

    found = described(np.array([1.0, 2.0]).view(Lying))
    assert (found["shape"], found["dtype"], found["subclass"]) == ([2], "float64", "Lying")
    assert numbers(found).tolist() == [1, 2]


@pytest.mark.parametrize("value", [np.float32(1.5), np.float64(2.5), np.int64(3), np.bool_(True)])
def test_numpy_scalars_are_arrays_without_dimensions(value: np.generic) -> None:
    found = described(value)
    assert (found["k"], found["shape"], found["subclass"]) == ("tensor", [], None)
    assert numbers(found).item() == value.item()


def test_sequences_keep_their_type_and_order() -> None:
    Point = namedtuple("Point", "x y")
    for value, name in (
        ([1, 2], "list"),
        ((1, 2), "tuple"),
        (torch.Size([1, 2]), "Size"),
        (Point(1, 2), "Point"),
        ({1, 2}, "set"),
        (frozenset({1, 2}), "frozenset"),
    ):
        found = described(value)
        assert (found["k"], found["type"], found["cut"]) == ("sequence", name, False)
        assert [item["v"] for item in found["items"]] == [1, 2]


def test_mappings_keep_their_order_and_describe_their_keys() -> None:
    for value in (
        {"b": 1, (2,): None},
        OrderedDict({"b": 1, (2,): None}),
        defaultdict(list, {"b": 1, (2,): None}),
        Counter({"b": 1, (2,): None}),
    ):
        found = described(value)
        assert (found["k"], found["cut"]) == ("mapping", False)
        assert [key["k"] for key, _ in found["items"]] == ["plain", "sequence"]


def test_containers_that_lie_are_read_by_their_base() -> None:
    def fail(self: object, *_: object) -> Any:
        pytest.fail("a method of the student's was called")

    names = ("__iter__", "__len__", "__getitem__", "items", "keys", "values", "__repr__")
    overrides = dict.fromkeys(names, fail)
    assert described(type("L", (list,), dict(overrides))([1]))["items"] == [described(1)]
    assert described(type("T", (tuple,), dict(overrides))([1]))["items"] == [described(1)]
    found = described(type("D", (dict,), dict(overrides))({1: 2}))
    assert found["items"] == [[described(1), described(2)]]


def test_a_container_in_itself_ends() -> None:
    loop: list[object] = [1]
    loop.append(loop)
    inner = described(loop)["items"][1]
    assert (inner["items"], inner["cut"]) == ([], True)
    mapping: dict[str, object] = {}
    mapping["self"] = mapping
    assert described(mapping)["items"][0][1]["cut"] is True


def test_the_same_container_twice_is_no_loop() -> None:
    twice = [1]
    assert [item["cut"] for item in described([twice, twice])["items"]] == [False, False]


def test_deep_and_wide_containers_are_cut() -> None:
    deep: object = 1
    for _ in range(100):
        deep = {"a": [deep]}
    described(deep)  # fits the wire format
    wide = described(list(range(5000)))
    assert (len(wide["items"]), wide["cut"]) == (1000, True)
    bush: object = [1] * 10
    for _ in range(7):
        bush = [bush] * 10
    described(bush)
    described([torch.ones((1,) * 64)] * 1000)


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (Hostile(), {"type": "Hostile", "callable": True}),
        (Hostile, {"type": "type", "callable": True, "is_class": True}),
        (len, {"type": "builtin_function_or_method", "callable": True}),
        (torch.nn.Linear(2, 1), {"type": "Linear", "callable": True, "is_module": True}),
        (torch.nn.Linear, {"type": "type", "callable": True, "is_class": True}),
        (SimpleNamespace(a=1), {"type": "SimpleNamespace"}),
        ((i for i in range(3)), {"type": "generator"}),
        (b"bytes", {"type": "bytes"}),
    ],
    ids=[
        "object",
        "class",
        "function",
        "module",
        "module class",
        "namespace",
        "generator",
        "bytes",
    ],
)
def test_other_things_are_named(value: object, flags: dict[str, object]) -> None:
    expected = {"k": "thing", "callable": False, "is_module": False, "is_class": False}
    assert described(value) == {**expected, **flags}


def test_a_class_cannot_lie_about_its_name() -> None:
    class Name(str):
        def __str__(self) -> str:
            pytest.fail("a method of the student's was called")

        __repr__ = __getitem__ = __len__ = encode = __str__  # type: ignore

    class Meta(type):
        @property
        def __name__(cls) -> str:
            pytest.fail("a method of the student's was called")

        def __getattribute__(cls, name: str) -> Any:
            pytest.fail("a method of the student's was called")

        def __instancecheck__(cls, instance: object) -> bool:
            pytest.fail("a method of the student's was called")

    class Plain:
        pass

    Plain.__name__ = Name("n" * 1000)
    assert described(Plain())["type"] == "n" * 200
    assert described(Meta("Odd", (), {})())["type"] == "Odd"
