"""`tensor`: what a tensor of the submission is: its shape, dtype, device, and whose memory it has.

Of a variable, or of what a function returns for inputs drawn fresh. Values are for other kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from grader.checks.answers.shapetext import same_shape, written
from grader.checks.arrays import family
from grader.checks.base import Context
from grader.checks.calling.calls import Argument, arguments, drawn_cases
from grader.checks.calling.inputs import Draw, check_names, check_sizes
from grader.checks.calling.unmade import unmade
from grader.checks.exhibits import of_shapes
from grader.checks.looks import Asking, ask_student, at_each_look, wherever_defined
from grader.checks.observed.tensorevidence import Seen, of_function, of_names
from grader.checks.reading import in_words, shown
from grader.checks.verdicts import Failure, NearMiss, failed, graded, passed, raised
from grader.domain.evidence import Raised, Tensor
from grader.domain.exhibits import Exhibit
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import CheckSpec, Place

Size = int | str


@dataclass(frozen=True, kw_only=True)
class TensorSpec(CheckSpec):
    """The tensor of the variable `name`, or what `function(*args)` returns, has these properties.

    Each has an equal share of the points. A str in `shape` is a size of the case, or with `name`
    any size, everywhere the same. Storage is shared with a variable, or with one of `inputs`.
    """

    kind: Literal["tensor"] = "tensor"
    name: str | None = None
    function: str | None = None
    args: tuple[Argument, ...] = ()
    inputs: Mapping[str, Draw] = field(default_factory=dict)
    cases: tuple[Mapping[str, int], ...] = ({},)
    shape: tuple[Size, ...] | None = None
    dtype: str | None = None
    device: str | None = None
    layout: str | None = None
    requires_grad: bool | None = None
    contiguous: bool | None = None
    library: Literal["torch", "numpy"] | None = None
    shares_storage_with: str | None = None
    not_shares_storage_with: str | None = None
    in_place_on: str | None = None

    def __post_init__(self) -> None:
        if bool(self.name) is bool(self.function):
            raise ValueError("a tensor needs exactly one of name and function")
        if not any(wanted is not None for wanted in self.wanted.values()):
            raise ValueError(f"nothing is asked of the tensor; there are {', '.join(self.wanted)}")
        if self.dtype is not None and family(self.dtype) is None:
            raise ValueError(f"there is no dtype {self.dtype}; write it without torch.")
        if self.name and (self.args or self.inputs or self.in_place_on):
            raise ValueError("args, inputs and in_place_on need a function")
        if self.function:
            check_sizes(self.inputs.values(), self.cases)
            check_names(self.inputs, self.args, "args")
            others = (self.shares_storage_with, self.not_shares_storage_with, self.in_place_on)
            check_names(self.inputs, others, "the tensor")
            for size in self.shape or ():
                if isinstance(size, str) and any(size not in case for case in self.cases):
                    raise ValueError(f"a case does not give the size {size}")

    @property
    def wanted(self) -> dict[str, object]:
        """What is asked, by the fields' names; None where it is not."""
        return {
            "shape": self.shape,
            "dtype": self.dtype,
            "device": self.device,
            "layout": self.layout,
            "requires_grad": self.requires_grad,
            "contiguous": self.contiguous,
            "library": self.library,
            "shares_storage_with": self.shares_storage_with,
            "not_shares_storage_with": self.not_shares_storage_with,
            "in_place_on": self.in_place_on,
        }

    @property
    def subject(self) -> str:
        """What a message calls the tensor: it begins the sentence."""
        return self.name or f"The result of {self.function}()"

    @property
    def names(self) -> list[str]:
        """The variables that are looked at."""
        given = (self.name, self.shares_storage_with, self.not_shares_storage_with)
        return list(dict.fromkeys(name for name in given if name))


def places(spec: TensorSpec) -> tuple[Place, ...]:
    """Every state in which the tensor, or the function, may be as it was meant."""
    names = [spec.function] if spec.function else spec.names
    return tuple(place for name in names for place in wherever_defined(name))


