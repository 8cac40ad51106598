"""Formulas: a text read into a small tree, by a grammar that knows what students write.

Multiplication may be left out, sin^2(x) and sin 2x are understood. The parser goes through the
tokens once and to a bounded depth; a tree holds numbers, variables and known operations only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass

from grader.checks.answers.formulatokens import (
    CONSTANTS,
    FUNCTIONS,
    NotAFormula,
    Token,
    canonical,
    tokens,
)

_MAX_DEPTH = 40
_OPENING = {"(": ")", "[": "]", "{": "}"}
_INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "sinh": "arcsinh"}
_NAMED = frozenset(FUNCTIONS.values())
_PAIRS = {"max", "min", "pow", "frac"}
_VALUES = {"e": 2.718281828459045, "E": 2.718281828459045, "π": 3.141592653589793}


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True)
class Variable:
    """A variable, by its canonical name."""

    name: str


@dataclass(frozen=True)
class Operation:
    """`sum`, `product`, `inverse` (one over), `negative`, `power`, or a function by its name."""

    name: str
    parts: tuple[Formula, ...]


Formula = Number | Variable | Operation


def readings(text: str, variables: Iterable[str]) -> list[Formula]:
    """What a text may mean: one formula, or two where 1/2x may be half of x, or one over 2x.

    Raises NotAFormula, and nothing else.
    """
    names = frozenset(canonical(name) for name in variables)
    found = tokens(text, names)
    parser = _Parser(found, names, tight=False)
    read = [parser.whole()]
    if parser.ambiguous:
        read.append(_Parser(found, names, tight=True).whole())
    return read


class _Parser:
    """Reads tokens from left to right.

    With `tight`, what is multiplied without a sign goes below a fraction's bar together.
    """

    def __init__(self, found: list[Token], variables: Set[str], *, tight: bool) -> None:
        self._tokens = found
        self._variables = variables
        self._tight = tight
        self._at = 0
        self._depth = 0
        self._bars = 0
        self.ambiguous = False

    def whole(self) -> Formula:
        """The formula that all tokens make."""
        if not self._tokens:
            raise NotAFormula("it is empty")
        formula = self._sum()
        if self._at < len(self._tokens):
            raise NotAFormula(f"“{self._tokens[self._at].text}” is not expected where it stands")
        return formula

    def _next(self) -> str | None:
        """The sign that is next; None where it is none."""
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return token.text if token is not None and token.kind == "sign" else None

    def _take(self, *signs: str) -> str | None:
        sign = self._next()
        if sign is None or sign not in signs:
            return None
        self._at += 1
        return sign

    def _close(self, sign: str) -> None:
        if not self._take(sign):
            raise NotAFormula(f"a “{sign}” is missing")

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise NotAFormula("it is nested too deeply")
        yield
        self._depth -= 1

    def _sum(self) -> Formula:
        with self._deeper():
            terms = [self._product()]
            while sign := self._take("+", "-"):
                term = self._product()
                terms.append(term if sign == "+" else Operation("negative", (term,)))
        return terms[0] if len(terms) == 1 else Operation("sum", tuple(terms))

    def _product(self) -> Formula:
        factors = [self._signed()]
        while True:
            if self._take("*"):
                factors.append(self._signed())
            elif self._take("/"):
                factors.append(Operation("inverse", (self._below(),)))
            elif self._begins():
                factors.append(self._beside())
            else:
                return factors[0] if len(factors) == 1 else Operation("product", tuple(factors))

    def _below(self) -> Formula:
        """What a fraction's bar is above of."""
        below = [self._signed()]
        if self._begins():
            self.ambiguous = True
        while self._tight and self._begins():
            below.append(self._beside())
        return below[0] if len(below) == 1 else Operation("product", tuple(below))

    def _beside(self) -> Formula:
        """A factor whose sign of multiplication is left out."""
        before, token = self._tokens[self._at - 1], self._tokens[self._at]
        if token.kind == "number" and before.kind == "number":
            raise NotAFormula(f"there is no sign between {before.text} and {token.text}")
        return self._power()

    def _begins(self) -> bool:
        """Whether a factor begins here."""
        if self._at >= len(self._tokens):
            return False
        sign = self._next()
        return sign is None or sign in _OPENING or (sign == "|" and not self._bars)

    def _signed(self) -> Formula:
        sign = self._take("+", "-")
        if sign is None:
            return self._power()
        with self._deeper():
            signed = self._signed()
        return Operation("negative", (signed,)) if sign == "-" else signed

    def _power(self) -> Formula:
        base = self._atom()
        return Operation("power", (base, self._exponent())) if self._take("^") else base

    def _exponent(self) -> Formula:
        with self._deeper():
            return self._signed()

    def _atom(self) -> Formula:
        if self._at >= len(self._tokens):
            raise NotAFormula("something is missing at its end")
        token = self._tokens[self._at]
        self._at += 1
        if token.kind == "number":
            return Number(float(token.text))
        if token.kind == "name":
            return self._name(token.text)
        if token.text in _OPENING:
            bars, self._bars = self._bars, 0
            inside = self._sum()
            self._bars = bars
            self._close(_OPENING[token.text])
            return inside
        if token.text == "|" and not self._bars:
            self._bars += 1
            inside = self._sum()
            self._bars -= 1
            self._close("|")
            return Operation("abs", (inside,))
        raise NotAFormula(f"something is missing before “{token.text}”")

    def _name(self, name: str) -> Formula:
        if name in self._variables:
            return Variable(name)
        if name in CONSTANTS:
            return Number(_VALUES[name])
        root = self._root() if name == "sqrt" else None
        exponent = None
        if self._take("^"):  # sin^2(x)
            negative = self._take("-") is not None
            with self._deeper():
                exponent = self._atom()
            exponent = Operation("negative", (exponent,)) if negative else exponent
        if exponent in _MINUS_ONE and name in _INVERSES:
            name, exponent = _INVERSES[name], None
        applied = self._applied(name)
        if root is not None:
            applied = Operation("power", (applied.parts[0], Operation("inverse", (root,))))
        return Operation("power", (applied, exponent)) if exponent is not None else applied

    def _root(self) -> Formula | None:
        """The index of a root, as in \\sqrt[3]{x}."""
        if self._next() != "[":
            return None
        return self._atom()

    def _applied(self, name: str) -> Operation:
        arguments = self._arguments(name)
        if name in _PAIRS or (name == "log" and len(arguments) == 2):
            if len(arguments) != 2:
                raise NotAFormula(f"{name} needs two arguments")
            first, second = arguments
            if name == "frac":
                return Operation("product", (first, Operation("inverse", (second,))))
            if name == "log":
                below = Operation("inverse", (Operation("log", (second,)),))
                return Operation("product", (Operation("log", (first,)), below))
            return Operation("power" if name == "pow" else name, (first, second))
        if len(arguments) != 1:
            raise NotAFormula(f"{name} takes one argument")
        return Operation(name, tuple(arguments))

    def _arguments(self, name: str) -> list[Formula]:
        opening = self._next()
        if opening not in _OPENING:
            return [self._bare(name)]
        self._at += 1
        bars, self._bars = self._bars, 0
        arguments = [self._sum()]
        while self._take(","):
            arguments.append(self._sum())
        self._bars = bars
        self._close(_OPENING[opening])
        if name == "frac" and len(arguments) == 1 and self._next() == "{":
            arguments.append(self._atom())
        return arguments

    def _bare(self, name: str) -> Formula:
        """An argument without brackets, as in sin 2x cos x: up to the next function or sign."""
        if not self._begins() and self._next() != "-":
            raise NotAFormula(f"something is missing after {name}")
        with self._deeper():
            factors = [self._signed()]
            while self._begins() and self._next() is None and not self._function_follows():
                factors.append(self._beside())
        return factors[0] if len(factors) == 1 else Operation("product", tuple(factors))

    def _function_follows(self) -> bool:
        token = self._tokens[self._at]
        known = self._variables | set(CONSTANTS)
        return token.kind == "name" and token.text not in known and token.text in _NAMED


_MINUS_ONE = (Number(-1.0), Operation("negative", (Number(1.0),)))
