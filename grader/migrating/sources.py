"""What an assignment is made of on disk, read with errors that name file and cell."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from grader.errors import NotASubmission
from grader.migrating.model import CannotImport, NotebookDocument
from grader.notebooks.ipynb import cells_of, document_of
from grader.notebooks.read import MAX_CELLS, MAX_FILE_BYTES
from grader.safetext import one_line

_WORD = re.compile(r"[a-z0-9]+")
_MOST_FILES, _MOST_BYTES = 2000, 256 << 20  # beside the notebook
_NAMED = 5  # of files that are left out


def read_notebook(path: Path) -> NotebookDocument:
    """The document of a Python notebook in format 4, every cell's source one text.

    Raises CannotImport.
    """
    name = one_line(path.name)
    try:
        document: NotebookDocument = dict(document_of(read_bytes(path).decode("utf-8-sig")))
    except UnicodeDecodeError:
        raise CannotImport(
            f"{name} is no notebook: it is not UTF-8; give an .ipynb, or a folder that holds it"
        ) from None
    except NotASubmission as error:
        raise CannotImport(f"{name} is no notebook that can be read: {error}") from None
    if not isinstance(document.get("cells"), list) or document.get("nbformat") != 4:
        raise CannotImport(f"{name} is no notebook in format 4; open it in Jupyter and save it")
    if len(document["cells"]) > MAX_CELLS:
        raise CannotImport(f"{name} has more than {MAX_CELLS} cells, which no submission may have")
    if not isinstance(document.get("metadata"), dict):
        document["metadata"] = {}
    for number, cell in enumerate(document["cells"], 1):
        if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
            raise CannotImport(f"{name}: cell {number} is no code, markdown or raw cell")
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(map(str, source))
        if not isinstance(source, str):
            raise CannotImport(f"{name}: the source of cell {number} is no text")
        cell["source"] = source
        if not isinstance(cell.get("metadata"), dict):
            cell["metadata"] = {}
        if not isinstance(cell["metadata"].get("otter", {}), dict):
            del cell["metadata"]["otter"]
    return document


def read_bytes(path: Path) -> bytes:
    """A file of the instructor's, bounded as a submission is. Raises CannotImport."""
    name = one_line(path.name)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CannotImport(f"{name} cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise CannotImport(f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB")
    return data


def read_source(path: Path) -> str:
    """A Python file of the instructor's. Raises CannotImport."""
    return decoded(read_bytes(path), path.name)


def decoded(data: bytes, name: str) -> str:
    """The text of a Python file. Raises CannotImport."""
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CannotImport(f"{one_line(name)}: line {line} is not UTF-8") from None


def syntax(source: str, where: str) -> ast.Module:
    """The syntax tree of the instructor's code. Raises CannotImport."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = str(error) or "it is nested too deeply"
        raise CannotImport(f"{where} does not parse: {one_line(why, 200)}") from None


def literal(node: ast.expr) -> Any:
    """What an expression of literals means. Raises ValueError."""
    try:
        return ast.literal_eval(node)
    except (TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from None


def files_below(folder: Path, is_taken: Callable[[Path], bool]) -> dict[str, bytes]:
    """Files by their path below the folder, where `is_taken` says so of that path.

    What is hidden is left out. Raises CannotImport for a symbolic link, and for too much.
    """
    found: dict[str, bytes] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if _is_hidden(inner) or not is_taken(inner):
            continue
        name = one_line(inner.as_posix())
        if path.is_symlink():
            raise CannotImport(f"{name} is a symbolic link; put the file itself there")
        if not path.is_file():
            continue
        try:
            size += path.stat().st_size
            if size > _MOST_BYTES or len(found) >= _MOST_FILES:
                raise CannotImport(
                    f"{one_line(folder.name)} holds more than {_MOST_FILES} files or "
                    f"{_MOST_BYTES >> 20} MiB beside its notebooks"
                )
            found[inner.as_posix()] = path.read_bytes()
        except OSError as error:
            raise CannotImport(f"{name} cannot be read: {error.strerror}") from None
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__pycache__")) for part in path.parts)


def some_of(names: Sequence[str]) -> str:
    """Names for a person to read, the first few of them."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(one_line(name, 80) for name in names[:_NAMED]) + more


def copied(document: NotebookDocument, cells: Sequence[dict[str, Any]]) -> NotebookDocument:
    """The notebook with other cells: outputs cleared, and pictures that no text shows any more."""
    kept = []
    for cell in cells:
        one = {
            key: value
            for key, value in cell.items()
            if key not in ("outputs", "execution_count", "attachments")
        }
        if attached := _attached(cell):
            one["attachments"] = attached
        one["metadata"] = {
            key: value for key, value in cell["metadata"].items() if key != "otter"
        } | ({"otter": cell["metadata"]["otter"]} if "otter" in cell["metadata"] else {})
        if cell["cell_type"] == "code":
            one |= {"outputs": [], "execution_count": None}
        kept.append(one)
    metadata = {key: value for key, value in document["metadata"].items() if key != "otter"}
    return {**document, "cells": kept, "metadata": metadata}


def _attached(cell: Mapping[str, Any]) -> dict[str, Any]:
    attached = cell.get("attachments")
    text = cell["source"] + unquote(cell["source"])
    shown = attached.items() if isinstance(attached, dict) else ()
    return {name: data for name, data in shown if f"attachment:{name}" in text}


def refuse_unreadable(document: NotebookDocument, name: str) -> None:
    """Raise CannotImport where a submission made of this notebook could not be read."""
    try:
        list(cells_of(document))
    except NotASubmission as error:
        raise CannotImport(f"{one_line(name)}: {error}") from None


def slug_of(text: str) -> str:
    """An id of small letters, digits and hyphens."""
    return "-".join(_WORD.findall(text.lower()))[:60].strip("-") or "assignment"


def unique(wanted: str, taken: set[str], mark: str = "-") -> str:
    """`wanted`, or with a number where it is taken; noted as taken."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}{mark}{number}", number + 1
    taken.add(name)
    return name


def function_name(text: str, taken: set[str]) -> str:
    """The name of a test function."""
    return unique("test_" + "_".join(_WORD.findall(text.lower()))[:80], taken, "_")
