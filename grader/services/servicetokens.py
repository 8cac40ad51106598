"""What lets us into a platform's services, for the sender of grades."""

from __future__ import annotations

from collections.abc import Callable

from grader.db.models import Platform
from grader.lms.ags import Bearer
from grader.services.site import Site

Bearers = Callable[[Site, Platform], Bearer]


def bearer_of(site: Site, platform: Platform) -> Bearer:
    """What gives tokens of this platform."""
    raise NotImplementedError
