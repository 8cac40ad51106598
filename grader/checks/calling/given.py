"""What a `function` check gives: tensors, numbers, lists, text; also edge cases and other dtypes.

What a rubric says of one input is an `Input`; a `Given` holds what all of them are for one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from grader.checks.arrays import Array
from grader.checks.calling.inputs import Draw, Sizes, draw

Scalar = bool | int | float | str | None
Plain = Scalar | tuple[Scalar | tuple[Scalar, ...], ...]
Edge = Literal["zero", "one", "negative", "large", "empty", "nan", "inf"]
CastTo = Literal["float16", "float32", "float64", "int32", "int64", "bool"]
_DRAWN = ("normal", "uniform", "bernoulli", "integers", "values")
_LARGE = 1000.0  # exp() of it overflows, and so does that of ten times less
_LONGEST = 10_000  # characters of a text


@dataclass(frozen=True, kw_only=True)
class Input(Draw):
    """One input of a function: drawn as an array is, one of `choices`, or a `text` of a length.

    With `python` an array becomes a Python number, or lists of them. Each of `edges` makes one
    more case, in which this input is that; so does each of `dtypes`.
    """

    choices: tuple[Plain, ...] | None = None
    text: int | str | None = None  # its length, or the name of a size
    alphabet: str = "abcdefgh "
    python: bool = False
    edges: tuple[Edge, ...] = ()
    dtypes: tuple[CastTo, ...] = ()

    def __post_init__(self) -> None:
        drawn = [name for name in _DRAWN if getattr(self, name) is not None]
        if self.choices is None and self.text is None:
            super().__post_init__()
        elif len(drawn) + (self.choices is not None) + (self.text is not None) != 1:
            raise ValueError(f"an input needs exactly one of {', '.join(_DRAWN)}, choices, text")
        if self.choices == () or (self.text is not None and not self.alphabet):
            raise ValueError("choices and alphabet need at least one entry")
        if isinstance(self.text, int) and not 0 <= self.text <= _LONGEST:
            raise ValueError(f"a text has 0 to {_LONGEST} characters")
        if not drawn and (self.python or self.dtypes or set(self.edges) - {"empty"}):
            raise ValueError("choices and text have no python, no dtypes and no edges but empty")
        if "empty" in self.edges and self.length is None:
            raise ValueError("the edge empty needs a first dimension that is named, such as N")
        kind = self.dtype or ("int64" if self.integers is not None else "float32")
        if not kind.startswith("float") and {"nan", "inf"} & set(self.edges):
            raise ValueError("the edges nan and inf need an input of a floating dtype")
        if kind == "bool" and {"negative", "large"} & set(self.edges):
            raise ValueError("an input of bools has no edges negative and large")

    @property
    def is_plain(self) -> bool:
        """Whether it arrives as a Python value, which only an argument can."""
        return self.python or self.choices is not None or self.text is not None

    @property
    def length(self) -> str | None:
        """The name of the size that an empty input has as 0."""
        first = self.text if self.text is not None else next(iter(self.shape), None)
        return first if isinstance(first, str) else None

    @property
    def sizes(self) -> tuple[int | str, ...]:
        """The dimensions, that of a text included."""
        return self.shape if self.text is None else (self.text,)


Value = Array | Plain


@dataclass(frozen=True)
class Given:
    """The inputs of one case by name; `special` says in words what is not as drawn.

    `fixed` names the input that is the same in every attempt, being all zero, all ones or empty.
    """

    values: Mapping[str, Value]
    sizes: Sizes
    special: str = ""
    fixed: str = ""

    def is_fresh(self, inputs: Mapping[str, Input]) -> bool:
        """Whether something was drawn, so that the right result can't be learned by heart."""
        return any(
            spec.choices is None and spec.values is None and name != self.fixed
            for name, spec in inputs.items()
        )


def given_cases(
    inputs: Mapping[str, Input], cases: Sequence[Sizes], rng: np.random.Generator
) -> list[Given]:
    """The drawn cases, then one for each edge and one for each dtype, of the first case's sizes."""
    found = [Given(_drawn(inputs, sizes, rng), sizes) for sizes in cases]
    first = cases[0]
    for name, spec in inputs.items():
        for edge in spec.edges:
            sizes = {**first, str(spec.length): 0} if edge == "empty" else first
            values = _drawn(inputs, sizes, rng)
            values = _at_edge(values, name, edge)
            fixed = name if edge in _FIXED else ""
            found.append(Given(values, sizes, f"{name} is {_WORDS[edge]}", fixed))
        for dtype in spec.dtypes:
            values = _drawn(inputs, first, rng)
            values[name] = np.asarray(values[name]).astype(dtype)
            found.append(Given(values, first, f"{name} has dtype {dtype}"))
    return found


_FIXED = ("zero", "one", "empty")
_WORDS: dict[str, str] = {
    "zero": "zero",
    "one": "all ones",
    "negative": "negative",
    "large": "large",
    "empty": "empty",
    "nan": "partly NaN",
    "inf": "partly infinite",
}


def _drawn(inputs: Mapping[str, Input], sizes: Sizes, rng: np.random.Generator) -> dict[str, Value]:
    return {name: _one(spec, sizes, rng) for name, spec in inputs.items()}


def _one(spec: Input, sizes: Sizes, rng: np.random.Generator) -> Value:
    if spec.choices is not None:
        return spec.choices[int(rng.integers(len(spec.choices)))]
    if spec.text is not None:
        length = sizes[spec.text] if isinstance(spec.text, str) else spec.text
        return "".join(spec.alphabet[at] for at in rng.integers(len(spec.alphabet), size=length))
    return draw(spec, sizes, rng)


def _at_edge(values: Mapping[str, Value], name: str, edge: Edge) -> dict[str, Value]:
    if edge == "empty":
        return dict(values)
    array = np.array(values[name])
    match edge:
        case "zero":
            array = np.zeros_like(array)
        case "one":
            array = np.ones_like(array)
        case "negative":
            array = -np.abs(array) - (array == 0).astype(array.dtype)
        case "large":
            array = (array * _LARGE).astype(array.dtype)
        case "nan" | "inf":
            array.reshape(-1)[:1] = float(edge)
    return {**values, name: array}
