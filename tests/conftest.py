"""Fixtures that more than one kind of test uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from grader.domain.rubric import Bundle
from grader.rubricfile import load_bundle
from workers.zygote import Zygote

ROOT = Path(__file__).parent.parent

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("chainrule", deadline=None)
settings.load_profile("chainrule")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The parts of the suite that grade the corpus many times over run on demand."""
    parser.addoption("--exhaustive", action="store_true", help="grade the corpus many times over")


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The first assignment."""
    return load_bundle("uw-cse447-a0", ROOT)


@pytest.fixture(scope="session")
def zygote(bundle: Bundle) -> Iterator[Zygote]:
    """One warm zygote for each test process."""
    with Zygote(bundle.rubric.runtime) as running:
        yield running
