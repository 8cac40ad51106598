"""The one style sheet of the document, which stands in it: a frame without an origin loads none."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

STYLE = Path(__file__).with_name("notebook.css").read_text("utf-8")

# What a response's policy names, so that no other style counts.
STYLE_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
