"""Platforms' keys: how often they are read, and who waits for that."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from itertools import islice
from threading import Event

import pytest

from grader.lms.keysets import NoKeys, PlatformKeys, UnknownKey
from grader.lms.outside import Answer, Outside, Unreachable
from grader.lms.platforms import PlatformFacts
from tests.lmsplatform import Lms

LMS = Lms()
KID = LMS.registration.get_kid() or ""
PLATFORM = PlatformFacts(
    issuer=LMS.base,
    client_id=LMS.client_id,
    login_url=f"{LMS.base}/auth",
    token_url=f"{LMS.base}/token",
    jwks_url=f"{LMS.base}/jwks?key=hidden",
)
FAR_S = 30.0  # until a test that hangs is given up


class Door(Outside):
    """Where the keys are published: open, closed (nobody answers yet), or broken."""

    def __init__(self) -> None:
        super().__init__(private=False)
        for name, value in {
            "open": Event(),
            "broken": Event(),
            "begun": Event(),
            "asked": [],
        }.items():
            object.__setattr__(self, name, value)
        self.open.set()

    open: Event
    broken: Event
    begun: Event
    asked: list[str]

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        largest: int = 0,
    ) -> Answer:
        self.asked.append(url)
        self.begun.set()
        assert self.open.wait(FAR_S)
        if self.broken.is_set():
            raise Unreachable("it is broken")
        return LMS.answer(method, url, headers or {}, content or b"")


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_who_has_registered_it_sees_what_is_found_there_and_waits_for_a_while_alone() -> None:
    door = Door()
    keys = PlatformKeys(lambda _: door, patience_s=FAR_S)
    assert keys.look(PLATFORM) == (1, "")
    door.broken.set()
    assert keys.look(PLATFORM) == (0, "it is broken")  # asked anew, without a pause
    door.open.clear()
    hasty = PlatformKeys(lambda _: door, patience_s=0.01)
    assert hasty.look(PLATFORM) == (0, "there is no answer within 0 seconds")
    door.open.set()


def test_who_has_registered_it_waits_also_where_as_many_strangers_do_as_may() -> None:
    door = Door()
    keys = PlatformKeys(lambda _: door, patience_s=FAR_S)
    while keys._waiting.acquire(blocking=False):
        pass
    door.open.clear()
    with ThreadPoolExecutor(1) as threads:
        looking = threads.submit(keys.look, PLATFORM)
        assert door.begun.wait(FAR_S)
        door.open.set()
        assert looking.result(FAR_S) == (1, "")


def test_who_comes_with_a_known_key_does_not_wait_for_who_comes_with_an_unknown_one() -> None:
    door, clock = Door(), Clock()
    keys = PlatformKeys(lambda _: door, clock=clock)
    assert keys.key(PLATFORM, KID)
    door.open.clear()
    door.begun.clear()
    clock.now = 100.0
    with ThreadPoolExecutor(2) as threads:
        stranger = threads.submit(keys.key, PLATFORM, "unknown")
        try:
            assert door.begun.wait(FAR_S)
            assert threads.submit(keys.key, PLATFORM, KID).result(FAR_S)
        finally:
            door.open.set()
        with pytest.raises(UnknownKey):
            stranger.result(FAR_S)
    assert len(door.asked) == 2


def test_a_few_wait_for_what_is_read_once_and_everybody_else_is_told_to_try_again() -> None:
    door = Door()
    keys = PlatformKeys(lambda _: door, patience_s=FAR_S)
    door.open.clear()
    with ThreadPoolExecutor(12) as threads:
        asking = [threads.submit(keys.key, PLATFORM, KID) for _ in range(12)]
        try:
            refused = list(islice(as_completed(asking, FAR_S), 8))
        finally:
            door.open.set()
        for one in refused:
            with pytest.raises(NoKeys, match="open it again in a moment"):
                one.result()
        assert all(one.result(FAR_S) for one in asking if one not in refused)
    assert len(door.asked) == 1


def test_nobody_waits_longer_than_a_while_and_what_was_read_meanwhile_is_kept() -> None:
    door = Door()
    keys = PlatformKeys(lambda _: door, patience_s=0.0)
    door.open.clear()
    with pytest.raises(NoKeys, match="open it again in a moment"):
        keys.key(PLATFORM, KID)
    door.open.set()
    keys._patience_s = FAR_S
    assert keys.key(PLATFORM, KID)
    assert len(door.asked) == 1


def test_strangers_are_told_nothing_of_a_network_of_ours() -> None:
    door = Door()
    door.broken.set()
    for is_private in (False, True):
        keys = PlatformKeys(lambda _: door)
        with pytest.raises(NoKeys) as told:
            keys.key(replace(PLATFORM, is_private=is_private), KID)
        assert (LMS.base.removeprefix("https://") in str(told.value)) is not is_private


def test_old_keys_are_read_again_and_hold_for_a_day_where_that_fails() -> None:
    door, clock = Door(), Clock()
    keys = PlatformKeys(lambda _: door, clock=clock)
    keys.key(PLATFORM, KID)
    door.broken.set()
    clock.now = 3600.0
    assert keys.key(PLATFORM, KID)
    assert len(door.asked) == 2
    clock.now = 86400.0
    with pytest.raises(
        NoKeys, match=r"keys at https://lms\.example/jwks can't be read: it is broken"
    ):
        keys.key(PLATFORM, KID)


@pytest.mark.parametrize(("is_broken", "pause"), [(False, 60.0), (True, 15.0)])
def test_unknown_names_have_them_read_once_in_a_while(is_broken: bool, pause: float) -> None:
    door, clock = Door(), Clock()
    keys = PlatformKeys(lambda _: door, clock=clock)
    if is_broken:
        door.broken.set()
    for moment, asked in ((0.0, 1), (1.0, 1), (pause - 1, 1), (pause, 2), (pause + 1, 2)):
        clock.now = moment
        for name in ("a", "b", "c"):
            with pytest.raises((UnknownKey, NoKeys)):
                keys.key(PLATFORM, name)
        assert len(door.asked) == asked


def test_they_are_read_before_somebody_needs_them_and_not_again() -> None:
    door, clock = Door(), Clock()
    keys = PlatformKeys(lambda _: door, clock=clock, patience_s=FAR_S)
    door.open.clear()
    keys.prepare(PLATFORM)
    keys.prepare(PLATFORM)
    door.open.set()
    assert keys.key(PLATFORM, KID)
    clock.now = 100.0
    keys.prepare(PLATFORM)
    assert len(door.asked) == 1


def test_what_is_kept_of_a_private_address_is_not_for_a_platform_that_may_have_none() -> None:
    door = Door()
    keys = PlatformKeys(lambda _: door)
    keys.key(replace(PLATFORM, is_private=True), KID)
    keys.key(PLATFORM, KID)
    assert len(door.asked) == 2


def test_a_failure_of_ours_is_logged_and_no_secret_of_an_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def wrong(_: PlatformFacts) -> Outside:
        raise LookupError("a mistake")

    with pytest.raises(NoKeys, match="something went wrong here"):
        PlatformKeys(wrong).key(PLATFORM, KID)
    door = Door()
    door.broken.set()
    with caplog.at_level(logging.WARNING), pytest.raises(NoKeys, match="it is broken"):
        PlatformKeys(lambda _: door).key(PLATFORM, KID)
    assert "a mistake" in caplog.text
    assert "https://lms.example/jwks can't be read: it is broken" in caplog.text
    assert "hidden" not in caplog.text
