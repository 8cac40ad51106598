"""Mistakes with activations and with their derivatives."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workers.mutation.sites import Site, called, recalled, receiver, renamed

_FUNCTIONS = {
    "relu": "sigmoid",
    "sigmoid": "tanh",
    "tanh": "sigmoid",
    "softmax": "sigmoid",
    "log_softmax": "softmax",
    "leaky_relu": "relu",
    "gelu": "relu",
    "elu": "relu",
    "softplus": "relu",
    "logsigmoid": "sigmoid",
    "silu": "relu",
    "log_sigmoid": "sigmoid",
}
_MODULES = {
    "ReLU": "Tanh",
    "Sigmoid": "Tanh",
    "Tanh": "Sigmoid",
    "Softmax": "Sigmoid",
    "LogSoftmax": "Softmax",
    "LeakyReLU": "ReLU",
    "GELU": "ReLU",
    "ELU": "ReLU",
    "Softplus": "ReLU",
    "SiLU": "ReLU",
}


def missing_activation(site: Site) -> Iterator[ast.AST]:
    """`torch.relu(x)` and `x.relu()` as `x`; nn.ReLU() as nn.Identity()."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    if called(node) in _FUNCTIONS:
        inner = receiver(node)
        if inner is None and node.args and isinstance(node.func, ast.Name):
            inner = node.args[0]
        if inner is not None:
            yield inner
    elif called(node) in _MODULES:
        yield recalled(node, func=renamed(node.func, "Identity"), args=[], keywords=[])
    elif _clamps(node) and (inner := receiver(node)) is not None:
        yield inner


def wrong_activation(site: Site) -> Iterator[ast.AST]:
    """`relu` as `sigmoid`, `nn.Sigmoid()` as `nn.Tanh()`, and so on."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    other = _FUNCTIONS.get(called(node)) or _MODULES.get(called(node))
    if other is None or isinstance(node.func, ast.Name):
        return  # a name alone may be the submission's own
    plain = called(node) in ("softmax", "Softmax", "log_softmax", "LogSoftmax", "leaky_relu")
    if plain and other in ("sigmoid", "Sigmoid", "relu"):  # those take no dim and no slope
        keep = [] if called(node)[0].isupper() or receiver(node) not in node.args else node.args[:1]
        yield recalled(node, func=renamed(node.func, other), args=keep, keywords=[])
    else:
        yield recalled(node, func=renamed(node.func, other))


def missing_activation_derivative(site: Site) -> Iterator[ast.AST]:
    """`g * s * (1 - s)` as `g`, and `g * (z > 0)` as `g`."""
    factors = _factors(site)
    for at, factor in enumerate(factors):
        if _is_mask(factor):
            yield from _product([*factors[:at], *factors[at + 1 :]])
    for first, second in _slopes(factors):
        yield from _product([one for n, one in enumerate(factors) if n not in (first, second)])


def wrong_activation_derivative(site: Site) -> Iterator[ast.AST]:
    """The function in place of its derivative, and the derivative where it was applied already."""
    factors = _factors(site)
    for at, factor in enumerate(factors):
        mask = _compared(factor)
        if mask is not None:  # relu itself
            relu = ast.Call(ast.Attribute(mask, "clamp", ast.Load()), [], [_zero()])
            yield from _product([*factors[:at], relu, *factors[at + 1 :]])
    for first, second in _slopes(factors):
        yield from _product([one for n, one in enumerate(factors) if n != second])
        value = factors[first] if not _is_one_minus(factors[first]) else factors[second]
        again = ast.Call(ast.Attribute(value, "sigmoid", ast.Load()), [], [])
        slope = [again, ast.BinOp(ast.Constant(1), ast.Sub(), again)]
        yield from _product(
            [one for n, one in enumerate(factors) if n not in (first, second)] + slope
        )


def _zero() -> ast.keyword:
    return ast.keyword("min", ast.Constant(0))


def _clamps(node: ast.Call) -> bool:
    return called(node) in ("clamp", "clip") and any(
        word.arg == "min" and isinstance(word.value, ast.Constant) and not word.value.value
        for word in node.keywords
    )


def _factors(site: Site) -> list[ast.expr]:
    """The factors of a whole product; nothing for a part of one."""
    node = site.node
    if not _is_product(node) or (_is_product(site.parent) and site.parent.left is node):  # type: ignore[attr-defined]
        return []
    found: list[ast.expr] = []
    waiting: list[ast.AST] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.BinOp) and _is_product(one):
            waiting += [one.right, one.left]
        else:
            found.append(one)  # type: ignore[arg-type]
    return found


def _is_product(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def _product(factors: list[ast.expr]) -> Iterator[ast.expr]:
    """The product of what is left, if anything is."""
    if not factors:
        return
    whole = factors[0]
    for factor in factors[1:]:
        whole = ast.BinOp(whole, ast.Mult(), factor)
    yield whole


def _is_mask(node: ast.expr) -> bool:
    return _compared(node) is not None


def _compared(node: ast.expr) -> ast.expr | None:
    """`z` of `z > 0` and of `(z > 0).float()`."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Compare() as inner)):
            return _compared(inner)
        case ast.Compare(
            left=left, ops=[ast.Gt() | ast.GtE()], comparators=[ast.Constant(value=0 | 0.0)]
        ):
            return left
    return None


def _slopes(factors: list[ast.expr]) -> Iterator[tuple[int, int]]:
    """Places of `s` and `1 - s` in a product."""
    texts = [ast.dump(one) for one in factors]
    for second, factor in enumerate(factors):
        if _is_one_minus(factor):
            text = ast.dump(factor.right)  # type: ignore[attr-defined]
            for first, other in enumerate(texts):
                if other == text:
                    yield first, second


def _is_one_minus(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(left=ast.Constant(value=1 | 1.0), op=ast.Sub()):
            return True
    return False
