"""Notebooks as cells, and the JSON that they are written to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


def code(source: str, metadata: Mapping[str, Any] | None = None, output: str = "") -> Cell:
    """A code cell, with what it showed."""
    shown = {"output_type": "execute_result", "execution_count": 1, "metadata": {}}
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": dict(metadata or {}),
        "outputs": [{**shown, "data": {"text/plain": output}}] if output else [],
        "source": source,
    }


def markdown(source: str, metadata: Mapping[str, Any] | None = None) -> Cell:
    """A markdown cell."""
    return {"cell_type": "markdown", "metadata": dict(metadata or {}), "source": source}


def raw(source: str) -> Cell:
    """A raw cell, in which otter's blocks begin and end."""
    return {"cell_type": "raw", "metadata": {}, "source": source}


def notebook(cells: list[Cell]) -> dict[str, Any]:
    """A whole notebook for Python."""
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}


def write(path: Path, document: Mapping[str, Any]) -> Path:
    """Write a notebook, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), "utf-8")
    return path
