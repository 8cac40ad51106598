"""What lets us into a platform's services, for the sender of grades."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from grader.db.models import Platform
from grader.lms.ags import Bearer
from grader.lms.platforms import PlatformFacts
from grader.lms.tokens import ServiceTokens
from grader.services.platforms import facts_of
from grader.services.site import Site

Bearers = Callable[[Site, Platform], Bearer]


@dataclass(frozen=True)
class _Bearer:
    tokens: ServiceTokens
    platform: PlatformFacts

    def get(self, scopes: Collection[str]) -> str:
        return self.tokens.get(self.platform, scopes)

    def forget(self, scopes: Collection[str], token: str) -> None:
        self.tokens.forget(self.platform, scopes, token)


def bearer_of(site: Site, platform: Platform) -> Bearer:
    """What gives tokens of this platform."""
    return _Bearer(site.service_tokens, facts_of(platform))
