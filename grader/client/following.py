"""Following the judging of what was handed in, whatever happens to the connection."""

from __future__ import annotations

import time

from grader.client.answers import News
from grader.client.service import Service, Tell
from grader.errors import InternalError, NotNow

_EVERY_S = 2.0
_STREAMS = 3  # that bring nothing, as behind a proxy that gathers; from then on it is asked for


def follow(service: Service, submission_id: int, attempt_id: int, tell: Tell) -> News:
    """Tell where it stands until it is over; the last news.

    Where it is judged anew meanwhile, against another version, that is followed on.
    """
    while True:
        news = _followed(service, attempt_id, tell)
        latest = service.handed_in(submission_id).attempt_id
        if latest is None or latest == attempt_id:
            return news
        attempt_id = latest


def _followed(service: Service, attempt_id: int, tell: Tell) -> News:
    fruitless = 0
    last_id: str | None = None
    while True:
        if fruitless < _STREAMS:
            fruitless += 1
            try:
                for event_id, news in service.events(attempt_id, last_id):
                    fruitless, last_id = 0, event_id
                    tell(news.words)
                    if news.is_last:
                        return news
            except (InternalError, NotNow):
                pass  # asking tells whether it is the stream alone
        news = service.news(attempt_id)
        tell(news.words)
        if news.is_last:
            return news
        time.sleep(_EVERY_S)
