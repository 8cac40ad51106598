"""Who is in a course of an LMS: its Names and Roles service, read page by page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grader.errors import ChainruleError
from grader.lms import claims
from grader.lms.answers import next_page
from grader.lms.messages import email_of, name_of
from grader.lms.outside import Answer, Outside, Unreachable
from grader.lms.platforms import PlatformFacts
from grader.lms.roles import CourseRole, course_role
from grader.lms.tokens import ServiceTokens

SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
_MEDIA_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
_MOST_PAGES = 200
_MOST_MEMBERS = 20_000
_LONGEST_S = 120.0  # after which no further page is asked for


class NotListed(ChainruleError):
    """The LMS does not tell who is in the course; the message says why."""


@dataclass(frozen=True)
class Member:
    """Somebody whom the LMS lists; `role` is None for who is nobody in a course here.

    `name` and `email` are empty and None where it does not tell them.
    """

    subject: str
    name: str
    email: str | None
    role: CourseRole | None
    is_active: bool


def members(
    outside: Outside,
    tokens: ServiceTokens,
    platform: PlatformFacts,
    url: str,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Sequence[Member]:
    """Everybody whom the LMS lists, each once; raises NotListed, Unreachable, TokenRefused.

    Of who is listed twice the place counts where they are active.
    """
    origin = claims.origin_of(url)
    until = clock() + _LONGEST_S
    found: dict[str, Member] = {}
    asked: set[str] = set()
    following: str | None = url
    while following is not None:
        if len(asked) >= _MOST_PAGES or following in asked:
            raise NotListed(f"the list of people has more than {_MOST_PAGES} pages, or no end")
        if clock() >= until:
            raise Unreachable(
                f"the LMS takes longer than {_LONGEST_S:.0f} s to list its people; after "
                f"{len(asked)} pages of the list it was given up"
            )
        asked.add(following)
        answer = _page(outside, tokens, platform, following)
        for member in _read(answer.json()):
            known = found.get(member.subject)
            if known is None or (member.is_active and not known.is_active):
                found[member.subject] = member
        if len(found) > _MOST_MEMBERS:
            raise NotListed(f"the list of people is longer than {_MOST_MEMBERS:,}")
        following = next_page(answer.headers, following)
        if following is not None and claims.origin_of(following) != origin:
            raise NotListed("the list of people goes on at another site, where no token is sent")
    return list(found.values())


def _page(outside: Outside, tokens: ServiceTokens, platform: PlatformFacts, url: str) -> Answer:
    answer = _asked(outside, tokens, platform, url)
    if answer.status == 401:  # the token was withdrawn: once more, with another one
        answer = _asked(outside, tokens, platform, url, forget=True)
    if answer.ok:
        return answer
    if answer.status >= 500 or answer.status in (408, 425, 429):
        raise Unreachable(f"the list of people: status {answer.status}")
    raise NotListed(f"the LMS refuses the list of people (status {answer.status})")


def _asked(
    outside: Outside,
    tokens: ServiceTokens,
    platform: PlatformFacts,
    url: str,
    *,
    forget: bool = False,
) -> Answer:
    token = tokens.get(platform, [SCOPE])
    if forget:
        tokens.forget(platform, [SCOPE], token)
        token = tokens.get(platform, [SCOPE])
    headers = {"authorization": f"Bearer {token}", "accept": _MEDIA_TYPE}
    return outside.send("GET", url, headers=headers)


def _read(document: Any) -> Iterator[Member]:
    found = document.get("members") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise NotListed("what the LMS answers is no list of members")
    for one in found:
        if not isinstance(one, dict):
            raise NotListed("a member of the list is no object")
        known = one.get("user_id")
        if isinstance(known, int) and not isinstance(known, bool):
            one["user_id"] = str(known)
        yield Member(
            subject=claims.identifier(one, "user_id"),
            name=name_of(one),
            email=email_of(one),
            role=course_role(claims.texts(one, "roles")),
            is_active=str(one.get("status") or "Active").lower() == "active",
        )
