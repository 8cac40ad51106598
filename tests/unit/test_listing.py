"""What the address of a table of submissions says."""

from __future__ import annotations

import pytest

from grader.web.pages.listing import read_query


@pytest.mark.parametrize(
    ("query", "in_use"),
    [
        ("", 0),
        ("q=ada&sort=score&dir=asc", 0),
        ("state=graded&counts=no", 2),
        ("found=ex1&check=a&cause=sign", 1),
        ("found=ex1&check=a&unnamed=1", 1),
        ("least=1&most=2", 2),
        ("latest=1", 1),
    ],
)
def test_filters_are_counted_and_not_the_words_that_one_of_them_takes(
    query: str, in_use: int
) -> None:
    assert read_query(query).folded == in_use
