"""The executed notebook: a submission's cells with what they wrote, as nbformat 4.5.

Outputs come from the student's process: each is rebuilt field by field, and bounded. The notebook
is as untrusted as the submission; Jupyter shows it without running what its outputs hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from grader.domain.results import CellOutput, ExerciseResult, Result
from grader.notebooks.read import Submission
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


def executed_notebook(submission: Submission, result: Result) -> bytes:
    """The notebook as UTF-8 JSON.

    `metadata.chainrule` holds the score and what each exercise got, for the notebook as a whole
    and again for each cell that carries an exercise's marker.
    """
    ran = {output.index: output for output in result.outputs}
    verdicts = {exercise.id: _verdict(exercise) for exercise in result.exercises}
    room = _Room(MAX_OUTPUT_CHARS)
    cells: list[dict[str, object]] = []
    index = 0
    for number, cell in enumerate(submission.cells):
        marked = {name: verdicts[name] for name in cell.markers if name in verdicts}
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
        cells.append(written)
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
            "language_info": {"name": "python"},
            "chainrule": {
                "assignment": result.assignment,
                "version": result.version,
                "submission": result.submission.name,
                "status": result.run.status.value,
                "score": result.score,
                "max_score": result.max_score,
                "pending": result.pending,
                "exercises": verdicts,
            },
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def _verdict(exercise: ExerciseResult) -> dict[str, object]:
    return {
        "outcome": exercise.outcome.value,
        "score": exercise.score,
        "max_score": exercise.max_score,
        "messages": [check.message for check in exercise.checks],
    }


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
