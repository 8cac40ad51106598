"""What the code of a submission defines, and where: by parsing it, never by running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from grader.domain.rubric import Cell, Place
from grader.notebooks.syntax import blocks, parsed

# Cell magics whose body is Python that runs here. Any other body is something else.
_PYTHON_MAGICS = {"time", "timeit", "capture", "prun"}
_CELL_MAGIC = re.compile(r"%%(\w+)")


def python_source(source: str) -> str | None:
    """A cell's source as Python that parses, line for line; None where there is no such thing.

    It is for reading names and calls, never for running: magics, shell escapes and `obj?` become
    `pass`, or None where they are assigned. `%%time` and its like keep their body; the body of
    any other cell magic is no Python.
    """
    body = _without_cell_magics(source)
    if body is None or parsed(body) is not None:
        return body
    lines = _dedented(body.split("\n"))
    pieces: list[str] = []
    for start, end in blocks(lines):
        piece = lines[start:end]
        pieces += piece if parsed("\n".join(piece)) is not None else _without_escapes(piece)
    plain = "\n".join(pieces)
    return plain if parsed(plain) is not None else None


def definitions(sources: Sequence[str | None]) -> dict[str, list[int]]:
    """For each name the code cells that bind it at top level, in order.

    `sources` are what `python_source` made of the code cells. Functions, classes, assignments of
    every kind, loops, `with`, imports, patterns and walruses count, also inside `if`, `try`,
    `with` and loops; what is bound inside a function or a class does not.
    """
    found: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        tree = parsed(source) if source is not None else None
        if tree is None:
            continue
        for name in dict.fromkeys(_bound(tree)):
            found.setdefault(name, []).append(index)
    return found


def place_of(
    place: Place, code: Sequence[Cell], defined: Mapping[str, Sequence[int]]
) -> int | None:
    """The code cell after which `place` is, or None where this submission has no such cell.

    `code` are the code cells, `defined` is what `definitions` says of them. Where several cells
    carry a marker, the last counts, as for a cell that was copied to try again. `trained` and
    `end` are no cells: the run shows where they are.
    """
    if place.marker is not None:
        marked = [index for index, cell in enumerate(code) if place.marker in cell.markers]
        return marked[-1] if marked else None
    if place.first_definition is not None:
        return next(iter(defined.get(place.first_definition, ())), None)
    if place.last_definition is not None:
        return next(reversed(defined.get(place.last_definition, ())), None)
    return None


def _without_cell_magics(source: str) -> str | None:
    """The source with the lines of cell magics blank; None where one of them is no Python."""
    lines = source.split("\n")
    for at, line in enumerate(lines):
        if not line.strip():
            continue
        magic = _CELL_MAGIC.match(line)
        if magic is None:
            break
        if magic[1] not in _PYTHON_MAGICS:
            return None
        lines[at] = ""
    return "\n".join(lines)


def _dedented(lines: list[str]) -> list[str]:
    """IPython takes the indentation of the first line off all lines."""
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip(" \t"))]
    return [line.removeprefix(indent) for line in lines] if indent else lines


def _without_escapes(lines: Sequence[str]) -> Iterator[str]:
    # IPython's own TransformerManager reads a cell once more for each escape that it replaces:
    # a hostile file of a megabyte would keep the worker busy for minutes.
    continued = False
    for line in lines:
        text = line.strip()
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        target, assigned, value = line.partition("=")
        escaped = True
        if continued:
            yield ""
        elif text.startswith("%time ") and not text.endswith("\\"):  # `%time x = f()` binds x
            yield indent + text.removeprefix("%time ").lstrip()
            escaped = False
        elif text.startswith(("!", "%", "?")) or text.endswith("?"):
            yield indent + "pass"
        elif assigned and value.lstrip().startswith(("!", "%")):
            yield f"{target}= None"
        else:
            yield line
            escaped = False
        continued = escaped and text.endswith("\\")


def _bound(tree: ast.Module) -> Iterator[str]:
    """Names that the module's own scope binds; no recursion, however deep the tree."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Lambda():
                pass
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    yield alias.asname or alias.name.split(".")[0]
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.AnnAssign(value=None):
                pass
            case ast.comprehension():  # its target has a scope of its own
                waiting += [node.iter, *node.ifs]
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
                waiting += ast.iter_child_nodes(node)
            case ast.MatchMapping(rest=str(name)):
                yield name
                waiting += ast.iter_child_nodes(node)
            case _:
                waiting += ast.iter_child_nodes(node)
