"""What a function of a notebook uses, with everything that it reaches in the notebook.

By parsing, never by running: names are resolved through imports, aliases and scopes; functions,
classes and lambdas that the function reaches are read too. Comments and strings are no code,
except strings that are handed to eval and exec.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from grader.checks.scopes import Binding, Scope, bindings_of, constant_text, local_scope

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BY_NAME = {"getattr", "hasattr", "__getattribute__", "attrgetter", "methodcaller"}
_FROM_TEXT = {"eval", "exec", "compile"}
_IMPORTS = {"__import__", "import_module"}
_SHELL = {"run_cell", "run_line_magic", "run_cell_magic", "ev", "ex"}
_MAX_NODES = 200_000
_MAX_DEPTH = 200


@dataclass(frozen=True)
class Reference:
    """A name or an attribute that is used.

    `qualified` are its full names where it comes from an import; otherwise `attribute` is what is
    taken of some object.
    """

    qualified: frozenset[str]
    attribute: str | None
    cell: int
    line: int
    spelling: str


@dataclass(frozen=True)
class Syntax:
    """A statement or expression of a kind that a capability may ask for."""

    kind: type[ast.AST]
    cell: int
    line: int
    spelling: str


@dataclass
class Seen:
    """All that a function uses.

    `dynamic` are places where code or names are made at run time; `own_attributes` are methods
    that the code defines and attributes that it stores into, which may be meant by a reference.
    """

    found: bool = False
    references: list[Reference] = field(default_factory=list)
    syntax: list[Syntax] = field(default_factory=list)
    dynamic: list[Reference] = field(default_factory=list)
    own_attributes: set[str] = field(default_factory=set)


def reached(code: Sequence[str | None], function: str, cell: int) -> Seen:
    """What `function` uses as it stands after code cell `cell`, or as a later cell redefines it.

    `code` holds each code cell's Python, None where it does not parse.
    """
    trees = [_parsed(source) for source in code]
    notebook = bindings_of(trees)
    seen = Seen(found=function in notebook.names)
    _Reader(code, notebook.names, notebook.stars, cell, seen).run(function)
    return seen


def _parsed(source: str | None) -> ast.Module | None:
    if source is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
