"""Otter's test files, read without running them: in OK format, or of functions that raise."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent
from typing import Any

from grader.migrating.model import CannotImport
from grader.migrating.otterchecks import Case, Question, amounts, one_amount
from grader.migrating.sources import literal, read_source, syntax
from grader.safetext import one_line

_OWN = frozenset({"name", "points", "all_or_nothing", "OK_FORMAT"})


def question_of_file(path: Path) -> Question:
    """The question in a file of `tests/`. Raises CannotImport."""
    return _of_source(read_source(path), path.stem, path.name)


def question_of_metadata(notebook: str, name: str, spec: object) -> Question:
    """A question of a notebook's metadata. Raises CannotImport."""
    where = f"{one_line(notebook)}: test {one_line(str(name), 80)}"
    if isinstance(spec, dict):
        return _of_spec(spec, str(name), where)
    if isinstance(spec, str):
        return _of_source(spec, str(name), where)
    raise CannotImport(f"{where} is neither in OK format nor code")


def _of_source(source: str, stem: str, where: str) -> Question:
    tree = syntax(source, where)
    values: dict[str, Any] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _OWN | {"test"}:
                try:
                    values[name] = literal(value)
                except ValueError:
                    raise CannotImport(f"{where}:{node.lineno}: {name} is no literal") from None
    if isinstance(values.get("test"), dict):
        return _of_spec(values["test"], stem, where)
    cases, head = [], []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and (given := _test_case(node, where)) is not None:
            cases.append(_case_of(node, given, where))
        elif not _is_own(node):
            head.append(ast.unparse(node))
    if not cases:
        raise CannotImport(f"{where} has neither a dictionary `test` nor functions of @test_case")
    return Question(
        name=str(values.get("name", stem)),
        points=amounts(values.get("points"), where),
        cases=tuple(cases),
        all_or_nothing=bool(values.get("all_or_nothing", False)),
        head=tuple(head),
    )


def _is_own(node: ast.stmt) -> bool:
    match node:
        case ast.ImportFrom(module=str(module)):
            return module.partition(".")[0] == "otter"
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in _OWN
    return False


def _test_case(node: ast.FunctionDef, where: str) -> dict[str, Any] | None:
    """What the decorator test_case says; None where the function has none."""
    names = ("name", "points", "hidden", "success_message", "failure_message")
    for one in node.decorator_list:
        if isinstance(one, ast.Call) and ast.unparse(one.func).rpartition(".")[2] == "test_case":
            try:
                said = dict(zip(names, map(literal, one.args), strict=False))
                said |= {key.arg: literal(key.value) for key in one.keywords if key.arg}
            except ValueError:
                raise CannotImport(f"{where}:{node.lineno}: test_case takes literals") from None
            return said
    return None


def _case_of(node: ast.FunctionDef, said: dict[str, Any], where: str) -> Case:
    return Case(
        code="\n".join(ast.unparse(one) for one in node.body),
        hidden=bool(said.get("hidden", False)),
        **_words(said, where),
        arguments=tuple(one.arg for one in node.args.args),
    )


def _words(said: dict[str, Any], where: str) -> dict[str, Any]:
    return {
        "points": one_amount(said.get("points"), where),
        "name": str(said.get("name") or ""),
        "success": str(said.get("success_message") or ""),
        "failure": str(said.get("failure_message") or ""),
    }


def _of_spec(spec: dict[str, Any], name: str, where: str) -> Question:
    suites = spec.get("suites")
    if not isinstance(suites, list) or len(suites) != 1 or not isinstance(suites[0], dict):
        raise CannotImport(f"{where}: a test in OK format has one suite")
    suite = suites[0]
    if suite.get("type", "doctest") != "doctest" or suite.get("setup") or suite.get("teardown"):
        raise CannotImport(f"{where}: only suites of doctests without setup can be imported")
    cases = suite.get("cases")
    if not isinstance(cases, list) or not all(
        isinstance(one, dict) and isinstance(one.get("code"), str) for one in cases
    ):
        raise CannotImport(f"{where}: every case of a suite has a code")
    return Question(
        name=str(spec.get("name") or name),
        points=amounts(spec.get("points"), where),
        cases=tuple(
            Case(
                code=dedent(one["code"]),
                hidden=bool(one.get("hidden", True)),
                **_words(one, where),
            )
            for one in cases
        ),
        all_or_nothing=bool(spec.get("all_or_nothing", False)),
    )
