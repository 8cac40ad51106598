"""Which names in a piece of a notebook's code are the notebook's own globals, and which are not."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Context = Literal["load", "store", "delete", "declare"]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Use:
    """One use of a global name, in the order in which Python would come to it.

    `node` is None where the name is no expression: `def f`, `import f`, `except E as f`.
    `inside` says that it stands in a function, which runs later, if at all.
    """

    name: str
    context: Context
    node: ast.Name | None
    inside: bool
    formatted: bool  # within an f-string, where positions can't be relied on


def uses(tree: ast.AST) -> list[Use]:
    """Every use of a global name in a module."""
    walker = _Walker()
    walker.visit(tree)
    return walker.found


def bound(tree: ast.AST) -> set[str]:
    """The global names that a piece of code binds."""
    return {one.name for one in uses(tree) if one.context in ("store", "declare")}


def read_in_functions(tree: ast.AST) -> set[str]:
    """The global names that functions and methods of a piece of code look up when called."""
    return {one.name for one in uses(tree) if one.inside and one.context == "load"}


class _Walker:
    def __init__(self) -> None:
        self.found: list[Use] = []
        self._scopes: list[tuple[bool, set[str]]] = []  # (of a class, its names), inwards
        self._formatted = 0
        self._depth = 0  # of functions

    def visit(self, node: ast.AST) -> None:
        match node:
            case ast.Name():
                self._name(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._each([*node.decorator_list, *_defaults(node.args), *_annotations(node)])
                self._declare(node.name)
                self._function(node.args, node.body)
            case ast.Lambda():
                self._each(_defaults(node.args))
                self._function(node.args, [node.body])
            case ast.ClassDef():
                self._each([*node.decorator_list, *node.bases, *(k.value for k in node.keywords)])
                self._declare(node.name)
                self._scopes.append((True, _stored(node.body)))
                self._each(node.body)
                self._scopes.pop()
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node)
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    self._declare(alias.asname or alias.name.partition(".")[0])
            case ast.Assign():
                self._each([node.value, *node.targets])
            case ast.AugAssign():
                if isinstance(node.target, ast.Name):
                    self._use(node.target.id, "load", None)
                self._each([node.value, node.target])
            case ast.AnnAssign():
                self._each([*([node.value] if node.value else ()), node.target])
            case ast.For() | ast.AsyncFor():
                self._each([node.iter, node.target, *node.body, *node.orelse])
            case ast.NamedExpr():
                self._each([node.value, node.target])
            case ast.ExceptHandler():
                self._each([node.type] if node.type else [])
                if node.name:
                    self._declare(node.name)
                self._each(node.body)
            case ast.MatchAs() | ast.MatchStar():
                if node.name:
                    self._declare(node.name)
                self._each(ast.iter_child_nodes(node))
            case ast.MatchMapping():
                if node.rest:
                    self._declare(node.rest)
                self._each(ast.iter_child_nodes(node))
            case ast.JoinedStr():
                self._formatted += 1
                self._each(node.values)
                self._formatted -= 1
            case _:
                self._each(ast.iter_child_nodes(node))

    def _each(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _function(self, args: ast.arguments, body: Iterable[ast.AST]) -> None:
        body = list(body)
        names = {one.arg for one in _arguments(args)} | _stored(body)
        self._scopes.append((False, names))
        self._depth += 1
        self._each(body)
        self._depth -= 1
        self._scopes.pop()

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        self._scopes.append((False, set().union(*(_stored([g.target]) for g in node.generators))))
        self._each(first.ifs)
        for one in others:
            self._each([one.iter, *one.ifs])
        self._each([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._scopes.pop()

    def _name(self, node: ast.Name) -> None:
        kinds: dict[type, Context] = {ast.Load: "load", ast.Store: "store", ast.Del: "delete"}
        self._use(node.id, kinds[type(node.ctx)], node)

    def _declare(self, name: str) -> None:
        self._use(name, "declare", None)

    def _use(self, name: str, context: Context, node: ast.Name | None) -> None:
        for at, (of_class, names) in enumerate(reversed(self._scopes)):
            if name in names and (at == 0 or not of_class):
                return
        self.found.append(Use(name, context, node, self._depth > 0, self._formatted > 0))


def _stored(body: Iterable[ast.AST]) -> set[str]:
    """The names that a function's or a class's body binds in its own scope."""
    found: set[str] = set()
    outer: set[str] = set()
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                found.add(node.id)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
                waiting += node.decorator_list
            case ast.Lambda():
                pass
            case ast.Import() | ast.ImportFrom():
                found |= {one.asname or one.name.partition(".")[0] for one in node.names}
            case ast.Global() | ast.Nonlocal():
                outer |= set(node.names)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                found.add(name)
                waiting += ast.iter_child_nodes(node)
            case _ if isinstance(node, _COMPREHENSIONS):
                waiting += [one for one in ast.walk(node) if isinstance(one, ast.NamedExpr)]
            case _:
                waiting += ast.iter_child_nodes(node)
    return found - outer


def _arguments(args: ast.arguments) -> Iterator[ast.arg]:
    yield from (*args.posonlyargs, *args.args, *args.kwonlyargs)
    yield from (one for one in (args.vararg, args.kwarg) if one is not None)


def _defaults(args: ast.arguments) -> list[ast.expr]:
    return [*args.defaults, *(one for one in args.kw_defaults if one is not None)]


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    given = [one.annotation for one in _arguments(node.args)]
    return [one for one in (*given, node.returns) if one is not None]
