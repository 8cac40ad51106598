"""An assignment's rules, spelled out for who hands in."""

from __future__ import annotations

from grader.domain.policy import LatePolicy, Policy

_COUNTS = {
    "best": "The submission with the most points counts.",
    "last": "The latest submission counts.",
    "chosen": "The submission that you choose counts; until you choose, the latest does.",
}
_SPANS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def rules_in_words(policy: Policy, *, has_due_date: bool) -> list[str]:
    """One sentence for each rule; those about lateness only where there is a due date."""
    if policy.submissions is None:
        words = ["You may hand in as often as you like."]
    else:
        words = [f"You may hand in {_times(policy.submissions)}."]
    if policy.submissions != 1:
        if policy.cooldown_s:
            words.append(f"Between two submissions lie at least {_span(policy.cooldown_s)}.")
        words.append(_COUNTS[policy.counts])
    return words + (_about_lateness(policy.late) if has_due_date else [])


def _about_lateness(late: LatePolicy) -> list[str]:
    if late.closes_after_s == 0:
        return ["Nothing is accepted after the due date."]
    words = []
    if late.penalty == 0:
        words.append("Being late costs nothing.")
    else:
        if late.grace_s:
            words.append(f"Up to {_span(late.grace_s)} after the due date cost nothing.")
        since = "after that" if late.grace_s else "after the due date"
        most = f", {_percent(late.cap)} at most" if late.cap < 1 else ""
        words.append(
            f"Each {late.unit} that has begun {since} costs {_percent(late.penalty)} "
            f"of the points that you earned{most}."
        )
    if late.closes_after_s is not None:
        span = _span(late.closes_after_s)
        words.append(f"Later than {span} after the due date nothing is accepted.")
    return words


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _span(seconds: float) -> str:
    """90000 as "1 day and 1 hour"; less than a second counts as one."""
    left, parts = max(1, round(seconds)), []
    for name, length in _SPANS:
        number, left = divmod(left, length)
        if number:
            parts.append(f"{number} {name}{'s' if number > 1 else ''}")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _percent(part: float) -> str:
    return f"{round(part * 100, 1):g} %"
