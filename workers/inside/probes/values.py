"""`values`: what names hold."""

from __future__ import annotations

from typing import Any

from ..describe import ROOM, Describer


def answer(payload: dict[str, Any], namespace: dict[str, Any], room: int = ROOM) -> dict[str, Any]:
    """`{values: {name: described}}`, without the names that are missing."""
    describer = Describer(room)
    found = {name: namespace[name] for name in payload["names"] if name in namespace}
    return {"values": {name: describer.describe(value) for name, value in found.items()}}
