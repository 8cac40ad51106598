"""Formulas are read as students write them, in time and depth that are bounded, and evaluated."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.answers.formula import Formula, Number, Operation, readings
from grader.checks.answers.formulatext import formulas_in
from grader.checks.answers.formulatokens import NotAFormula, canonical
from grader.checks.answers.formulavalue import evaluated

X, Y, P, L, X1 = 0.7, 1.3, 2.5, 0.4, 3.0
AT = {"x": X, "y": Y, "p": P, "λ": L, "x_1": X1}
POINTS = {name: np.array([value]) for name, value in AT.items()}


def values(text: str) -> list[float]:
    return [float(evaluated(one, POINTS)[0]) for one in readings(text, AT)]


E = math.e
READ: list[tuple[str, float]] = [
    ("2p + 2", 2 * P + 2),
    ("2*p+2", 2 * P + 2),
    ("2·p^2", 2 * P**2),
    ("2×p", 2 * P),
    ("p ÷ 2", P / 2),
    ("−p", -P),
    ("- -p", P),
    ("2 - -p", 2 + P),
    ("x*-y", -X * Y),
    ("-x^2", -(X**2)),
    ("(-x)^2", X**2),
    ("2^-1", 0.5),
    ("2**x**2", 2 ** (X**2)),
    ("x²+y³", X**2 + Y**3),
    ("x⁻¹", 1 / X),
    ("3(x+1)(y-2)", 3 * (X + 1) * (Y - 2)),
    ("x(y)", X * Y),
    ("[x + 1] y", (X + 1) * Y),
    ("xy", X * Y),
    ("2xy", 2 * X * Y),
    ("-4y cos(xy) sin(xy)", -4 * Y * math.cos(X * Y) * math.sin(X * Y)),
    ("xsin(x)", X * math.sin(X)),
    ("sin^2(x)", math.sin(X) ** 2),
    ("sin²(x)", math.sin(X) ** 2),
    ("sin²x", math.sin(X) ** 2),
    ("sin(x)^2", math.sin(X) ** 2),
    ("sin^-1(x)", math.asin(X)),
    ("sin^{-1} x", math.asin(X)),
    ("sin 2x cos x", math.sin(2 * X) * math.cos(X)),
    ("2 ln x + 1", 2 * math.log(X) + 1),
    ("ln(x)", math.log(X)),
    ("log(p, 2)", math.log2(P)),
    ("log_2(p)", math.log2(P)),
    (r"\log_{2}{p}", math.log2(P)),
    ("lg(p)", math.log10(P)),
    ("e^x", E**X),
    ("e^{-x}", E**-X),
    ("2xe^(-x)", 2 * X * E**-X),
    ("exp(-x)", E**-X),
    ("E**x", E**X),
    ("np.exp(x) * torch.sin(y)", E**X * math.sin(Y)),
    ("torch.nn.functional.relu(-x)", 0),
    ("math.sqrt(x)", math.sqrt(X)),
    ("√x", math.sqrt(X)),
    ("√(x+1)", math.sqrt(X + 1)),
    (r"\sqrt{x}", math.sqrt(X)),
    (r"\sqrt[3]{x}", X ** (1 / 3)),
    (r"\frac{x}{y}", X / Y),
    (r"\dfrac{1}{1 + e^{-x}}", 1 / (1 + E**-X)),
    (r"\left( x + 1 \right)^{2}", (X + 1) ** 2),
    (r"2 \cdot x \, y", 2 * X * Y),
    (r"\sin\left(x\right) \cos(y)", math.sin(X) * math.cos(Y)),
    (r"\lambda x", L * X),
    ("lambda*x", L * X),
    ("λx", L * X),
    ("x_1", X1),
    ("x_{1}", X1),
    ("x₁", X1),
    ("|x - y|", abs(X - Y)),
    ("2|x|y", 2 * X * Y),
    ("|x||y|", X * Y),
    ("max(x, y) - min(x, y)", Y - X),
    ("pow(x, 2)", X**2),
    ("sigmoid(x)", 1 / (1 + E**-X)),
    ("σ(x)", 1 / (1 + E**-X)),
    ("2pi x", 2 * math.pi * X),
    ("π", math.pi),
    (".5x", 0.5 * X),
    ("1e-3x", 1e-3 * X),
    ("1.5e2", 150),
    ("$2p$", 2 * P),
]


@pytest.mark.parametrize(("text", "value"), READ)
def test_a_formula_is_read_as_a_person_would(text: str, value: float) -> None:
    assert values(text) == [pytest.approx(value)]


@pytest.mark.parametrize(
    ("text", "one", "other"),
    [("1/2x", X / 2, 1 / (2 * X)), ("x/3y", X * Y / 3, X / (3 * Y)), ("1/x(y)", Y / X, 1 / X / Y)],
)
def test_what_is_ambiguous_has_two_readings(text: str, one: float, other: float) -> None:
    assert values(text) == [pytest.approx(one), pytest.approx(other)]


NOT_READ = [
    ("", "empty"),
    ("2 3", "no sign between 2 and 3"),
    ("x +", "missing at its end"),
    ("(x", "a “)” is missing"),
    ("x)", "“)” is not expected"),
    ("|x", "a “|” is missing"),
    ("* x", "missing before “*”"),
    ("foo", "there is no “foo” here; the variables are p, x, x_1, y, λ"),
    ("x2", "there is no “x2” here"),
    ("sin", "missing after sin"),
    ("max(x)", "max needs two arguments"),
    ("sin(x, y)", "sin takes one argument"),
    ("x; import os", "“;” means nothing here"),
    ("__import__('os')", "means nothing here"),
    ("x.__class__", "means nothing here"),
    ("x if x else y", "there is no “if” here"),
    ("lambda: x", "means nothing here"),
    ("(" * 500 + "x" + ")" * 400, "nested too deeply"),
    ("-" * 900 + "x", "nested too deeply"),
    ("x^" * 400 + "x", "nested too deeply"),
    ("sin^" * 200 + "x", "nested too deeply"),
    ("√" * 900 + "x", "nested too deeply"),
    ("x+" * 600 + "x", "more than 1000 characters"),
    ("q" * 900, "there is no “qqqqqqqqqqqqqqqqqqqq…” here"),
]


@pytest.mark.parametrize(("text", "words"), NOT_READ)
def test_what_is_no_formula_is_told_in_words(text: str, words: str) -> None:
    with pytest.raises(NotAFormula) as told:
        readings(text, AT)
    assert words in str(told.value)
    assert len(str(told.value)) < 200


def test_long_and_huge_formulas_are_worth_something() -> None:
    assert values("x+" * 400 + "x") == [pytest.approx(401 * X)]
    assert values("9^9^9^9^9") == [math.inf]
    assert values("9" * 60) == [pytest.approx(1e60)]
    assert math.isnan(values("log(0-1)")[0])


PIECES = st.sampled_from(
    [*"xyp+-*/^()[]{}|,.²⁻₁√λ_ \\$e2", "sin", "log", "max", r"\frac", "\\sqrt", "1e3", "**", "np."]
)


@given(st.lists(PIECES, max_size=200).map("".join) | st.text(max_size=300))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    for read in (readings, formulas_in):
        with suppress(NotAFormula):
            assert all(evaluated(one, POINTS).shape == (1,) for one in read(text, AT))


def written(formula: Formula) -> str:
    """A formula as plain maths, with all brackets."""
    if isinstance(formula, Number):
        return repr(formula.value)
    if isinstance(formula, Operation):
        parts = [written(part) for part in formula.parts]
        match formula.name:
            case "sum":
                return f"({' + '.join(parts)})"
            case "product":
                return " ".join(f"({part})" for part in parts)
            case "inverse":
                return f"(1/({parts[0]}))"
            case "negative":
                return f"(-{parts[0]})"
            case "power":
                return f"(({parts[0]})^({parts[1]}))"
        return f"{formula.name}({', '.join(parts)})"
    return formula.name


TREES: st.SearchStrategy[Formula] = st.recursive(
    st.floats(0.1, 9).map(lambda value: Number(round(value, 3)))
    | st.sampled_from(sorted(AT)).flatmap(lambda name: st.just(readings(name, AT)[0])),
    lambda inner: (
        st.builds(
            Operation,
            st.sampled_from(["sum", "product"]),
            st.lists(inner, min_size=2, max_size=3).map(tuple),
        )
        | st.builds(
            lambda name, one: Operation(name, (one,)),
            st.sampled_from(["inverse", "negative", "exp", "sin", "abs", "log", "tanh"]),
            inner,
        )
        | st.builds(lambda one, two: Operation("power", (one, two)), inner, inner)
    ),
    max_leaves=8,
)


@given(TREES)
def test_what_is_written_is_read_as_the_same(tree: Formula) -> None:
    assert values(written(tree)) == [pytest.approx(float(evaluated(tree, POINTS)[0]), nan_ok=True)]


@pytest.mark.parametrize(
    "text",
    [
        "2p + 2",
        "f'(p) = 2p + 2",
        "df/dp = 2(p + 1) = 2p + 2.",
        "By the power rule: $2p + 2$",
        "By the power rule, $f'(p) = 2p + 2$.",
        "The derivative\n\n$$\\frac{df}{dp} = 2p + 2$$",
        "\\[ 2p + 2 \\]",
        "d/dp := `2*p + 2`",
        "**2p + 2**",
        "I used the power rule.\n2p + 2",
        "2p\n+ 2",
    ],
)
def test_the_formula_is_found_in_an_answer(text: str) -> None:
    found = formulas_in(text, ["p"])
    assert evaluated(found[0], {"p": np.array([1.0])}).tolist() == [4.0]


def test_names_have_one_spelling() -> None:
    assert canonical("lambda") == canonical("λ") == "λ"
    assert canonical("theta_1") == canonical("θ₁") == canonical("θ_1") == "θ_1"
