"""What a function of a notebook uses, with everything that it reaches in the notebook.

By parsing, never by running: names are resolved through imports, aliases and scopes; functions,
classes and lambdas that the function reaches are read too. Comments and strings are no code,
except strings that are handed to eval and exec.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

from grader.checks.scopes import (
    COMPREHENSIONS,
    FUNCTIONS,
    Binding,
    Notebook,
    Scope,
    assigned,
    notebook_of,
    scope_of,
)

_BY_NAME = {"getattr", "__getattribute__", "attrgetter", "methodcaller"}
_FROM_TEXT = {"eval", "exec", "compile"}
_IMPORTS = {"__import__", "import_module"}
_NAMESPACES = {"globals", "locals", "vars"}
_SHELL = {"run_cell", "run_line_magic", "run_cell_magic", "ev", "ex"}
_MAX_NODES = 100_000
_MAX_DEPTH = 120
_MAX_ALIASES = 10


@dataclass(frozen=True)
class Reference:
    """A name or an attribute that is used in code cell `cell`.

    `qualified` are its full names where it comes from an import; otherwise `attribute` is what is
    taken of some object. `node` is where a person finds it.
    """

    cell: int
    node: ast.expr
    qualified: frozenset[str] = frozenset()
    attribute: str | None = None


@dataclass
class Seen:
    """All that a function uses.

    `syntax` holds statements and comprehensions with their cells; `dynamic` the places where code
    or names are made at run time. `own_attributes` are methods that the code defines itself and
    attributes that it stores into: a reference to one of these may mean that.
    """

    found: bool = False
    references: list[Reference] = field(default_factory=list)
    syntax: list[tuple[int, ast.AST]] = field(default_factory=list)
    dynamic: list[tuple[int, ast.AST]] = field(default_factory=list)
    own_attributes: set[str] = field(default_factory=set)


def reached(code: Sequence[str | None], function: str, cell: int) -> Seen:
    """What `function` uses as it stands after code cell `cell`, or as a later cell redefines it.

    `code` holds each code cell's Python, None where it does not parse.
    """
    notebook = notebook_of([_parsed(source) for source in code])
    reader = _Reader(notebook, cell, Seen(found=function in notebook.names))
    reader.read(function)
    return reader.seen


def _parsed(source: str | None) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return None if source is None else ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def text_of(node: ast.AST | None) -> str | None:
    """The str that an expression of literals is, or None."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts = [text_of(left), text_of(right)]
        case ast.JoinedStr(values=values):
            parts = [text_of(value) for value in values]
        case _:
            return None
    return None if None in parts else "".join(part for part in parts if part)


class _Reader:
    """Reads the function and whatever it reaches, each once."""

    def __init__(self, notebook: Notebook, look: int, seen: Seen) -> None:
        self.notebook = notebook
        self.look = look
        self.seen = seen
        self._nodes = 0
        self._depth = 0
        self._cell = 0
        self._shown: ast.expr | None = None  # the call that hands a text to eval
        self._scopes: list[Scope] = []
        self._todo: list[ast.AST] = []
        self._reached: dict[tuple[int, int], ast.AST] = {}

    def read(self, function: str) -> None:
        """Everything that `function` reaches."""
        pending = self._pending(function, called=True)
        while pending:
            binding = pending.pop()
            self._cell, self._scopes, self._names = binding.cell, [], {}
            self._visit(binding.node)
            for name, called in self._names.items():
                pending += self._pending(name, called)

    def _pending(self, name: str, called: bool) -> list[Binding]:
        """The bindings of a top-level name that are still to be read."""
        found = []
        for binding in self.notebook.in_effect(name, self.look):
            key = (binding.cell, id(binding.node))
            if key not in self._reached and self._worth_reading(binding, called):
                self._reached[key] = binding.node
                found.append(binding)
        return found

    def _worth_reading(self, binding: Binding, called: bool) -> bool:
        """Definitions, aliases, and values that are called: other values are data."""
        node = binding.node
        if binding.qualified is not None:
            return False
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Name)) or called:
            return True
        # An instance of a class of the notebook brings its methods along.
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and any(
                isinstance(one.node, ast.ClassDef)
                for one in self.notebook.in_effect(node.func.id, self.look)
            )
        )

    # -- reading ------------------------------------------------------------------------------

    def _visit(self, node: ast.AST) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES or self._depth > _MAX_DEPTH:
            self.seen.dynamic.append((self._cell, node))
            return
        self._depth += 1
        try:
            self._read_node(node)
        finally:
            self._depth -= 1

    def _visit_all(self, nodes: Sequence[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self._visit(node)

    def _read_node(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt | COMPREHENSIONS):  # type: ignore[operator]
            self.seen.syntax.append((self._cell, node))
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._visit_all([*node.decorator_list, *node.args.defaults, *node.args.kw_defaults])
                self._in_scope(scope_of(node), node.body)
            case ast.Lambda():
                self._visit_all([*node.args.defaults, *node.args.kw_defaults])
                self._in_scope(scope_of(node), [node.body])
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._in_scope(scope_of(node), list(ast.iter_child_nodes(node)))
            case ast.ClassDef():
                self._own(one.name for one in node.body if isinstance(one, FUNCTIONS[:2]))
                keywords = [keyword.value for keyword in node.keywords]
                self._visit_all([*node.decorator_list, *node.bases, *keywords, *node.body])
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                self._assignment(node)
            case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call():
                self._expression(node)
            case _:
                self._visit_all(list(ast.iter_child_nodes(node)))
