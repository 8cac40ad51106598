"""A worker starts only where its sandboxes hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.config import load_settings
from grader.errors import SandboxUnavailable
from workers.commands.findings import Finding
from workers.service import run


def test_a_worker_without_a_layer_refuses_to_start_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = []

    def findings(_: str, accepted: frozenset[str]) -> list[Finding]:
        assert accepted == {"net"}
        assert hidden, "what it was started with is to be closed to test files"
        return [
            Finding(group="", name="seccomp", present=True, needed=True),
            Finding(group="", name="net", present=False, needed=False),
            Finding(
                group="",
                name="landlock",
                present=False,
                needed=True,
                detail="the kernel has none",
                remedy="use Linux 5.13 or later",
            ),
        ]

    # Not this process itself: other tests need it open.
    monkeypatch.setattr(run, "hide_memory", lambda: hidden.append(True))
    monkeypatch.setattr(run, "layer_findings", findings)
    variables = {"CHAINRULE_DATA": str(tmp_path), "CHAINRULE_ACCEPT_MISSING": "net"}
    with pytest.raises(SandboxUnavailable) as refused:
        run.run_worker(load_settings(variables))
    said = str(refused.value)
    assert "landlock is missing: the kernel has none; use Linux 5.13 or later" in said
    assert "net is missing" not in said
    assert not list(tmp_path.iterdir())
