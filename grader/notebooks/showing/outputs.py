"""What cells wrote, as HTML: of what an output offers the richest that is safe to show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from grader.notebooks.showing.pictures import picture
from grader.notebooks.showing.rich import safe_html, safe_markdown, shows_something
from grader.notebooks.showing.texts import cut, plain, terminal

MAX_TEXT = 20_000  # characters of one output
MAX_RICH = 256 << 10  # of one output of HTML or markdown: sanitising takes many times its memory
MAX_OUTPUTS = 200  # of one cell

_LONG = 30  # lines, from which on an output scrolls by itself
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")


class Room:
    """How much may still be shown of all cells together, in characters of each kind."""

    def __init__(self, text: int, rich: int, pictures: int) -> None:
        self._left = {"text": text, "rich": rich, "pictures": pictures}
        self.is_cut = False

    def take(self, kind: str, length: int) -> bool:
        """Whether there is room for it; if so, it is taken."""
        if length > self._left[kind]:
            self.is_cut = True
            return False
        self._left[kind] -= length
        return True

    def text(self, text: str, most: int = MAX_TEXT) -> str:
        """As much of a text as may be shown."""
        most = min(most, self._left["text"])
        shown, is_cut = cut(text, most) if most else ("… (left out)", bool(text))
        self._left["text"] -= min(most, len(shown))
        self.is_cut |= is_cut
        return shown


def outputs_html(outputs: object, cell: int, room: Room) -> Iterator[str]:
    """The outputs of a cell, each in a box of its own."""
    known = [one for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else []
    for one in _joined(known[:MAX_OUTPUTS]):
        yield from _output(one, cell, room)
    if len(known) > MAX_OUTPUTS:
        room.is_cut = True
        yield f'<p class="told">… {len(known) - MAX_OUTPUTS:,} further outputs are left out.</p>'


def _joined(outputs: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Pieces of one stream that follow each other, as one."""
    last: dict[str, Any] | None = None
    for one in outputs:
        if last is not None and _goes_on(last, one):
            last["text"] += _text(one.get("text"))
            continue
        if last is not None:
            yield last
        last = dict(one, output_type=one.get("output_type"))
        if last["output_type"] == "stream":
            last["text"] = _text(last.get("text"))
    if last is not None:
        yield last


def _goes_on(last: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
    is_stream = last["output_type"] == one.get("output_type") == "stream"
    return is_stream and last.get("name") == one.get("name")


def _output(one: Mapping[str, Any], cell: int, room: Room) -> Iterator[str]:
    match one["output_type"]:
        case "stream":
            kind = "stderr" if one.get("name") == "stderr" else "stdout"
            yield _terminal(one["text"], kind, cell, room)
        case "error":
            lines = one.get("traceback")
            words = "\n".join(map(_text, lines)) if isinstance(lines, list) else ""
            if not words.strip():
                words = f"{_text(one.get('ename'))}: {_text(one.get('evalue'))}"
            yield _terminal(words, "error", cell, room)
        case "display_data" | "execute_result":
            data = one.get("data")
            if isinstance(data, Mapping):
                yield _richest(data, cell, room)


def _richest(data: Mapping[str, Any], cell: int, room: Room) -> str:
    label = f"Output of cell {cell}"
    for media_type, make in _RICH.items():
        written = _text(data.get(media_type))
        if written and len(written) <= MAX_RICH and room.take("rich", len(written)):
            html = make(written)
            if shows_something(html):
                return (
                    f'<div class="output rich" role="group" tabindex="0" aria-label="{label}">'
                    f"{html}</div>"
                )
        if media_type == "text/html":
            for kind in _PICTURES:
                content = _text(data.get(kind))
                if content and room.take("pictures", len(content)):
                    shown = picture(kind, content, f"Picture that cell {cell} made")
                    if shown is not None:
                        return f'<div class="output picture">{shown}</div>'
    words = _text(data.get("text/latex")).strip().strip("$") or _text(data.get("text/plain"))
    return _terminal(words, "stdout", cell, room) if words else _nothing(data)


_RICH: Mapping[str, Callable[[str], str]] = {
    "text/html": safe_html,
    "text/markdown": safe_markdown,
}


def _nothing(data: Mapping[str, Any]) -> str:
    kinds = ", ".join(plain(str(kind))[:80] for kind in list(data)[:5])
    return f'<p class="told">An output that is not shown here: {escape(kinds) or "empty"}.</p>'


def _terminal(text: str, kind: str, cell: int, room: Room) -> str:
    shown = room.text(text)
    names = {"stdout": "Output", "stderr": "Warnings", "error": "Error"}
    scrolls = f' tabindex="0" role="group" aria-label="{names[kind]} of cell {cell}"'
    long = shown.count("\n") > _LONG
    return (
        f'<pre class="output {kind}{" long" if long else ""}"{scrolls if long else ""}>'
        f"{terminal(shown)}</pre>"
    )


def _text(value: object) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = "".join(value)
    return value if isinstance(value, str) else ""
