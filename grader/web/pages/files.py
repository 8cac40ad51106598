"""Our own scripts, styles and pictures, which a browser may keep for good under their hashes."""

from __future__ import annotations

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class Files(StaticFiles):
    """What is asked for with a hash never changes; without one it is asked for anew each time."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        has_hash = scope.get("query_string", b"").startswith(b"v=")
        kept = "public, max-age=31536000, immutable" if has_hash else "no-cache"
        response.headers["Cache-Control"] = kept
        return response
