"""The whole error tree.

ChainruleError
├── BadInput                 the caller's to mend; exit status 2
│   ├── NotASubmission       a file that cannot be read as a notebook or a Python file
│   └── BadBundle            a rubric, reference or bundle that is not valid
└── InternalError            ours to mend; exit status 3, never a zero
    ├── SandboxUnavailable   a layer or the zygote is missing
    └── SandboxFailed        a sandbox ended for a reason of ours
"""

from __future__ import annotations


class ChainruleError(Exception):
    """Base of every error that Chainrule raises on purpose. The message is for a person."""


class BadInput(ChainruleError):
    """The caller can mend it; the message names the file, field or cell."""


class NotASubmission(BadInput):
    """The file cannot be read as a notebook or a Python file."""


class BadBundle(BadInput):
    """The rubric, the reference or another part of a bundle is not valid."""


class InternalError(ChainruleError):
    """Our failure. It is retried or shown to staff, and never becomes a zero."""


class SandboxUnavailable(InternalError):
    """No sandbox can be opened here: a layer or the zygote is missing."""


class SandboxFailed(InternalError):
    """A sandbox ended for a reason of ours."""
