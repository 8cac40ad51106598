"""Executed notebooks as documents for people: made apart, kept for a while, sent piece by piece."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

from grader.apart import run_apart
from grader.db.models import Submission
from grader.errors import InternalError
from grader.notebooks.showing.style import STYLE_SOURCE as STYLE_SOURCE  # for the web, too
from grader.services.access import Actor
from grader.services.results import shown_notebook
from grader.services.site import Site

_MODULE = "grader.notebooks.showing.document"
_LONGEST_S = 20.0
_AGAIN_S = 300.0  # after which what could not be made is tried again
_PIECE = 1 << 16
_MOST, _MOST_BYTES = 64, 64 << 20  # documents that are kept


log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A submission, its result as this person sees it, and by exercise its cells, from 1.

    `problem` says why there is no document, where there is none.
    """

    submission: Submission
    document: Mapping[str, Any]
    cells: int = 0
    exercises: Mapping[str, list[int]]
    never_run: int = 0
    is_cut: bool = False
    problem: str | None = None


class Notebooks:
    """The documents that were asked for last, in files without a name. For any thread.

    They are not in memory, and they are gone with the process, however it ends.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Made] = {}
        self._making: dict[str, threading.Lock] = {}
        self._failed: dict[str, float] = {}  # when, so that it is not tried at every look
        self._lock = threading.Lock()

    def show(
        self, site: Site, actor: Actor, submission_id: int, version_id: int | None = None
    ) -> Shown:
        """What a page says around the document; raises NotFound where there is no notebook."""
        submission, document, made = self._of(site, actor, submission_id, version_id)
        if made is None:
            words = "This notebook is too much to be shown here. Download it to look at it."
            return Shown(submission=submission, document=document, exercises={}, problem=words)
        index = made.index
        return Shown(
            submission=submission,
            document=document,
            cells=index["cells"],
            exercises=index["exercises"],
            never_run=index["never_run"],
            is_cut=index["is_cut"],
        )

    def html(
        self, site: Site, actor: Actor, submission_id: int, version_id: int | None = None
    ) -> Iterator[bytes]:
        """The document from within its head on, what is before is the sender's; as `show`."""
        _, _, made = self._of(site, actor, submission_id, version_id)
        if made is None:
            raise InternalError("the notebook could not be made into a page")
        return made.pieces()

    def _of(
        self, site: Site, actor: Actor, submission_id: int, version_id: int | None
    ) -> tuple[Submission, Mapping[str, Any], _Made | None]:
        submission, document, notebook = shown_notebook(site, actor, submission_id, version_id)
        told = json.dumps(document, sort_keys=True).encode()
        key = hashlib.sha256(notebook.encode() + told).hexdigest()
        with self._lock:
            turn = self._making.setdefault(key, threading.Lock())
        try:
            with turn:  # who asks for the same one meanwhile waits for it
                made = self._found(key)
                if made is None and not self._has_failed(key):
                    given = chain([told, b"\n"], site.blobs.chunks(notebook))
                    made = self._made(key, given)
        finally:
            with self._lock:
                self._making.pop(key, None)
        return submission, document, made

    def _made(self, key: str, given: Iterator[bytes]) -> _Made | None:
        try:
            made = self._written(given)
        except InternalError as error:
            log.warning("%s", error)
            with self._lock:
                self._failed[key] = time.monotonic()
            return None
        self._keep(key, made)
        return made

    def _has_failed(self, key: str) -> bool:
        with self._lock:
            now = time.monotonic()
            self._failed = {one: at for one, at in self._failed.items() if now - at < _AGAIN_S}
            return key in self._failed

    def _written(self, given: Iterator[bytes]) -> _Made:
        with tempfile.TemporaryFile(prefix="chainrule-notebook-") as file:
            run_apart(_MODULE, given, file, longest_s=_LONGEST_S, name="the notebook's page")
            return _Made(file)

    def _found(self, key: str) -> _Made | None:
        with self._lock:
            made = self._kept.pop(key, None)
            if made is not None:
                self._kept[key] = made  # the last one now
            return made

    def _keep(self, key: str, made: _Made) -> None:
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _MOST or (
                len(self._kept) > 1 and sum(one.size for one in self._kept.values()) > _MOST_BYTES
            ):
                del self._kept[next(iter(self._kept))]


class _Made:
    """A document in a file: its index, and where its HTML begins."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)  # with the last who reads it
        self.size = os.fstat(self._file).st_size
        file.seek(0)
        line = file.readline()
        self.index: Mapping[str, Any] = json.loads(line)
        self._begin = len(line)

    def pieces(self) -> Iterator[bytes]:
        """The HTML; several may read it at a time."""
        at = self._begin
        while piece := os.pread(self._file, _PIECE, at):
            at += len(piece)
            yield piece
