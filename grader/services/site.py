"""One installation: where its rows, blobs and messages are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grader.broker.messages import Messages
from grader.broker.progress import Progress
from grader.broker.throttle import Throttle
from grader.config import Settings
from grader.db.session import Database, engine_for
from grader.lms.keysets import PATIENCE_S, PlatformKeys
from grader.lms.outside import Outside
from grader.lms.platforms import Way
from grader.lms.tokens import ServiceTokens
from grader.services.lastuse import LastUses
from grader.services.signingkeys import signing_key
from grader.storage.blobs import Blobs, open_blobs


@dataclass(frozen=True)
class Site:
    """What use cases work on. For any thread.

    `to_platforms` leads to addresses that an administrator has vouched for, which may lie in our
    own network; `outside` to all others. `platform_keys` are those by which platforms sign,
    `service_tokens` are for their services.
    """

    settings: Settings
    database: Database
    blobs: Blobs
    messages: Messages
    progress: Progress
    throttle: Throttle
    to_platforms: Outside
    outside: Outside
    platform_keys: PlatformKeys
    service_tokens: ServiceTokens
    uses: LastUses

    def close(self) -> None:
        """Let go of the database's connections."""
        self.database.engine.dispose()


def open_site(settings: Settings) -> Site:
    """The installation that the settings describe; its schema is there already."""
    database = Database(engine_for(settings.database))
    to_platforms = Outside(private=True)
    outside = Outside(private=settings.private_addresses)
    quick = [replace(one, patience_s=PATIENCE_S) for one in (to_platforms, outside)]
    return Site(
        settings=settings,
        database=database,
        blobs=open_blobs(settings.blobs, settings.s3_endpoint),
        messages=Messages(settings.redis),
        progress=Progress(settings.redis),
        throttle=Throttle(settings.redis),
        to_platforms=to_platforms,
        outside=outside,
        platform_keys=PlatformKeys(_way(*quick)),
        service_tokens=ServiceTokens(_way(to_platforms, outside), lambda: signing_key(database)),
        uses=LastUses(database),
    )


def _way(to_platforms: Outside, outside: Outside) -> Way:
    return lambda platform: to_platforms if platform.is_private else outside
