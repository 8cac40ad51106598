"""Hands in as a web process does, and is killed between the commit and the message."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import replace

from grader.config import load_settings
from grader.services.access import Actor
from grader.services.site import open_site
from grader.services.submissions import submit


class Killed:
    """In the place of the messages."""

    def send(self, task: str, rows: Iterable[tuple[int, str]]) -> bool:
        """It never returns."""
        os.kill(os.getpid(), signal.SIGKILL)
        return True


if __name__ == "__main__":
    order = json.load(sys.stdin)
    submit(
        replace(open_site(load_settings()), messages=Killed()),
        Actor(order["person_id"], "somebody"),
        order["assignment_id"],
        name="a0.ipynb",
        content=[order["content"].encode()],
        idempotency_key=order["key"],
    )
