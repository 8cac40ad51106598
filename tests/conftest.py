"""Fixtures that more than one kind of test uses."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import settings

from grader.domain.rubric import Bundle
from grader.rubricfile import load_bundle
from grader.services import people
from tests.databases import (  # noqa: F401 - fixtures, here so that all tests share the servers
    compiled_once,
    database,
    database_url,
    empty,
    migrated_postgresql,
    migrated_sqlite,
    postgresql,
    used_postgresql,
)
from tests.logged import configured  # noqa: F401 - a fixture
from workers.zygote import Zygote

ROOT = Path(__file__).parent.parent

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("chainrule", deadline=None)
settings.load_profile("chainrule")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The parts of the suite that grade the corpus many times over run on demand."""
    parser.addoption("--exhaustive", action="store_true", help="grade the corpus many times over")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What the tests themselves consist of stays: the collector need not go through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """A hash that takes no time; that it takes time in earnest is tests/unit/test_passwords.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The first assignment."""
    return load_bundle("uw-cse447-a0", ROOT)


@pytest.fixture(scope="session")
def zygote(bundle: Bundle) -> Iterator[Zygote]:
    """One warm zygote for each test process."""
    with Zygote(bundle.rubric.runtime) as running:
        yield running
