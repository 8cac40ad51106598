"""`learning`: runs a training function on a model and data of our own, and says what it did.

Everything that it is given is made here; what happens is seen by the model's own forward pass, by
hooks on what comes out of it and on the optimisers, and by the parameters' values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data import DataLoader, TensorDataset

from ..describe import ROOM, Describer
from ..failures import raised
from ..seeds import reseed
from .inputs import fresh, tensor
from .parts import parameters_of
from .places import device_for, device_of, placed

_EVENTS = 4000
_Module: Any = torch.nn.Module
_Parameter = torch.nn.Parameter
_LOSSES = {
    "mse": torch.nn.MSELoss,
    "bce_with_logits": torch.nn.BCEWithLogitsLoss,
    "cross_entropy": torch.nn.CrossEntropyLoss,
}
_OPTIMISERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
_on_step = register_optimizer_step_post_hook
_linear, _is_grad_enabled = torch.nn.functional.linear, torch.is_grad_enabled
_float32 = torch.float32
_device = torch.device
_no_grad, _Function = torch.no_grad, torch._C.DisableTorchFunction
_base: Any = torch._C.TensorBase
_tanh, _requires_grad = _base.tanh, _base.requires_grad.__get__
_to, _is_floating = _base.to, _base.is_floating_point
_register_hook: Any = torch.Tensor.register_hook
_grad, _any, _item = _base.grad.__get__, _base.any, _base.item
_dict_of, _init = object.__getattribute__, torch.nn.Module.__init__


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{found, raised?, events, cut, covered, parameters, before, after}`; see docs/protocol.md."""
    describer = Describer(room)
    name = next((one for one in payload["functions"] if one in namespace), None)
    if name is None:
        return {"found": None}
    function = namespace[name]
    reseed(payload["seed"])
    scene = _Scene(payload, device_for(function) or _device("cpu"))
    found: dict[str, Any] = {
        "found": describer.describe(function),
        "name": name,
        "parameters": len(scene.parameters),
        "before": describer.array(scene.predictions()),
    }
    args = [scene.thing(one) for one in payload["args"]]
    kwargs = {key: scene.thing(one) for key, one in payload["kwargs"].items()}
    try:
        with scene.watched():
            function(*args, **kwargs)
    except BaseException as error:  # SystemExit and the like are the student's, too
        found["raised"] = raised(error)
    return {
        **found,
        "events": scene.events,
        "cut": len(scene.events) >= _EVENTS,
        "covered": len(scene.covered),
        "after": describer.array(scene.predictions()),
    }


