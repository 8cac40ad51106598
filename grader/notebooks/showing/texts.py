"""Plain text of students as HTML: nothing in it is markup, and nothing steers how it is read."""

from __future__ import annotations

import re
from html import escape

MAX_LINE = 2000  # characters: what is beyond helps nobody and costs the browser dear

# Controls without a picture, and those that turn the direction of what follows.
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]"
)
_SGR = re.compile(r"\x1b\[([0-9;]{0,40})m")
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]{0,40}[ -/]{0,10}[@-~]|\][^\x07\x1b]{0,4000}(?:\x07|\x1b\\)?|[@-Z\\^_])"
)
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def plain(text: str) -> str:
    """Text in which controls and turns of direction are spelled out."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def cut(text: str, most: int) -> tuple[str, bool]:
    """At most so many characters of the text, its lines bounded too; and whether some is left out.

    The beginning and the end stay: the last line of an output is often the one that counts.
    """
    lines = [
        line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}… ({len(line) - MAX_LINE:,} more)"
        for line in text[: 8 * most].split("\n")
    ]
    if len(text) > 8 * most:
        lines.append("…")
    shown = "\n".join(lines)
    if len(shown) <= most:
        return shown, shown != text
    head, tail = shown[: most * 3 // 4], shown[-most // 4 :]
    return (
        f"{head}\n… ({len(text) - len(head) - len(tail):,} characters are left out) …\n{tail}",
        True,
    )


def terminal(text: str) -> str:
    """What a terminal would show, as HTML: colours as classes, overwritten lines overwritten."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_coloured(lines))


def _coloured(lines: list[str]) -> list[str]:
    classes: list[str] = []
    found = []
    for line in lines:
        # A bar of progress writes its line again and again; the last one stands.
        line = line.rstrip("\r").rpartition("\r")[2]
        made, at = [], 0
        for code in _SGR.finditer(line):
            made.append(_span(line[at : code.start()], classes))
            classes = _after(classes, code[1])
            at = code.end()
        made.append(_span(line[at:], classes))
        found.append("".join(made))
    return found


def _span(text: str, classes: list[str]) -> str:
    text = escape(plain(_ESCAPE.sub("", text)))
    return f'<span class="{" ".join(classes)}">{text}</span>' if text and classes else text


def _after(classes: list[str], codes: str) -> list[str]:
    """The classes after such a code; what we have no class for changes nothing."""
    numbers = [int(one[:3]) if one else 0 for one in codes.split(";")]
    at = 0
    while at < len(numbers):
        number = numbers[at]
        if number in (38, 48):  # of many colours: shown without
            at += 3 if numbers[at + 1 : at + 2] == [5] else 5
            continue
        if number == 0:
            classes = []
        elif number == 1:
            classes = [*(one for one in classes if one != "ansi-bold"), "ansi-bold"]
        elif number == 22:
            classes = [one for one in classes if one != "ansi-bold"]
        elif 30 <= number <= 37 or 90 <= number <= 97 or number == 39:
            classes = [one for one in classes if not one.startswith("ansi-fg")]
            if number != 39:
                classes = [*classes, f"ansi-fg-{_COLOURS[number % 10]}"]
        at += 1
    return classes
