"""Text streams that stand for stdout and stderr while student code runs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

_isinstance = isinstance
_str = str


class CapturedText(io.TextIOBase):
    """A text stream that hands everything to `take`; `descriptor` is what `fileno` answers."""

    encoding = "utf-8"
    errors = "replace"
    newlines = None
    line_buffering = False
    write_through = True
    mode = "w"

    def __init__(self, name: str, descriptor: int, take: Callable[[str], None]) -> None:
        self.name = f"<{name}>"
        self._descriptor = descriptor
        self._take = take
        self._bytes = _CapturedBytes(self)

    @property
    def buffer(self) -> _CapturedBytes:
        """The binary layer: what it is given is decoded as UTF-8."""
        return self._bytes

    def write(self, text: str) -> int:
        """Take `text`; return its length."""
        if not _isinstance(text, _str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._take(_str.__str__(text))
        return len(text)

    def writelines(self, lines: Iterable[Any]) -> None:
        """Take every line."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Stay open: what runs later prints, too."""

    def fileno(self) -> int:
        """The descriptor of the same name."""
        return self._descriptor

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Never: progress bars and colours behave."""
        return False

    def reconfigure(self, **_: object) -> None:
        """Accept what io.TextIOWrapper accepts; nothing changes."""


class _CapturedBytes(io.RawIOBase):
    def __init__(self, text: CapturedText) -> None:
        self._text = text

    def write(self, data: object) -> int:
        written = bytes(data)  # type: ignore[call-overload]
        self._text.write(written.decode("utf-8", "replace"))
        return len(written)

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Stay open, as the text layer does."""

    def fileno(self) -> int:
        return self._text.fileno()
