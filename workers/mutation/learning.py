"""Mistakes in models and training: the graph, the loop, the loss, the optimiser."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workers.mutation.sites import (
    Site,
    call,
    called,
    dotted,
    is_library,
    literal,
    recalled,
    renamed,
    with_keyword,
    without,
)


def detached_graph(site: Site) -> Iterator[ast.AST]:
    """What a module's forward returns, and a model's output in a loop that trains, detached."""
    match site.node:
        case ast.Return(value=ast.expr() as value) if _is_forward(site):
            yield ast.Return(_detached(value))
        case ast.Assign(targets=[ast.Name()] as targets, value=ast.Call() as value):
            loop = site.within(ast.For, ast.While, ast.FunctionDef)
            if loop is not None and _calls(loop, "backward") and called(value) in ("model", "net"):
                yield ast.Assign(targets, _detached(value), lineno=site.node.lineno)


def _is_forward(site: Site) -> bool:
    method = site.within(ast.FunctionDef)
    is_method = any(isinstance(one, ast.ClassDef) for one in site.parents)
    return is_method and isinstance(method, ast.FunctionDef) and method.name == "forward"


def _detached(value: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(value, "detach", ast.Load()), [], [])


def missing_no_grad(site: Site) -> Iterator[ast.AST]:
    """`with torch.no_grad():` as a block that switches nothing off."""
    match site.node:
        case ast.With(items=[ast.withitem(context_expr=value)], body=body):
            if called(value) in ("no_grad", "inference_mode"):
                item = ast.withitem(call("torch.enable_grad"), None)
                yield ast.With([item], body, lineno=site.node.lineno)


def missing_zero_grad(site: Site) -> Iterator[ast.AST]:
    """No zero_grad(): gradients add up."""
    yield from _dropped(site, "zero_grad", "zero_")


def missing_backward(site: Site) -> Iterator[ast.AST]:
    """No backward()."""
    yield from _dropped(site, "backward")


def missing_step(site: Site) -> Iterator[ast.AST]:
    """No optimizer.step()."""
    yield from _dropped(site, "step")


def missing_mode(site: Site) -> Iterator[ast.AST]:
    """No model.train(), no model.eval()."""
    match site.node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="train" | "eval"))):
            yield ast.Pass()


def _dropped(site: Site, *names: str) -> Iterator[ast.AST]:
    match site.node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))) if name in names:
            yield ast.Pass()


def _calls(node: ast.AST, name: str) -> bool:
    return any(called(one) == name for one in ast.walk(node))


_LOSSES = {
    "mse_loss": "l1_loss",
    "l1_loss": "mse_loss",
    "cross_entropy": "nll_loss",
    "nll_loss": "cross_entropy",
    "binary_cross_entropy": "mse_loss",
    "binary_cross_entropy_with_logits": "binary_cross_entropy",
    "MSELoss": "L1Loss",
    "L1Loss": "MSELoss",
    "CrossEntropyLoss": "NLLLoss",
    "NLLLoss": "CrossEntropyLoss",
    "BCELoss": "MSELoss",
    "BCEWithLogitsLoss": "BCELoss",
}


def wrong_loss(site: Site) -> Iterator[ast.AST]:
    """A loss of torch as its neighbour: mse_loss as l1_loss, BCEWithLogitsLoss as BCELoss."""
    node = site.node
    other = _LOSSES.get(called(node))
    if isinstance(node, ast.Call) and other is not None and is_library(node.func):
        yield recalled(node, func=renamed(node.func, other))


def wrong_optimiser_argument(site: Site) -> Iterator[ast.AST]:
    """A learning rate of next to nothing, and of much too much; momentum left out."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    for keyword in node.keywords:
        if keyword.arg == "lr":
            for factor in (1e-6, 1e4):
                wrong = ast.BinOp(literal(factor), ast.Mult(), keyword.value)
                yield with_keyword(node, keyword, wrong)
        elif keyword.arg == "momentum":
            yield without(node, keyword)


def other_parameters(site: Site) -> Iterator[ast.AST]:
    """An optimiser that is given the parameters of a fresh tensor, not those of the model."""
    node = site.node
    if not (isinstance(node, ast.Call) and node.args and called(node.args[0]) == "parameters"):
        return
    if "optim" in dotted(node.func) or any(one.arg == "lr" for one in node.keywords):
        alone = call("torch.nn.Parameter", call("torch.zeros", literal(1)))
        yield recalled(node, args=[ast.List([alone], ast.Load()), *node.args[1:]])


def missing_super_init(site: Site) -> Iterator[ast.AST]:
    """No super().__init__()."""
    match site.node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="__init__"))):
            yield ast.Pass()
