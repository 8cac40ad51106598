"""GPUs are handed out one attempt at a time for each."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from grader.errors import SandboxUnavailable
from workers.service.devices import Devices


def test_nobody_has_a_device_that_somebody_has() -> None:
    devices = Devices([0, 3])
    with devices.lend(1) as one, devices.lend(1) as other:
        assert {*one, *other} == {0, 3}
    with devices.lend(2) as both:
        assert both == (0, 3)


def test_who_asks_for_what_is_in_use_waits() -> None:
    devices, had = Devices([0]), threading.Event()

    def wait() -> None:
        with devices.lend(1):
            had.set()

    other = threading.Thread(target=wait)
    with devices.lend(1):
        other.start()
        assert not had.is_set()
    other.join(10)
    assert had.is_set()


def test_no_more_attempts_are_claimed_than_there_are_devices() -> None:
    devices = Devices([0, 1])
    with ExitStack() as stack:
        turns = [stack.enter_context(devices.turn()) for _ in range(3)]
        assert turns == [True, True, False]
    with devices.turn() as mine:
        assert mine


def test_a_worker_without_devices_has_no_turn_and_lends_none() -> None:
    devices = Devices([])
    with devices.turn() as mine, devices.lend(0) as none:
        assert not mine
        assert none == ()
    with pytest.raises(SandboxUnavailable), devices.lend(1):
        pass
