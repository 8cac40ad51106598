"""The rules of an assignment as its row keeps them."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from grader.db.models import Assignment
from grader.domain.policy import Policy

_policy = TypeAdapter(Policy)


def policy_of(assignment: Assignment) -> Policy:
    """The policy of a stored assignment; what is left out there is as by default."""
    return _policy.validate_python(assignment.policy)


def plain(policy: Policy) -> dict[str, Any]:
    """The policy as a row keeps it."""
    found: dict[str, Any] = _policy.dump_python(policy, mode="json")
    return found
