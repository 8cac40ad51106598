"""Forms: what is typed, what is said about it, and local times where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import Field

from grader.errors import BadInput, Forbidden
from grader.web.pages.forms import Form, LocalMoment, Plain, Sheet, Slug, moment_in

BERLIN = "Europe/Berlin"


class Thing(Form):
    """Something of everything."""

    title: Plain = Field(title="Title", max_length=5)
    slug: Slug | None = Field(None, title="Short name")
    count: int = Field(1, title="Count", ge=1, le=9)
    due_at: LocalMoment | None = Field(None, title="Due")


def wrong(**values: str) -> dict[str, str]:
    sheet = Sheet(Thing, values, zone=BERLIN)
    with sheet.refusing():
        sheet.read()
    return sheet.errors


def test_what_is_right_is_read_and_what_is_blank_is_left_out() -> None:
    values = {"title": " ab ", "count": "", "due_at": "2026-10-01T12:00"}
    thing = Sheet(Thing, values, zone=BERLIN).read()
    assert (thing.title, thing.count) == ("ab", 1)
    assert thing.due_at == datetime(2026, 10, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"title": ""}, {"title": "Fill this in."}),
        ({"title": "abcdef"}, {"title": "At most 5 characters."}),
        ({"title": "a\0"}, {"title": "It holds characters that cannot be kept."}),
        ({"title": "a", "count": "x"}, {"count": "A whole number."}),
        ({"title": "a", "count": "10"}, {"count": "At most 9."}),
        (
            {"title": "a", "slug": "A b"},
            {"slug": "At most 64 of a to z, 0 to 9 and hyphens, as in homework-1."},
        ),
        (
            {"title": "a", "due_at": "tomorrow"},
            {"due_at": "A day and a time, as 2026-10-01T12:00."},
        ),
        ({"title": "", "count": "0"}, {"title": "Fill this in.", "count": "At least 1."}),
    ],
)
def test_what_is_wrong_is_said_for_each_field(
    values: dict[str, str], errors: dict[str, str]
) -> None:
    assert wrong(**values) == errors


def test_a_use_case_s_refusal_stands_beside_the_field_that_it_names() -> None:
    sheet = Sheet(Thing, {"title": "a"})
    with sheet.refusing():
        raise BadInput("slug: it is taken")
    assert (sheet.errors, sheet.problem) == ({"slug": "It is taken."}, "")
    assert sheet.first_wrong == "slug"
    sheet = Sheet(Thing, {"title": "a"})
    with sheet.refusing():
        raise BadInput("elsewhere: it is taken")
    assert sheet.problem == "Elsewhere: it is taken."
    with pytest.raises(Forbidden), Sheet(Thing).refusing():
        raise Forbidden("no")


def test_a_time_that_the_clocks_leave_out_is_told_with_the_next_one() -> None:
    with pytest.raises(ValueError, match=r"02:30 does not exist .* Say 03:30 instead"):
        moment_in("2026-03-29T02:30", BERLIN)


def test_of_a_time_that_comes_twice_it_is_asked_which() -> None:
    with pytest.raises(ValueError, match="comes twice in Europe/Berlin on 25 Oct 2026"):
        moment_in("2026-10-25T02:30", BERLIN)
    first = moment_in("2026-10-25T02:30", BERLIN, "first")
    second = moment_in("2026-10-25T02:30", BERLIN, "second")
    assert (first.hour, second.hour) == (0, 1)


@pytest.mark.parametrize("text", ["2026-10-01T12:00+02:00", "1900-01-01T00:00", "9999-12-31T23:59"])
def test_a_moment_is_a_local_time_of_these_centuries(text: str) -> None:
    with pytest.raises(ValueError, match=r"year|day and a time"):
        moment_in(text, BERLIN)


@pytest.mark.parametrize("hour", [0, 1])
def test_a_moment_that_comes_twice_is_shown_as_the_one_that_it_is(hour: int) -> None:
    at = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    sheet = Sheet(Thing, {"title": "a", "due_at": at}, zone=BERLIN)
    assert sheet.values["due_at"] == "2026-10-25T02:30"
    assert sheet.comes_twice("due_at")
    assert sheet.read().due_at == at


def test_a_due_date_to_the_second_is_kept() -> None:
    at = datetime(2026, 10, 1, 21, 59, 59, tzinfo=UTC)
    sheet = Sheet(Thing, {"title": "a", "due_at": at}, zone=BERLIN)
    assert sheet.values["due_at"] == "2026-10-01T23:59:59"
    assert sheet.read().due_at == at
