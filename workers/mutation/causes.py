"""Which names of mistakes are true of an operator: what a hint on a gradient may say."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

# What may be said of any mistake: a symptom, or where it lies.
_SYMPTOMS = (
    *("raised", "shape", "not-finite", "returns-*", "not-a-*", "wrong-count", "died", "missing"),
    *("time-limit", "not-callable", "unreadable", "right-from-the-end"),
)
_SLOPES = ("*derivative*", "*slope*", "*mask*")

_TRUE: Mapping[str, tuple[str, ...]] = {
    "flip-sign": ("sign", "*sign*"),
    "swap-operands": ("sign", "transposed", "*transpos*", "factor"),
    "sum-for-mean": ("factor", "per-sample", "sum-for-mean"),
    "mean-for-sum": ("factor", "per-sample", "mean-for-sum"),
    "missing-reduction": ("per-sample",),
    "wrong-axis": ("wrong-axis", "per-sample", "transposed"),
    "axis-dropped": ("wrong-axis", "per-sample"),
    "missing-transpose": ("transposed", "*transpos*"),
    "return-reordered": ("order",),
    "return-dropped": (),
    "missing-activation": ("*activation*", "relu-*", "sigmoid-*", "tanh-*"),
    "wrong-activation": ("*activation*", "relu-*", "sigmoid-*", "tanh-*"),
    "missing-activation-derivative": (*_SLOPES, "cross-entropy-gradient"),
    "wrong-activation-derivative": _SLOPES,
    "comparison": _SLOPES,
    "drop-factor": (
        "factor",
        "factor-*",
        "*-missing",
        *_SLOPES,
        "cross-entropy-gradient",
        "error-*",
    ),
    "drop-term": ("unused", "*term*", "*-for-its-slope", "*only*", *_SLOPES),
    "constant-changed": ("factor", *_SLOPES),
    "matmul-for-elementwise": ("per-sample", "sum-for-mean", "softmax-diagonal-only"),
    "missing-zero-grad": ("accumulated",),
    "in-place": ("changes-inputs", "accumulated", "changes-between-calls"),
    "missing-clone": ("changes-inputs", "accumulated", "changes-between-calls"),
    "missing-no-grad": (),
    "arguments-swapped": ("sign", "transposed"),
}


Naming = Literal["right", "symptom", "wrong", "none"]


def naming(operator: str, cause: str | None) -> Naming:
    """Whether `cause` names a mistake of this kind, only how it shows, another mistake, or none."""
    if cause is None:
        return "none"
    if any(fnmatchcase(cause, pattern) for pattern in _TRUE.get(operator, ())):
        return "right"
    return "symptom" if any(fnmatchcase(cause, one) for one in _SYMPTOMS) else "wrong"
