"""What names mean in a notebook: bindings at top level, and the scopes of functions."""

from __future__ import annotations

import ast
import functools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (*FUNCTIONS, *COMPREHENSIONS, ast.ClassDef)


@dataclass(frozen=True)
class Binding:
    """One place where a top-level name gets its meaning.

    By an import (`qualified` is the full name), a definition, or the value of an assignment.
    `certain` is False inside `if`, `try` and the like: what was bound before may stand as well.
    """

    cell: int
    node: ast.AST
    qualified: str | None = None
    certain: bool = True


@dataclass
class Scope:
    """The local names of a function: all of them, imports with full names, values of others."""

    names: set[str] = field(default_factory=set)
    imports: dict[str, str] = field(default_factory=dict)
    values: dict[str, list[ast.expr]] = field(default_factory=dict)


@dataclass
class Notebook:
    """The top-level bindings by name, in order, and modules that are imported with a star."""

    names: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    def in_effect(self, name: str, cell: int) -> list[Binding]:
        """What `name` may mean after code cell `cell`, or once a later cell has bound it again."""
        known = self.names.get(name, [])
        before = [one for one in known if one.cell <= cell]
        standing = []
        for one in reversed(before):
            standing.append(one)
            if one.certain:
                break
        return standing + [one for one in known if one.cell > cell]


@functools.lru_cache(maxsize=256)  # every check of an attempt reads the same cells
def parsed(source: str | None) -> ast.Module | None:
    """A cell's syntax tree; None where it does not parse, or is too much for the parser."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return None if source is None else ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def notebook_of(code: Sequence[str | None]) -> Notebook:
    """The bindings of all code cells; one that doesn't parse has none."""
    notebook = Notebook()
    for cell, source in enumerate(code):
        tree = parsed(source)
        if source is None or tree is None:
            continue
        for statement, certain in _statements(tree.body, True):
            _bind(notebook, cell, statement, certain)
        if "global" in source:
            _bind_globals(notebook, cell, tree)
    return notebook


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """The names that an import binds, with the full names of what they stand for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.split(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (top, top)
    elif node.module and not node.level:
        for alias in node.names:
            if alias.name != "*":
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def scope_of(function: Function | Comprehension) -> Scope:
    """The local names of a function or a comprehension."""
    scope = Scope()
    if isinstance(function, COMPREHENSIONS):
        for generator in function.generators:
            scope.names |= set(_stored(generator.target))
        return scope
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    scope.names |= {one.arg for one in (*every, arguments.vararg, arguments.kwarg) if one}
    body: Iterable[ast.AST] = [function.body] if isinstance(function, ast.Lambda) else function.body
    outer: set[str] = set()
    for node in _inside(body):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                scope.names.add(node.name)
            case ast.Import() | ast.ImportFrom():
                scope.imports.update(imported(node))
            case ast.Name(ctx=ast.Store() | ast.Del()):
                scope.names.add(node.id)
            case ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name):
                scope.names.add(name)
            case ast.Global() | ast.Nonlocal():
                outer |= set(node.names)
        for name, value in assigned(node):
            scope.values.setdefault(name, []).append(value)
    scope.names = (scope.names | set(scope.imports)) - outer
    scope.values = {name: found for name, found in scope.values.items() if name in scope.names}
    return scope


def assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that an assignment binds, each with its value; tuples are taken apart."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _paired(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _paired(target, value)
        case ast.NamedExpr(target=target, value=value):
            yield from _paired(target, value)


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


def _paired(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            for one, its in zip(target.elts, value.elts, strict=True):
                yield from _paired(one, its)
        else:
            for name in _stored(target):
                yield name, value


def _stored(target: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _inside(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes below, not those in functions, classes and comprehensions within."""
    todo = list(nodes)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, _SCOPES):
            todo.extend(ast.iter_child_nodes(node))


def _statements(body: Iterable[ast.stmt], certain: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Statements of the top level in order, those within `if`, `try` and the like too."""
    todo = [(statement, certain) for statement in body][::-1]
    while todo:
        statement, sure = todo.pop()
        yield statement, sure
        if not isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            inner = [
                (node, sure and isinstance(statement, ast.With | ast.AsyncWith))
                for child in ast.iter_child_nodes(statement)
                for node in _nested(child)
            ]
            todo.extend(inner[::-1])


def _nested(child: ast.AST) -> Iterable[ast.stmt]:
    if isinstance(child, ast.stmt):
        return [child]
    if isinstance(child, ast.ExceptHandler | ast.match_case):
        return child.body
    return []


def _bind(notebook: Notebook, cell: int, statement: ast.stmt, certain: bool) -> None:
    def add(name: str, node: ast.AST, qualified: str | None = None) -> None:
        binding = Binding(cell, node, qualified, certain)
        notebook.names.setdefault(name, []).append(binding)

    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        add(statement.name, statement)
        return
    if isinstance(statement, ast.Import | ast.ImportFrom):
        for name, qualified in imported(statement):
            add(name, statement, qualified)
        if isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            starred = any(alias.name == "*" for alias in statement.names)
            notebook.stars += [statement.module] * starred
        return
    children = (node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.expr))
    for node in (statement, *_inside(children)):
        for name, value in assigned(node):
            add(name, value)


def _bind_globals(notebook: Notebook, cell: int, tree: ast.Module) -> None:
    """Names that functions bind at top level by a `global` statement."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = list(_inside(function.body))
        declared = {name for node in body if isinstance(node, ast.Global) for name in node.names}
        if not declared:
            continue
        for node in body:
            bound: list[tuple[str, ast.AST]] = list(assigned(node))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                bound.append((node.name, node))
            for name, value in bound:
                if name in declared:
                    binding = Binding(cell, value, certain=False)
                    notebook.names.setdefault(name, []).append(binding)
