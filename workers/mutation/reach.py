"""Which checks a piece of a submission's code matters to: by names, never by running it.

A check reaches the functions, classes and variables that it names, and whatever these are made of
in turn. What the grader binds itself (`inputs`) is not followed. Whether a statement changes an
object that it uses can't be told by names alone, so there are two answers: code that surely
matters, in which a mistake has to cost points, and code that may.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from grader.domain.rubric import Cell, CheckSpec, Place, Rubric
from grader.notebooks.names import python_source

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

# Fields of a check that name nothing of the submission.
_ELSEWHERE = {
    *("id", "kind", "title", "depends_on", "hints", "look", "visibility"),
    *("file", "arrays", "precision", "operators"),
    *("oracle", "reference", "near_misses", "inputs", "cases", "wrt", "weights", "loss"),
}


@dataclass(frozen=True)
class Reached:
    """Definitions, as pairs of cell and name, and cells whose own statements matter.

    `calls` says whether the check itself names a function or a class of the submission.
    """

    definitions: frozenset[tuple[int, str]] = frozenset()
    cells: frozenset[int] = frozenset()
    calls: bool = False

    def includes(self, cell: int, definition: str | None) -> bool:
        """Whether a change of this definition, or of the cell's own statements, can matter."""
        if definition is None:
            return cell in self.cells
        return (cell, definition) in self.definitions

    def __or__(self, other: Reached) -> Reached:
        return Reached(self.definitions | other.definitions, self.cells | other.cells, self.calls)


@dataclass(frozen=True)
class _Statement:
    cell: int
    node: ast.stmt
    binds: frozenset[str]
    uses: frozenset[str]
    changes: frozenset[str]  # surely
    may_change: frozenset[str]

    @property
    def definition(self) -> str | None:
        return self.node.name if isinstance(self.node, _DEFINITIONS) else None


def reached_by(rubric: Rubric, cells: tuple[Cell, ...], *, surely: bool) -> dict[str, Reached]:
    """For each check, as `exercise/check`, the code that surely matters to it, or that may."""
    code = _Code(cells, surely)
    own = {
        f"{exercise.id}/{check.id}": code.reached(check)
        for exercise in rubric.exercises
        for check in exercise.checks
    }
    needed = {
        f"{exercise.id}/{check.id}": [
            name if "/" in name else f"{exercise.id}/{name}" for name in check.depends_on
        ]
        for exercise in rubric.exercises
        for check in exercise.checks
    }
    return {key: _with_needed(key, own, needed) for key in own}


def _with_needed(key: str, own: Mapping[str, Reached], needed: Mapping[str, list[str]]) -> Reached:
    found, waiting, seen = own[key], [key], set()
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            found |= own[one]
            waiting += needed[one]
    return found


class _Code:
    """The statements of a submission, and who binds, uses and alters what."""

    def __init__(self, cells: tuple[Cell, ...], surely: bool) -> None:
        self.cells = cells
        self.surely = surely
        self.statements = list(_statements(cells))
        self.bound = {name for one in self.statements for name in one.binds}
        self.everything = Reached(
            frozenset((one.cell, one.definition) for one in self.statements if one.definition),
            frozenset(one.cell for one in self.statements if not one.definition),
        )

    def reached(self, check: CheckSpec) -> Reached:
        """What a check's names lead to; everything where it names nothing of the submission."""
        words = set(_words(check))
        marked = [
            at
            for at, cell in enumerate(self.cells)
            if cell.kind == "code" and words & set(cell.markers)
        ]
        given = set(getattr(check, "inputs", ()) or ()) if _binds_inputs(check) else set()
        roots = (words & self.bound) - given
        if not roots and not marked:
            return Reached() if getattr(check, "answer", None) else self.everything
        return _Search(self, given).reached(roots, marked)


