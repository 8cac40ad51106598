"""No two workers share a name, and who follows one that has died does not wait for it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from grader.errors import BadInput
from grader.services import judging
from grader.services.site import Site
from workers.service import namesake, run
from workers.service.namesake import refuse_namesake, whereabouts


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, which takes no time."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


def announce(site: Site, **process: Any) -> None:
    judging.announce(site, {"process": {**whereabouts(), **process}})


def test_while_a_worker_of_the_name_lives_another_one_refuses_to_start(
    site: Site, looks: list[float]
) -> None:
    refuse_namesake(site)
    announce(site)
    with pytest.raises(BadInput, match="CHAINRULE_NODE: a worker that is called tests runs"):
        refuse_namesake(site)
    assert not looks


def test_who_follows_one_that_has_died_starts_at_once(site: Site, looks: list[float]) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    announce(site, pid=child.pid, started=namesake._started(child.pid))
    with pytest.raises(BadInput):
        refuse_namesake(site)
    child.kill()
    child.communicate()
    refuse_namesake(site)
    announce(site, started=0)  # the number of a process is somebody else's by now
    refuse_namesake(site)
    assert not looks


def test_one_that_can_t_be_looked_at_is_listened_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(site, space="another machine")
    looks: list[float] = []

    def beat(waited: float) -> None:
        looks.append(waited)
        judging.still_here(site, {"process": {"space": "another machine"}})

    monkeypatch.setattr("time.sleep", beat)
    with pytest.raises(BadInput):
        refuse_namesake(site)
    assert len(looks) == 1
    monkeypatch.setattr("time.sleep", lambda _: judging.goodbye(site))
    refuse_namesake(site)


def test_a_worker_asks_for_it_before_it_takes_anything(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(site)
    monkeypatch.setattr(run, "_layers", lambda _: [])
    monkeypatch.setattr(run, "remove_abandoned", lambda: None)
    monkeypatch.setattr(run, "Zygotes", None)
    with pytest.raises(BadInput, match="CHAINRULE_NODE"):
        run.run_worker(site.settings)
    assert judging.is_announced(site)
