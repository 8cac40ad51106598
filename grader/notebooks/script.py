"""The cells of a Python file.

With `# %%` or `# In[3]:` lines, those say where cells begin. Without any, every top-level
statement is a cell of its own, so that an error costs its own statement; where the file does not
parse, every block at column 0. What is no code becomes a markdown cell, so that answers in words
are found: comments at column 0 between statements, and strings that stand alone.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence

from grader.domain.rubric import Cell
from grader.notebooks.markers import is_marker, markers_of
from grader.notebooks.syntax import blocks, parsed

_PERCENT = re.compile(r"# ?%%(?:[ \t](.*))?$")
_NBCONVERT = re.compile(r"# ?In ?\[[ 0-9]*\]:?[ \t]*$")
_NO_CODE = re.compile(r"\[(?:markdown|md|raw)\]")


def cells_of(text: str) -> Iterator[Cell]:
    """The cells in order; whether they run is another question."""
    lines = text.split("\n")
    begins = [at for at, line in enumerate(lines) if _delimiter(line)]
    return _delimited(lines, begins) if begins else _loose(lines)


def _delimiter(line: str) -> re.Match[str] | None:
    if not line.startswith("#"):
        return None
    return _PERCENT.match(line) or _NBCONVERT.match(line)


def _delimited(lines: Sequence[str], begins: Sequence[int]) -> Iterator[Cell]:
    yield from _code_then_comments(lines, 0, begins[0])
    for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        percent = _PERCENT.match(lines[begin])
        if percent and _NO_CODE.search(percent[1] or ""):
            yield from _words(lines, begin + 1, end)
        else:
            yield from _code_then_comments(lines, begin + 1, end)


def _loose(lines: Sequence[str]) -> Iterator[Cell]:
    tree = parsed("\n".join(lines))
    if tree is not None:
        yield from _statements(lines, 0, len(lines), tree)
        return
    for start, end in blocks(lines):
        tree = parsed("\n".join(lines[start:end]))
        if tree is not None:
            yield from _statements(lines, start, end, tree)
        else:
            yield from _code_then_comments(lines, start, end)


def _statements(lines: Sequence[str], start: int, end: int, tree: ast.Module) -> Iterator[Cell]:
    """Cells of `lines[start:end]`, whose syntax tree is `tree`."""
    at = start
    for first, last, text in _spans(tree):
        code = start + first
        marked = _marked_from(lines, at, code)
        yield from _comments(lines, at, marked)
        at = _with_indented_comments(lines, start + last, end)
        if text is None:
            yield from _code(lines, marked, at)
        else:
            yield from _markdown(inspect.cleandoc(text), code)
    yield from _comments(lines, at, end)


def _spans(tree: ast.Module) -> Iterator[tuple[int, int, str | None]]:
    """Ranges of lines of the top-level statements, those on one line together.

    The text goes with a range that holds nothing but a string.
    """
    spans: list[tuple[int, int, str | None]] = []
    for node in tree.body:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(one.lineno for one in decorators)]) - 1
        last = node.end_lineno or node.lineno
        if spans and first < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]), None)
        else:
            spans.append((first, last, _string(node)))
    yield from spans


def _string(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        value = node.value.value
        return value if isinstance(value, str) else None
    return None


def _marked_from(lines: Sequence[str], start: int, code: int) -> int:
    """Where the cell of the statement at `code` begins: at a marker in the comment on top of it."""
    begin = at = code
    while at > start and lines[at - 1].startswith("#"):
        at -= 1
        if is_marker(lines[at]):
            begin = at
    return begin


def _with_indented_comments(lines: Sequence[str], at: int, end: int) -> int:
    """Indented comments below a statement are the end of its body."""
    after = at
    for line in range(at, end):
        text = lines[line].strip()
        if text and not (text.startswith("#") and lines[line][0] in " \t"):
            break
        if text:
            after = line + 1
    return after


def _code_then_comments(lines: Sequence[str], start: int, end: int) -> Iterator[Cell]:
    """One code cell, and the comments that close it as words."""
    after = end
    while after > start and (not lines[after - 1].strip() or lines[after - 1].startswith("#")):
        after -= 1
    yield from _code(lines, start, after)
    yield from _comments(lines, after, end)


def _code(lines: Sequence[str], start: int, end: int) -> Iterator[Cell]:
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    if start < end:
        source = "\n".join(lines[start:end])
        yield Cell(
            kind="code",
            source=source,
            name=f"line {start + 1}",
            line=start + 1,
            markers=markers_of(source),
        )


def _comments(lines: Sequence[str], start: int, end: int) -> Iterator[Cell]:
    """A markdown cell for each run of comment lines."""
    begin: int | None = None
    for at in range(start, end + 1):
        comment = at < end and lines[at].startswith("#")
        if comment and begin is None:
            begin = at
        elif not comment and begin is not None:
            yield from _words(lines, begin, at)
            begin = None


def _words(lines: Sequence[str], start: int, end: int) -> Iterator[Cell]:
    """One markdown cell of lines that are comments, or a string in triple quotes."""
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[start:end])
    tree = parsed("\n".join(lines[start:end]))
    if tree is not None and len(tree.body) == 1:
        text = _string(tree.body[0]) or text
    yield from _markdown(text.strip("\n"), start)


def _markdown(text: str, at: int) -> Iterator[Cell]:
    if text.strip():
        yield Cell(
            kind="markdown",
            source=text,
            name=f"line {at + 1}",
            line=at + 1,
            markers=markers_of(text),
        )
