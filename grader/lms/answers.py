"""What a learning management system answers: pages of lists, refusals, and how long to wait."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from grader.errors import ChainruleError
from grader.lms.claims import words
from grader.lms.outside import Answer, NotAllowed, NotUnderstood, Unreachable
from grader.safetext import one_line

_MOST_PAGES = 200
_LONGEST_REST = timedelta(hours=1)
# Moodle writes the header for a web page: the quotes are curly, and an & is an entity.
_LINK = re.compile(r"<([^<>]+)>((?:\s*;[^,<]*)*)")
_NEXT = re.compile(r"rel\s*=\W*next\b", re.ASCII | re.IGNORECASE)

# A name or title as it can be kept and shown; empty where there is none.
Words = Annotated[str, BeforeValidator(lambda found: words({"it": found}, "it"))]
Read = TypeVar("Read")
Send = Callable[[str], Answer]


class Refused(ChainruleError):
    """An answer that says no: its status, and what it said in words that can be shown."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.said = _said(answer)
        super().__init__(f"status {answer.status}{': ' if self.said else ''}{self.said}")


def accepted(answer: Answer) -> Answer:
    """The answer; raises Refused where it says no."""
    if not answer.ok:
        raise Refused(answer)
    return answer


def read(model: TypeAdapter[Read], answer: Answer) -> Read:
    """The body as the model; raises Unreachable where it is no JSON, NotUnderstood where it is
    something else."""
    return understood(model, answer.json())


def understood(model: TypeAdapter[Read], found: Any) -> Read:
    """What an answer holds as the model; raises NotUnderstood where it is something else."""
    try:
        return model.validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise NotUnderstood(f"{one_line(where, 100)}: {first['msg']}") from None


def pages(send: Send, url: str) -> Iterator[Answer]:
    """All pages of a list, each by the address in the one before; none of another origin."""
    seen = {url}
    for _ in range(_MOST_PAGES):
        answer = accepted(send(url))
        yield answer
        following = next_page(answer.headers, url)
        if following is None or following in seen:
            return
        if origin(following) != origin(url):
            raise NotAllowed("the next page of a list is on another server")
        seen.add(following)
        url = following
    raise Unreachable(f"a list has more than {_MOST_PAGES} pages")


def next_page(headers: Mapping[str, str], base: str) -> str | None:
    """The address of the next page, which the header `Link` names."""
    for target, parameters in _LINK.findall(headers.get("link", "")):
        if _NEXT.search(parameters):
            return urljoin(base, html.unescape(target).strip())
    return None


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of an address; raises NotAllowed for what is none."""
    try:
        parts = urlsplit(url)
        usual = {"https": 443, "http": 80}.get(parts.scheme)
        return parts.scheme, parts.hostname, parts.port or usual
    except ValueError as error:
        raise NotAllowed("this is no address") from error


def rest(answer: Answer, now: datetime) -> timedelta | None:
    """How long to wait before the next request, where the answer says so: an hour at most."""
    said = answer.headers.get("retry-after", "").strip()
    if not said:
        return None
    if said.isdecimal():
        wait = timedelta(seconds=min(int(said[:9]), 86400))
    else:
        until = moment_of(said)
        if until is None:
            return None
        wait = until - now
    return min(max(wait, timedelta(seconds=1)), _LONGEST_REST)


def moment_of(text: str) -> datetime | None:
    """A moment as headers write it, or as ISO 8601 does; None for what is neither."""
    for reading in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found: Any = reading(text)
        except (ValueError, TypeError, OverflowError):
            continue
        known: datetime = found if found.tzinfo else found.replace(tzinfo=UTC)
        return known
    return None


def _said(answer: Answer) -> str:
    """A sentence of an error's body, whatever shape it has."""
    try:
        found = answer.json()
    except Unreachable:
        text = answer.body[:400].decode("utf-8", "replace")
        return "" if "<" in text else one_line(text, 200)
    for _ in range(4):
        if isinstance(found, list) and found:
            found = found[0]
        elif isinstance(found, dict):
            names = ("message", "error", "errors", "detail", "reason", "title")
            found = next((found[name] for name in names if found.get(name)), None)
    return one_line(found, 200) if isinstance(found, str) else ""
