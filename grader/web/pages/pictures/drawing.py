"""What all pictures are drawn with: escaped tags, numbers as people write them, and log axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def tag(name: str, *content: object, **attributes: object) -> Markup:
    """An element. Content and attributes are escaped; an attribute that is None is left out.

    `class_` and `stroke_width` stand for class and stroke-width.
    """
    given = Markup().join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value)
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup().join(escape(one) for one in content)
    return Markup("<{0}{1}>{2}</{0}>").format(name, given, inner)


def picture(title: str, description: str, *content: object, **attributes: object) -> Markup:
    """An SVG that a screen reader meets as one image with a name and a description."""
    told = (tag("title", title), tag("desc", description))
    return tag("svg", *told, *content, role="img", **attributes)


def plot(*content: object) -> Markup:
    """A part of a picture that is stretched to all its width and height, 1000 by 1000."""
    return tag(
        "svg",
        *content,
        viewBox="0 0 1000 1000",
        preserveAspectRatio="none",
        width="100%",
        height="100%",
    )


def percent(share: float) -> str:
    """A share of the width or height as SVG has it."""
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"


def own(href: str | None) -> str | None:
    """A link, if it leads to a page of ours."""
    if href is None or not href.startswith(("/", "?", "#")) or href.startswith(("//", "/\\")):
        return None
    return href


def short(text: object, longest: int = 60) -> str:
    """A name or words from outside, no longer than there is room for."""
    whole = str(text)
    return whole if len(whole) <= longest else whole[: longest - 1] + "…"


def shape_text(sizes: Sequence[object]) -> str:
    """A shape as Python writes it."""
    return f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"


def written(value: object) -> str:
    """A number with three digits: 0.0125, 3,200, 4.1×10⁻⁷."""
    if (number := finite(value)) is None:
        return short(value)
    mantissa, exponent = _scientific(number)
    if -4 <= exponent < 6:
        text = f"{number:,.{max(0, 2 - exponent)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{'' if mantissa == '1' else mantissa + '×'}10{str(exponent).translate(_RAISED)}"


def spoken(value: object) -> str:
    """The same as it is read out: 4.1 times 10 to the power of minus 7."""
    if (number := finite(value)) is None:
        return short(value)
    mantissa, exponent = _scientific(number)
    if -4 <= exponent < 6:
        return written(number).replace("-", "minus ")
    words = f"{mantissa} times 10 to the power of {exponent}"
    return words.replace("-", "minus ")


def _scientific(number: float) -> tuple[str, int]:
    mantissa, _, exponent = f"{number:.2e}".partition("e")
    return mantissa.rstrip("0").rstrip("."), int(exponent)


def finite(value: object) -> float | None:
    """The value, if it is a number that can be drawn."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True)
class LogScale:
    """A logarithmic axis over positive numbers; what lies outside stands at its end."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Iterable[float], room: float = 1.5) -> LogScale | None:
        """One that holds all positive values with some room; None where there are none."""
        positive = [value for value in values if value > 0]
        if not positive:
            return None
        low, high = math.log10(min(positive)), math.log10(max(positive))
        apart = math.log10(room)
        return cls(low - apart, high + apart)

    def at(self, value: float) -> float:
        """Where a value stands, from 0 to 1."""
        if value <= 0:
            return 0.0
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))

    def ticks(self, most: int = 6) -> list[float]:
        """Round numbers on it: powers of ten, or 1, 2 and 5 times these where it is short."""
        first, last = math.floor(self.low), math.ceil(self.high)
        step = max(1, math.ceil((last - first) / most))
        powers = [exponent for exponent in range(first, last + 1) if exponent % step == 0]
        factors = (1.0,) if self.high - self.low > 2 else (1.0, 2.0, 5.0)
        found = [
            factor * 10.0**exponent
            for exponent in powers
            for factor in factors
            if -307 <= exponent <= 307
        ]
        return [tick for tick in found if self.low <= math.log10(tick) <= self.high]
