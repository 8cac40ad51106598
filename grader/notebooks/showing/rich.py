"""HTML and markdown of students, made safe: a short list of what may stay, and nothing else.

Neither classes nor ids nor styles stay, so that nothing can look like a verdict of ours or catch
its links; no link leads anywhere, and a picture is one that stands in the document itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from grader.notebooks.showing.pictures import picture_address
from grader.notebooks.showing.texts import plain

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

_TAGS = {
    *("p", "br", "hr", "div", "span", "blockquote", "pre", "code", "kbd", "samp", "var"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd"),
    *("b", "strong", "i", "em", "u", "s", "del", "ins", "sub", "sup", "small", "mark", "abbr", "q"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "colgroup", "col"),
    *("figure", "figcaption", "img", "details", "summary", "center"),
}
# With what is in them: text that was never meant to be read.
_GONE = {
    *("script", "style", "template", "iframe", "object", "embed", "applet", "noscript", "noembed"),
    *("svg", "math", "head", "title", "textarea", "select", "button", "form", "video", "audio"),
    *("canvas", "frameset", "xmp", "plaintext", "portal", "link", "meta", "base"),
}
_ATTRIBUTES: dict[str, set[str]] = {
    "*": set(),
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "img": {"src", "alt", "width", "height"},
    "details": {"open"},
}
_NUMBER = re.compile(r"[0-9]{1,4}")
_SCOPES = ("row", "col", "rowgroup", "colgroup")
_VISIBLE = re.compile(r"<img|[^\s<>](?![^<>]*>)")


def safe_html(html: str, attached: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """What of the HTML may be shown. `attached` are a cell's pictures by name, by media type."""
    import nh3

    def keep(tag: str, name: str, value: str) -> str | None:
        if name == "src":
            return picture_address(value, attached or {})
        if name in ("colspan", "rowspan", "start", "width", "height"):
            return value if _NUMBER.fullmatch(value) else None
        if name == "scope":
            return value if value in _SCOPES else None
        return value

    return nh3.clean(
        plain(html),
        tags=_TAGS,
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        strip_comments=True,
        link_rel=None,
        url_schemes={"data", "attachment"},
    )


def shows_something(html: str) -> bool:
    """Whether sanitised HTML has any text or picture."""
    return _VISIBLE.search(html) is not None


def safe_markdown(text: str, attached: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Markdown as safe HTML; formulas stay as they were written."""
    return safe_html(_reader().render(plain(text)), attached)


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"maxNesting": 20}).enable(["table", "strikethrough"])
    reader.inline.ruler.before("escape", "formula", _formula)
    reader.block.ruler.before("fence", "formula", _formula_block, {"alt": ["paragraph"]})
    reader.add_render_rule("formula", _shown_formula)
    reader.add_render_rule("link_open", lambda *_: "<u>")
    reader.add_render_rule("link_close", _shown_address)
    return reader


def _formula(state: StateInline, silent: bool) -> bool:
    """`$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]`: what is between is no markdown."""
    for begin, end in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        if not state.src.startswith(begin, state.pos):
            continue
        inner = state.pos + len(begin)
        close = state.src.find(end, inner, min(state.posMax, inner + 4000))
        written = state.src[inner:close] if close > inner else ""
        # As pandoc has it: $ 5 and $ 10 are no formula.
        if not written.strip() or (begin == "$" and written != written.strip()):
            continue
        if not silent:
            token = state.push("formula", "code", 0)
            token.content = written
        state.pos = close + len(end)
        return True
    return False


def _formula_block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A paragraph that begins with `$$` or `\\begin{`, up to the line that ends it."""
    start = state.bMarks[first] + state.tShift[first]
    for begin, end in (("$$", "$$"), ("\\begin{", "\\end{")):
        if not state.src.startswith(begin, start):
            continue
        at = start + len(begin)
        for line in range(first, last):
            if state.isEmpty(line):
                break
            if end in state.src[at : state.eMarks[line]]:
                if not silent:
                    token = state.push("formula", "code", 0)
                    token.block = True
                    token.map = [first, line + 1]
                    written = state.getLines(first, line + 1, state.blkIndent, False)
                    token.content = written.strip().strip("$").strip()
                    state.line = line + 1
                return True
            at = state.eMarks[line]
    return False


def _shown_formula(_: Any, tokens: Any, at: int, *__: Any) -> str:
    written = f"<code>{escape(tokens[at].content)}</code>"
    return f"<p>{written}</p>\n" if tokens[at].block else written


def _shown_address(_: Any, tokens: Any, at: int, *__: Any) -> str:
    """Where a link would lead, in words: it leads nowhere here."""
    depth, begin = 0, at
    while begin >= 0:
        depth += {"link_open": -1, "link_close": 1}.get(tokens[begin].type, 0)
        if depth == 0:
            break
        begin -= 1
    address = str(tokens[begin].attrGet("href") or "")
    said = "".join(one.content for one in tokens[begin:at])
    return "</u>" if said == address else f"</u> <small>({escape(address)})</small>"
