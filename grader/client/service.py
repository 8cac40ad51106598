"""The API of one service, as a terminal speaks to it.

Whatever goes wrong on the way is one of `grader.errors`, with one line for a person: what the
service refuses is BadInput, what fails or does not answer InternalError.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
from pydantic import ValidationError

from grader.client.answers import (
    Answer,
    Assignment,
    Attempt,
    Course,
    HandedIn,
    News,
    Page,
    Person,
    Problem,
    Receipt,
    Token,
    clock,
)
from grader.errors import (
    BadInput,
    Conflict,
    Elsewhere,
    Forbidden,
    InternalError,
    NoAnswer,
    NotFound,
    NotNow,
    NotSignedIn,
    TooLarge,
)
from grader.safetext import one_line, storable

_API = "/api/v1"
_MOST_BYTES = 64 << 20  # of any answer
_MOST_PAGES = 20
_MOST_EVENT = 1 << 16
_TIMEOUT = httpx2.Timeout(60, connect=10)
_SILENCE = httpx2.Timeout(45, connect=10)  # a stream says every 15 s that it is still there
_PAUSES_S = (1, 2, 4, 8, 15)  # before a request is sent again
_LONGEST_WAIT = timedelta(days=400)
_GATEWAYS = (502, 503, 504)  # what stands before the service answers so while it is not there

_REFUSALS: dict[int, type[BadInput]] = {
    401: NotSignedIn,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
}

Model = TypeVar("Model", bound=Answer)
Result = TypeVar("Result")
Tell = Callable[[str], object]


def _silent(_: str) -> None:
    pass


class Service:
    """A connection to a service, with a token where there is one.

    `tell` hears, in words, that it does not answer and is asked again.
    """

    def __init__(self, server: str, token: str | None = None, tell: Tell = _silent) -> None:
        self.server = server
        self.tell = tell
        headers = {"User-Agent": f"chainrule/{version('chainrule')}"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx2.Client(base_url=server + _API, headers=headers, timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def sign_in(self, email: str, password: str, *, name: str, days: int) -> Token:
        """A token to hand in with, for who has an address and a password."""
        body = {
            "email": email,
            "password": password,
            "name": name,
            "scopes": ["read", "submit"],
            "expires_in_days": days,
        }
        return self._asked(Token, "POST", "/sign-in", json=body)

    def revoke(self, token_id: int) -> None:
        """One of the tokens of whoever asks holds no more."""
        self._answer("DELETE", f"/tokens/{token_id}")

    def me(self) -> Person:
        """Whose token it is."""
        return self._asked(Person, "GET", "/me")

    def courses(self) -> list[Course]:
        """One's courses."""
        return self._all(Course, "/courses")

    def assignments(self, course_id: int) -> list[Assignment]:
        """The assignments of a course."""
        return self._all(Assignment, f"/courses/{course_id}/assignments")

    def submit(self, assignment_id: int, name: str, content: bytes, key: str) -> Receipt:
        """Hand a file in; sent again under the same key until somebody answers."""
        return self._patiently(
            lambda: self._asked(
                Receipt,
                "POST",
                f"/assignments/{assignment_id}/submissions",
                files={"file": (storable(name), content)},
                headers={"Idempotency-Key": key},
            )
        )

    def handed_in(self, submission_id: int) -> HandedIn:
        """What was handed in before."""
        return self._patiently(
            lambda: self._asked(HandedIn, "GET", f"/submissions/{submission_id}")
        )

    def file(self, submission_id: int) -> bytes:
        """The file as it was handed in."""
        return self._patiently(lambda: self._answer("GET", f"/submissions/{submission_id}/file"))

    def result(self, submission_id: int) -> bytes:
        """The result document."""
        path = f"/submissions/{submission_id}/result"
        return self._patiently(lambda: self._answer("GET", path, is_json=True))

    def notebook(self, submission_id: int) -> bytes:
        """The executed notebook."""
        path = f"/submissions/{submission_id}/notebook"
        return self._patiently(lambda: self._answer("GET", path))

    def news(self, attempt_id: int) -> News:
        """Where an attempt stands."""
        return self._patiently(lambda: self._asked(Attempt, "GET", f"/attempts/{attempt_id}")).news

    def events(self, attempt_id: int, last_id: str | None) -> Iterator[tuple[str, News]]:
        """Where it stands, and every change, each with its id; until the stream ends or breaks."""
        headers = {"Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        path = f"/attempts/{attempt_id}/events"
        with (
            self._failing_in_words(),
            self._client.stream("GET", path, headers=headers, timeout=_SILENCE) as response,
        ):
            if response.status_code == 204:
                return
            if not response.is_success:
                raise self._refusal(response, _bounded(response))
            for event in httpx2.EventSource(response, _MOST_EVENT):
                if event.event == "news":
                    yield event.id, self._read(News, event.data)

    def _all(self, item: type[Model], path: str) -> list[Model]:
        found: list[Model] = []
        cursor: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            params = {"limit": "200", **cursor}
            page = self._patiently(
                lambda params=params: self._asked(Page[item], "GET", path, params=params)  # type: ignore[misc, valid-type]
            )
            found += page.items
            if page.next_cursor is None:
                break
            cursor = {"cursor": page.next_cursor}
        return found

    def _asked(self, model: type[Model], method: str, path: str, **more: Any) -> Model:
        return self._read(model, self._answer(method, path, is_json=True, **more))

    def _read(self, model: type[Model], text: str | bytes) -> Model:
        try:
            return model.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(map(str, first["loc"])) or "all of it"
            raise InternalError(
                f"{self.server} gave an answer that is not understood: {field}: {first['msg']}"
            ) from None

    def _answer(self, method: str, path: str, *, is_json: bool = False, **more: Any) -> bytes:
        with (
            self._failing_in_words(),
            self._client.stream(method, path, **more) as response,
        ):
            body = _bounded(response)
        if not response.is_success or (is_json and not _is_json(response)):
            raise self._refusal(response, body)
        return body

    def _patiently(self, ask: Callable[[], Result]) -> Result:
        for pause in _PAUSES_S:
            try:
                return ask()
            except NoAnswer as error:
                self.tell(f"{error}; trying again in {pause} s")
                time.sleep(pause)
        return ask()

    @contextmanager
    def _failing_in_words(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TimeoutException as error:
            late = isinstance(error, httpx2.ConnectTimeout)
            what = "could not be reached" if late else "did not answer"
            raise NoAnswer(f"{self.server} {what} in time") from None
        except httpx2.ProxyError as error:
            raise NoAnswer(f"the proxy on the way to {self.server} refused: {error}") from None
        except httpx2.ConnectError as error:
            raise self._no_connection(error) from None
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            words = str(error) or type(error).__name__
            raise NoAnswer(f"the connection to {self.server} broke: {words}") from None
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            raise InternalError(f"{self.server} cannot be asked: {error}") from None

    def _no_connection(self, error: Exception) -> InternalError:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLError):
                why = getattr(cause, "verify_message", "") or cause.reason or "no TLS"
                return InternalError(f"{self.server} is not trusted, nothing was sent: {why}")
            cause = cause.__cause__ or cause.__context__
        return NoAnswer(f"{self.server} cannot be reached: {error}")

    def _refusal(self, response: httpx2.Response, body: bytes) -> BadInput | InternalError:
        status = response.status_code
        if 300 <= status < 400:
            there = one_line(response.headers.get("location", ""), 200)
            return Elsewhere(f"{self.server} sends elsewhere, to {there}; give its own address")
        try:
            detail = Problem.model_validate_json(body).detail if _is_json(response) else None
        except ValidationError:
            detail = None
        if detail is None:
            kind = NoAnswer if status in _GATEWAYS else InternalError
            return kind(
                f"{self.server} answered {status}, and not as Chainrule does; is the address "
                "right, or does a proxy or a sign-in page of your network stand before it?"
            )
        if status >= 500:
            return InternalError(f"{self.server}: {detail}")
        if status == 429:
            until = _until(response)
            return NotNow(detail if until is None else f"{detail} From {clock(until)} on.", until)
        return _REFUSALS.get(status, BadInput)(detail)


def _bounded(response: httpx2.Response) -> bytes:
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _MOST_BYTES:
            raise InternalError(f"{response.url} answers with more than {_MOST_BYTES >> 20} MiB")
    return bytes(body)


def _is_json(response: httpx2.Response) -> bool:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("application/json", "application/problem+json")


def _until(response: httpx2.Response) -> datetime | None:
    given = response.headers.get("retry-after", "")
    if not (given.isascii() and given.isdecimal() and len(given) < 10):
        return None
    return datetime.now(UTC) + min(timedelta(seconds=int(given)), _LONGEST_WAIT)
