"""Plays the probe `derivative` in numpy: a function of the bound inputs, and its gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from grader.domain.evidence import Answer, Thing
from grader.domain.questions import Probe, Rerun
from tests.unit.checks._play import Player, answered, described, tensor

Bound = dict[str, np.ndarray]
Gradients = Callable[[Bound, np.ndarray], Mapping[str, np.ndarray | None]]


def differentiable(
    function: Callable[..., Any],
    gradients: Gradients | None = None,
    *,
    parameters: Mapping[str, np.ndarray] | None = None,
    dtype: type = np.float64,
    instead: Mapping[str, Any] | None = None,
) -> Player:
    """What answers as a submission or a reference with this function would.

    `gradients` takes the inputs and the gradient from above. `parameters` are a module's, bound
    like inputs; `instead` is put into the evidence of every case.
    """

    def answer(question: Probe | Rerun) -> Answer:
        assert isinstance(question, Probe)
        assert question.kind == "derivative"
        cases = [
            _case(question.payload, case) | dict(instead or {})
            for case in question.payload["cases"]
        ]  # type: ignore[attr-defined]
        return answered(found=Thing("function", callable=True), fits=True, cases=cases)

    def _case(payload: Any, case: Any) -> dict[str, Any]:
        bound = {name: array.astype(np.float64) for name, array in case["bind"].items()}
        bound |= {f"self.{name}": array for name, array in (parameters or {}).items()}

        def value(bound: Bound) -> Any:
            args = [bound[one["name"]] if isinstance(one, dict) else one for one in case["args"]]
            return np.asarray(function(bound, *args)).astype(dtype)

        def number(bound: Bound) -> float:
            flat = value(bound).ravel().astype(np.float64)
            return float((flat * np.resize(case["weights"], flat.size)).sum())

        shifted = []
        for shift in case["shifts"]:
            moved = {name: array.copy() for name, array in bound.items()}
            moved[shift["name"]].reshape(-1)[shift["index"]] += shift["delta"]
            shifted.append(number(moved))
        out = value(bound)
        above = np.resize(case["weights"], out.size).reshape(out.shape)
        found = gradients(bound, above) if gradients else {}
        return {
            "value": described(out),
            "shapes": {f"self.{name}": list(one.shape) for name, one in (parameters or {}).items()},
            "total": number(bound),
            "gradients": {
                name: None if one is None else tensor(one, library="numpy")
                for name, one in found.items()
            },
            "base": number(bound),
            "shifted": tensor(np.asarray(shifted, dtype=np.float64), library="numpy"),
        }

    return Player(instead=answer)
