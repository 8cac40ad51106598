"""How values are said: how far off a moment is, and what a cause means."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import grader.checks
from grader.domain.hints import hint_for, meaning
from grader.web.pages.words import relative
from tests.unit.checks._play import spec

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("apart", "said"),
    [
        (4 * SECOND, "just now"),
        (timedelta(minutes=1), "in 1 minute"),
        (timedelta(hours=2) - SECOND, "in 1 hour"),
        (timedelta(days=3) - SECOND, "in 2 days"),
        (timedelta(days=60) - SECOND, "in 59 days"),
        (timedelta(days=90) - SECOND, "in 3 months"),
        (timedelta(days=3 * 365) - SECOND, "in 3 years"),
        (timedelta(days=-90), "3 months ago"),
    ],
)
def test_what_is_near_is_never_said_to_be_later_and_what_is_far_is_rounded(
    apart: timedelta, said: str
) -> None:
    assert relative(NOW + apart, NOW) == said


def test_causes_have_words_also_those_that_a_rubric_or_a_test_has_made() -> None:
    assert meaning("raised", "forward").startswith("Restart the kernel")
    assert meaning("unreadable", "value")
    assert meaning("test_it_sums", "test") == "The test of this name fails."
    assert meaning("forgot-the-bias", "forward") == "The rubric names this mistake."


def named_causes() -> Iterator[str]:
    """All causes that kinds of checks name by a word of their own."""
    yield from (f"tensor-{name}" for name in spec("tensor", name="x", dtype="float32").wanted)
    for path in Path(grader.checks.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "NearMiss":
                named = node.args[0]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "cause":
                named = node.value
            else:
                continue
            if not isinstance(named, ast.JoinedStr):
                yield from (
                    one.value
                    for one in ast.walk(named)
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )


def test_every_cause_that_a_kind_of_check_names_has_words() -> None:
    causes = set(named_causes())
    assert len(causes) > 60
    assert {cause for cause in causes if hint_for({}, cause) is None} == set()
