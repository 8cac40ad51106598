"""Changing one node of a source and nothing else: comments and layout stay, so do magics."""

from __future__ import annotations

import ast
import copy

from grader.notebooks.names import python_source
from grader.notebooks.syntax import parsed


def spliced(source: str, tree: ast.Module, node: ast.AST, new: ast.AST) -> str | None:
    """`source` with `node` of its `tree` replaced; None where that is no other valid program.

    `tree` is what `python_source(source)` parses to. Where the replacement can't be written into
    the text, the whole is written anew from the tree.
    """
    changed = ast.fix_missing_locations(copy.deepcopy(tree, {id(node): new}))
    try:
        whole = ast.unparse(changed)
        compile(whole, "mutant", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return None
    wanted = _normal(whole)
    if wanted == _normal(ast.unparse(tree)):
        return None
    written = ast.unparse(ast.fix_missing_locations(copy.deepcopy(new)))
    for text in (written, f"({written})"):
        candidate = _replaced(source, node, text)
        plain = python_source(candidate)
        if plain is not None and parsed(plain) is not None and _normal(plain) == wanted:
            return candidate
    return whole


def _normal(source: str) -> str:
    """A program's meaning as text: what layout and brackets add is gone."""
    return ast.unparse(ast.parse(source))


def _replaced(source: str, node: ast.AST, text: str) -> str:
    lines = source.split("\n")
    first, last = node.lineno - 1, node.end_lineno - 1  # type: ignore[attr-defined]
    if last >= len(lines):
        return source
    begin, end = lines[first].encode(), lines[last].encode()
    before = begin[: node.col_offset].decode(errors="replace")  # type: ignore[attr-defined]
    after = end[node.end_col_offset :].decode(errors="replace")  # type: ignore[attr-defined]
    indent = before if not before.strip() else ""
    body = ("\n" + indent).join(text.split("\n"))
    return "\n".join([*lines[:first], before + body + after, *lines[last + 1 :]])
