"""What a browser may do with what we answer: one policy for pages, one for files."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send


def policy(frames: Sequence[str] = (), forms: Sequence[str] = ()) -> str:
    """The policy of a page: `frames` are origins whose pages may show it, `forms` those that its
    forms may go to, besides our own."""
    around = " ".join(frames) or "'none'"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "frame-src 'self'",
            " ".join(("form-action 'self'", *forms)),
            f"frame-ancestors {around}",
            "base-uri 'none'",
        )
    )


_HEADERS = {
    b"content-security-policy": policy().encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}


class SafeHeaders:
    """Adds the headers that no answer has set for itself; pages are not to be stored, either."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and complete its answer's headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                known = {name.lower() for name, _ in own}
                wanted = dict(_HEADERS)
                if any(n.lower() == b"content-type" and v.startswith(b"text/html") for n, v in own):
                    wanted[b"cache-control"] = b"private, no-store"
                own += [(name, value) for name, value in wanted.items() if name not in known]
                message = {**message, "headers": own}
            await send(message)

        await self._app(scope, receive, completed)
