"""What a function of a notebook uses, with everything that it reaches in the notebook.

By parsing, never by running: names are resolved through imports, aliases and scopes; functions,
classes and lambdas that the function reaches are read too. Comments and strings are no code,
except strings that are handed to eval and exec.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from grader.checks.code.scopes import (
    COMPREHENSIONS,
    FUNCTIONS,
    Binding,
    Comprehension,
    Function,
    Notebook,
    Scope,
    notebook_of,
    parsed,
    scope_of,
    text_of,
)

_BY_NAME = {"getattr", "__getattr__", "__getattribute__", "attrgetter", "methodcaller"}
_FROM_TEXT = {"eval", "exec", "compile"}
_IMPORTS = {"__import__", "import_module"}
_NAMESPACES = {"globals", "locals", "vars"}
_SHELL = {"run_cell", "run_line_magic", "run_cell_magic", "ev", "ex"}
_MAX_NODES = 100_000
_MAX_DEPTH = 120


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

    `syntax` holds statements, comprehensions and operations with their cells; `dynamic` the places
    where code or names are made at run time. `own_attributes` are methods that the code defines
    itself and attributes that it stores into: a reference to one of these may mean that.
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
    notebook = notebook_of(code)
    reader = _Reader(notebook, cell, Seen(found=function in notebook.names))
    try:
        reader.read(function)
    except RecursionError:  # nested beyond what anybody writes: running it has to tell
        reader.seen.dynamic.append((cell, ast.Pass()))
    return reader.seen


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
        self._names: dict[str, bool] = {}  # top-level names in use; whether they are called
        self._reached: set[int] = set()
        self._meanings: dict[tuple[int, str], frozenset[str]] = {}

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
            if id(binding.node) not in self._reached and self._worth_reading(binding, called):
                self._reached.add(id(binding.node))
                found.append(binding)
        return found

    def _worth_reading(self, binding: Binding, called: bool) -> bool:
        """Definitions, aliases, and values that are called: other values are data."""
        node = binding.node
        if binding.qualified is not None:
            return False
        if called or isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Name)):
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
            self._is_dynamic(node)
            return
        self._depth += 1
        try:
            self._read_node(node)
        finally:
            self._depth -= 1

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self._visit(node)

    def _read_node(self, node: ast.AST) -> None:
        if isinstance(node, (ast.stmt, ast.BinOp, *COMPREHENSIONS)):
            self.seen.syntax.append((self._cell, node))
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._visit_all(node.decorator_list)
                self._in_scope(node, node.body)
            case ast.Lambda():
                self._in_scope(node, [node.body])
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._in_scope(node, ast.iter_child_nodes(node))
            case ast.ClassDef():
                methods = (one for one in node.body if isinstance(one, FUNCTIONS))
                self.seen.own_attributes |= {method.name for method in methods}
                keywords = (keyword.value for keyword in node.keywords)
                self._visit_all([*node.decorator_list, *node.bases, *keywords, *node.body])
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                self._assignment(node)
            case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call():
                self._expression(node)
            case _:
                self._visit_all(ast.iter_child_nodes(node))

    def _in_scope(self, function: Function | Comprehension, body: Iterable[ast.AST]) -> None:
        if not isinstance(function, COMPREHENSIONS):
            self._visit_all([*function.args.defaults, *function.args.kw_defaults])
        self._scopes.append(scope_of(function))
        self._visit_all(body)
        self._scopes.pop()

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        empty = isinstance(node.value, ast.Constant) and node.value.value is None
        for target in targets:
            if isinstance(target, ast.Attribute) and not empty:
                self.seen.own_attributes.add(target.attr)
        self._visit_all(targets)
        # An alias counts where it is used.
        alias = all(isinstance(target, ast.Name) and self._local(target.id) for target in targets)
        if node.value is not None and not (alias and self._resolve(node.value, self._scopes)):
            self._visit(node.value)

    def _expression(self, node: ast.Name | ast.Attribute | ast.Subscript | ast.Call) -> None:
        if not isinstance(node, ast.Call) and not isinstance(node.ctx, ast.Load):
            self._visit_all(() if isinstance(node, ast.Name) else ast.iter_child_nodes(node))
            return
        if qualified := self._resolve(node, self._scopes):
            self.seen.references.append(Reference(self._cell, self._shown or node, qualified))
            return
        match node:
            case ast.Name():
                self._name(node.id)
            case ast.Attribute():
                self._attribute(node, node.attr)
                self._visit(node.value)
            case ast.Subscript():
                self._subscript(node)
            case ast.Call():
                self._call(node)

    def _name(self, name: str, called: bool = False) -> None:
        if not self._local(name):
            self._names[name] = called or self._names.get(name, False)

    def _attribute(self, node: ast.expr, attribute: str) -> None:
        reference = Reference(self._cell, self._shown or node, attribute=attribute)
        self.seen.references.append(reference)

    def _is_dynamic(self, node: ast.AST) -> None:
        self.seen.dynamic.append((self._cell, self._shown or node))

    def _subscript(self, node: ast.Subscript) -> None:
        """Names and attributes that are looked up by a str: globals()["f"], x.__dict__["g"]."""
        key = text_of(node.slice)
        space = node.value
        if isinstance(space, ast.Attribute) and space.attr == "__dict__":
            self._by_text(node, space.value, [key])
        elif (called := _called(space)) in _NAMESPACES and isinstance(space, ast.Call):
            if space.args:
                self._by_text(node, space.args[0], [key])
            elif key is not None and called == "globals":
                self._names[key] = True
            else:
                self._is_dynamic(node)
        else:
            self._visit_all([node.value, node.slice])

    def _by_text(self, node: ast.expr, of: ast.AST, texts: Iterable[str | None]) -> None:
        """Attributes whose names are texts."""
        for text in texts:
            if text is None:
                self._is_dynamic(node)
            else:
                for attribute in text.split("."):
                    self._attribute(node, attribute)
        self._visit(of)

    def _call(self, node: ast.Call) -> None:
        name = _called(node)
        plain = isinstance(node.func, ast.Name) and not self._local(node.func.id)
        if name in _BY_NAME:
            texts = [text_of(one) for one in node.args]
            known = texts[1:2] if name == "getattr" else [one for one in texts if one is not None]
            self._by_text(node, ast.Tuple(node.args, ast.Load()), known or [None])
            return
        if plain and name in _FROM_TEXT:
            self._text(node)
        elif name in _IMPORTS | _SHELL or (plain and name in _NAMESPACES):
            self._is_dynamic(node)
        if isinstance(node.func, ast.Name) and not self._resolve(node.func, self._scopes):
            self._name(node.func.id, called=True)
        else:
            self._visit(node.func)
        self._visit_all([*node.args, *(keyword.value for keyword in node.keywords)])

    def _text(self, node: ast.Call) -> None:
        """Code in a str that is handed to eval or exec."""
        text = text_of(node.args[0]) if node.args else None
        tree = parsed(text) if text is not None else None
        if tree is None:
            self._is_dynamic(node)
            return
        before, self._shown = self._shown, self._shown or node
        self._visit_all(tree.body)
        self._shown = before

    # -- names --------------------------------------------------------------------------------

    def _local(self, name: str) -> bool:
        return any(name in scope.names for scope in self._scopes)

    def _resolve(self, node: ast.AST, scopes: list[Scope]) -> frozenset[str]:
        """The full names that an expression stands for, where it comes from an import."""
        match node:
            case ast.Name(id=name):
                return self._meaning(name, scopes)
            case ast.Attribute(value=value, attr=attribute):
                return self._member(value, attribute, scopes)
            case ast.Subscript(value=ast.Attribute(value=value, attr="__dict__")):
                return self._member(value, text_of(node.slice), scopes)
            case ast.Subscript(value=ast.Call(func=ast.Name(id="vars"), args=[value])):
                return self._member(value, text_of(node.slice), scopes)
            case ast.Subscript(value=value):
                text = text_of(node.slice)
                modules = text is not None and "sys.modules" in self._resolve(value, scopes)
                return frozenset([text]) if modules and text is not None else frozenset()
            case ast.Call(func=ast.Name(id="getattr"), args=[value, name, *_]):
                return self._member(value, text_of(name), scopes)
            case ast.Call(
                func=ast.Attribute(value=value, attr="__getattr__" | "__getattribute__"),
                args=[name],
            ):
                return self._member(value, text_of(name), scopes)
            case ast.Call(func=ast.Call(args=[name]) as getter, args=[value]) if (
                _called(getter) == "attrgetter"
            ):
                return self._member(value, text_of(name), scopes)
            case ast.Call(args=[name, *_]) if _called(node) in _IMPORTS:
                text = text_of(name)
                return frozenset() if text is None else frozenset([text, text.split(".")[0]])
        return frozenset()

    def _member(self, value: ast.AST, name: str | None, scopes: list[Scope]) -> frozenset[str]:
        if name is None:
            return frozenset()
        return frozenset(f"{module}.{name}" for module in self._resolve(value, scopes))

    def _meaning(self, name: str, scopes: list[Scope]) -> frozenset[str]:
        for at in reversed(range(len(scopes))):
            scope = scopes[at]
            if name in scope.names:
                key = (id(scope), name)
                own = {scope.imports[name]} if name in scope.imports else set()
                return self._found(key, own, scope.values.get(name, []), scopes[: at + 1])
        bindings = self.notebook.in_effect(name, self.look)
        own = {one.qualified for one in bindings if one.qualified is not None}
        if not bindings and not hasattr(builtins, name):
            own = {f"{module}.{name}" for module in self.notebook.stars}
        values = [one.node for one in bindings if isinstance(one.node, ast.expr)]
        return self._found((0, name), own, values, [])

    def _found(
        self, key: tuple[int, str], own: set[str], values: Sequence[ast.AST], scopes: list[Scope]
    ) -> frozenset[str]:
        """What a name stands for by imports (`own`) and as an alias of others (`values`)."""
        if key not in self._meanings:
            self._meanings[key] = frozenset()  # so that a circle of aliases ends
            self._depth += 1
            if self._depth < _MAX_DEPTH:
                own = own.union(*(self._resolve(value, scopes) for value in values))
            self._depth -= 1
            self._meanings[key] = frozenset(own)
        return self._meanings[key]


def _called(node: ast.AST) -> str | None:
    """The last name of what a call calls."""
    if not isinstance(node, ast.Call):
        return None
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None
