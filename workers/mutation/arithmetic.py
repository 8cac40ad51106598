"""Mistakes in formulas: terms, factors, signs, operands, comparisons and constants."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workers.mutation.sites import Site, call, called, integer, literal, recalled, receiver


def drop_term(site: Site) -> Iterator[ast.AST]:
    """`a + b` as `a` and as `b`; `a - b` as `a` and as `-b`."""
    match site.node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield left
            yield right
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            yield left
            yield ast.UnaryOp(ast.USub(), right)


def drop_factor(site: Site) -> Iterator[ast.AST]:
    """`a * b` as `a` and as `b`; `a / b` as `a`; `a ** b` as `a`."""
    match site.node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            yield left
            yield right
        case ast.BinOp(left=left, op=ast.Div() | ast.Pow()):
            yield left
        case ast.Call(func=ast.Attribute(attr="square")) as whole:
            squared = receiver(whole)
            if squared is not None:
                yield squared


def swap_operands(site: Site) -> Iterator[ast.AST]:
    """`a - b` as `b - a`, and so for every operator that is not commutative."""
    match site.node:
        case ast.BinOp(
            left=left, op=ast.Sub() | ast.Div() | ast.MatMult() | ast.Pow() as op, right=right
        ):
            yield ast.BinOp(right, op, left)
        case ast.Call(args=[left, right]) as product if called(product) in _PRODUCTS:
            yield recalled(product, args=[right, left])


_PRODUCTS = {"matmul", "mm", "bmm", "sub", "div"}


def flip_sign(site: Site) -> Iterator[ast.AST]:
    """`a + b` as `a - b` and the other way round, `-a` as `a`, `x += g` as `x -= g`."""
    match site.node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield ast.BinOp(left, ast.Sub(), right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            yield ast.BinOp(left, ast.Add(), right)
        case ast.UnaryOp(op=ast.USub(), operand=operand) if integer(site.node) is None:
            yield operand
        case ast.AugAssign(target=target, op=ast.Add(), value=value):
            yield ast.AugAssign(target, ast.Sub(), value)
        case ast.AugAssign(target=target, op=ast.Sub(), value=value):
            yield ast.AugAssign(target, ast.Add(), value)


def matmul_for_elementwise(site: Site) -> Iterator[ast.AST]:
    """`a @ b` as `a * b`, and `a * b` as `a @ b` where neither is a number."""
    match site.node:
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            yield ast.BinOp(left, ast.Mult(), right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            if not any(isinstance(one, ast.Constant) for one in (left, right)):
                yield ast.BinOp(left, ast.MatMult(), right)
        case ast.Call(args=[left, right]) if called(site.node) in ("matmul", "mm", "bmm"):
            yield ast.BinOp(left, ast.Mult(), right)


def comparison(site: Site) -> Iterator[ast.AST]:
    """`>` as `>=` (the boundary) and as `<` (the wrong way round), and so for the others."""
    match site.node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            for other in _COMPARISONS.get(type(op), ()):
                yield ast.Compare(left, [other()], [right])


_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}


def off_by_one(site: Site) -> Iterator[ast.AST]:
    """An index, a bound of a slice or of a range, one more and one less."""
    if not (_is_index(site) or _is_bound(site)):
        return
    value = integer(site.node)
    if value is not None:
        yield literal(value + 1)
        yield literal(value - 1)
    elif isinstance(site.node, ast.expr) and not _is_literal(site.node):
        yield ast.BinOp(site.node, ast.Add(), literal(1))
        yield ast.BinOp(site.node, ast.Sub(), literal(1))


def _is_index(site: Site) -> bool:
    parent = site.parent
    if isinstance(parent, ast.Subscript) and parent.slice is site.node:
        return integer(site.node) is not None
    if isinstance(parent, ast.Tuple) and len(site.parents) > 1:
        above = site.parents[-2]
        return (
            isinstance(above, ast.Subscript)
            and above.slice is parent
            and integer(site.node) is not None
        )
    return isinstance(parent, ast.Slice) and site.node in (parent.lower, parent.upper)


def _is_bound(site: Site) -> bool:
    parent = site.parent
    if called(parent) not in ("range", "arange") or site.node not in parent.args:  # type: ignore[attr-defined]
        return False
    return not (len(site.parents) > 1 and counts_only(site.parents[-2], parent))


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, (ast.Constant, ast.Starred, ast.keyword))


def counts_only(loop: ast.AST, iterated: ast.AST) -> bool:
    """Whether a loop only repeats its body: nothing in there reads its variable."""
    if not isinstance(loop, ast.For) or loop.iter is not iterated:
        return False
    targets = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
    shown = {
        id(inner)
        for node in ast.walk(loop)
        if isinstance(node, ast.Call) and called(node) in ("print", "append")
        for inner in ast.walk(node)
    }
    return not any(
        isinstance(node, ast.Name) and node.id in targets and id(node) not in shown
        for statement in loop.body
        for node in ast.walk(statement)
    )


def constant_changed(site: Site) -> Iterator[ast.AST]:
    """A number as another one, True as False. Left out are counts of repetitions, and dims."""
    node, parent = site.node, site.parent
    if not isinstance(node, ast.Constant) or _has_an_operator_of_its_own(site):
        return
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int):
        negative = isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub)
        yield ast.Constant(node.value + 1 if negative or node.value < 20 else node.value // 2)
    elif isinstance(node.value, float):
        yield ast.Constant(node.value * 2 if node.value else 1.0)


_DIMENSIONS = {"dim", "axis", "keepdim", "keepdims", "lr", "momentum", "weight_decay", "betas"}
_SEEDED = {"manual_seed", "seed", "range", "arange", "default_rng", "Generator"}


def _has_an_operator_of_its_own(site: Site) -> bool:
    parent = site.parent
    if isinstance(parent, ast.keyword):
        return parent.arg in _DIMENSIONS
    if isinstance(parent, ast.arguments):  # a default that the answer may never use
        return True
    if called(parent) in _SEEDED | DIMENSIONAL:
        return True
    return _is_index(site)


# Operations whose integer argument is a dimension.
DIMENSIONAL = {
    *("sum", "mean", "max", "min", "argmax", "argmin", "softmax", "log_softmax", "cumsum"),
    *("logsumexp", "norm", "var", "std", "prod", "any", "all", "cat", "concat", "stack"),
    *("unsqueeze", "squeeze", "amax", "amin", "size", "flatten", "concatenate", "chunk", "split"),
}


def few_steps(site: Site) -> Iterator[ast.AST]:
    """A loop that only repeats its body runs it once."""
    match site.node:
        case ast.Call() if called(site.node) == "range" and counts_only(site.parent, site.node):
            yield call("range", literal(1))
