"""The executed notebook: a submission's cells with what they wrote, as nbformat 4.5.

Outputs come from the student's process: each is rebuilt field by field, and bounded. The notebook
is as untrusted as the submission; Jupyter shows it without running what its outputs hold. The
verdicts in it are those of a result document: the staff's, until a student's takes their place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from grader.domain.results import CellOutput, Result
from grader.notebooks.read import Submission
from grader.resultdoc import ResultDocument, document
from grader.safetext import storable

MAX_OUTPUT_CHARS = 8 << 20  # of all cells together
MAX_OUTPUTS = 200  # of one cell

# What a front end shows without running anything and without a kernel.
_MIMES = {
    "text/plain",
    "text/html",
    "text/latex",
    "text/markdown",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/svg+xml",
}
_LEFT_OUT = "[the rest is left out]\n"
# That, or what the sandbox writes in the place of the middle of an output.
_CUT = re.compile(r"\[(the rest is|\d+ characters) left out\]")


def executed_notebook(submission: Submission, result: Result) -> bytes:
    """The notebook as UTF-8 JSON.

    `metadata.chainrule` holds the score and what each exercise got, for the notebook as a whole
    and again for each cell that carries an exercise's marker or after which its checks looked.
    """
    ran = {output.index: output for output in result.outputs}
    told = document(result)
    verdicts = _verdicts(told)
    looks = _looks(result)
    room = _Room(MAX_OUTPUT_CHARS)
    cells: list[dict[str, object]] = []
    index = 0
    for number, cell in enumerate(submission.cells):
        looked = looks.get(index, ()) if cell.kind == "code" else ()
        marked = {name: verdicts[name] for name in (*cell.markers, *looked) if name in verdicts}
        metadata: dict[str, object] = {"chainrule": {"exercises": marked}} if marked else {}
        written: dict[str, object] = {
            "cell_type": cell.kind,
            "id": f"cell-{number + 1}",
            "metadata": metadata,
            "source": storable(cell.source),
        }
        if cell.kind == "code":
            output = ran.get(index)
            written["execution_count"] = None if output is None else index + 1
            written["outputs"] = [] if output is None else list(_outputs(output, index, room))
            index += 1
        elif pictures := _attached(cell.attachments, room):
            written["attachments"] = pictures
        cells.append(written)
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
            "language_info": {"name": "python"},
            "chainrule": _told(told),
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return _written(notebook)


def retold(notebook: bytes, told: Mapping[str, Any]) -> bytes:
    """An executed notebook of ours with the verdicts of another document of the same result."""
    read = json.loads(notebook)
    verdicts = _verdicts(told)
    read["metadata"]["chainrule"] = _told(told)
    for cell in read["cells"]:
        if marked := cell["metadata"].get("chainrule"):
            marked["exercises"] = {name: verdicts[name] for name in marked["exercises"]}
    return _written(read)


def errors_of(notebook: bytes) -> list[CellOutput]:
    """The code cells of an executed notebook of ours that raised, with their errors alone."""
    return [CellOutput(index=index, error=words) for index, _, words in _raised(notebook)]


def numbered_errors(notebook: bytes) -> list[tuple[int, str]]:
    """What cells of an executed notebook of ours raised, by their numbers among all its cells."""
    return [(number, words) for _, number, words in _raised(notebook)]


def numbered_cuts(notebook: bytes) -> list[int]:
    """The cells of an executed notebook of ours whose output was too long to be kept whole."""
    cells = enumerate(json.loads(notebook)["cells"], 1)
    return [
        number
        for number, cell in cells
        if cell["cell_type"] == "code" and _CUT.search(json.dumps(cell["outputs"]))
    ]


def _raised(notebook: bytes) -> Iterator[tuple[int, int, str]]:
    """Of each cell that raised its index among the code cells, its number, and what it raised."""
    cells = enumerate(json.loads(notebook)["cells"], 1)
    code = ((number, cell) for number, cell in cells if cell["cell_type"] == "code")
    for index, (number, cell) in enumerate(code):
        errors = (one for one in cell["outputs"] if one["output_type"] == "error")
        if first := next(errors, None):
            yield index, number, f"{first['ename']}: {first['evalue']}"


def _written(notebook: Mapping[str, object]) -> bytes:
    return json.dumps(notebook, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def _told(told: Mapping[str, Any] | ResultDocument) -> dict[str, object]:
    return {
        "assignment": told["assignment"],
        "version": told["version"],
        "submission": told["submission"]["name"],
        "status": told["run"]["status"],
        "score": told["score"],
        "max_score": told["max_score"],
        "pending": told["pending"],
        "exercises": _verdicts(told),
    }


def _verdicts(told: Mapping[str, Any] | ResultDocument) -> dict[str, dict[str, object]]:
    return {
        exercise["id"]: {
            "outcome": exercise["outcome"],
            "score": exercise["score"],
            "max_score": exercise["max_score"],
            "messages": [check["message"] for check in exercise["checks"]],
        }
        for exercise in told["exercises"]
    }


def _looks(result: Result) -> dict[int, list[str]]:
    """By code cell the exercises of which checks looked after it."""
    found: dict[int, list[str]] = {}
    for exercise in result.exercises:
        for cell in exercise.cells:
            found.setdefault(cell, []).append(exercise.id)
    return found


def _attached(given: Mapping[str, Mapping[str, str]], room: _Room) -> dict[str, dict[str, str]]:
    found = {}
    for name, data in given.items():
        kept = {kind: content for kind, content in data.items() if room.has(content)}
        if kept:
            found[name] = kept
    return found


class _Room:
    """How many characters may still be kept."""

    def __init__(self, left: int) -> None:
        self._left = left

    def kept(self, text: str) -> str:
        """The text, or as much of it as there is room for and a note."""
        if len(text) > self._left:
            text = text[: self._left] + _LEFT_OUT
        self._left = max(0, self._left - len(text))
        return text

    def has(self, text: str) -> bool:
        """Whether all of the text can be kept; if so, it takes its room."""
        if len(text) > self._left:
            return False
        self._left -= len(text)
        return True


def _outputs(output: CellOutput, index: int, room: _Room) -> Iterator[dict[str, object]]:
    for raw in output.outputs[:MAX_OUTPUTS]:
        kind = raw.get("output_type")
        if kind == "stream":
            name = "stderr" if raw.get("name") == "stderr" else "stdout"
            yield {"output_type": kind, "name": name, "text": room.kept(_text(raw.get("text")))}
        elif kind in ("display_data", "execute_result"):
            shown: dict[str, object] = {
                "output_type": kind,
                "data": dict(_shown(raw.get("data"), room)),
                "metadata": {},
            }
            if kind == "execute_result":
                shown["execution_count"] = index + 1
            yield shown
        elif kind == "error":
            traceback = raw.get("traceback")
            lines = traceback if isinstance(traceback, list) else []
            yield {
                "output_type": kind,
                "ename": room.kept(_text(raw.get("ename"))),
                "evalue": room.kept(_text(raw.get("evalue"))),
                "traceback": room.kept("\n".join(map(_text, lines[:MAX_OUTPUTS]))).split("\n"),
            }


def _shown(data: object, room: _Room) -> Iterator[tuple[str, str]]:
    if not isinstance(data, Mapping):
        return
    for mime, content in data.items():
        if mime not in _MIMES or not isinstance(content, str):
            continue
        content = storable(content)
        if mime == "text/plain":
            yield mime, room.kept(content)
        elif room.has(content):  # half a picture is none
            yield mime, content


def _text(value: object) -> str:
    return storable(value) if isinstance(value, str) else ""
