"""Mistakes with dimensions: sums and means, axes, kept dimensions, transposes, sizes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workers.mutation.arithmetic import DIMENSIONAL
from workers.mutation.sites import (
    Site,
    called,
    integer,
    is_library,
    literal,
    options,
    recalled,
    receiver,
    renamed,
    with_argument,
    with_keyword,
    without,
)


def sum_for_mean(site: Site) -> Iterator[ast.AST]:
    """`.mean(...)` as `.sum(...)`, and reduction="mean", the default of a loss, as "sum".

    Where the default is what a loop descends on, the sum only has another learning rate.
    """
    yield from _reduction(site, "mean", "sum")
    node = site.node
    if isinstance(node, ast.Call) and is_library(node.func) and not _descended_on(site):
        takes = called(node).endswith(("_loss", "Loss", "cross_entropy"))
        if takes and not any(one.arg == "reduction" for one in node.keywords):
            more = ast.keyword("reduction", ast.Constant("sum"))
            yield recalled(node, keywords=[*node.keywords, more])


def mean_for_sum(site: Site) -> Iterator[ast.AST]:
    """`.sum(...)` as `.mean(...)`, and reduction="sum" as "mean"."""
    yield from _reduction(site, "sum", "mean")


def _reduction(site: Site, name: str, other: str) -> Iterator[ast.AST]:
    node = site.node
    if not isinstance(node, ast.Call):
        return
    if called(node) == name and isinstance(node.func, ast.Attribute):
        yield recalled(node, func=renamed(node.func, other))
    for keyword in node.keywords:
        match keyword:
            case ast.keyword(arg="reduction", value=ast.Constant(value=given)) if given == name:
                yield with_keyword(node, keyword, ast.Constant(other))


def _descended_on(site: Site) -> bool:
    around = site.within(ast.For, ast.While, ast.FunctionDef)
    return around is not None and any(called(one) == "backward" for one in ast.walk(around))


def missing_reduction(site: Site) -> Iterator[ast.AST]:
    """`x.sum(...)` and `x.mean(...)` as `x`."""
    node = site.node
    if isinstance(node, ast.Call) and called(node) in ("sum", "mean"):
        inner = receiver(node)
        if inner is not None:
            yield inner


def wrong_axis(site: Site) -> Iterator[ast.AST]:
    """`dim=0` as `dim=1`, any other as `dim=0`; also where it is given by its place."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    for keyword in node.keywords:
        if keyword.arg in ("dim", "axis") and (other := _other_axis(keyword.value)) is not None:
            yield with_keyword(node, keyword, other)
    if called(node) in DIMENSIONAL and isinstance(node.func, ast.Attribute):
        for value in options(node)[:1]:
            other = _other_axis(value)
            if other is not None:
                yield with_argument(node, node.args.index(value), other)


def _other_axis(node: ast.expr) -> ast.expr | None:
    axis = integer(node)
    return None if axis is None else literal(1 if axis == 0 else 0)


def axis_dropped(site: Site) -> Iterator[ast.AST]:
    """`x.sum(dim=0)` as `x.sum()`."""
    node = site.node
    if not isinstance(node, ast.Call) or called(node) not in ("sum", "mean", "max", "min", "norm"):
        return
    for keyword in node.keywords:
        if keyword.arg in ("dim", "axis"):
            rest = [one for one in node.keywords if one.arg not in ("keepdim", "keepdims")]
            yield without(recalled(node, keywords=rest), keyword)
    given = options(node)
    if given and integer(given[0]) is not None and isinstance(node.func, ast.Attribute):
        yield recalled(node, args=[one for one in node.args if one is not given[0]], keywords=[])


def keepdim_dropped(site: Site) -> Iterator[ast.AST]:
    """`keepdim=True` left out."""
    if isinstance(site.node, ast.Call):
        for keyword in site.node.keywords:
            if keyword.arg in ("keepdim", "keepdims"):
                yield without(site.node, keyword)


_TRANSPOSING = {"t", "transpose", "permute", "swapaxes", "adjoint"}


def missing_transpose(site: Site) -> Iterator[ast.AST]:
    """`x.T`, `x.t()`, `x.transpose(0, 1)` and the like as `x`."""
    match site.node:
        case ast.Attribute(value=value, attr="T" | "mT" | "H"):
            yield value
        case ast.Call() if called(site.node) in _TRANSPOSING:
            inner = receiver(site.node)
            if inner is not None:
                yield inner


_SHAPED = {
    *("zeros", "ones", "empty", "full", "rand", "randn", "eye", "reshape", "view", "expand"),
    *("Linear", "Conv2d", "Conv1d", "Embedding", "LSTM", "GRU", "RNN", "BatchNorm1d"),
    *("BatchNorm2d", "LayerNorm", "Unflatten", "MaxPool2d", "AvgPool2d"),
}


def shape_literal(site: Site) -> Iterator[ast.AST]:
    """A size that is written as a number, one larger."""
    size = integer(site.node)
    if size is None or size < 1:
        return
    above = site.parents[-2:] if isinstance(site.parent, (ast.Tuple, ast.List)) else [site.parent]
    maker = above[0]
    if called(maker) in _SHAPED:
        yield literal(size + 1)


def reshape_dropped(site: Site) -> Iterator[ast.AST]:
    """`x.flatten(1)`, `x.squeeze(1)`, `x.unsqueeze(0)`, `x.reshape(...)` as `x`."""
    if called(site.node) in ("flatten", "squeeze", "unsqueeze", "reshape", "view"):
        inner = receiver(site.node)  # type: ignore[arg-type]
        if inner is not None:
            yield inner
