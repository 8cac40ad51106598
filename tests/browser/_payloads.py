"""What somebody might write to have it run in another's browser. Each tells itself by its number.

`pwn(n)` is the canary's function, `/pwned/n` an address that nothing of ours asks for. `naive` is
what a page without a defence would make of it, for seeing that the canary works.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

HTMX = '<script src="/static/vendor/htmx-2.0.11.min.js"></script>'


@dataclass(frozen=True)
class Payload:
    """One of them; `click` says that the naive page has to be clicked."""

    name: str
    text: str
    naive: str | None
    click: bool = False


def _payload(name: str, text: str, naive: str = "", *, click: bool = False) -> Payload:
    return Payload(name, text, naive or text, click)


_IMG = "<img src=x onerror=pwn(%N)>"
_LINK = '<a href="javascript:pwn(%N)">x</a>'
_SCRIPT = "<script>pwn(%N)</script>"
_ELSEWHERE = "http://127.0.0.1:1/pwned/%N"

_HTMX = '<i hx-get="/pwned/%N" hx-trigger="load">x</i>'
_HTMX_ON = '<button data-hx-on:click="pwn(%N)">x</button>'

_ALL = (
    _payload("script", _SCRIPT),
    _payload("script-src", "<script src=/pwned/%N></script>"),
    _payload("dialog", "<script>alert('/pwned/%N')</script>"),
    _payload("image-error", _IMG),
    _payload("image-elsewhere", f'<img src="{_ELSEWHERE}">'),
    _payload("image-srcset", '<img srcset="/pwned/%N 1x">'),
    _payload("svg-load", "<svg onload=pwn(%N)>"),
    _payload("svg-script", f"<svg>{_SCRIPT}</svg>"),
    _payload("svg-animate", "<svg><animate onbegin=pwn(%N) attributeName=x dur=1s>"),
    _payload(
        "svg-file",
        '<svg xmlns="http://www.w3.org/2000/svg" onload="pwn(%N)"><script>pwn(%N)</script>'
        '<image href="/pwned/%N"/><foreignObject><img src="x" onerror="pwn(%N)"/></foreignObject>'
        "</svg>",
    ),
    _payload("body-load", "<body onload=pwn(%N)>"),
    _payload("iframe-srcdoc", f'<iframe srcdoc="{_SCRIPT}"></iframe>'),
    _payload("iframe-javascript", '<iframe src="javascript:parent.pwn(%N)"></iframe>'),
    _payload("iframe-page", "<iframe src=/pwned/%N></iframe>"),
    _payload("object", "<object data=/pwned/%N></object>"),
    _payload("embed", "<embed src=/pwned/%N>"),
    _payload("details-toggle", "<details open ontoggle=pwn(%N)>x"),
    _payload("input-focus", "<input autofocus onfocus=pwn(%N)>"),
    _payload("svg-set", "<svg><set onbegin=pwn(%N) attributeName=x>"),
    _payload("video-source", "<video><source src=x onerror=pwn(%N)></video>"),
    _payload(
        "visibility",
        '<p oncontentvisibilityautostatechange=pwn(%N) style="content-visibility:auto">x',
    ),
    _payload("link-stylesheet", "<link rel=stylesheet href=/pwned/%N>"),
    _payload("style-import", "<style>@import '/pwned/%N';</style>"),
    _payload("style-url", "<style>html{background:url(/pwned/%N)}</style>"),
    _payload("style-attribute", '<p style="background:url(/pwned/%N)">x</p>'),
    _payload(
        "style-exfiltration",
        "<style>input[name=q]{background:url(/pwned/%N)}</style>",
        "<style>input[name=q]{background:url(/pwned/%N)}</style><input name=q>",
    ),
    _payload("base", '<base href="/pwned/%N/"><img src=x>'),
    _payload("meta-refresh", '<meta http-equiv=refresh content="0;url=/pwned/%N">'),
    _payload("form", "<form action=/pwned/%N><button>x</button></form>", click=True),
    _payload("link-javascript", _LINK, click=True),
    _payload("link-hidden", '<a href="java&#10;script&colon;pwn(%N)">x</a>', click=True),
    _payload("link-elsewhere", f'<a href="{_ELSEWHERE}">x</a>', click=True),
    _payload("link-target", '<a href="/pwned/%N" target="_top">x</a>', click=True),
    _payload("shadow", f"<div><template shadowrootmode=open>{_IMG}</template></div>"),
    _payload(
        "mathml",
        "<math><mtext><table><mglyph><style><!--</style>"
        '<img title="--&gt;&lt;img src=1 onerror=pwn(%N)&gt;">',
        _IMG,
    ),
    _payload("noscript", f'<noscript><p title="</noscript>{_IMG}">'),
    _payload("out-of-text", f"</textarea></title></pre></code></script>-->{_IMG}"),
    _payload(
        "out-of-attribute",
        '" autofocus onfocus="pwn(%N)" x="',
        '<input value="" autofocus onfocus="pwn(%N)" x="">',
    ),
    _payload(
        "out-of-apostrophes",
        "' autofocus onfocus='pwn(%N)' x='",
        "<input value='' autofocus onfocus='pwn(%N)' x=''>",
    ),
    _payload("out-of-json", f'"]}}</script>{_IMG}', _IMG),
    _payload("markdown-link", "[x](javascript:pwn(%N))", _LINK, click=True),
    _payload("markdown-autolink", "<javascript:pwn(%N)>", _LINK, click=True),
    _payload("markdown-own-path", "[x](/pwned/%N)", '<a href="/pwned/%N">x</a>', click=True),
    _payload(
        "markdown-image", '![x" onerror="pwn(%N)](x)', '<img alt="x" onerror="pwn(%N)" src=x>'
    ),
    _payload("markdown-elsewhere", f"![x]({_ELSEWHERE})", f'<img src="{_ELSEWHERE}">'),
    _payload("latex-href", r"$\href{javascript:pwn(%N)}{x}$", _LINK, click=True),
    _payload("latex-html", f"$$\\unicode{{{_IMG}}}$$", _IMG),
    _payload(
        "attachment",
        '![x](attachment:x"onerror="pwn(%N))',
        '<img src="attachment:x"onerror="pwn(%N)">',
    ),
    _payload("polyglot-image", f'"><!--\x89PNG-->{_IMG}', f'<img src="data:image/png,">{_IMG}'),
    _payload("javascript", "pwn(%N);/*x*/", "<script>pwn(%N);/*x*/</script>"),
    _payload(
        "widget-state",
        '{"state": {"a": {"model_module": "/pwned/%N"}}, "html": "<script>pwn(%N)</script>"}',
    ),
    _payload(
        "vega",
        '{"$schema": "/pwned/%N", "data": {"url": "/pwned/%N"}, "x": "<img src=/pwned/%N>"}',
    ),
    _payload("terminal-link", f"\x1b]8;;javascript:pwn(%N)\x07x\x1b]8;;\x07\x1b[31m{_IMG}", _IMG),
    _payload("right-to-left", f"\u202e{_SCRIPT}\u2066"),
    _payload("spreadsheet", f'=HYPERLINK("{_ELSEWHERE}","x")', f'<img src="{_ELSEWHERE}">'),
    _payload("htmx", _HTMX, f"{HTMX}{_HTMX}"),
    _payload("htmx-on", _HTMX_ON, f"{HTMX}{_HTMX_ON}", click=True),
    Payload("template", "{{ 7 * 7 }}${7 * 7}<%= 7 * 7 %>#{7 * 7}", None),
    _payload("huge", "<b>" * 1500 + _IMG, _IMG),
)

PAYLOADS = tuple(
    replace(
        one,
        text=one.text.replace("%N", str(number)),
        naive=one.naive and one.naive.replace("%N", str(number)),
    )
    for number, one in enumerate(_ALL)
)
