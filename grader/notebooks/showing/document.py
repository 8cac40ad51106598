"""The document, and the process that makes it.

It reads a line of JSON, the result document as who looks may see it, and then the executed
notebook. It writes a line of JSON, the `Index`, and then the HTML from within its head on: what
comes before belongs to whoever sends it. Each cell has a link to the fragment `comment-7` of the
page around, seen only where the first tag has `data-comments`; where it leads `<base>` says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from typing_extensions import TypedDict

from grader.apart import limit_here
from grader.domain.outcomes import OUTCOME_WORDS, Outcome
from grader.notebooks.showing.code import code_html
from grader.notebooks.showing.outputs import Room, outputs_html
from grader.notebooks.showing.rich import safe_markdown
from grader.notebooks.showing.style import STYLE
from grader.notebooks.showing.texts import plain

MAX_CELLS = 1000  # as many are shown

MAX_MARKDOWN = 32 << 10  # characters of one cell: parsers take long for what is made for it

_CPU_S, _MEMORY_BYTES = 10, 1 << 30
_TEXT, _RICH, _PICTURES = 2 << 20, 1 << 20, 12 << 20  # characters of all cells together


class Index(TypedDict):
    """What a page says around the document: by exercise the numbers of its cells, from 1."""

    cells: int
    exercises: dict[str, list[int]]
    never_run: int
    is_cut: bool


def shown(notebook: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[Index, str]:
    """The notebook as HTML, with the verdicts of `told` beside the cells of their exercises."""
    cells = [one for one in notebook["cells"] if isinstance(one, dict)]
    exercises = {one["id"]: one for one in told["exercises"]}
    index: Index = {
        "cells": len(cells),
        "exercises": {},
        "never_run": sum(_never_ran(one) for one in cells),
        "is_cut": False,
    }
    room = Room(_TEXT, _RICH, _PICTURES)
    body = []
    for number, cell in enumerate(cells[:MAX_CELLS], start=1):
        own = [exercises[key] for key in _exercises(cell) if key in exercises]
        for one in own:
            index["exercises"].setdefault(one["id"], []).append(number)
        body.append(_cell(number, cell, own, room))
    if len(cells) > MAX_CELLS:
        room.is_cut = True
        body.append(f'<p class="told">{len(cells) - MAX_CELLS:,} more cells are not shown.</p>')
    if not cells:
        body.append('<p class="told">This notebook has no cells.</p>')
    index["is_cut"] = room.is_cut
    return index, _page(plain(told["submission"]["name"]), body)


def main() -> None:
    """Make the document of what stands on the standard input."""
    limit_here(cpu_s=_CPU_S, memory_bytes=_MEMORY_BYTES)
    told = json.loads(sys.stdin.buffer.readline())
    index, html = shown(json.loads(sys.stdin.buffer.read()), told)
    sys.stdout.buffer.write(json.dumps(index).encode() + b"\n")
    sys.stdout.buffer.write(html.encode("utf-8", "replace"))


def _page(name: str, body: Sequence[str]) -> str:
    return (
        f'<meta charset="utf-8"><title>{escape(name)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><style>{STYLE}</style></head>\n'
        f'<body><main><h1 class="out-of-sight">{escape(name)}, executed</h1>\n'
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _cell(
    number: int, cell: Mapping[str, Any], exercises: Sequence[Mapping[str, Any]], room: Room
) -> str:
    inside = _code(number, cell, room) if cell.get("cell_type") == "code" else _words(cell, room)
    kind = "code" if cell.get("cell_type") == "code" else "words"
    return (
        f'<section class="cell {kind}" id="cell-{number}" aria-label="Cell {number}">'
        f'<div class="margin"><span class="cell-number">{number}</span>'
        f"{''.join(map(_verdict, exercises))}"
        f'<a class="comment-on" href="#comment-{number}" target="_top">Comment'
        f'<span class="out-of-sight"> on cell {number}</span></a></div>'
        f'<div class="inside">{"".join(inside)}</div></section>'
    )


def _verdict(exercise: Mapping[str, Any]) -> str:
    outcome = Outcome(exercise["outcome"])
    return (
        f'<p class="of-exercise"><span class="verdict {outcome}">{OUTCOME_WORDS[outcome]}</span> '
        f"<span>{_earned(exercise)} of {_points(exercise['max_score'])}</span> "
        f"<span>{escape(plain(exercise['title']))}</span></p>"
    )


def _earned(exercise: Mapping[str, Any]) -> str:
    is_open = exercise["outcome"] in (Outcome.PENDING, Outcome.NOT_JUDGED)
    return "–" if is_open and not exercise["score"] else _points(exercise["score"])


def _code(number: int, cell: Mapping[str, Any], room: Room) -> Iterator[str]:
    yield code_html(_source(cell), room)
    if _never_ran(cell):
        yield '<p class="told">This cell did not run.</p>'
    yield from outputs_html(cell.get("outputs"), number, room)


def _words(cell: Mapping[str, Any], room: Room) -> Iterator[str]:
    source = _source(cell)
    attached = cell.get("attachments")
    if len(source) <= MAX_MARKDOWN and room.take("rich", len(source)):
        yield safe_markdown(source, attached if isinstance(attached, dict) else None)
    else:
        yield f"<pre>{escape(plain(room.text(source)))}</pre>"


def _never_ran(cell: Mapping[str, Any]) -> bool:
    return (
        cell.get("cell_type") == "code"
        and cell.get("execution_count") is None
        and bool(_source(cell).strip())
    )


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source")
    if isinstance(source, list):
        source = "".join(one for one in source if isinstance(one, str))
    return source if isinstance(source, str) else ""


def _exercises(cell: Mapping[str, Any]) -> Iterator[str]:
    metadata = cell.get("metadata")
    own = metadata.get("chainrule") if isinstance(metadata, dict) else None
    names = own.get("exercises") if isinstance(own, dict) else None
    yield from names if isinstance(names, dict) else ()


def _points(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    main()
