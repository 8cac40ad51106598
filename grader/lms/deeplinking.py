"""What an instructor has picked, brought back to the LMS: links to assignments, with columns."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from grader.lms import claims
from grader.lms.keys import OwnKey, signed
from grader.lms.messages import ASSIGNMENT, Picking
from grader.lms.platforms import PlatformFacts

TAG = "chainrule"
_LASTS_S = 300


@dataclass(frozen=True)
class Picked:
    """An assignment as a link: `max_score` is None where there are no points to get yet."""

    assignment_id: int
    title: str
    max_score: float | None
    due_at: datetime | None


def resource_id(assignment_id: int) -> str:
    """By which an assignment's column in an LMS is known to be that."""
    return f"chainrule-assignment-{assignment_id}"


def response(
    platform: PlatformFacts,
    deployment_id: str,
    picking: Picking,
    picked: Sequence[Picked],
    launch_url: str,
    key: OwnKey,
) -> str:
    """The message that brings it back, signed."""
    now = int(time.time())
    said: dict[str, Any] = {
        "iss": platform.client_id,
        "sub": platform.client_id,
        "aud": [platform.issuer],
        "iat": now,
        "exp": now + _LASTS_S,
        "nonce": secrets.token_urlsafe(24),
        "jti": secrets.token_urlsafe(24),
        claims.DEPLOYMENT: deployment_id,
        claims.MESSAGE_TYPE: "LtiDeepLinkingResponse",
        claims.VERSION: "1.3.0",
        claims.CONTENT_ITEMS: [_item(one, picking, launch_url) for one in picked],
    }
    if picking.data is not None:
        said[claims.DATA] = picking.data
    return signed(said, key)


def _item(one: Picked, picking: Picking, launch_url: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "type": "ltiResourceLink",
        "title": one.title,
        "url": launch_url,
        "custom": {ASSIGNMENT: str(one.assignment_id)},
        "window": {"targetName": "_blank"},
    }
    if picking.line_items and one.max_score:
        item["lineItem"] = {
            "label": one.title,
            "scoreMaximum": one.max_score,
            "resourceId": resource_id(one.assignment_id),
            "tag": TAG,
        }
    if one.due_at is not None:
        item["submission"] = {"endDateTime": f"{one.due_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return item
