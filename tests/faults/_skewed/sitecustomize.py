"""On the path of a process whose wall clock is to be wrong, by SKEW_S seconds."""

import datetime
import os
import time

_SKEW_S = float(os.environ["SKEW_S"])
_time, _time_ns = time.time, time.time_ns


class _Skewed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls):
        return cls.now(datetime.UTC).replace(tzinfo=None)


time.time = lambda: _time() + _SKEW_S
time.time_ns = lambda: _time_ns() + int(_SKEW_S * 1e9)
datetime.datetime = _Skewed
