"""What the code of a submission defines, and where: by parsing it, never by running it."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from grader.domain.rubric import Cell, Place
from grader.notebooks.syntax import blocks, parsed

# Cell magics whose body is Python that runs here. Any other body is something else.
_PYTHON_MAGICS = {"time", "timeit", "capture", "prun"}
_CELL_MAGIC = re.compile(r"%%(\w+)")
_TIMED = re.compile(r"^([ \t]*)%time[ \t](?=.*\S)", re.MULTILINE)
_ESCAPE = re.compile(r"^[ \t]*[%!?]|\?[ \t]*$|=[ \t]*[%!]", re.MULTILINE)

# IPython reads a block again after each escape that it has replaced.
_MAX_ESCAPES = 20
_MAX_BLOCK = 100_000


def python_source(source: str) -> str | None:
    """A cell's source as Python that parses, line for line; None where there is no such thing.

    Magics and shell escapes are replaced by the calls that IPython makes of them. `%%time` and
    its like keep their body; the body of any other cell magic is no Python.
    """
    body = _without_cell_magics(source)
    if body is None:
        return None
    if parsed(body) is not None:
        return body
    if not _ESCAPE.search(body) and body[:1] not in (" ", "\t", ">", "I"):
        return None
    lines = body.split("\n")
    pieces = []
    for start, end in blocks(lines):
        piece = "\n".join(lines[start:end])
        plain = piece if parsed(piece) is not None else _transformed(piece)
        if plain is None:
            return None
        pieces.append(plain)
    whole = "\n".join(pieces)
    return whole if parsed(whole) is not None else None


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


def _transformed(block: str) -> str | None:
    """What IPython makes of a block, with as many lines as before."""
    plain = _TIMED.sub(r"\1", block)  # `%time x = f()` binds x
    if parsed(plain) is not None:
        return plain
    escapes = _ESCAPE.findall(plain)
    if len(escapes) > _MAX_ESCAPES or len(plain) > _MAX_BLOCK:
        return None
    try:
        plain = _transformer().transform_cell(plain).rstrip("\n")
    except (SyntaxError, ValueError, RuntimeError, RecursionError):
        return None
    return plain + "\n" * (block.count("\n") - plain.count("\n"))


@functools.cache
def _transformer_class() -> type:
    # Most cells need none of it, and importing it takes longer than reading a submission.
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager


def _transformer():  # type: ignore[no-untyped-def]
    return _transformer_class()()


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
                waiting += _children(node)
            case ast.MatchMapping(rest=str(name)):
                yield name
                waiting += _children(node)
            case _:
                waiting += _children(node)


def _children(node: ast.AST) -> Iterable[ast.AST]:
    return ast.iter_child_nodes(node)
