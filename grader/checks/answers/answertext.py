"""Finding an answer in words among a submission's cells, as well as can be.

With a marker it is the text of that cell and of the words below it; below a heading, every cell of
words but the question's own, or else what stands on the heading's own line. What stands after
"Answer:" goes first. Every expression here is linear, and every text bounded.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.domain.rubric import Cell

MAX_ANSWER = 8_000
_MAX_CELL = 50_000
_MAX_REGION = 200_000  # of the cells below a place
_MAX_PLACES = 5  # with the marker, or the heading
_MAX_CELL_LINES = 2_000  # of which one may begin with a label
_MAX_LINES = 100  # of an answer to a label
_MAX_LINE = 2_000  # of a line that is to begin with a label
_LABEL = re.compile(
    r"^[\s*_#>-]*+(?:your\s+)?answer\b[\s*_]*+(?:[:.=–—-][\s*_]*+|$)", re.IGNORECASE | re.MULTILINE
)
_HEADING = re.compile(r"\s*(?:(#{1,6})\s|<h[1-6])", re.IGNORECASE)
_COMMENT = re.compile(r"<!--[^>\n]{0,200}-->|^[ \t]*+(?:#[ \t]*+)?chainrule:.*$", re.MULTILINE)
_BLANK = r"[\s*_.,…?#|`$\[\](){}<>-]"
_PLACEHOLDER = re.compile(
    rf"{_BLANK}*+(?:(?:to\s?do|fill (?:me |this )?in|(?:type|write|put|your|add)?\s*(?:your)?\s*"
    rf"(?:answer|code)(?:\s+(?:goes\s+)?here)?|double[- ]click to edit.*)"
    rf"(?:{_BLANK}|[:!])*+)?",
    re.IGNORECASE,
)
_SHORT_ANSWERS = ("()", "[]", "<", ">")  # of which a placeholder might consist as well
_ON_HEADING = re.compile(r"[\s*_]*+(?:[:=.)–—-]|->)[\s*_]*+(?=\S)")
# What a labelled line begins with besides the label, and what parts the label from the answer.
_DECORATION = " \t*_#>`|$+-(["
_BEFORE = re.compile(r"[\s*_#>`|$+(\[-]*+")
_NUMBER = re.compile(r"\d{1,2}[.)][\s*_`$(\[]*+")
_AFTER = re.compile(
    r"[\s*_`$\])]*+(?:(?P<direct>[:=|≈→–—]|->|=>|-(?=\s)|(?:is|are)\b)|(?P<item>[.)](?!\w))|)"
)
_ASSIGNED = re.compile(r"[\s*_`+-]*+(?:\([^()\n]{0,60}\)|[\w./])++[*_`]*+\s*+[:=]")
_CLOSED = re.compile(r"[*_`$]*+\)")
_ITEM = re.compile(r"\s*(?:[-*+]\s+)?[*_`(]*+\w{1,2}[.)](?!\w)")
_ASKED = re.compile(r"(?:[:?]|→|->)[*_`]*+\s")


def is_placeholder(text: str) -> bool:
    """Whether a text is what a starter leaves for the answer, or nothing at all."""
    text = text.strip()
    return text not in _SHORT_ANSWERS and _PLACEHOLDER.fullmatch(text[:200]) is not None


def answer_below(
    cells: Sequence[Cell], marker: str | None, heading: str | None, label: str | None = None
) -> str | None:
    """The text of the answer; None where there is none, or only a placeholder.

    The marker goes before the heading. `label` picks the answer of the line that begins with it.
    """
    marked = (at for at, cell in enumerate(cells) if marker and marker in cell.markers)
    for at in itertools.islice(marked, _MAX_PLACES):
        region = ["\n".join(_lines(cells[at])), *_below(cells, at)]
        found = _labelled(region, label) if label else _in_region(region, whole=True)
        if found:
            return found
    headed = list(itertools.islice(_headed(cells, heading), _MAX_PLACES)) if heading else []
    for _, own, below in headed:
        region = ["\n".join(own), *below]
        found = _labelled(region, label) if label else _in_region(region, whole=False)
        if found:
            return found
    # Of two such lines the first is the question's, the last the answer.
    on_lines = (_on_line(rest, own) for rest, own, _ in reversed(headed) if rest and not label)
    return next((found for found in on_lines if found), None)


def _headed(
    cells: Sequence[Cell], heading: str
) -> Iterator[tuple[_Rest | None, list[str], list[str]]]:
    """Each heading's line, the lines of its own cell that belong to it, and the cells below."""
    # The line may be decorated in any way.
    wanted = re.compile(rf"[\s#*_=<>h1-6]*{re.escape(heading)}(?!\w)", re.IGNORECASE)

    def is_other(text: str) -> bool:
        """Whether a cell below does not begin with "Exercise 3: the answer" itself."""
        begin = wanted.match(text)
        return begin is None or _ON_HEADING.match(text, begin.end()) is None

    for at, cell in enumerate(cells):
        lines = _lines(cell)
        for number, line in enumerate(lines):
            begin = wanted.match(line)
            gap = _ON_HEADING.match(line, begin.end()) if begin else None
            if begin and (gap or len(line) < 200):
                level = _level(line)
                rest = _Rest(line[gap.end() :], level) if gap else None
                own = _until_heading(lines[number + 1 :], level)
                yield rest, own, list(itertools.takewhile(is_other, _below(cells, at)))
                break


