"""Numbers as students write them: "about 0.25", "1/4", "25 %", "1.5×10⁻³", "[[1, 2], [3, 4]]".

Everything is read in one pass over a bounded text; no text raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARS = 4_000
_DEPTH = 8
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("−‒‑", "-"),
        **dict.fromkeys("⁄∕÷", "/"),
        **dict.fromkeys("·⋅", "×"),
        **dict.fromkeys("\u202f\u2009", ""),
        "\xa0": " ",
        "∞": "inf",
        "％": "%",
        "½": " 1/2",
        "⅓": " 1/3",
        "⅔": " 2/3",
        "¼": " 1/4",
        "¾": " 3/4",
    }
)
_LATEX = (
    (re.compile(r"\\[dt]?frac *\{([^{}]{1,60})\} *\{([^{}]{1,60})\}"), r"\1/\2"),
    (re.compile(r"\\(?:times|cdot)(?![a-zA-Z])"), "×"),
    (re.compile(r"\\approx(?![a-zA-Z])"), "≈"),
    (re.compile(r"\\infty(?![a-zA-Z])"), "inf"),
    (re.compile(r"\\(?:[a-zA-Z]{1,20}|[,;:! ])"), " "),
)
# Of a formula, the number within is not the answer; what stands after "=" may be.
_APPLIED = re.compile(
    r"(?:\\|\b)(?:sqrt|ln|log|exp|sin|cos|tan|tanh|sigmoid)(?![a-zA-Z])"
    r" ?(?:[({][^(){}\n]{0,60}[)}]|-?[\d.]{1,20})|√ ?\(?[\d.]{1,20}\)?"
)
_RAISED = re.compile(r"[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_POWER_OF_TEN = re.compile(r"(?<![\d.])10 ?\*\* ?")
_EMPHASIS = re.compile(r"(?<!\w)_+|_+(?!\w)")
_ARGUMENT = re.compile(r"\b(?:grad_fn|dtype|device|requires_grad|layout|size)=[^,)\n]{0,80}")
_DIGITS = r"\d{1,400}(?:_\d{1,400}){0,9}"
_NUMBER = re.compile(
    rf"(?<![\w.])(?P<sign>[+-](?! )|(?<=[=(\[,≈] )- |(?<=[=(\[,≈])- )?"
    rf"(?:(?P<word>inf(?:inity)?|nan)(?!\w)"
    rf"|(?P<mantissa>(?>(?:{_DIGITS}(?:\.\d{{0,400}})?|\.\d{{1,400}})(?:[eE][+-]?\d{{1,4}})?))"
    rf"(?![^\W_]| (?:pi|π)\b)"
    rf"(?: ?[×x*] ?10 ?\^ ?(?P<ten>[+-]?\d{{1,4}})|\^ ?(?P<power>[+-]?\d{{1,4}}(?:\.\d{{1,4}})?))?"
    rf"(?: ?/ ?(?P<below>\d{{1,400}}(?:\.\d{{1,400}})?)(?![\w(^]))?"
    rf"(?P<percent> ?%)?)"
    rf"|(?P<open>[\[(])|(?P<close>[\])])",
    re.IGNORECASE,
)
_COMMAS = re.compile(r"(?<![\w.,])\d{1,12}(?:,\d{1,12}){1,9}(?![\d,]|\.\d{4})")
_SPACED = re.compile(r"(?<![\w.,] )(?<![\w.,])[1-9]\d{0,2}(?: \d{3})+(?![\w.,]| \d)")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+")
_RESULT = re.compile(r"[=≈:]|->|→")


@dataclass(frozen=True)
class Number:
    """One number; with a percent sign it may be meant as a hundredth or as a percentage."""

    value: float
    percent: bool = False

    @property
    def readings(self) -> tuple[float, ...]:
        """What it may mean."""
        return (self.value / 100, self.value) if self.percent else (self.value,)


@dataclass(frozen=True)
class Numbers:
    """The numbers of a text in order; `shape` is that of its brackets.

    Without any, or where they are not regular, it is None.
    """

    items: tuple[Number, ...]
    shape: tuple[int, ...] | None = None


def numbers_in(text: str, count: int) -> Numbers:
    """The numbers of a text in which `count` are expected.

    Where it holds others besides, those after the last "=", ":" or "≈" count if their number is
    right; otherwise all are given. A comma within a single number parts thousands or decimals.
    """
    text = plain(text)
    if count == 1:
        text = _SPACED.sub(lambda found: found[0].replace(" ", ""), text)
        text = _COMMAS.sub(_without_commas, text)
    found = _read(text)
    if len(found.items) <= count:
        return found
    for result in reversed(list(_RESULT.finditer(text))):
        tail = _read(text[result.end() :])
        if len(tail.items) == count:
            return tail
        if len(tail.items) > count:
            break
    return found


def plain(text: str) -> str:
    """The text without decoration: of markdown, of LaTeX, and of Unicode's signs."""
    text = text[:MAX_CHARS].translate(_SIGNS)
    text = _APPLIED.sub(" ", text)
    text = _RAISED.sub(lambda found: "^" + found[0].translate(_SUPERSCRIPTS), text)
    for pattern, instead in _LATEX if "\\" in text else ():
        text = pattern.sub(instead, text)
    text = _POWER_OF_TEN.sub("10^", text)
    text = text.translate(str.maketrans("{}$`", "    ")).replace("**", " ")
    text = _ARGUMENT.sub(" ", _EMPHASIS.sub(" ", text))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(lines)


