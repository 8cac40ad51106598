"""Pictures in a notebook: as they stand in it, and only what is one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from html import escape

MAX_SIDE = 12_000  # pixels of one side, and what both make together
MAX_PIXELS = 40_000_000
MAX_SVG = 1 << 20  # characters

_BEGINS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
}


def picture(media_type: str, content: str, alt: str) -> str | None:
    """An <img> of it; None where it is no such picture or an immense one."""
    if media_type == "image/svg+xml":
        return _drawing(content, alt)
    data = _decoded(media_type, content)
    if data is None:
        return None
    size = _size(media_type, data)
    if size is not None and not _is_sane(*size):
        return None
    known = f' width="{size[0]}" height="{size[1]}"' if size else ""
    written = base64.b64encode(data).decode()
    return f'<img src="data:{media_type};base64,{written}" alt="{escape(alt)}"{known}>'


def picture_address(address: str, attached: Mapping[str, Mapping[str, str]]) -> str | None:
    """The address of a picture that stands in the document or is attached to the cell, if it is."""
    if address.startswith("attachment:"):
        found = attached.get(address.removeprefix("attachment:"), {})
        for media_type in _BEGINS:
            if media_type in found:
                return _address(media_type, found[media_type])
        return None
    head, comma, content = address.partition(",")
    media_type = head.removeprefix("data:").removesuffix(";base64")
    if not comma or head != f"data:{media_type};base64" or media_type not in _BEGINS:
        return None
    return _address(media_type, content)


def _address(media_type: str, content: str) -> str | None:
    data = _decoded(media_type, content)
    if data is None:
        return None
    size = _size(media_type, data)
    if size is not None and not _is_sane(*size):
        return None
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _drawing(content: str, alt: str) -> str | None:
    """As the source of an <img>, where browsers run no script of it and load nothing for it."""
    if len(content) > MAX_SVG or "<!ENTITY" in content.upper() or "<svg" not in content:
        return None
    written = base64.b64encode(content.encode("utf-8", "replace")).decode()
    return f'<img src="data:image/svg+xml;base64,{written}" alt="{escape(alt)}">'


def _decoded(media_type: str, content: str) -> bytes | None:
    begins = _BEGINS.get(media_type)
    try:
        data = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if begins is not None and data.startswith(begins) else None


def _size(media_type: str, data: bytes) -> tuple[int, int] | None:
    if media_type == "image/png" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if media_type == "image/gif" and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    return None


def _is_sane(width: int, height: int) -> bool:
    return 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS
