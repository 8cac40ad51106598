"""Notebooks of instructors as JSON: read with errors that name file and cell, and written."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.errors import NotASubmission
from grader.migrating.model import CannotImport, NotebookDocument
from grader.notebooks.read import MAX_FILE_BYTES
from grader.safetext import one_line

_WORD = re.compile(r"[a-z0-9]+")


def read_notebook(path: Path) -> NotebookDocument:
    """The document of a Python notebook in format 4, every cell's source one text.

    Raises CannotImport.
    """
    name = one_line(path.name)
    try:
        data = path.read_bytes()
        if len(data) > MAX_FILE_BYTES:
            raise CannotImport(f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB")
        document: Any = json.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise CannotImport(f"{name} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CannotImport(f"{name} is no notebook: {one_line(str(error), 200)}") from None
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        raise CannotImport(f"{name} is no notebook in format 4: it has no list of cells")
    if document.get("nbformat") != 4:
        raise CannotImport(f"{name} is written in another notebook format; save it in Jupyter")
    _refuse_other_languages(document, name)
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
    return document


def _refuse_other_languages(document: NotebookDocument, name: str) -> None:
    metadata = document.get("metadata")
    kernel = metadata.get("kernelspec", {}) if isinstance(metadata, dict) else {}
    words = [kernel.get("language"), kernel.get("name")] if isinstance(kernel, dict) else []
    language = next((str(word) for word in words if word), "python")
    if not language.lower().startswith(("python", "ipython", "conda", "py")):
        raise CannotImport(
            f"{name} is written for {one_line(language, 40)}: only notebooks in Python can be "
            "imported"
        )


def copied(document: NotebookDocument, cells: Sequence[dict[str, Any]]) -> NotebookDocument:
    """The notebook with other cells, all outputs cleared."""
    kept = []
    for cell in cells:
        one = {
            key: value for key, value in cell.items() if key not in ("outputs", "execution_count")
        }
        one["metadata"] = {
            key: value for key, value in cell["metadata"].items() if key != "otter"
        } | ({"otter": cell["metadata"]["otter"]} if "otter" in cell["metadata"] else {})
        if cell["cell_type"] == "code":
            one |= {"outputs": [], "execution_count": None}
        kept.append(one)
    metadata = {key: value for key, value in document.get("metadata", {}).items() if key != "otter"}
    return {**document, "cells": kept, "metadata": metadata}


def refuse_unreadable(document: NotebookDocument, name: str) -> None:
    """Raise CannotImport where a submission made of this notebook could not be read."""
    from grader.notebooks.ipynb import cells_of

    try:
        list(cells_of(document))
    except NotASubmission as error:
        raise CannotImport(f"{one_line(name)}: {error}") from None


def slug_of(text: str) -> str:
    """An id of small letters, digits and hyphens."""
    return "-".join(_WORD.findall(text.lower()))[:60].strip("-") or "assignment"


def unique(wanted: str, taken: set[str]) -> str:
    """`wanted`, or with a number where it is taken; noted as taken."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    taken.add(name)
    return name


def function_name(text: str, taken: set[str]) -> str:
    """The name of a test function."""
    name = "test_" + "_".join(_WORD.findall(text.lower()))[:80]
    return unique(name, taken).replace("-", "_")
