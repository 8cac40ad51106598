"""Data of the reference that a rubric names: what goes into a model, and what should come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from grader.checks.arrays import Array
from grader.checks.calling.calls import reference_evidence, reference_tensor
from grader.checks.looks import ReferenceFault, sound
from grader.checks.reading import BadEvidence, array, described, mapping
from grader.domain.evidence import Answer, Tensor
from grader.domain.questions import Probe


@dataclass(frozen=True, kw_only=True)
class Data:
    """Names of the reference's data: what goes into the model, and what should come out."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    inputs: str
    targets: str

    def probe(self, limit_s: float) -> Probe:
        """Ask the reference for both."""
        return Probe("values", {"names": [self.inputs, self.targets]}, limit_s)

    def read(self, answer: Answer) -> tuple[Array, Array]:
        """Inputs and targets, rows first; raises ReferenceFault where there are none."""
        try:
            held = mapping(reference_evidence(answer).get("values"))
            inputs, targets = (_array(name, held.get(name)) for name in (self.inputs, self.targets))
        except BadEvidence as error:
            raise ReferenceFault(str(error)) from None
        if not inputs.ndim or inputs.shape[:1] != targets.shape[:1]:
            raise ReferenceFault(f"{self.inputs} and {self.targets} have not equally many rows")
        return inputs, targets


def _array(name: str, value: object) -> Array:
    held = sound(described(value))
    if isinstance(held, Tensor) and held.unread:
        raise ReferenceFault(f"{name} cannot be read: {held.unread}")
    return array(reference_tensor(held))
