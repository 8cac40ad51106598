"""What an LMS answers, read."""

from __future__ import annotations

import pytest

from grader.lms.answers import next_page

BASE = "https://lms.example"


def as_sent(text: str) -> str:
    """A header's text as it arrives: the bytes of UTF-8, read one by one."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize(
    ("link", "address"),
    [
        (f'<{BASE}/m?page=2>; rel="next"', f"{BASE}/m?page=2"),
        (f"<{BASE}/m?page=2>; rel=next", f"{BASE}/m?page=2"),
        (f'<{BASE}/m?p=1>; rel="current", <{BASE}/m?p=2>; rel="next"', f"{BASE}/m?p=2"),
        (f'<{BASE}/m>;title="x"; REL="Next"', f"{BASE}/m"),
        # As Moodle writes it.
        (as_sent(f"<{BASE}/m?type=1&amp;page=2>; rel=“next”"), f"{BASE}/m?type=1&page=2"),
        (f'<{BASE}/m?page=1>; rel="first"', None),
        (f'<{BASE}/m?page=1>; rel="nextish"', None),
        ("</m?page=3>; rel=next", f"{BASE}/m?page=3"),
        ("", None),
        ("<>; rel=next", None),
        ("<" * 100_000, None),
    ],
)
def test_the_next_page_is_found_in_every_spelling_of_the_header(
    link: str, address: str | None
) -> None:
    assert next_page({"link": link}, f"{BASE}/m") == address
