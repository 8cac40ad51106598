"""`gradient`: what a function returns are the gradients of the reference's loss.

Autograd on the reference is the oracle. Where a gradient misses, it may still be right for the
student's own forward pass (`follow`), which earns the points as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from grader.checks.arrays import Array
from grader.checks.base import Context
from grader.checks.calling.calls import (
    Call,
    Inputs,
    arguments,
    call_probe,
    called,
    changed_inputs,
    drawn_cases,
    reference_evidence,
    reference_tensor,
    reference_values,
)
from grader.checks.calling.inputs import is_fresh
from grader.checks.exhibits import cause_words, gradient_panel, gradient_part, of_mismatch
from grader.checks.gradients.followed import followed_gradients
from grader.checks.gradients.gradcauses import GradientCase, named_gradients
from grader.checks.gradients.gradspec import GradientSpec, Seen, by_name, values
from grader.checks.looks import (
    Asking,
    ReferenceFault,
    ask,
    ask_reference,
    at_each_look,
    sound,
    wherever_defined,
)
from grader.checks.numbers.compare import (
    Expected,
    Mismatch,
    Stage,
    fitted,
    measured_error,
    relative_error,
    told_error,
)
from grader.checks.reading import BadEvidence, array, described, listing, mapping, shown
from grader.checks.verdicts import Failure, NearMiss, failed, graded, passed, raised
from grader.domain.evidence import Raised, Tensor, Value
from grader.domain.exhibits import Exhibit, Found
from grader.domain.questions import Judging, Look, Probe, Verdict
from grader.domain.rubric import Place


def places(spec: GradientSpec) -> tuple[Place, ...]:
    """Where to look by default: every state in which the function may be as it was meant."""
    return wherever_defined(spec.function)


def judge(spec: GradientSpec, context: Context) -> Judging:
    """Compare with autograd; where something misses, follow through, then name the mistake."""
    drawn = drawn_cases(spec.inputs, spec.cases, context.rng)
    expected = yield from _expected(spec, drawn)
    asked = [(inputs, spec.args) for inputs in drawn]

    def at_look(look: Look) -> Asking[Verdict]:
        # Called twice: a right function gives the same again.
        found = yield from called(spec.function, asked, spec.limit_s, repeat=2, watch=spec.by_hand)
        if isinstance(found, Failure):
            return failed(spec, found)
        if spec.by_hand and any(call.autograd for call in found):
            message = f"{spec.function}() uses autograd: it was seen at work while it ran."
            return failed(spec, Failure(message, NearMiss("forbidden", variant="autograd")))
        seen = []
        for inputs, want, call in zip(drawn, expected, found, strict=True):
            one = _seen(spec, context, inputs, want, call)
            if isinstance(one, Failure):
                return failed(spec, one)
            seen.append(one)
        return (yield from _judged(spec, context, seen))

    return (yield from at_each_look(spec, context, at_look))


def _expected(spec: GradientSpec, drawn: tuple[Inputs, ...]) -> Asking[list[dict[str, Expected]]]:
    """The oracle's gradients of every case."""
    cases = [{"bind": dict(inputs), "args": arguments(spec.args)} for inputs in drawn]
    payload = {"function": spec.oracle, "cases": cases, "wrt": list(spec.wrt)}
    answer = yield from ask_reference(Probe("autograd", payload, spec.limit_s))
    try:
        found = listing(reference_evidence(answer), "cases", len(drawn))
        return [_of_oracle(spec, inputs, case) for inputs, case in zip(drawn, found, strict=True)]
    except BadEvidence as error:
        raise ReferenceFault(str(error)) from None


def _of_oracle(spec: GradientSpec, inputs: Inputs, case: object) -> dict[str, Expected]:
    entry = mapping(case)
    sound(described(entry.get("raised")))
    gradients = mapping(entry.get("gradients"))
    found = {}
    for name in spec.wrt:
        gradient = array(gradients.get(name))
        if gradient.shape != inputs[name].shape:
            raise ReferenceFault(f"the gradient of {name} has shape {gradient.shape}")
        found[name] = Expected(
            array=gradient,
            dtype=str(inputs[name].dtype),
            relative=spec.tolerance,
            squeeze=spec.shape == "squeeze",
        )
    return found


