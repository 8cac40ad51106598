"""The web process asks for short turns on the CPU, in all of its threads; no more of the CPU."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import subprocess
import sys
import threading

import pytest

from grader.web.turns import ask_for_short_turns

_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")


def attributes() -> tuple[int, int, int]:
    """Of the calling thread: its policy, its niceness, and how many ns it wants at a stretch."""
    found = ctypes.create_string_buffer(_ATTRIBUTES.size)
    number = _SCHED_GETATTR[platform.machine()]
    assert ctypes.CDLL(None).syscall(number, 0, found, _ATTRIBUTES.size, 0) == 0
    _, policy, _, nice, _, runtime, _, _ = _ATTRIBUTES.unpack(found.raw)
    return policy, nice, runtime


def asked_in_a_thread_of_its_own() -> None:
    """Ask, and print what holds in a thread that is started afterwards."""
    os.nice(3)
    assert ask_for_short_turns()
    thread = threading.Thread(target=lambda: print(*attributes()))
    thread.start()
    thread.join()


def test_threads_that_are_started_afterwards_have_short_turns_too() -> None:
    code = f"from {__name__} import asked_in_a_thread_of_its_own as ask; ask()"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    release = tuple(map(int, platform.release().split("-")[0].split(".")[:2]))
    turn = 1_000_000 if release >= (6, 12) else 0
    _, nice, _ = attributes()
    assert answer.stdout.split() == [str(os.SCHED_OTHER), str(nice + 3), str(turn)]


def test_who_has_chosen_another_way_to_be_scheduled_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getscheduler", lambda _: os.SCHED_BATCH)
    assert not ask_for_short_turns()


def test_a_machine_that_has_no_such_call_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "sparc64")
    assert not ask_for_short_turns()
