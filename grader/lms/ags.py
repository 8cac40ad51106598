"""Assignment and Grade Services (LTI Advantage): line items, scores and results of a course.

A score is never anything but FullyGraded: Moodle erases the grade for any other progress.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol
from urllib.parse import urlencode, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from grader.lms.answers import Words, accepted, moment_of, origin, pages, read, understood
from grader.lms.claims import is_address
from grader.lms.outside import Answer, NotAllowed, Outside
from grader.safetext import one_line

LINE_ITEMS = "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem"
RESULTS = "https://purl.imsglobal.org/spec/lti-ags/scope/result.readonly"
SCORES = "https://purl.imsglobal.org/spec/lti-ags/scope/score"

# Moodle refuses plain application/json.
_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
_ITEMS = "application/vnd.ims.lis.v2.lineitemcontainer+json"
_RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json"
_SCORE = "application/vnd.ims.lis.v1.score+json"
_OF_CANVAS = "https://canvas.instructure.com/lti/submission"
_LONGEST_LABEL = 200

_Number = Annotated[float, Field(allow_inf_nan=False)]


def _checked(found: str) -> str:
    if not is_address(found):
        raise ValueError("it is no address on the web")
    return found


_Address = Annotated[str, AfterValidator(_checked)]


class Bearer(Protocol):
    """What gives tokens for the services of one platform."""

    def get(self, scopes: Collection[str]) -> str:
        """A token with these scopes."""

    def forget(self, scopes: Collection[str], token: str) -> None:
        """That one holds no more; the next is another."""


class LineItem(BaseModel):
    """A column of a gradebook, as far as it matters here."""

    model_config = ConfigDict(extra="ignore")

    id: _Address
    label: Words = ""
    maximum: _Number = Field(alias="scoreMaximum")


class Result(BaseModel):
    """The grade that somebody has in a column by now; none where there is no score."""

    model_config = ConfigDict(extra="ignore")

    person: str = Field(alias="userId", coerce_numbers_to_str=True)
    score: _Number | None = Field(None, alias="resultScore")
    maximum: _Number | None = Field(None, alias="resultMaximum")
    timestamp: str | None = None

    @property
    def at(self) -> datetime | None:
        """When it was last changed, where the platform says so."""
        return None if self.timestamp is None else moment_of(self.timestamp)


@dataclass(frozen=True)
class Score:
    """A grade to be written. `submitted_at` and `is_new` are for Canvas alone: when the work was
    received at first, and whether it is other work than that of the last score."""

    person: str
    given: float
    maximum: float
    stamp: datetime
    comment: str = ""
    submitted_at: datetime | None = None
    is_new: bool = False

    def body(self) -> dict[str, Any]:
        """As it is sent."""
        found: dict[str, Any] = {
            "userId": self.person,
            "scoreGiven": self.given,
            "scoreMaximum": self.maximum,
            "activityProgress": "Completed",
            "gradingProgress": "FullyGraded",
            "timestamp": in_words(self.stamp),
        }
        if self.comment:
            found["comment"] = plain(self.comment)
        if self.submitted_at is not None:
            found[_OF_CANVAS] = {
                "new_submission": self.is_new,
                "submitted_at": in_words(self.submitted_at),
            }
        return found


_item = TypeAdapter(LineItem)
_result = TypeAdapter(Result)
_entries = TypeAdapter(list[dict[str, Any]])  # of which those that matter are read further


@dataclass(frozen=True)
class GradeService:
    """The services of one course in a platform, whose line items are listed at `url`."""

    outside: Outside
    bearer: Bearer
    url: str

    def find(
        self, resource_id: str, link_ids: Collection[str], taken: Collection[str] = ()
    ) -> LineItem | None:
        """Our column: by our name for it, or else by the links that open the assignment; none of
        those that are `taken`.

        Creating one twice makes two columns, so this comes first.
        """
        ours = ("resource_id", "resourceId", [resource_id])
        of_links = ("resource_link_id", "resourceLinkId", link_ids)
        for name, key, wanted in (ours, of_links):
            for one in wanted:
                for found in self._list(urlencode({name: one})):
                    if found.get(key) != one:
                        continue
                    item = self._own(understood(_item, found))
                    if item.id not in taken:
                        return item
        return None

    def create(self, resource_id: str, label: str, maximum: float) -> LineItem:
        """A new column."""
        body = {
            "label": plain(label)[:_LONGEST_LABEL],
            "scoreMaximum": maximum,
            "resourceId": resource_id,
        }
        answer = accepted(self._send("POST", self.url, [LINE_ITEMS], _ITEM, kind=_ITEM, body=body))
        return self._own(read(_item, answer))

    def look(self, item_url: str) -> LineItem:
        """A column by its address."""
        return read(_item, accepted(self._send("GET", item_url, [LINE_ITEMS], _ITEM)))

    def result(self, item_url: str, person: str) -> Result | None:
        """What somebody has in a column; None where there is nothing."""
        url = within(item_url, "results", user_id=person)
        for answer in pages(lambda at: self._send("GET", at, [RESULTS], _RESULTS), url):
            for one in read(_entries, answer):
                if str(one.get("userId")) == person:
                    return understood(_result, one)
        return None

    def write(self, item_url: str, score: Score) -> Answer:
        """Send a score; whatever the answer is."""
        url = within(item_url, "scores")
        return self._send("POST", url, [SCORES], "*/*", kind=_SCORE, body=score.body())

    def _list(self, query: str) -> Iterator[dict[str, Any]]:
        url = self.url + ("&" if urlsplit(self.url).query else "?") + query
        for answer in pages(lambda at: self._send("GET", at, [LINE_ITEMS], _ITEMS), url):
            yield from read(_entries, answer)

    def _own(self, item: LineItem) -> LineItem:
        # Tokens go there later on.
        if origin(item.id) != origin(self.url):
            raise NotAllowed("the address of a column is on another server")
        return item

    def _send(
        self,
        method: str,
        url: str,
        scopes: Collection[str],
        accept: str,
        *,
        kind: str = "",
        body: dict[str, Any] | None = None,
    ) -> Answer:
        import json

        content = None if body is None else json.dumps(body).encode()
        for _ in range(2):
            token = self.bearer.get(scopes)
            headers = {"authorization": f"Bearer {token}", "accept": accept}
            if kind:
                headers["content-type"] = kind
            answer = self.outside.send(method, url, headers=headers, content=content)
            if answer.status != 401:
                break
            self.bearer.forget(scopes, token)
        return answer


def within(item_url: str, part: str, **query: str) -> str:
    """An address below a line item's, whose own query stays behind it: Moodle's ends so."""
    parts = urlsplit(item_url)
    both = "&".join(filter(None, (parts.query, urlencode(query))))
    return parts._replace(path=f"{parts.path.rstrip('/')}/{part}", query=both).geturl()


def in_words(at: datetime) -> str:
    """A moment with its thousandths, which Canvas compares."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def plain(text: str) -> str:
    """Text without what could be taken for HTML, which is stored there as it comes."""
    return one_line(text.replace("<", "‹").replace(">", "›"), 1000)