class _Scene:
    """The model, data, loss and optimiser that the function is given, and what it does with them.

    An event is one of
    `["forward", number, training, grad, train_rows, held_out_rows]`: how many rows of which data,
    `["backward", number, parameters]`: through forward `number`; of those with gradients before,
    `["step"]`: of an optimiser,
    `["moved", parameters]`: numbers of those whose values differ from before.
    """

    def __init__(self, payload: dict[str, Any], device: torch.device) -> None:
        self.events: list[list[Any]] = []
        self.covered: set[int] = set()  # training rows that went through a backward pass
        self._on = False
        self._number = 0
        data = {key: placed(tensor(one), device) for key, one in payload["data"].items()}
        self._x = fresh(data["inputs"])
        self._rows = {
            key: _by_row(data[name])
            for key, name in (("train", "inputs"), ("held_out", "held_out_inputs"))
        }
        shapes = payload["weights"]
        self._model = _network([placed(tensor(one), device) for one in shapes], self._seen)
        self._model.train(payload["training"])
        self.parameters = [one for _, one in parameters_of(self._model)]
        self._values = self._snapshot()
        self._things = {"model": self._model, "device": device, **data}
        self._things["criterion"] = _LOSSES[payload["loss"]]()
        self._things["optimizer"] = _OPTIMISERS[payload["optimizer"]](
            self._model.parameters(), lr=payload["lr"]
        )
        for prefix, word in (("", "train"), ("held_out_", "held_out")):
            rows = TensorDataset(data[f"{prefix}inputs"], data[f"{prefix}targets"])
            self._things[f"{word}_dataset"] = rows
            self._things[f"{word}_loader"] = DataLoader(
                rows, batch_size=payload["batch"], shuffle=word == "train"
            )

    def thing(self, argument: Any) -> Any:
        """What an argument stands for: one of the words, or a plain value itself."""
        return self._things[argument["word"]] if isinstance(argument, dict) else argument

    def predictions(self) -> Any:
        """For the training inputs, by the parameters alone, whatever is hooked to the model."""
        try:
            with _no_grad(), _Function():
                x = placed(self._x, device_of(self._model))
                return _output(x, *(_to(one, _float32) for one in self.parameters))
        except Exception:  # its parameters are of other shapes now
            return None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Record what happens meanwhile."""
        hook = _on_step(self._stepped)
        self._on = True
        try:
            yield
        finally:
            self._moved()
            self._on = False
            hook.remove()

    def _add(self, *event: Any) -> None:
        if len(self.events) < _EVENTS:
            self.events.append(list(event))

    def _seen(self, model: Any, x: Any, output: Any) -> None:
        """The model has made `output` of `x`."""
        if not self._on:
            return
        self._moved()
        number, self._number = self._number, self._number + 1
        training = _dict_of(model, "__dict__").get("training") is True
        rows = _by_row(x)
        train, held_out = (
            {known[row] for row in rows if row in known} for known in self._rows.values()
        )
        self._add("forward", number, training, _is_grad_enabled(), len(train), len(held_out))
        if _requires_grad(output):

            def backward(_: Any) -> None:
                if self._on:
                    self._moved()
                    self._add("backward", number, self._with_gradients())
                    self.covered |= train

            _register_hook(output, backward)

    def _stepped(self, *_: Any) -> None:
        self._moved()
        self._add("step")

    def _moved(self) -> None:
        now = self._snapshot()
        moved = [at for at, (a, b) in enumerate(zip(self._values, now, strict=True)) if a != b]
        self._values = now
        if moved:
            self._add("moved", moved)

    def _snapshot(self) -> list[bytes]:
        return [_bytes(one) for one in self.parameters]

    def _with_gradients(self) -> list[int]:
        """Numbers of the parameters that have a gradient other than zero."""
        gradients = [_grad(one) for one in self.parameters]
        with _no_grad(), _Function():
            return [at for at, one in enumerate(gradients) if one is not None and _item(_any(one))]


def _network(weights: list[Any], seen: Any) -> Any:
    """Two linear layers with a tanh in between; `seen` is told of every forward pass."""

    class Network(_Module):  # type: ignore[misc]
        def __init__(self) -> None:
            _init(self)
            for at, weight in enumerate(weights):
                kind = "bias" if at % 2 else "weight"
                setattr(self, f"{kind}{at // 2 + 1}", _Parameter(weight))

        def forward(self, x: Any) -> Any:
            output = _output(x, self.weight1, self.bias1, self.weight2, self.bias2)
            seen(self, x, output)
            return output

    return Network()


def _output(x: Any, weight1: Any, bias1: Any, weight2: Any, bias2: Any) -> Any:
    return _linear(_tanh(_linear(x, weight1, bias1)), weight2, bias2)


def _bytes(value: Any) -> bytes:
    with _Function():
        array = Describer().array(value)
    return b"" if array is None else array.data


def _by_row(x: Any) -> dict[bytes, int]:
    """The bytes of each row of floating point as float32, and its number."""
    with _no_grad(), _Function():
        array = Describer().array(_to(x, _float32) if _is_floating(x) else x)
    if array is None or len(array.shape) < 2 or not array.shape[0] or array.dtype != "float32":
        return {}
    size = len(array.data) // array.shape[0]
    return {array.data[at * size : (at + 1) * size]: at for at in range(array.shape[0])}
