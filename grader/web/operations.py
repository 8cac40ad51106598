"""For machines that watch this one: is it alive, is it ready, and in numbers. Without a token.

Labels are words of a fixed list or the templates of routes, so that their number is bounded; no
figure is about a person.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from grader.services import operations
from grader.services.operations import Load
from grader.services.site import Site
from grader.web.security import CurrentSite

_SHARED = "PROMETHEUS_MULTIPROC_DIR"  # the folder of what is shared; `chainrule web` sets it
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0)

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)


class Metrics:
    """The figures of this web process, or of all that share its address, and of the installation at
    the moment of asking."""

    def __init__(self, site: Site) -> None:
        self._registry = CollectorRegistry()
        counting: CollectorRegistry | None = self._registry
        if _SHARED in os.environ:
            # Whichever of them is asked answers for all; what one process takes says nothing then.
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
            counting = None
        else:
            ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "chainrule_requests",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=counting,
        )
        self._seconds = Histogram(
            "chainrule_request_seconds",
            "How long requests took, to the last byte.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=counting,
        )
        self._registry.register(_Installation(site))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """All of them as Prometheus reads them."""
        return generate_latest(self._registry)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    found: Metrics = request.app.state.metrics
    return Response(found.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(site: CurrentSite, response: Response) -> dict[str, object]:
    """Requests can be served; 503 where they can't."""
    found = operations.readiness(site)
    response.status_code = 200 if found.ready else 503
    well = all(said == "ok" for said in found.parts.values())
    status = "ok" if well else "degraded" if found.ready else "not ready"
    return {"status": status, "parts": dict(found.parts)}


class _Installation(Collector):
    """The installation's figures, by a few queries for each scrape."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def describe(self) -> Iterable[Metric]:
        """None: asking the database is for scrapes alone."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The figures; of a database that does not answer only that it does not."""
        try:
            load = operations.load(self._site)
        except Exception as error:
            log.warning("no figures: %s", error)
            yield _gauge("database_up", "Whether the database answers.", {(): 0})
            return
        yield _gauge("database_up", "Whether the database answers.", {(): 1})
        yield from _figures(load)


def _figures(load: Load) -> Iterator[Metric]:
    by_queue = ("queue", "state")
    yield _gauge("attempts", "Attempts by queue and state.", load.attempts, by_queue)
    yield _gauge("trials", "Trials by queue and state.", load.trials, by_queue)
    depth = {(queue,): found.count for queue, found in load.waiting.items()}
    yield _gauge("queue_depth", "Attempts that wait.", depth, ("queue",))
    longest = {(queue,): found.longest_s for queue, found in load.waiting.items()}
    yield _gauge("queue_oldest_seconds", "How long the oldest has waited.", longest, ("queue",))
    leases = {(state,): count for state, count in load.leases.items()}
    yield _gauge("leases", "Leases that hold, and that ran out.", leases, ("state",))
    results = {(status,): count for status, count in load.results.items()}
    yield _gauge("results", "Results by how the run ended.", results, ("status",))
    nodes = {(state,): count for state, count in load.nodes.items()}
    yield _gauge("nodes", "Workers.", nodes, ("state",))


def _gauge(
    name: str,
    about: str,
    values: Mapping[Any, float],  # the labels' values, as a tuple
    labels: tuple[str, ...] = (),
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"chainrule_{name}", about, labels=labels)
    for key, value in values.items():
        family.add_metric([str(one) for one in key], value)
    return family
