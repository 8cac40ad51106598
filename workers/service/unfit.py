"""Versions that need what this worker does not have: others judge what was handed in for them."""

from __future__ import annotations

import shutil

from grader.domain.rubric import Runtime


class Unfit(Exception):
    """This worker can't do it, now or later, and another one may."""

    def __init__(self, version_id: int, why: str) -> None:
        super().__init__(why)
        self.version_id = version_id


def refuse_unfit(version_id: int, runtime: Runtime, node: str, devices: int) -> None:
    """Raise Unfit where the worker lacks the devices or the interpreter of a version."""
    lacks = None
    if runtime.gpu > devices:
        lacks = f"{runtime.gpu} GPU{'s' if runtime.gpu > 1 else ''}, and it has {devices or 'none'}"
    elif runtime.python is not None and shutil.which(runtime.python) is None:
        lacks = f"the interpreter {runtime.python}, which is not there"
    if lacks is not None:
        raise Unfit(version_id, f"not for the worker {node}: each attempt asks for {lacks}")
