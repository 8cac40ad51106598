"""Any exhibit of a check as its picture; and shapes, which need none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from grader.web.pages.pictures.differences import difference
from grader.web.pages.pictures.drawing import shape_text, short, tag
from grader.web.pages.pictures.gradients import gradients
from grader.web.pages.pictures.losses import loss_curve


def shapes(exhibit: Mapping[str, Any]) -> Markup:
    """The shape that was expected beside the one that came."""
    facts = (
        ("Expected shape", shape_text(exhibit["expected"])),
        ("Received shape", shape_text(exhibit["received"])),
    )
    listed = [tag("div", tag("dt", word), tag("dd", tag("code", text))) for word, text in facts]
    name = tag("figcaption", tag("code", short(exhibit["name"])))
    return tag("figure", name, tag("dl", *listed, class_="facts"), class_="picture shapes")


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], Markup]] = {
    "difference": difference,
    "gradients": gradients,
    "loss": loss_curve,
    "shapes": shapes,
}


def exhibit(one: Mapping[str, Any]) -> Markup:
    """The picture of an exhibit, by its kind; nothing for a kind that is not known."""
    draw = _KINDS.get(one.get("kind", ""))
    return Markup() if draw is None else draw(one)