def _seen(
    spec: GradientSpec, context: Context, inputs: Inputs, want: Mapping[str, Expected], call: Call
) -> Seen | Failure:
    """One case as it came back, or why it is wrong as a whole."""
    results: list[dict[str, Value]] = []
    for value in call.values:
        if isinstance(value, Raised):
            again = " when it was called a second time" if results else ""
            return raised(context, value, f"{spec.function}(){again}")
        gradients = by_name(spec, value)
        if isinstance(gradients, Failure):
            return gradients
        results.append(gradients)
    if call.inputs_changed and not spec.may_change_inputs:
        return changed_inputs(spec.function, call)
    return Seen(inputs, want, results[0], results[-1])


def _judged(spec: GradientSpec, context: Context, seen: list[Seen]) -> Asking[Verdict]:
    _refuse_zeros(spec, seen)
    mismatches = {name: _first(seen, name) for name in spec.wrt}
    wrong = [name for name in spec.wrt if mismatches[name] is not None]
    followed = yield from followed_gradients(spec, context.rng, seen, wrong)
    right = [name for name in spec.wrt if name not in wrong]
    wrong = [name for name in wrong if name not in followed]
    detail = _detail(spec, seen, wrong, followed)
    words = [f"{_list(right)} right."] if right else []
    if followed:
        own = spec.follow.function if spec.follow else ""
        words.append(f"{_list(followed)} right for your own {own}().")
    if not wrong:
        return passed(" ".join(words), detail, _panel(spec, seen, wrong, followed, None))
    words += [one.message for name in wrong[:4] if (one := mismatches[name]) is not None]
    # What is right but for its dtype has been said; a name would be one for its rounding.
    unnamed = [name for name in wrong if not _is_of_dtype_alone(seen, name, mismatches[name])]
    near_miss = (yield from _named(spec, seen, unnamed)) if unnamed else None
    earned = sum(spec.weight(name) for name in [*right, *followed])
    fraction = earned / sum(map(spec.weight, spec.wrt))
    exhibits = _exhibits(spec, seen, wrong, followed, near_miss)
    if fraction >= 1:  # what is wrong carries no weight
        return passed(" ".join(words), detail, exhibits)
    return graded(spec, fraction, Failure(" ".join(words), near_miss, detail, exhibits))


def _refuse_zeros(spec: GradientSpec, seen: list[Seen]) -> None:
    for name in spec.wrt:
        if not any(one.want[name].array.any() for one in seen):
            raise ReferenceFault(f"the gradient of {name} is zero, which tells nothing")


def _first(seen: list[Seen], name: str) -> Mismatch | None:
    return next((found for one in seen if (found := one.mismatch(name)) is not None), None)


def _is_of_dtype_alone(seen: list[Seen], name: str, mismatch: Mismatch | None) -> bool:
    """Whether a gradient has the right values, in a dtype that will not do."""
    if mismatch is None or mismatch.stage is not Stage.DTYPE:
        return False
    error = _error(seen, name, measured_error)
    return error is not None and error <= _tolerance(seen, name)


def _tolerance(seen: list[Seen], name: str) -> float:
    value = seen[0].first[name]
    return seen[0].want[name].tolerance(value.dtype if isinstance(value, Tensor) else "float32")


def _list(names: list[str]) -> str:
    if len(names) == 1:
        return f"The gradient of {names[0]} is"
    return f"The gradients of {', '.join(names[:-1])} and {names[-1]} are"


# -- naming -----------------------------------------------------------------------------------


def _named(spec: GradientSpec, seen: list[Seen], wrong: list[str]) -> Asking[NearMiss | None]:
    """The name of the mistake, also by the variants that the reference computes."""
    calls_made = [(one.inputs, spec.args) for one in seen]
    probes = [
        call_probe(variant.function, calls_made, spec.limit_s)
        for variant in spec.near_misses.values()
    ]
    replies = yield from ask(reference=tuple(probes))
    variants = []
    for (cause, variant), answer in zip(spec.near_misses.items(), replies.reference, strict=True):
        made = [_on_purpose(spec, value) for value in reference_values(answer, len(seen))]
        variants.append((NearMiss(cause, hint=variant.hint), made))
    return named_gradients([_case(spec, one) for one in seen], wrong, variants)


