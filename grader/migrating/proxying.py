"""A module of tests in which the names of the students' module are asked of a proxy."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.migrating.scopes import uses
from grader.migrating.surroundings import BUILTINS
from grader.migrating.translating import proxied, proxy_name

# Decorators of gradescope-utils; workers.tests_runner.imported has a stand-in for each.
DECORATORS = frozenset(
    {"weight", "number", "visibility", "hide_errors", "tags", "partial_credit", "leaderboard"}
)
_HELPERS = "workers.tests_runner.imported"
_LIBRARY = "gradescope_utils"
_SET_UP_CLASS = "_set_up_class"
# At the end: what the file begins with, as `from __future__`, has to stay its beginning.
_FIXTURE = f"""\


import pytest

from {_HELPERS} import earning


@pytest.fixture(autouse=True)
def _submission(request, student, earn):
    globals()["PROXY"] = student.session()
    earning.to = earn
"""
# What unittest does once for a class is done for each test, which has a session of its own.
_SETTING_UP = f"""\
    if hasattr(request.cls, "{_SET_UP_CLASS}"):
        request.cls.{_SET_UP_CLASS}()
"""

_Span = tuple[int, int, int, int, str]


def imports_of(tree: ast.AST) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """Import statements with the module that each is of."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node, node.module or ""


def asking(source: str, students: str | None) -> str:
    """The module's source with what is of `students` asked of the proxy; the rest as it was."""
    return _asking(source, students, proxy_name(source))


def _asking(source: str, students: str | None, proxy: str) -> str:
    rewriter = _Rewriter(ast.parse(source), students, proxy)
    if rewriter.is_formatted:  # positions within an f-string can't be relied on: printed anew
        return _asking(ast.unparse(rewriter.tree), students, proxy)
    lines = [line.encode() for line in source.split("\n")]
    for first, column, last, end, text in sorted(set(rewriter.spans), reverse=True):
        tail = lines[last - 1][end:]
        lines[first - 1 : last] = [lines[first - 1][:column] + text.encode() + tail]
    body = b"\n".join(lines).decode().rstrip()
    fixture = _FIXTURE.replace("PROXY", proxy)
    return f"{body}\n{fixture}{_SETTING_UP if rewriter.sets_up_classes else ''}"


def asks_early(tree: ast.Module, students: str | None) -> bool:
    """Whether the module asks the submission when it is imported, before any test."""
    names = _Names(tree, students)
    return any(
        not use.inside and use.context == "load" and names.asked(use.name, "") is not None
        for use in uses(tree)
    )


def _in_functions(tree: ast.Module) -> set[ast.AST]:
    return {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }


def _is_of(name: str | None, module: str | None) -> bool:
    return module is not None and (name or "").partition(".")[0] == module


class _Names:
    """What the module calls the students' module and the names in it."""

    def __init__(self, tree: ast.Module, students: str | None) -> None:
        self.modules: set[str] = set()
        self.names: dict[str, str] = {}
        is_starred = False
        inner = _in_functions(tree)
        for node, _ in imports_of(tree):
            if node in inner:
                continue  # it binds a name of its function
            for one in node.names:
                if isinstance(node, ast.Import):
                    if _is_of(one.name, students):
                        self.modules.add(one.asname or one.name.partition(".")[0])
                elif _is_of(node.module, students) and one.name == "*":
                    is_starred = True
                elif _is_of(node.module, students):
                    self.names[one.asname or one.name] = one.name
        found = uses(tree) if is_starred else []
        bound = {one.name for one in found if one.context in ("store", "declare")}
        self._starred = {one.name for one in found} - bound - BUILTINS

    def asked(self, name: str, proxy: str) -> str | None:
        """How the proxy is asked for a global name; None where it is not the submission's."""
        if name in self.modules:
            return proxy
        if name in self.names:
            return proxied(self.names[name], proxy)
        return proxied(name, proxy) if name in self._starred else None


class _Rewriter:
    """`spans` are the places to replace, and by what.

    Where one lies in an f-string, `is_formatted`, and `tree` is changed instead.
    """

    def __init__(self, tree: ast.Module, students: str | None, proxy: str) -> None:
        self.tree = tree
        self.spans: list[_Span] = []
        self.is_formatted = False
        self._students = students
        self._proxy = proxy
        self._names = _Names(tree, students)
        inner = _in_functions(tree)
        for node in {one for one, name in imports_of(tree) if _is_of(name, students)}:
            self.spans.append(_span(node, self._bound(node, is_inner=node in inner)))
        for node, name in imports_of(tree):
            if _is_of(name, _LIBRARY) and isinstance(node, ast.ImportFrom):
                self.spans.append(_span(node, _stand_ins(node)))
        self._ask()
        self.sets_up_classes = self._rename_setting_up()

    def _bound(self, node: ast.Import | ast.ImportFrom, *, is_inner: bool) -> str:
        """What stands for an import: what is not of the submission, and a function's own names."""
        parts = []
        for one in node.names:
            if isinstance(node, ast.Import) and not _is_of(one.name, self._students):
                parts.append(f"import {ast.unparse(one)}")
            elif is_inner and isinstance(node, ast.Import):
                parts.append(f"{one.asname or self._students} = {self._proxy}")
            elif is_inner:
                parts.append(f"{one.asname or one.name} = {proxied(one.name, self._proxy)}")
        return "; ".join(parts) or "pass"

    def _ask(self) -> None:
        for use in uses(self.tree):
            if use.node is None or use.context != "load":
                continue
            asked = self._names.asked(use.name, self._proxy)
            if asked is None:
                continue
            if use.formatted:
                use.node.id = asked
                self.is_formatted = True
            else:
                self.spans.append(_span(use.node, asked))

    def _rename_setting_up(self) -> bool:
        found = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef) and node.name == "setUpClass"
        ]
        for node in found:
            column = node.col_offset + len("def ")
            line = node.lineno
            self.spans.append((line, column, line, column + len(node.name), _SET_UP_CLASS))
        return bool(found)


def _stand_ins(node: ast.ImportFrom) -> str:
    kept = [ast.unparse(one) for one in node.names if one.name in DECORATORS]
    return f"from {_HELPERS} import {', '.join(kept)}" if kept else "pass"


def _span(node: ast.expr | ast.stmt, text: str) -> _Span:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, text
