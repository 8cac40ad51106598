"""What an operator sees: a node of the tree, and what surrounds it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Loop = ast.For | ast.While


@dataclass(frozen=True)
class Site:
    """A node, its ancestors from the module down, and the function or class it lies in."""

    node: ast.AST
    parents: tuple[ast.AST, ...]

    @property
    def parent(self) -> ast.AST:
        """The node right above."""
        return self.parents[-1]

    @property
    def scope(self) -> str:
        """`forward`, `ToyModel.forward`, or the names that a top-level statement binds."""
        defined = [one.name for one in (*self.parents, self.node) if isinstance(one, _DEFINITIONS)]
        if defined:
            return ".".join(defined[:2])
        return _bound((*self.parents, self.node)[1])

    def within(self, *kinds: type[ast.AST]) -> ast.AST | None:
        """The innermost ancestor of one of these kinds."""
        return next((one for one in reversed(self.parents) if isinstance(one, kinds)), None)


# What a node may be replaced by, once for each way to get it wrong.
Operator = Callable[[Site], Iterator[ast.AST]]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def sites(tree: ast.Module) -> Iterator[Site]:
    """Every place worth changing, in the order of the source.

    Docstrings, annotations, f-strings, assertions, and what only prints, draws or seeds are left
    out: a mistake there is none in the answer.
    """
    for statement in tree.body:
        yield from _below(statement, (tree,))


def _below(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[Site]:
    if isinstance(node, (ast.JoinedStr, ast.Assert, ast.Raise, ast.Import, ast.ImportFrom)):
        return
    if isinstance(node, ast.Expr) and (_is_text(node.value) or _only_shows(node.value)):
        return
    if isinstance(node, ast.If) and _asks_for_main(node.test):
        for child in node.body:
            yield from _below(child, parents)  # as at top level
        return
    yield Site(node, parents)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _below(child, (*parents, node))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


_SHOWING = {"print", "display", "plt", "ax", "axes", "fig", "sns", "tqdm", "warnings"}
_SEEDING = {"manual_seed", "seed", "set_printoptions", "use_deterministic_algorithms"}


def _only_shows(node: ast.AST) -> bool:
    path = dotted(node.func).split(".") if isinstance(node, ast.Call) else []
    return bool(path) and (path[0] in _SHOWING or path[-1] in _SEEDING)


def _asks_for_main(test: ast.AST) -> bool:
    return isinstance(test, ast.Compare) and dotted(test.left) == "__name__"


def _bound(statement: ast.AST) -> str:
    names = [
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return "+".join(list(dict.fromkeys(name for name in names if name.strip("_")))[:3]) or "cell"


def dotted(node: ast.AST) -> str:
    """`torch.nn.ReLU` of an expression of names and attributes; what is neither is left out."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        words.append(node.id)
    return ".".join(reversed(words))


def called(node: ast.AST) -> str:
    """The last name of what a call calls; empty for what is no call."""
    return dotted(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""


# Modules whose functions take the tensor as their first argument.
_LIBRARIES = {"torch", "nn", "F", "functional", "np", "numpy", "math", "special", "linalg"}


def receiver(node: ast.Call) -> ast.expr | None:
    """The tensor that `x.sum()` or `torch.sum(x)` is of; None where there is none."""
    if is_library(node.func):
        return node.args[0] if node.args and not isinstance(node.args[0], ast.Starred) else None
    return node.func.value if isinstance(node.func, ast.Attribute) else None


def is_library(function: ast.expr) -> bool:
    """Whether a function is taken from a module, as torch.sum, and is no method."""
    return isinstance(function, ast.Attribute) and dotted(function.value).split(".")[0] in (
        _LIBRARIES
    )


def options(node: ast.Call) -> list[ast.expr]:
    """The positional arguments of a tensor's operation beside the tensor itself."""
    return list(node.args[1:] if is_library(node.func) else node.args)


def renamed(function: ast.expr, name: str) -> ast.expr:
    """The same function path with another last name: `x.sum` as `x.mean`."""
    if isinstance(function, ast.Attribute):
        return ast.Attribute(function.value, name, ast.Load())
    return ast.Name(name, ast.Load())


def recalled(node: ast.Call, **changed: object) -> ast.Call:
    """A call with some of func, args and keywords replaced."""
    parts: dict[str, object] = {"func": node.func, "args": node.args, "keywords": node.keywords}
    return ast.Call(**{**parts, **changed})  # type: ignore[arg-type]


def without(node: ast.Call, keyword: ast.keyword) -> ast.Call:
    """A call without one of its keyword arguments."""
    return recalled(node, keywords=[one for one in node.keywords if one is not keyword])


def with_keyword(node: ast.Call, keyword: ast.keyword, value: ast.expr) -> ast.Call:
    """A call with the value of one keyword argument replaced."""
    changed = [ast.keyword(one.arg, value) if one is keyword else one for one in node.keywords]
    return recalled(node, keywords=changed)


def with_argument(node: ast.Call, at: int, value: ast.expr) -> ast.Call:
    """A call with one positional argument replaced."""
    return recalled(node, args=[*node.args[:at], value, *node.args[at + 1 :]])


def integer(node: ast.AST) -> int | None:
    """The value of an integer literal, also of a negative one."""
    match node:
        case ast.Constant(value=value) if type(value) is int:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if type(value) is int:
            return -value
    return None


def literal(value: int | float) -> ast.expr:
    """A number as source has it."""
    if value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def call(function: str, *args: ast.expr) -> ast.Call:
    """A call of a dotted name."""
    return ast.Call(ast.parse(function, mode="eval").body, list(args), [])
