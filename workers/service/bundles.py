"""Bundles that a worker has read, by the hashes of their zips."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from grader.domain.rubric import Bundle
from grader.rubricfile import load_bundle
from grader.services.bundles import unpacked
from grader.services.site import Site

_MOST = 16


class Bundles:
    """Those that were needed last, in memory: nothing of them stays on the disk."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._read: dict[str, Bundle] = {}
        self._lock = threading.Lock()

    def of(self, sha256: str) -> Bundle:
        """The bundle in that blob; raises BlobMissing, and BadBundle."""
        with self._lock:
            bundle = self._read.pop(sha256, None) or self._load(sha256)
            self._read[sha256] = bundle  # the last one now
            while len(self._read) > _MOST:
                del self._read[next(iter(self._read))]
            return bundle

    def _load(self, sha256: str) -> Bundle:
        with tempfile.TemporaryDirectory(prefix="chainrule-bundle-") as name:
            return load_bundle(unpacked(self._site, sha256, Path(name, "bundle")), Path(name))
