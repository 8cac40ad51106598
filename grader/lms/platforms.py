"""What requests to a platform need to know of it, without any row of a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from grader.lms.outside import Outside


@dataclass(frozen=True)
class PlatformFacts:
    """A platform as it was registered: who it is, who we are to it, and where its doors are.

    `token_audience` is whom an assertion is for, where that is not the address of the tokens.
    `is_private` is whether an admin has vouched for addresses of it in private networks.
    """

    issuer: str
    client_id: str
    login_url: str
    token_url: str
    jwks_url: str
    token_audience: str | None = None
    is_private: bool = False


# The way to a platform: to private addresses where it is vouched for, and nowhere there otherwise.
Way = Callable[[PlatformFacts], Outside]
