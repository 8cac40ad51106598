"""What a cell wrote, as nbformat v4 output dicts: merged, and bounded per cell and in total."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

_PENDING = 1 << 16  # characters of a stream that wait before progress lines are collapsed
_STREAM_SHARE = 8  # of what a run keeps, one cell's stream may take this part
_CELL_SHARE = 2  # and one cell altogether this part
_OUTPUTS = 64  # per cell
_NOTE = 200  # characters that a note or an error may still take when all room is used
_ERROR = 2000


class OutputLog:
    """Collects the outputs of one cell after the other.

    `kept` bounds, in characters, what all cells together may keep; `flood` is called once when
    more than `limit` characters have been written in all.
    """

    def __init__(self, kept: int = 1 << 20, limit: int = 32 << 20) -> None:
        self.written = 0
        self.flood: Callable[[], None] | None = None
        self._limit = limit
        self._left = kept
        self._stream_room = max(1000, kept // _STREAM_SHARE)
        self._cell_room = max(1000, kept // _CELL_SHARE)
        self._outputs: list[_Stream | _Output] = []
        self._clear_first = False

    def write(self, name: str, text: str) -> None:
        """Take what was written to "stdout" or "stderr"."""
        self.written += len(text)
        if self.written > self._limit and self.flood is not None:
            flood, self.flood = self.flood, None
            flood()
        self._stream(name).add(text)

    def display(self, data: object, *, display_id: object = None, update: bool = False) -> None:
        """Take a MIME bundle that was displayed; with `update`, in place of one shown before."""
        bundle = _bundle(data)
        key = display_id if type(display_id) is str else None
        if update:
            for output in self._outputs:
                if isinstance(output, _Output) and output.key == key is not None:
                    output.content["data"] = bundle
                    return
        self._add("display_data", {"data": bundle, "metadata": {}}, key)

    def result(self, data: object, count: int) -> None:
        """Take the value of a cell's last expression, as a MIME bundle."""
        self._add(
            "execute_result", {"data": _bundle(data), "metadata": {}, "execution_count": count}
        )

    def error(self, content: dict[str, object]) -> None:
        """Take an exception: `ename`, `evalue` and `traceback`, already bounded."""
        self._add("error", content)

    def clear(self, wait: bool = False) -> None:
        """Forget what the cell has shown; with `wait`, when it shows something again."""
        if wait:
            self._clear_first = True
        else:
            self._outputs.clear()

    def mute(self) -> None:
        """Keep nothing from here on."""
        self._left = 0
        self._stream_room = 0
        self._outputs.clear()

    def finish(self) -> list[dict[str, object]]:
        """The outputs since the last call, within the room that is left."""
        outputs, self._outputs = self._outputs, []
        self._clear_first = False
        room = min(self._left, self._cell_room)
        kept: list[dict[str, object]] = []
        errors = [output for output in outputs if output.is_error]
        for output in outputs:
            content, size = output.finished()
            if size > room and output.is_error and output is not errors[-1]:
                continue  # the last one says what became of the cell
            if size > room:
                content, size = _shortened(content, room)
            room -= size
            self._left = max(0, self._left - size)
            if content:
                kept.append(content)
        return kept

    def _stream(self, name: str) -> _Stream:
        self._clear_if_due()
        last = self._outputs[-1] if self._outputs else None
        if isinstance(last, _Stream) and last.name == name:
            return last
        if len(self._outputs) >= _OUTPUTS:
            for output in self._outputs:
                if isinstance(output, _Stream) and output.name == name:
                    return output
        stream = _Stream(name, self._stream_room)
        self._outputs.append(stream)
        return stream

    def _add(self, kind: str, content: dict[str, object], key: str | None = None) -> None:
        self._clear_if_due()
        is_full = len(self._outputs) >= _OUTPUTS
        if is_full and kind == "error" and self._outputs[-1].is_error:
            self._outputs.pop()
        if not is_full or kind == "error":
            self._outputs.append(_Output({"output_type": kind, **content}, key))

    def _clear_if_due(self) -> None:
        if self._clear_first:
            self._clear_first = False
            self._outputs.clear()


class _Output:
    def __init__(self, content: dict[str, object], key: str | None) -> None:
        self.content = content
        self.key = key
        self.is_error = content["output_type"] == "error"

    def finished(self) -> tuple[dict[str, object], int]:
        return self.content, _size(self.content)


class _Stream:
    """Consecutive writes to one stream: its beginning and its end are kept."""

    is_error = False

    def __init__(self, name: str, room: int) -> None:
        self.name = name
        self._head_room = room * 3 // 4
        self._tail_room = room - self._head_room
        self._pending: list[str] = []
        self._pending_size = 0
        self._head: list[str] = []
        self._tail = ""
        self._cut = 0

    def add(self, text: str) -> None:
        self._pending.append(text)
        self._pending_size += len(text)
        if self._pending_size > _PENDING:
            self._settle()

    def _settle(self) -> None:
        """Collapse what is pending and keep it, except a last line that is still being written."""
        text = "".join(self._pending)
        end = text.rfind("\n") + 1
        line = _collapsed(text[end:])
        if len(line) > _PENDING // 2:
            end, line = len(text), ""
        self._keep(_collapsed(text[:end]))
        self._pending, self._pending_size = [line], len(line)

    def _keep(self, text: str) -> None:
        taken = text[: self._head_room]
        if taken:
            self._head.append(taken)
            self._head_room -= len(taken)
        rest = self._tail + text[len(taken) :]
        cut = max(0, len(rest) - self._tail_room)
        self._tail = rest[cut:]
        self._cut += cut

    def finished(self) -> tuple[dict[str, object], int]:
        self._keep(_collapsed("".join(self._pending)))
        self._pending, self._pending_size = [], 0
        middle = f"\n[{self._cut} characters left out]\n" if self._cut else ""
        text = "".join(self._head) + middle + self._tail
        if not text:
            return {}, 0
        return {"output_type": "stream", "name": self.name, "text": text}, len(text)


def _collapsed(text: str) -> str:
    """`text` with what a carriage return would have overwritten left out."""
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _bundle(data: object) -> dict[str, str]:
    """The parts of a MIME bundle that a notebook without a front end can keep: text and images."""
    found: dict[str, str] = {}
    if type(data) is not dict:
        return found
    for mime, content in list(data.items())[:20]:
        if type(mime) is not str or not mime.startswith(("text/", "image/")):
            continue
        if type(content) is bytes:
            found[mime[:100]] = b64encode(content).decode("ascii")
        elif isinstance(content, str):
            found[mime[:100]] = str.__str__(content)
    return found


def _size(content: dict[str, object]) -> int:
    size = 0
    for part in content.values():
        if isinstance(part, str):
            size += len(part)
        elif isinstance(part, dict):
            size += _size(part)
        elif isinstance(part, list):
            size += sum(len(line) for line in part)
    return size


def _shortened(content: dict[str, object], room: int) -> tuple[dict[str, object], int]:
    """`content` cut to `room` characters, or a note in its place; an error always says its name."""
    kind = content["output_type"]
    if kind == "error":
        value = str(content["evalue"])[:_NOTE]
        return {**content, "evalue": value, "traceback": [f"{content['ename']}: {value}"]}, 0
    if room < _NOTE:
        return {}, 0
    if kind == "stream":
        text = str(content["text"])[: room - 50] + "\n[the rest is left out]\n"
        return {**content, "text": text}, len(text)
    data = content["data"]
    assert isinstance(data, dict)
    plain = str(data.get("text/plain", ""))[: room - 50] + " [left out: too large]"
    return {**content, "data": {"text/plain": plain}}, len(plain)
