"""Mistakes in calling and returning: order, what is changed in place, what is given back."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workers.mutation.sites import (
    Site,
    called,
    is_library,
    recalled,
    renamed,
)

# The order of their arguments means nothing, or is another operator's.
_COMMUTATIVE = {
    *("mse_loss", "l1_loss", "add", "mul", "maximum", "minimum", "eq", "ne", "allclose", "equal"),
    *("range", "print", "isinstance", "matmul", "mm", "bmm", "sub", "div", "dot", "super"),
    *("MSELoss", "max", "min", "smooth_l1_loss", "set", "gcd", "getattr", "setattr", "zeros"),
}


def arguments_swapped(site: Site) -> Iterator[ast.AST]:
    """Two neighbouring arguments of a call the other way round."""
    node = site.node
    if not isinstance(node, ast.Call) or called(node) in _COMMUTATIVE:
        return
    if any(isinstance(one, ast.Starred) for one in node.args):
        return
    for at in range(len(node.args) - 1):
        args = list(node.args)
        args[at], args[at + 1] = args[at + 1], args[at]
        yield recalled(node, args=args)


_IN_PLACE = {"add", "sub", "mul", "div", "relu", "clamp", "fill", "exp", "neg", "pow"}


def in_place(site: Site) -> Iterator[ast.AST]:
    """`x.add(y)` as `x.add_(y)`, and `x = x - y` as `x -= y`: the caller's tensor changes."""
    match site.node:
        case ast.Call(func=ast.Attribute(attr=name) as function) if name in _IN_PLACE:
            if not is_library(function):
                yield recalled(site.node, func=renamed(function, f"{name}_"))
        case ast.Assign(
            targets=[ast.Name(id=name) as target],
            value=ast.BinOp(left=ast.Name(id=same), op=op, right=right),
        ) if name == same:
            yield ast.AugAssign(target, op, right)


def out_of_place(site: Site) -> Iterator[ast.AST]:
    """`x.add_(y)` as `x.add(y)`, and `x -= y` as `x = x - y`: what was to change does not."""
    match site.node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name) as function)):
            if name.endswith("_") and name not in ("requires_grad_", "zero_"):
                whole = recalled(site.node.value, func=renamed(function, name[:-1]))  # type: ignore[arg-type]
                yield ast.Expr(whole)
        case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
            now = ast.BinOp(ast.Name(name, ast.Load()), op, value)
            yield ast.Assign([target], now, lineno=site.node.lineno)


def missing_clone(site: Site) -> Iterator[ast.AST]:
    """`x.clone()` as `x`."""
    match site.node:
        case ast.Call(func=ast.Attribute(value=value, attr="clone" | "copy"), args=[]):
            yield value


def return_dropped(site: Site) -> Iterator[ast.AST]:
    """A function that forgets to return; and one that returns one value less."""
    match site.node:
        case ast.Return(value=ast.Tuple(elts=elements)) if len(elements) > 1:
            yield ast.Return(None)
            yield ast.Return(_tuple(elements[:-1]))
        case ast.Return(value=ast.expr()):
            yield ast.Return(None)


def return_reordered(site: Site) -> Iterator[ast.AST]:
    """Two neighbouring values of those that are returned the other way round."""
    match site.node:
        case ast.Return(value=ast.Tuple(elts=elements)):
            for at in range(len(elements) - 1):
                swapped = list(elements)
                swapped[at], swapped[at + 1] = swapped[at + 1], swapped[at]
                yield ast.Return(_tuple(swapped))


def _tuple(elements: list[ast.expr]) -> ast.expr:
    return elements[0] if len(elements) == 1 else ast.Tuple(elements, ast.Load())
