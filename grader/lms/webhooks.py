"""Standard Webhooks: secrets, signed requests, and what an answer means.

The specification is that of https://www.standardwebhooks.com.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from grader.lms.outside import Answer
from grader.safetext import one_line, storable

# How long after the first, second ... try that did not arrive the next one comes: 28 h in all.
SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
LONGEST_WORDS = 500  # characters that are kept of an answer

_SECRET_BYTES = 32
_PREFIX = "whsec_"
_GONE = 410
_BUSY = frozenset({429, 502, 503, 504})  # the receiver as a whole, whatever the message
_LONGEST_WISH = timedelta(days=1)


@dataclass(frozen=True)
class Meaning:
    """What an answer says: `arrived`, or `gone` for ever; or `busy`, whatever it is sent, and for
    how long it asks us to `wait`."""

    arrived: bool = False
    gone: bool = False
    busy: bool = False
    wait: timedelta = timedelta(0)


def new_secret() -> str:
    """A secret to sign with."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def new_message_id() -> str:
    """What tells a message from all others, however often it is sent."""
    return f"msg_{secrets.token_urlsafe(18)}"


def written(body: Mapping[str, Any]) -> bytes:
    """A message's body as it is signed and sent."""
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def headers(keys: Sequence[str], message_id: str, at: datetime, content: bytes) -> dict[str, str]:
    """The headers of a request, signed with each of the secrets."""
    from standardwebhooks import Webhook

    at, text = at.astimezone(UTC), content.decode()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, at, text) for key in keys),
    }


def meaning(answer: Answer, at: datetime) -> Meaning:
    """What an answer that came at this time says."""
    if answer.ok:
        return Meaning(arrived=True)
    if answer.status == _GONE:
        return Meaning(gone=True)
    if answer.status in _BUSY:
        return Meaning(busy=True, wait=_wish(answer.headers.get("retry-after"), at))
    return Meaning()


def words_of(answer: Answer) -> str:
    """The start of an answer, as text on one line."""
    text = answer.body[: 4 * LONGEST_WORDS].decode(errors="replace")
    return one_line(storable(text).replace("\0", ""), LONGEST_WORDS)


def _wish(said: str | None, at: datetime) -> timedelta:
    """What `Retry-After` asks for, as seconds or as a date; nothing where it can't be read."""
    text = (said or "").strip()[:100]
    try:
        seconds = (
            float(int(text))
            if text.isascii() and text.isdigit()
            else (parsedate_to_datetime(text).astimezone(UTC) - at).total_seconds()
        )
    except (ValueError, OverflowError):
        return timedelta(0)
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST_WISH.total_seconds()))