def _without_commas(found: re.Match[str]) -> str:
    if _THOUSANDS.fullmatch(found[0]):
        return found[0].replace(",", "")
    return found[0].replace(",", ".") if found[0].count(",") == 1 else found[0]


def _read(text: str) -> Numbers:
    items: list[Number] = []
    counts: list[int] = []  # of entries in each open bracket
    shapes: list[tuple[int, ...] | None] = []  # of the entries of each open bracket
    started = 0
    groups: list[tuple[int, tuple[int, ...] | None]] = []  # the outermost: where, and their shapes
    for token in _NUMBER.finditer(text):
        if token["open"]:
            if len(counts) >= _DEPTH:
                return Numbers(tuple(items))
            counts.append(0)
            shapes.append(())
            started = len(items) if len(counts) == 1 else started
        elif token["close"]:
            if not counts:
                continue
            count, inner = counts.pop(), shapes.pop()
            shape = None if inner is None else (count, *inner)
            if count == 1 and token[0] == ")" and text[token.start() - 1] != ",":
                shape = inner  # parentheses around one thing, as in tensor([1, 2])
            if counts:
                _entry(counts, shapes, shape)
            elif len(items) > started:
                groups.append((len(items) - started, shape))
        else:
            number = _number(token)
            if number is not None:
                items.append(number)
                if counts:
                    _entry(counts, shapes, ())
    whole = len(groups) == 1 and groups[0][0] == len(items) and not counts
    return Numbers(tuple(items), groups[0][1] if whole else None)


def _entry(
    counts: list[int], shapes: list[tuple[int, ...] | None], shape: tuple[int, ...] | None
) -> None:
    if counts[-1] and shapes[-1] != shape:
        shape = None  # ragged
    counts[-1] += 1
    shapes[-1] = shape


def _number(token: re.Match[str]) -> Number | None:
    sign = -1.0 if (token["sign"] or "").startswith("-") else 1.0
    if token["word"]:
        return Number(sign * float(token["word"]))
    try:
        value = float(token["mantissa"])
        if token["ten"]:
            value *= 10.0 ** int(token["ten"])
        elif token["power"]:
            value **= float(token["power"])
        if token["below"]:
            value /= float(token["below"])
    except (ArithmeticError, ValueError):
        return None
    return Number(sign * value, bool(token["percent"]))
