"""The notebook around a test: what it imports, what students write, what tests leave for others."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass, field

from grader.migrating.scopes import bound, read_in_functions, uses
from grader.notebooks.names import python_source
from grader.notebooks.syntax import parsed

BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Given:
    """A statement of the instructor's, which students can't change in the original."""

    source: str
    binds: frozenset[str]
    needs: frozenset[str]


@dataclass
class Surroundings:
    """`imports` are statements by the name that they bind; `given` the instructor's own statements,
    in order; `students` the names that the rest of the notebook binds, `read` those of them that
    its functions look up when called, `defined` its functions and classes.
    """

    imports: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    students: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    defined: set[str] = field(default_factory=set)

    def add(self, source: str, *, given: bool) -> None:
        """One more code cell; `given` where students can't change it."""
        tree = parsed(python_source(source) or "")
        if tree is None:
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
        imported = {
            one.asname or one.name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for one in node.names
        }
        if given:
            for statement in tree.body:
                self._give(statement)
            return
        self.students |= bound(tree) - imported
        self.read |= read_in_functions(tree)
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        self.defined |= {one.name for one in tree.body if isinstance(one, kinds)}

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            one = ast.unparse(_one_alias(node, alias))
            if alias.name == "*":
                self.stars.append(one)
            else:
                self.imports[alias.asname or alias.name.partition(".")[0]] = one

    def _give(self, statement: ast.stmt) -> None:
        names = frozenset(bound(statement))
        if names and not isinstance(statement, ast.Import | ast.ImportFrom):
            needs = {one.name for one in uses(statement) if one.context == "load"} - names
            self.given.append(Given(ast.unparse(statement), names, frozenset(needs)))

    def prelude(self, wanted: Iterable[str]) -> tuple[list[str], set[str]]:
        """The given statements that bind the names `wanted`, with all that these need of them.

        Returned with the names that they bind. What students bind as well is theirs.
        """
        own = {name for one in self.given for name in one.binds} - self.students
        waiting, reached = [name for name in wanted if name in own], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                for one in self.given:
                    if name in one.binds:
                        waiting += [need for need in one.needs | one.binds if need in own]
        statements = [one.source for one in self.given if one.binds & reached]
        return statements, reached


def _one_alias(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.stmt:
    if isinstance(node, ast.Import):
        return ast.Import(names=[alias])
    return ast.ImportFrom(module=node.module, names=[alias], level=node.level)


def surroundings(cells: Iterable[tuple[str, bool]]) -> Surroundings:
    """Of code cells with whether they are given, in order."""
    found = Surroundings()
    for source, given in cells:
        found.add(source, given=given)
    return found