@dataclass(frozen=True)
class _Rest:
    """What stands on a heading's own line, and its level."""

    text: str
    level: int


def _below(cells: Sequence[Cell], at: int) -> Iterator[str]:
    """The words of the cells after a cell, up to the next heading or the next marked cell."""
    size = 0
    for cell in cells[at + 1 :]:
        if cell.kind != "markdown":
            continue
        size += len(cell.source)
        if size > _MAX_REGION:
            return
        if cell.markers or (_HEADING.match(cell.source) and not _LABEL.match(cell.source)):
            return
        yield "\n".join(_lines(cell))


def _in_region(region: Sequence[str], whole: bool) -> str | None:
    """What stands after an "Answer:"; without one, the text that can't be the question.

    That is all of a marked cell (`whole`), and below a heading every cell but the first.
    """
    for at, text in enumerate(region):
        found = _after_answer(text.split("\n"))
        if found is not None:
            return _text([found, *region[at + 1 :]])
    return _text(region[:1] if whole else region[1:])


def _after_answer(lines: Sequence[str]) -> str | None:
    """What stands after the last "Answer:" of these lines."""
    for number in reversed(range(len(lines))):
        label = _LABEL.match(lines[number])
        if label:
            return "\n".join([lines[number][label.end() :], *lines[number + 1 :]])
    return None


def _on_line(rest: _Rest, below: Sequence[str]) -> str | None:
    """The answer on the heading's own line; never a question.

    Where the line is no markdown heading (a comment of a .py file), its paragraph goes on below.
    """
    paragraph = [rest.text]
    if not rest.level:
        paragraph += itertools.takewhile(str.strip, below)
    found = _text(["\n".join(paragraph)])
    return None if found and found.rstrip("*_ ").endswith("?") else found


def _labelled(region: Sequence[str], label: str) -> str | None:
    """The first answer of a line that begins with the label."""
    wanted = label.strip(_DECORATION + ")].:=")
    for text in region:
        lines = [line[:_MAX_LINE] for line in text.split("\n", _MAX_CELL_LINES)[:_MAX_CELL_LINES]]
        for number, line in enumerate(lines):
            found = _answer_of(line, lines, number + 1, wanted)
            if found:
                return found
    return None


def _answer_of(line: str, lines: Sequence[str], next_line: int, wanted: str) -> str | None:
    """The answer that a line gives to the label `wanted`; None where it is another's line."""
    begin = _label_end(line, wanted)
    if begin is None:
        return None
    below = lines[next_line : next_line + _MAX_LINES]
    after = _AFTER.match(line, begin)
    assert after is not None  # it may be empty
    rest = line[after.end() :].strip().removesuffix("|")
    if after["direct"]:
        return _text([rest]) or _text(["\n".join(_until_item(below, blank=True))])
    if not after["item"] and not _CLOSED.match(line, begin) and len(wanted) <= 2:
        return None  # "a" is an article, too
    more = _until_item(below)
    answered = _after_answer(more)
    if answered is not None:
        return _text([answered])
    asked = list(_ASKED.finditer(f"{rest} "))
    if asked:
        rest = rest[asked[-1].end() :]
    return _text(["\n".join([rest, *more])])


def _label_end(line: str, wanted: str) -> int | None:
    """Where the label ends, if the line begins with it, perhaps after a number."""
    begin = _begin(_BEFORE, line, 0)
    for at in dict.fromkeys((begin, _begin(_NUMBER, line, begin))):
        end = at + len(wanted)
        if (
            line[at:end].casefold() == wanted.casefold()
            and not (wanted[-1:] + line[end : end + 1]).isalnum()
        ):
            return end
    return None


def _begin(pattern: re.Pattern[str], line: str, at: int) -> int:
    found = pattern.match(line, at)
    return found.end() if found else at


def _until_item(lines: Sequence[str], blank: bool = False) -> list[str]:
    """The lines up to the next item or heading.

    With `blank` only to the end of the paragraph, or to the next line with a label of its own.
    """
    kept: list[str] = []
    for line in lines:
        if _ITEM.match(line) or _HEADING.match(line):
            break
        if blank and ((kept and not line.strip()) or _ASSIGNED.match(line)):
            break
        if line.strip():
            kept.append(line)
    return kept


def _until_heading(lines: Sequence[str], level: int) -> list[str]:
    """The lines up to the next heading of this level or above; of any, below what is none."""
    for number, line in enumerate(lines):
        if 0 < _level(line) <= (level or 6) and not _LABEL.match(line):
            return list(lines[:number])
    return list(lines)


def _level(line: str) -> int:
    """1 to 6 of a markdown heading, 0 of another line."""
    found = _HEADING.match(line)
    if found is None:
        return 0
    return len(found[1]) if found[1] else int(found[0][-1])


def _text(texts: Sequence[str]) -> str | None:
    text = "\n\n".join(part.strip() for part in texts if part.strip()).strip()
    return None if is_placeholder(text) else text


def _lines(cell: Cell) -> list[str]:
    """A cell's words: of code only the comments, of neither the markers."""
    source = cell.source[:_MAX_CELL]
    if cell.kind == "code":
        comments = (line.strip() for line in source.split("\n"))
        source = "\n".join(line[1:].strip() for line in comments if line.startswith("#"))
    return _COMMENT.sub("", source).split("\n")