def judge(spec: TensorSpec, context: Context) -> Judging:
    """Ask what the tensor is, and compare property by property."""
    drawn = drawn_cases(spec.inputs, spec.cases, context.rng)
    payload: dict[str, object] = {"names": spec.names}
    if spec.function:
        cases = [{"bind": dict(one), "args": arguments(spec.args), "kwargs": {}} for one in drawn]
        payload = {"function": spec.function, "cases": cases}

    def at_look(look: Look) -> Asking[Verdict]:
        answer = yield from ask_student(Probe("tensors", payload, spec.limit_s))
        if spec.function:
            found = of_function(answer, spec.function, len(drawn), spec.limit_s)
        else:
            found = of_names(answer, spec.names, spec.limit_s)
        return failed(spec, found) if isinstance(found, Failure) else _judged(spec, context, found)

    return (yield from at_each_look(spec, context, at_look))


def _judged(spec: TensorSpec, context: Context, cases: list[Seen]) -> Verdict:
    """A property is right where it is in all cases; the first case in which it is not is told."""
    asked = [name for name, wanted in spec.wanted.items() if wanted is not None]
    wrong: dict[str, str] = {}
    exhibits: tuple[Exhibit, ...] = ()
    for sizes, seen in zip(spec.cases, cases, strict=True):
        if isinstance(seen.value, Raised):
            return failed(spec, raised(context, seen.value, f"{spec.function}()"))
        if spec.function and (lazy := unmade(seen.value, f"{spec.function}()", "a tensor")):
            return failed(spec, lazy)
        if not isinstance(seen.value, Tensor):
            message = f"{spec.subject} is {in_words(seen.value)}; a tensor was expected."
            cause = "returns-none" if spec.function and seen.value is None else "not-a-tensor"
            return failed(spec, Failure(message, NearMiss(cause)))
        for name, words in _differences(spec, sizes, seen, seen.value):
            wrong.setdefault(name, words)
            if name == "shape" and not exhibits:
                exhibits = of_shapes(_name(spec), _shape(spec, sizes), seen.value.shape)
    if not wrong:
        return passed(f"{spec.subject} is as it should be: {_listed(asked)}.")
    message = f"{spec.subject} {'; it '.join(wrong.values())}."
    detail = {"wrong": list(wrong), "asked": asked}
    near_miss = NearMiss(f"tensor-{next(iter(wrong))}")
    failure = Failure(message, near_miss, detail, exhibits)
    return graded(spec, 1 - len(wrong) / len(asked), failure)


def _differences(
    spec: TensorSpec, sizes: Mapping[str, int], seen: Seen, value: Tensor
) -> Iterator[tuple[str, str]]:
    """The properties that are not as they should be, each with the rest of a sentence."""
    if spec.library and value.library != spec.library:
        wanted = "a torch tensor" if spec.library == "torch" else "a numpy array"
        yield "library", f"is {in_words(value)}; {wanted} was expected"
    if spec.shape is not None:
        shape = _shape(spec, sizes)
        if not same_shape(value.shape, shape, measured=True):
            yield "shape", f"has shape {value.shape}; {written(shape)} was expected"
    for name in ("dtype", "layout"):
        have, want = getattr(value, name), getattr(spec, name)
        if want is not None and have != want:
            yield name, f"has {name} {shown(have, 30)}; {want} was expected"
    if spec.device and spec.device not in (value.device, value.device.partition(":")[0]):
        yield "device", f"is on {shown(value.device, 30)}; {spec.device} was expected"
    if spec.requires_grad not in (None, value.requires_grad):
        yield "requires_grad", f"has requires_grad={value.requires_grad}"
    if spec.contiguous not in (None, seen.contiguous):
        yield "contiguous", f"is {'not ' * bool(spec.contiguous)}contiguous"
    if spec.shares_storage_with and spec.shares_storage_with not in seen.shares:
        yield (
            "shares_storage_with",
            f"has memory of its own, not that of {spec.shares_storage_with}",
        )
    if spec.not_shares_storage_with in seen.shares:
        name = spec.not_shares_storage_with
        yield "not_shares_storage_with", f"has the memory of {name}: what changes one changes both"
    if spec.in_place_on and not (
        spec.in_place_on in seen.same and spec.in_place_on in seen.changed
    ):
        name = spec.in_place_on
        unchanged = f"is {name} as it was: nothing was changed in place"
        other = f"is not {name} itself, changed in place"
        yield "in_place_on", unchanged if name in seen.same else other


def _shape(spec: TensorSpec, sizes: Mapping[str, int]) -> tuple[Size, ...]:
    """The shape that is asked for, with the sizes of a case."""
    asked = spec.shape or ()
    return tuple(sizes.get(one, one) if isinstance(one, str) else one for one in asked)


def _name(spec: TensorSpec) -> str:
    return spec.name or f"{spec.function}()"


def _listed(names: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)
