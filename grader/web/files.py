"""Files that come in and go out: one in a form, and downloads that no browser renders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse
from starlette.datastructures import UploadFile

from grader.errors import BadInput
from grader.services.access import Actor
from grader.web.incoming import incoming

FORM = "multipart/form-data"  # with files

_PIECE = 1 << 16
_FIELDS = 10  # beside the file, for clients that send more than they are asked for


def file_body(name: str) -> dict[str, Any]:
    """What a route that takes a file of that name says in the OpenAPI document."""
    schema = {
        "type": "object",
        "properties": {name: {"type": "string", "format": "binary"}},
        "required": [name],
    }
    content = {FORM: {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def file_answer(media_type: str) -> dict[int | str, dict[str, Any]]:
    """What a route that answers with a file says in the OpenAPI document."""
    schema = {"type": "string", "format": "binary"}
    return {200: {"content": {media_type: {"schema": schema}}}}


def text_answer(media_type: str) -> dict[int | str, dict[str, Any]]:
    """What a route that answers with text says in the OpenAPI document."""
    return {200: {"content": {media_type: {"schema": {"type": "string"}}}}}


def one_file(name: str, who: Callable[..., Actor], at_most: int | None = None) -> Any:
    """What a route asks for that takes one file of that name, from `who` may send it.

    Not as a parameter of the route: it would be read before anybody knows who sends it. `at_most`
    bytes are read of the request, or what the installation reads of any.
    """

    asked = Depends(who)

    async def one(request: Request, actor: Actor = asked) -> AsyncIterator[UploadFile]:
        if not request.headers.get("content-type", "").startswith(FORM):
            raise BadInput(f"{name}: send a form ({FORM}) with one file of this name")
        incoming(request).allow(actor.person_id, at_most)
        async with request.form(max_files=1, max_fields=_FIELDS) as form:
            file = form.get(name)
            if not isinstance(file, UploadFile):
                raise BadInput(f"{name}: send one file under this name")
            yield file

    return Depends(one)


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """A file bit by bit."""
    while piece := file.read(_PIECE):
        yield piece


def download(name: str, content: Iterable[bytes], media_type: str) -> StreamingResponse:
    """A file to be saved under that name, which no browser shows or guesses about."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_. ") else "_" for c in name)
    headers = {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(content, media_type=media_type, headers=headers)
