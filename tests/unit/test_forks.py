"""Answers that are computed in a fork."""

from __future__ import annotations

import os
import time

import pytest

from workers.inside import forks


def test_an_answer_that_comes_just_when_its_process_ends_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = forks._waitid

    def late(kind: int, child: int, flags: int) -> object:
        """Looks as on a busy machine, on which the child has gone on meanwhile, to its end."""
        return looked(kind, child, flags & ~os.WNOHANG)

    def computed() -> bytes:
        time.sleep(3 * forks._SLICE_S)  # so that it is looked at before it answers
        return b"the answer"

    monkeypatch.setattr(forks, "_waitid", late)
    outcome = forks.in_fork(computed, limit_s=60, limit_bytes=100)
    assert (outcome.status, outcome.evidence) == ("answered", b"the answer")