def _on_purpose(spec: GradientSpec, value: Value) -> dict[str, Array]:
    gradients = by_name(spec, value)
    if isinstance(gradients, Failure):
        raise ReferenceFault(gradients.message)
    return {name: array(reference_tensor(one)) for name, one in gradients.items()}


def _case(spec: GradientSpec, seen: Seen) -> GradientCase:
    given = next((seen.inputs[name] for name in spec.args if isinstance(name, str)), None)
    return GradientCase(
        got=_readable(seen.first),
        again=_readable(seen.second),
        want={name: want.array for name, want in seen.want.items()},
        batch=len(given) if given is not None and given.ndim else 0,
        entries=seen.inputs[spec.follow.target].size if spec.follow else 0,
    )


def _readable(gradients: Mapping[str, Value]) -> dict[str, Array]:
    found = {name: values(value) for name, value in gradients.items()}
    return {name: values for name, values in found.items() if values is not None}


def _detail(
    spec: GradientSpec, seen: list[Seen], wrong: list[str], followed: list[str]
) -> dict[str, object]:
    gradients = {}
    for name in spec.wrt:
        errors = []
        for one in seen:
            got, want = values(one.first[name]), one.want[name].array
            errors.append(None if got is None else relative_error(fitted(got, want.shape), want))
        value = seen[0].first[name]
        mismatch = _first(seen, name)
        gradients[name] = {
            "outcome": "wrong" if name in wrong else "followed" if name in followed else "right",
            "relative_errors": errors,
            "dtype": shown(value.dtype, 20) if isinstance(value, Tensor) else None,
            "tolerance": _tolerance(seen, name),
            "stage": str(mismatch.stage) if mismatch else None,
        }
    return {"gradients": gradients, "cases": [dict(sizes) for sizes in spec.cases]}


# -- what there is to see ---------------------------------------------------------------------


def _exhibits(
    spec: GradientSpec,
    seen: list[Seen],
    wrong: list[str],
    followed: list[str],
    near_miss: NearMiss | None,
) -> tuple[Exhibit, ...]:
    """All gradients beside their tolerances, and where the worst of them is wrong."""
    fresh = is_fresh(spec.inputs.values())
    errors = {name: _error(seen, name, told_error) for name in wrong}
    worst = max(wrong, key=lambda name: np.inf if (one := errors[name]) is None else one)
    panel = _panel(spec, seen, wrong, followed, near_miss)
    return (*panel, *of_mismatch(f"gradient of {worst}", _first(seen, worst), fresh=fresh))


def _panel(
    spec: GradientSpec,
    seen: list[Seen],
    wrong: list[str],
    followed: list[str],
    near_miss: NearMiss | None,
) -> tuple[Exhibit, ...]:
    parts = []
    for name in spec.wrt:
        outcome: Found = "followed" if name in followed else "right"
        cause = None
        if name in wrong:
            mismatch = _first(seen, name)
            told = None if _is_of_dtype_alone(seen, name, mismatch) else near_miss
            outcome, cause = "wrong", _cause(told, mismatch)
        error = _error(seen, name, told_error if name in wrong else measured_error)
        parts.append(gradient_part(name, error, _tolerance(seen, name), outcome, cause))
    return gradient_panel(parts)


def _cause(near_miss: NearMiss | None, mismatch: Mismatch | None) -> str | None:
    """What is wrong with one gradient: the name of the mistake, or that it can't be compared."""
    if near_miss is None and mismatch is not None and mismatch.stage is not Stage.VALUES:
        return mismatch.message
    return cause_words(near_miss)


def _error(
    seen: list[Seen], name: str, measure: Callable[[Array, Array], float | None]
) -> float | None:
    """The largest error in all cases, of either call; None where one can't be compared."""
    errors: list[float | None] = []
    for one in seen:
        want = one.want[name].array
        for value in (one.first[name], one.second[name]):
            got = values(value)
            errors.append(None if got is None else measure(fitted(got, want.shape), want))
    known = [error for error in errors if error is not None]
    return max(known) if len(known) == len(errors) else None
