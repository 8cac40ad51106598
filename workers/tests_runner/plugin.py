"""The pytest plugin of a run: fixtures, points, and what becomes of each test."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _pytest.assertion import util

from grader.domain.questions import RanOutcome
from workers.tests_runner.link import Link, Whose
from workers.tests_runner.points import weights
from workers.tests_runner.subject import Subject
from workers.tests_runner.telling import AUTOMATIC_ID, Told, name_of, one_of, title_of

Record = dict[str, Any]  # the fields of a RanTest


class Plugin:
    """Registered for one session; afterwards `tests` and `fault` are its outcome."""

    def __init__(self, request: Mapping[str, Any], link: Link, folder: Path) -> None:
        self.tests: dict[str, Record] = {}
        self.fault = ""
        link.native = request["native"]
        self._request = request
        self._link = link
        self._folder = folder

    @pytest.fixture(scope="session")
    def student(self) -> Subject:
        """The submission."""
        whose: Whose = "reference" if self._request["on_reference"] else "student"
        return Subject(self._link, whose, frozenset(self._request["operators"]))

    @pytest.fixture(scope="session")
    def reference(self) -> Subject:
        """The reference."""
        return Subject(self._link, "reference", frozenset(self._request["operators"]))

    @pytest.fixture
    def earn(self, request: pytest.FixtureRequest) -> Callable[[float], None]:
        """`earn(0.5)`: where it passes, the test earns that part of its points."""

        def earning(fraction: float) -> None:
            if not 0 <= fraction <= 1:
                raise ValueError(f"a test earns a part of its points, from 0 to 1: {fraction:g}")
            self.tests[name_of(request.node)]["fraction"] = float(fraction)

        return earning

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> np.random.Generator:
        """Random numbers from the attempt's seed, the same for a test whatever ran before it."""
        own = zlib.crc32(name_of(request.node).encode())
        return np.random.default_rng([self._request["seed"], own])

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "points(n): what the test earns, beside the others")

    def pytest_make_parametrize_id(self) -> str:
        """An id made of the values would tell students what is expected."""
        return AUTOMATIC_ID

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found = weights(items)
        chosen = self._request["names"]
        for item in items:
            name = name_of(item)
            if chosen is None or name in chosen or name.partition("[")[0] in chosen:
                self.tests[name] = {
                    "name": name,
                    "function": getattr(item, "originalname", item.name),
                    "title": title_of(item, items),
                    "weight": found[item],
                    "outcome": RanOutcome.PASSED.value,
                    "fraction": 1.0,
                    "message": "",
                    "said": "",
                }
        items[:] = [item for item in items if name_of(item) in self.tests]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._note(f"it cannot be collected: {report.longreprtext}")

    def pytest_internalerror(self, excrepr: object) -> None:
        self._note(f"pytest failed: {excrepr}")

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._note(f"it was interrupted: {excinfo.exconly()}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._link.begin()
        try:
            return (yield)
        finally:
            self._link.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        # pytest's own comparison is a diff, which takes minutes for texts that are made for it.
        util._reprcompare = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        record = self.tests[name_of(item)]
        if record["outcome"] == RanOutcome.PASSED:
            told = self._told(item, call, report)
            record.update(outcome=told.outcome.value, message=told.message, said=told.said)
        return report

    def _told(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> Told:
        marked = {mark.name for mark in item.iter_markers()}
        error = None if call.excinfo is None else call.excinfo.value
        by_itself = isinstance(error, pytest.xfail.Exception)
        if hasattr(report, "wasxfail") and not by_itself:
            return Told(RanOutcome.LEFT_OUT)
        if report.skipped and report.when == "setup" and marked & {"skip", "skipif"}:
            return Told(RanOutcome.LEFT_OUT)
        if call.excinfo is None:
            return Told(RanOutcome.PASSED)
        return one_of(
            call.excinfo,
            self._folder,
            self._link.last_look,
            show_values=self._request["show_values"],
        )

    def _note(self, fault: str) -> None:
        self.fault = self.fault or fault[-2000:]
