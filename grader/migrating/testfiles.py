"""The pytest file that imported tests are written to."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from grader.migrating.translating import HELPERS, indented

_HELPERS = "workers.tests_runner.imported"


@dataclass
class TestFile:
    """Functions, in order; each imports what it needs, so that one may fail alone."""

    __test__ = False

    functions: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        title: str,
        body: str,
        imports: Iterable[str] = (),
        *,
        points: float | None = None,
        proxy: str = "student",
        earns: bool = False,
    ) -> None:
        """One test, whose `body` asks `proxy`; `earns` where it says itself what it earns."""
        lines = [f"@pytest.mark.points({points!r})"] if points else []
        lines.append(f"def {name}(student{', earn' if earns else ''}):")
        lines.append(f"    {_docstring(title)}")
        lines.append(f"    {proxy} = student.session()")
        lines += [f"    {line}" for line in imports]
        lines.append(indented(body) if _says_something(body) else "    pass")
        self.functions.append("\n".join(lines))

    def text(self) -> str:
        """The file."""
        whole = "\n\n\n".join(self.functions)
        used = {node.id for node in ast.walk(ast.parse(whole)) if isinstance(node, ast.Name)}
        helpers = sorted(HELPERS & used)
        own = [f"from {_HELPERS} import {', '.join(helpers)}"] if helpers else []
        pytest = ["import pytest"] if "pytest" in used else []
        blank = [""] if own and pytest else []
        return "\n".join([*pytest, *blank, *own, "", "", whole, ""]).lstrip("\n")


def _says_something(body: str) -> bool:
    return bool(ast.parse(body).body)


def _docstring(title: str) -> str:
    plain = " ".join(title.split()).replace("\\", "").replace('"', "'")
    return f'"""{plain}"""'


def of_doctest(code: str) -> str:
    """The statements of a doctest: what is compared with an output stands in `expecting`."""
    import doctest

    pieces: list[str] = []
    examples: Sequence[doctest.Example] = doctest.DocTestParser().get_examples(code)
    for example in examples:
        source = example.source.rstrip("\n")
        tree = ast.parse(source)
        alone = tree.body[0] if len(tree.body) == 1 else None
        if isinstance(alone, ast.Expr):
            text = ast.get_source_segment(source, alone.value) or source
            inner = f"show({text})" if "\n" not in text else f"show(\n{text}\n)"
        elif example.want:
            inner = source
        else:
            pieces.append(source)
            continue
        pieces.append(f"with expecting({example.want!r}):\n{indented(inner)}")
    return "\n".join(pieces)
