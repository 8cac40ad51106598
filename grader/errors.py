"""The whole error tree.

ChainruleError
├── BadInput                 the caller's to mend; exit status 2
│   ├── NotASubmission       a file that cannot be read as a notebook or a Python file
│   ├── BadBundle            a rubric, reference or bundle that is not valid
│   ├── BadFields            several fields of what was given, each with its own words
│   ├── TooLarge             more bytes than are accepted
│   ├── NotSignedIn          no token, or one that does not hold (any more)
│   ├── Forbidden            signed in, but the role or the token does not allow it
│   ├── NotFound             there is no such thing, or none that this person may know of
│   ├── Conflict             it does not fit the state that something is in
│   ├── Elsewhere            another server is named in the place of the one that was asked
│   └── NotNow               refused by a rule of the assignment; waiting may help
├── InternalError            ours to mend; exit status 3, never a zero
│   ├── SandboxUnavailable   a layer or the zygote is missing
│   ├── SandboxFailed        a sandbox ended for a reason of ours
│   ├── Busy                 too much at this moment, or no room; trying again helps
│   ├── BlobMissing          a blob that something refers to is not there, or is not what it was
│   └── NoAnswer             the service does not answer a terminal; trying again may help
└── Stopped                  judging was told to end: nothing is known, and nobody is at fault

`status` is the HTTP status by which the API answers; one handler renders all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

NO_ROOM = "the disk of the service is full; nothing of this was kept. Try again later"


class ChainruleError(Exception):
    """Base of every error that Chainrule raises on purpose. The message is for a person."""

    status: ClassVar[int] = 500


class BadInput(ChainruleError):
    """The caller can mend it; the message names the file, field or cell."""

    status = 422


class NotASubmission(BadInput):
    """The file cannot be read as a notebook or a Python file."""


class BadBundle(BadInput):
    """The rubric, the reference or another part of a bundle is not valid."""


class BadFields(BadInput):
    """Several fields are wrong; `fields` has the words for each by its name."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {words}" for name, words in fields.items()))
        self.fields = fields


class TooLarge(BadInput):
    """More bytes than are accepted."""

    status = 413


class NotSignedIn(BadInput):
    """No token, or one that does not hold (any more)."""

    status = 401


class Forbidden(BadInput):
    """Signed in, but the role or the token does not allow it."""

    status = 403


class NotFound(BadInput):
    """There is no such thing, or none that this person may know of."""

    status = 404


class Conflict(BadInput):
    """It does not fit the state that something is in."""

    status = 409


class Elsewhere(BadInput):
    """The server that was asked names another one: nobody of the service has answered."""


class NotNow(BadInput):
    """Refused by a rule of the assignment; `until` is set where waiting helps."""

    status = 403

    def __init__(self, message: str, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class InternalError(ChainruleError):
    """Our failure. It is retried or shown to staff, and never becomes a zero."""


class SandboxUnavailable(InternalError):
    """No sandbox can be opened here: a layer or the zygote is missing."""


class SandboxFailed(InternalError):
    """A sandbox ended for a reason of ours."""


class Busy(InternalError):
    """Not at this moment: too much comes at once, or there is no room. From `until` on it may be
    tried again; the message is for whoever asked.
    """

    status = 503

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class BlobMissing(InternalError):
    """A blob that something refers to is not there, or is not what it was."""


class NoAnswer(InternalError):
    """The service does not answer, or something on the way answers in its stead."""


class Stopped(ChainruleError):
    """Judging was told to end before it was done: nothing is known, and nobody is at fault."""
