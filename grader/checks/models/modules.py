"""Asking about models: the `module` probe, what it says, and matching parameters by structure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.checks.arrays import Array
from grader.checks.base import Context
from grader.checks.calling.calls import reference_evidence
from grader.checks.looks import ReferenceFault
from grader.checks.models.recorded import NOTHING, Recorded, recorded
from grader.checks.numbers.compare import squeezed
from grader.checks.reading import (
    BadEvidence,
    as_text,
    count,
    described,
    flag,
    listing,
    mapping,
    names,
    shown,
    text,
)
from grader.checks.verdicts import Failure, NearMiss, missing, raised, unanswered
from grader.domain.evidence import Answer, Raised, Tensor, Value
from grader.domain.questions import Probe

Output = Value | Raised  # of one call
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a model, as described."""

    name: str
    shape: Shape
    value: object  # a Tensor, as far as it is sound


@dataclass(frozen=True)
class Module:
    """What a `module` probe says of a model.

    `outputs` holds, for each way to match the given parameters, the result for each input; `own`
    the results before anything was copied in.
    """

    type: str
    parameters: tuple[Parameter, ...]
    modules: tuple[str, ...]
    outputs: tuple[tuple[Output, ...], ...]
    own: tuple[Output, ...]
    without_gradient: tuple[str, ...]
    losses: Recorded = NOTHING

    @property
    def shapes(self) -> list[Shape]:
        """The shapes of the parameters, in order."""
        return [parameter.shape for parameter in self.parameters]

    @property
    def wide(self) -> bool:
        """Whether the parameters are in float64."""
        values = (parameter.value for parameter in self.parameters)
        return any(isinstance(value, Tensor) and value.dtype == "float64" for value in values)


def module_probe(
    name: str,
    limit_s: float,
    *,
    make: bool,
    inputs: Sequence[Array] = (),
    parameters: Sequence[tuple[str, Array]] = (),
    args: Sequence[object] = (),
    seed: int = 0,
    losses: bool = False,
) -> Probe:
    """Ask for a model: one made of the class `name`, or the one that `name` holds.

    With `losses` also for those of the training before it.
    """
    payload = {
        "name": name,
        "make": make,
        "args": list(args),
        "parameters": [{"name": one, "value": value} for one, value in parameters],
        "inputs": list(inputs),
        "seed": seed,
        "losses": losses,
    }
    return Probe("module", payload, limit_s)


def module_of(
    answer: Answer, context: Context, name: str, limit_s: float, inputs: int
) -> Module | Failure:
    """The submission's model, or why there is none."""
    failure = unanswered(answer, name, limit_s)
    if failure is not None:
        return failure
    evidence = mapping(answer.evidence)
    if evidence.get("found") in (None, False):
        return missing(name)
    error = described(evidence.get("raised"))
    if isinstance(error, Raised):
        return _not_made(context, name, error)
    if not flag(evidence, "is_module"):
        return Failure(f"{name} is not a torch.nn.Module.", NearMiss("not-a-module"))
    return _module(evidence, inputs)


def reference_module(answer: Answer, inputs: int) -> Module:
    """The reference's model; raises ReferenceFault where there is none."""
    evidence = reference_evidence(answer)
    error = evidence.get("raised")
    if isinstance(error, Raised):
        raise ReferenceFault(f"the reference's model raised {error.type}: {error.message}")
    try:
        found = _module(evidence, inputs)
    except BadEvidence as error:
        raise ReferenceFault(str(error)) from None
    if not found.parameters:
        raise ReferenceFault("the reference's model has no parameters")
    return found


def _module(evidence: Mapping[str, object], inputs: int) -> Module:
    matchings = count(evidence, "matchings")
    outputs = [
        _outcomes({"outputs": one}, "outputs", inputs) for one in listing(evidence, "outputs")
    ]
    if len(outputs) > matchings:
        raise BadEvidence("more outputs than matchings")
    return Module(
        type=text(evidence, "class"),
        parameters=tuple(_parameter(one) for one in listing(evidence, "parameters")),
        modules=tuple(names(evidence, "modules")),
        outputs=tuple(outputs),
        own=_outcomes(evidence, "own", inputs),
        without_gradient=tuple(names(evidence, "without_gradient")),
        losses=recorded(evidence),
    )


def _outcomes(evidence: Mapping[str, object], key: str, inputs: int) -> tuple[Output, ...]:
    return tuple(described(value) for value in listing(evidence, key, inputs))


def _parameter(item: object) -> Parameter:
    entry = mapping(item)
    shape = tuple(_size(size) for size in listing(entry, "shape"))
    return Parameter(as_text(entry.get("name"))[:200], shape, entry.get("value"))


def _size(value: object) -> int:
    if type(value) is not int or value < 0:
        raise BadEvidence("a shape is no list of counts")
    return value


def _not_made(context: Context, name: str, error: Raised) -> Failure:
    """The class can't be made an instance of."""
    failure = raised(context, error, f"{name}()")
    if error.type == "AttributeError" and "before Module.__init__" in error.message:
        return Failure(failure.message, NearMiss("no-super-init"))
    if error.type == "TypeError" and "__init__()" in error.message:
        return Failure(failure.message, NearMiss("constructor-arguments"))
    return failure


# -- structure --------------------------------------------------------------------------------


def fits(got: Sequence[Shape], want: Sequence[Shape]) -> bool:
    """Whether parameters match by structure: shapes may be transposed, or differ in 1s."""
    return _structure(got) == _structure(want)


def _structure(shapes: Sequence[Shape]) -> Counter[Shape]:
    return Counter(tuple(sorted(squeezed(shape))) for shape in shapes)


def named_structure(got: Sequence[Shape], want: Sequence[Shape]) -> NearMiss | None:
    """The name of what is wrong with the parameters' shapes, where it has one."""
    mine, wanted = _structure(got), _structure(want)
    weights = Counter({shape: n for shape, n in wanted.items() if len(shape) > 1})
    if not got:
        return NearMiss("no-parameters", "It has no parameters that PyTorch can find.")
    if mine == weights and weights != wanted:
        return NearMiss("no-bias", "The biases are missing.")
    if wanted < mine:
        return NearMiss("extra-layer", "There are more layers than that.")
    if mine < wanted:
        return NearMiss("missing-layer", "There are fewer layers than that.")
    ranks = [sorted(len(squeezed(shape)) for shape in shapes) for shapes in (got, want)]
    if ranks[0] == ranks[1]:
        return NearMiss("wrong-width", "The number of layers is right, their sizes are not.")
    return None


def in_words(shapes: Sequence[Shape]) -> str:
    """Shapes for a message."""
    words = ", ".join(shown(str(shape), 40) for shape in shapes[:12])
    return f"{words}, …" if len(shapes) > 12 else words or "none"
