"""Tells what ran in a browser that should not have: calls, dialogs, requests, pages left."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page

_NUMBER = re.compile(r"pwn(?:ed/|\()(\d+)")

# What must not stand in any page of ours, nor in a frame: by what a browser has made of it.
_ODD = """(inFrame) => {
  const odd = [];
  const strays = (link) => {
    try {
      const address = new URL(link, location.href);
      return address.origin !== location.origin || address.pathname.includes("pwned");
    } catch { return true; }
  };
  // The link at each cell by which staff comment on it.
  const isOurs = (one) => inFrame && one.matches(".cell > .margin > a.comment-on[target=_top]")
    && /^#comment-\\d+$/.test(one.getAttribute("href"));
  for (const one of document.querySelectorAll("*")) {
    const names = one.getAttributeNames();
    const is = (selector) => one.matches(selector);
    const of = (name) => one.getAttribute(name) ?? "";
    const leads = (name) => of(name) && (inFrame || strays(of(name)));
    if (names.some((name) => /^on|^(data-)?hx-on/.test(name))
      || (is("base") && !(inFrame && one === document.head.firstElementChild && !strays(one.href)))
      || is("object, embed, meta[http-equiv], applet, noscript:not(head *), template")
      || is("svg script")
      || (is("script") && (inFrame || !of("src").startsWith("/static/")))
      || (is("iframe") && !["", "allow-top-navigation-by-user-activation"].includes(of("sandbox")))
      || (is("iframe") && !one.hasAttribute("sandbox"))
      || (is("a, area") && !isOurs(one) && (leads("href") || leads("xlink:href")))
      || (is("link") && (inFrame || !of("href").startsWith("/static/")))
      || (is("form") && leads("action"))
      || (is("style") && (!inFrame || /pwned/.test(one.textContent)))
      || (is("img") && of("src") && !/^(data:image\\/|\\/static\\/)/.test(of("src")))
      || names.some((name) => /^(data-)?hx-|^src|^style$|^formaction$/.test(name)
        && /pwn(ed|\\()/.test(of(name)))  // a form's token may hold the three letters by chance
      || (inFrame && one.shadowRoot)) odd.push(one.outerHTML.slice(0, 300));
  }
  return odd;
}"""


@dataclass
class Canary:
    """Watches a browser's context, all of its frames too; `said` is by the payload's number."""

    origin: str
    said: dict[int | None, list[str]] = field(default_factory=dict)

    def watch(self, context: BrowserContext) -> None:
        """Begin."""
        context.expose_binding("pwn", lambda _, number: self.tell(f"pwn({number}) was called"))
        context.on("request", lambda request: self._asked(request.url))
        context.on("dialog", self._opened)
        context.on("page", lambda page: page.on("framenavigated", lambda f: self._asked(f.url)))

    def look_at(self, page: Page) -> None:
        """Note what should not stand in the page, nor in its frames."""
        for frame in page.frames:
            in_frame = frame is not page.main_frame or frame.url.split("?")[0].endswith("/frame")
            for odd in frame.evaluate(_ODD, in_frame):
                self.tell(f"{urlsplit(frame.url).path} holds {odd}")

    def of(self, number: int) -> list[str]:
        """What was said of a payload."""
        return self.said.get(number, [])

    def tell(self, words: str) -> None:
        """Note it under the number that stands in it."""
        found = _NUMBER.search(words)
        self.said.setdefault(int(found[1]) if found else None, []).append(words)

    def _asked(self, url: str) -> None:
        is_ours = url.startswith((f"{self.origin}/", "data:image/", "about:"))
        if not is_ours or "pwned" in url:
            self.tell(f"{url} was asked for")

    def _opened(self, dialog: Any) -> None:
        self.tell(f"a dialog opened: {dialog.message}")
        dialog.dismiss()
