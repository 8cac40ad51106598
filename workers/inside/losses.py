"""The losses of a training, for a picture of it: what its backward passes began from.

It is kept in the student's process, so that it is that process's own word. Nothing is judged by it.
"""

from __future__ import annotations

from typing import Any

import torch

_MOST = 500  # values of one cell
_Function = torch._C.DisableTorchFunction
_base: Any = torch._C.TensorBase
_numel, _item, _detach, _clone = _base.numel, _base.item, _base.detach, _base.clone
_is_cuda = _base.is_cuda.__get__
_capturing = torch.cuda.is_current_stream_capturing


class _Recording:
    """Of one cell: the values at every `every`th of the `steps` so far."""

    def __init__(self, cell: int) -> None:
        self.cell = cell
        self.steps = 0
        self.every = 1
        self.values: list[Any] = []

    def add(self, loss: Any) -> None:
        step = self.steps
        self.steps += 1
        if step % self.every:
            return
        if len(self.values) >= _MOST:  # a value stays in two: what is kept stays evenly spread
            del self.values[1::2]
            self.every *= 2
        # Reading it from a device would make the training wait.
        self.values.append(_clone(_detach(loss)) if _is_cuda(loss) else _item(loss))


class _Present:
    """The cell that runs, and what was recorded last."""

    cell: int | None = None
    recording: _Recording | None = None


_present = _Present()


def begin_cell(index: int) -> None:
    """From here on, what is recorded belongs to this cell."""
    _present.cell = index


def end_cell() -> None:
    """From here on, nothing is recorded."""
    _present.cell = None


def note(outputs: Any) -> None:
    """A backward pass begins from these; what is no single number is none of a training's."""
    cell = _present.cell
    if cell is None:
        return
    try:
        (loss,) = outputs
        with _Function():
            if _numel(loss) != 1 or (_is_cuda(loss) and _capturing()):
                return
            recording = _present.recording
            if recording is None or recording.cell != cell:
                recording = _present.recording = _Recording(cell)
            recording.add(loss)
    except Exception:  # not a tensor, or one without a value: a picture lacks it
        return


def told(payload: dict[str, Any]) -> dict[str, Any]:
    """What was recorded in the last cell that trained, where a probe asks for it."""
    recording = _present.recording
    if not payload.get("losses") or recording is None:
        return {}
    return {
        "losses": {
            "values": [value for one in recording.values if (value := _number(one)) is not None],
            "every": recording.every,
            "steps": recording.steps,
        }
    }


def _number(value: Any) -> float | None:
    try:
        with _Function():
            return float(value)
    except Exception:  # complex
        return None
