"""No two workers share a name: one that starts takes what it finds under its own for abandoned."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.errors import BadInput
from grader.services import judging
from grader.services.site import Site

_LOOK_S = 1.0
_PROC = Path("/proc")

log = logging.getLogger(__name__)


def whereabouts() -> dict[str, Any]:
    """Which process this worker is, among the facts by which it announces itself."""
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    space = os.stat(_PROC / "self/ns/pid").st_ino
    # With the user: of others' processes a system may show none.
    where = f"{boot}/{space}/{os.getuid()}"
    return {"space": where, "pid": os.getpid(), "started": _started(os.getpid())}


def refuse_namesake(site: Site) -> None:
    """Raise BadInput where a worker of this name lives.

    Where its process can't be looked at, on another machine or in another container, the next
    thing that is heard of it tells, or that there is none for as long as a lease lasts.
    """
    first = None
    while (heard := judging.last_heard(site)) is not None and not heard.is_silent:
        lives = _lives(heard.facts.get("process"))
        if lives is False:
            return
        if lives or (first is not None and heard.seen_at != first):
            raise BadInput(
                f"CHAINRULE_NODE: a worker that is called {site.settings.node} runs already; give "
                "each worker a name of its own"
            )
        if first is None:
            log.info("a worker of this name was here a moment ago: waiting whether it lives")
        first = heard.seen_at
        time.sleep(min(_LOOK_S, site.settings.lease_s / 10))


def _lives(process: object) -> bool | None:
    """Whether that process lives; None where that can't be seen from here."""
    if not isinstance(process, Mapping) or process.get("space") != whereabouts()["space"]:
        return None
    return bool(_started(process["pid"]) == process["started"])


def _started(pid: int) -> int | None:
    """When a process was started; None where there is none, or it has ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])
