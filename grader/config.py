"""The environment's settings: read here and nowhere else.

CHAINRULE_RUBRICS          the folder that holds rubrics/ and reference/; by default the current
                           folder where it has rubrics/, otherwise the checkout
CHAINRULE_ACCEPT_MISSING   layers of the sandbox, by name and separated by commas, without which
                           grading may go on
CHAINRULE_DEBUG            1: show the traceback of an unexpected failure
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.errors import BadInput
from grader.safetext import one_line

_CHECKOUT = Path(__file__).parent.parent
_LAYER = re.compile(r"[a-z0-9][a-z0-9-]*")
_FLAGS = {"": False, "0": False, "1": True}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the environment says, validated."""

    root: Path  # holds rubrics/ and reference/
    accept_missing: frozenset[str] = frozenset()
    debug: bool = False


def load_config(environment: Mapping[str, str] = os.environ) -> Config:
    """The settings; raise BadInput naming the variable that is wrong."""
    return Config(
        root=_root(environment.get("CHAINRULE_RUBRICS", "")),
        accept_missing=_layers(environment.get("CHAINRULE_ACCEPT_MISSING", "")),
        debug=debug(environment),
    )


def debug(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether tracebacks are wanted: asked when everything else may have failed."""
    value = environment.get("CHAINRULE_DEBUG", "").strip()
    if value not in _FLAGS:
        raise BadInput(f"CHAINRULE_DEBUG is 0 or 1, not {one_line(repr(value), 40)}")
    return _FLAGS[value]


def _root(value: str) -> Path:
    if not value:
        here = Path.cwd()
        return here if (here / "rubrics").is_dir() else _CHECKOUT
    root = Path(value).expanduser()
    if not (root / "rubrics").is_dir():
        raise BadInput(
            f"CHAINRULE_RUBRICS names {one_line(value)}, in which there is no folder rubrics"
        )
    return root.resolve()


def _layers(value: str) -> frozenset[str]:
    layers = frozenset(part.strip() for part in value.split(",") if part.strip())
    for layer in sorted(layers):
        if not _LAYER.fullmatch(layer):
            raise BadInput(
                f"CHAINRULE_ACCEPT_MISSING lists {one_line(repr(layer), 40)}, which is no layer"
            )
    return layers
