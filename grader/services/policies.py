"""The rules of an assignment as its row keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from grader.db.models import Assignment
from grader.domain.policy import Policy
from grader.errors import BadInput

_policy = TypeAdapter(Policy)


def policy_of(assignment: Assignment) -> Policy:
    """The policy of a stored assignment; what is left out there is as by default."""
    return _policy.validate_python(assignment.policy)


def plain(policy: Policy) -> dict[str, Any]:
    """The policy as a row keeps it."""
    found: dict[str, Any] = _policy.dump_python(policy, mode="json")
    return found


def changed(policy: Policy, given: Mapping[str, Any]) -> Policy:
    """The policy with what is given, and the rest as it was; `late` part by part as well.

    Raises BadInput where the two do not go together.
    """
    kept = plain(policy)
    late = {**kept["late"], **given.get("late", {})}
    try:
        return _policy.validate_python({**kept, **given, "late": late})
    except ValidationError as error:
        raise BadInput(
            f"policy: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from None
