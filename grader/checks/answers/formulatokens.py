"""A formula's text as tokens: plain maths, Python, LaTeX and Unicode come to the same ones.

One pass over a bounded text; nothing is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Literal

MAX_CHARS = 1_000
_MAX_WORD = 64


class NotAFormula(ValueError):
    """The text is no formula; the words go on after "could not be read as a formula: "."""


@dataclass(frozen=True)
class Token:
    """A piece of a formula: a number, a name that is known, or a sign."""

    kind: Literal["number", "name", "sign"]
    text: str


# What a function or constant is called, and the one name that it has here.
FUNCTIONS = {
    **{
        name: name
        for name in (
            "exp", "log", "log2", "log10", "sqrt", "cbrt", "abs", "sign", "sin", "cos", "tan",
            "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "max",
            "min", "pow", "square", "sigmoid", "relu", "softplus", "frac",
        )
    },
    "ln": "log",
    "lg": "log10",
    "log_2": "log2",
    "log_10": "log10",
    "log_e": "log",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "arsinh": "arcsinh",
    "asinh": "arcsinh",
    "arcsinh": "arcsinh",
    "fabs": "abs",
    "sgn": "sign",
    "maximum": "max",
    "minimum": "min",
    "power": "pow",
    "expit": "sigmoid",
    "σ": "sigmoid",
    "dfrac": "frac",
    "tfrac": "frac",
}  # fmt: skip
CONSTANTS = ("e", "π", "E")
_NAMES_OF_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
_GREEK = dict(zip(_NAMES_OF_GREEK.split(), "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", strict=True))
_GREEK |= {"varepsilon": "ε", "varphi": "φ", "vartheta": "θ", "lamda": "λ", "lambda_": "λ"}
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("−–—‒‑", "-"),
        **dict.fromkeys("·⋅×∙∗•", "*"),
        **dict.fromkeys("÷∕⁄", "/"),
        **dict.fromkeys("$`\u200b\u2061", " "),
        "ϵ": "ε", "ϕ": "φ", "ϑ": "θ", "µ": "μ", "（": "(", "）": ")",
    }
)  # fmt: skip
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿˣ"
_RAISED = str.maketrans(_SUPERSCRIPTS, "0123456789-+nx")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_BRACED_INDEX = re.compile(r"_\{(\w{1,20})\}")
_SMALL = re.compile(r"(?<=\w)[₀₁₂₃₄₅₆₇₈₉]{1,4}")
_LEFT_OUT = {"left", "right", "mathrm", "operatorname", "displaystyle", "mathbf", "text", "big"}
_TIMES = {"cdot", "times", "ast"}
_TOKEN = re.compile(
    r"(?P<space>\s+|\\[,;:! ]|~|&)"
    r"|(?P<number>(?:\d{1,60}(?:\.\d{0,60})?|\.\d{1,60})(?:[eE][+-]?\d{1,3})?)"
    r"|(?P<module>(?:np|numpy|torch|math|sympy|sp|jnp|nn|functional|F|tf)\.(?=[^\W\d]))"
    rf"|(?P<raised>[{_SUPERSCRIPTS}]+)"
    rf"|(?P<word>\\?[^\W\d_](?:(?![{_SUPERSCRIPTS}])\w)*)"
    r"|(?P<sign>\*\*|[-+*/^(){}\[\],|√])"
)


def canonical(name: str) -> str:
    """A name as tokens have it: Greek letters instead of their names, plain indices."""
    name = _plain_indices(name.translate(_SIGNS))
    head, line, index = name.partition("_")
    return _GREEK.get(name) or _GREEK.get(head, head) + line + index


def _plain_indices(text: str) -> str:
    """x₁ as x_1."""
    return _SMALL.sub(lambda found: "_" + found[0].translate(_SUBSCRIPTS), text)


def tokens(text: str, variables: Set[str]) -> list[Token]:
    """The tokens of a text in which these names, in canonical form, are known.

    Raises NotAFormula where it is too long, or something in it is neither known nor a sign.
    """
    text = text.strip()
    if len(text) > MAX_CHARS:
        raise NotAFormula(f"it has more than {MAX_CHARS} characters")
    text = _BRACED_INDEX.sub(r"_\1", text.translate(_SIGNS))
    text = _plain_indices(text)
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotAFormula(f"“{text[at]}” means nothing here")
        found += _of(match, variables)
        at = match.end()
    return found


def _of(match: re.Match[str], variables: Set[str]) -> Iterator[Token]:
    text = match[0]
    match match.lastgroup:
        case "number":
            yield Token("number", text)
        case "word":
            yield from _word(text, variables)
        case "raised":
            yield Token("sign", "^")
            yield Token("sign", "(")
            yield from tokens(text.translate(_RAISED), variables)
            yield Token("sign", ")")
        case "sign":
            yield (
                Token("name", "sqrt")
                if text == "√"
                else Token("sign", "^" if text == "**" else text)
            )


def _word(word: str, variables: Set[str]) -> Iterator[Token]:
    if word.startswith("\\"):
        word = word[1:]
        if word in _LEFT_OUT:
            return
        if word in _TIMES:
            yield Token("sign", "*")
            return
    for name in _names(word, variables):
        yield Token("name", name)


def _names(word: str, variables: Set[str]) -> list[str]:
    """The names that a word consists of: one that is known, or several side by side, as in xy."""
    whole = _known(word, variables)
    if whole is not None:
        return [whole]
    if len(word) > _MAX_WORD:
        raise NotAFormula(f"there is no “{word[:20]}…” here")
    # From each place on, the fewest names that the rest consists of; the longest goes first.
    rest: list[list[str] | None] = [None] * len(word) + [[]]
    for begin in range(len(word) - 1, -1, -1):
        for end in range(len(word), begin, -1):
            tail = rest[end]
            name = _known(word[begin:end], variables) if tail is not None else None
            if name is not None and tail is not None:
                candidate = [name, *tail]
                if rest[begin] is None or len(candidate) < len(rest[begin] or []):
                    rest[begin] = candidate
    if rest[0] is None:
        listed = ", ".join(sorted(variables))
        raise NotAFormula(f"there is no “{word}” here; the variables are {listed or 'none'}")
    return rest[0]


def _known(word: str, variables: Set[str]) -> str | None:
    name = canonical(word)
    if name in variables:
        return name
    if word in FUNCTIONS or name in FUNCTIONS:
        return FUNCTIONS.get(word) or FUNCTIONS[name]
    return name if name in CONSTANTS else None
