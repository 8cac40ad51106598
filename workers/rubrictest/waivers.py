"""Waivers: what `rubric test` finds and an instructor has judged to be right all the same.

rubrics/<slug>/waivers.yaml

survives:                       # mutants that no check can notice: they are right too
  backprop/comparison/1: the derivative at the kink may be 0 or 1
spills:                         # mutants that lose points elsewhere, and may
  X/constant-changed/1: both exercises use the data
passes:                         # <exercise>/<check>/none, /zeros or /starter
  ex1-shapes/size/zeros: the check is about the shape alone
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.markedyaml import Marked, read_marked
from grader.safetext import one_line

_SECTIONS = ("survives", "spills", "passes")


@dataclass(frozen=True)
class Waivers:
    """Reasons by `<section>/<name>`."""

    reasons: Mapping[str, str] = field(default_factory=dict)

    def unused(self, used: Iterable[str]) -> list[str]:
        """Names of waivers that waived nothing: what they were about is mended, or renamed."""
        return sorted(set(self.reasons) - set(used))


def read_waivers(folder: Path) -> Waivers:
    """The waivers of the bundle in `folder`; raise BadBundle where the file is not valid."""
    path = folder / "waivers.yaml"
    if not path.exists():
        return Waivers()
    marked = read_marked(path, f"{one_line(folder.name)}/waivers.yaml")
    reasons: dict[str, str] = {}
    for section, entries in _mapping(marked, (), marked.data).items():
        if section not in _SECTIONS:
            raise marked.error((section,), f"there are {', '.join(_SECTIONS)}", key=True)
        for name, reason in _mapping(marked, (section,), entries).items():
            if not isinstance(reason, str) or not reason.strip():
                raise marked.error((section, name), "a waiver needs a reason in words")
            reasons[f"{section}/{name}"] = reason.strip()
    return Waivers(reasons)


def _mapping(marked: Marked, steps: tuple[str | int, ...], value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise marked.error(steps, "should be a mapping: `name: reason`")
    return value
