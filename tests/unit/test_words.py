"""How values are said: how far off a moment is, and what a cause means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.hints import meaning
from grader.web.pages.words import relative

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


def test_every_cause_has_words() -> None:
    assert meaning("raised", "forward").startswith("Restart the kernel")
    assert meaning("unreadable", "value")
    assert meaning("test_it_sums", "test") == "The test of this name fails."
    assert meaning("forgot-the-bias", "forward") == "The rubric names this mistake."