@dataclass
class _Search:
    """Follows names from the roots of one check."""

    code: _Code
    given: set[str]  # names that the grader binds
    definitions: set[tuple[int, str]] = field(default_factory=set)
    cells: set[int] = field(default_factory=set)

    def reached(self, roots: Iterable[str], marked: Iterable[int]) -> Reached:
        values = {
            name
            for name in roots
            if any(name in one.binds and not one.definition for one in self.code.statements)
        }
        waiting = set(roots)
        for cell in marked:
            waiting |= self._own_statements(cell, len(self.code.statements))
        followed: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in followed or name in self.given:
                continue
            followed.add(name)
            found = self._from(name, altered=bool(values))
            waiting |= found
        defined = {name for name in roots for one in self.code.statements if one.definition == name}
        return Reached(frozenset(self.definitions), frozenset(self.cells), bool(defined))

    def _from(self, name: str, altered: bool) -> set[str]:
        """Names that the statements use which bind `name`, or, for values, alter it."""
        found: set[str] = set()
        for at, statement in enumerate(self.code.statements):
            changed = statement.changes if self.code.surely else statement.may_change
            if name not in statement.binds and not (altered and name in changed):
                continue
            found |= statement.uses
            # Where an earlier statement of the cell raises, this one never runs.
            found |= self._own_statements(statement.cell, at)
            if statement.definition:
                self.definitions.add((statement.cell, statement.definition))
            else:
                self.cells.add(statement.cell)
        return found

    def _own_statements(self, cell: int, before: int) -> set[str]:
        found: set[str] = set()
        for statement in self.code.statements[:before]:
            if statement.cell == cell and not statement.definition:
                self.cells.add(cell)
                found |= statement.uses
        return found


def _statements(cells: tuple[Cell, ...]) -> Iterator[_Statement]:
    sources = [python_source(cell.source) if cell.kind == "code" else None for cell in cells]
    bodies = [ast.parse(plain).body if plain is not None else [] for plain in sources]
    functions = {one.name for body in bodies for one in body if isinstance(one, _DEFINITIONS)}
    for at, body in enumerate(bodies):
        for node in body:
            names = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
            stored = {one.id for one in names if isinstance(one.ctx, ast.Store)}
            definition = isinstance(node, _DEFINITIONS)
            imported = {
                alias.asname or alias.name.split(".")[0]
                for one in ast.walk(node)
                if isinstance(one, (ast.Import, ast.ImportFrom))
                for alias in one.names
            }
            binds = {node.name} if isinstance(node, _DEFINITIONS) else stored | imported
            uses = {one.id for one in names if isinstance(one.ctx, ast.Load)}
            yield _Statement(
                at,
                node,
                frozenset(binds),
                frozenset(uses),
                frozenset(() if definition else _changed(node, functions)),
                frozenset(() if definition else _changed(node, None)),
            )


# Methods that change what they are called upon.
_CHANGING = {
    *("step", "backward", "zero_grad", "append", "extend", "insert", "update", "pop", "sort"),
    *("fit", "train", "eval", "load_state_dict", "fill", "add_module", "register_buffer"),
}


def _changed(statement: ast.AST, functions: set[str] | None) -> set[str]:
    """Names whose objects a statement changes: called upon, handed on, stored into.

    Surely so where its methods are known to, and where it is handed to one of `functions`, those
    of the submission; without these every call counts.
    """
    found: set[str] = set()
    for node in ast.walk(statement):
        match node:
            case ast.Call(func=function, args=args, keywords=keywords):
                if isinstance(function, ast.Attribute) and (
                    functions is None or function.attr in _CHANGING or function.attr[-1:] == "_"
                ):
                    found |= _first_name(function)
                given = [*args, *(word.value for word in keywords)]
                if functions is None or not functions.isdisjoint(_first_name(function)):
                    found |= {name for one in given for name in _first_name(one)}
                else:  # an optimiser changes what it is given
                    found |= {name for one in given for name in _whose_parameters(one)}
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                found |= _first_name(node)
            case ast.AugAssign(target=target):
                found |= _first_name(target)
            case ast.For(target=target, iter=values) if functions is None or _first_name(
                target
            ) & _changed(ast.Module(node.body, []), functions):
                found |= {one.id for one in ast.walk(values) if isinstance(one, ast.Name)}
    return found


def _whose_parameters(node: ast.AST) -> set[str]:
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr="parameters")):
            return _first_name(value)
    return set()


def _first_name(node: ast.AST) -> set[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _binds_inputs(check: CheckSpec) -> bool:
    return isinstance(getattr(check, "inputs", None), Mapping)


def _words(value: object) -> Iterator[str]:
    """All texts in a check's fields, at whatever depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Place):
        return
    elif dataclasses.is_dataclass(value):
        for one in dataclasses.fields(value):
            if one.name not in _ELSEWHERE:
                yield from _words(getattr(value, one.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _words(key)
            yield from _words(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _words(item)
