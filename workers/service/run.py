"""One worker process from its start to its end."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any

from grader.broker.messages import COMPARE, JUDGE, TRY_OUT
from grader.config import Settings
from grader.domain.rubric import Runtime
from grader.errors import SandboxUnavailable
from grader.services import judging
from grader.services.schema import check_schema
from grader.services.site import open_site
from workers.commands.findings import Finding, layer_findings
from workers.inside.cgroups import remove_abandoned
from workers.inside.privileges import hide_memory
from workers.service.app import serve, worker_app
from workers.service.bundles import Bundles
from workers.service.comparisons import Comparisons
from workers.service.devices import Devices
from workers.service.heartbeat import Heartbeat
from workers.service.namesake import refuse_namesake, whereabouts
from workers.service.scratch import scratch
from workers.service.service import Service
from workers.service.trials import Trials
from workers.service.zygotes import Zygotes
from workers.stopping import Why

PATIENCE_S = 8.0  # with what runs when it is told to end: less than what Docker has with us

log = logging.getLogger(__name__)


def run_worker(settings: Settings) -> None:
    """Judge until SIGTERM or SIGINT.

    Raises SandboxUnavailable where a layer of the sandbox is missing and not accepted, and BadInput
    where another worker of this name lives.
    """
    # Test files run beside it, as the same user: what it was started with is not theirs to read.
    hide_memory()
    layers = _layers(settings.accept_missing)
    with ExitStack() as stack:
        stack.enter_context(scratch())
        remove_abandoned()
        site = open_site(settings)
        stack.callback(site.close)
        check_schema(site)
        refuse_namesake(site)
        devices = Devices(settings.gpus)
        zygotes = Zygotes(settings.accept_missing, devices)
        stack.callback(zygotes.close)
        with zygotes.lend(Runtime()):
            pass  # warm, before the first attempt comes

        def facts() -> dict[str, Any]:
            zygotes.clear_up()  # with every beat, since nobody may ask for one for long
            return {**_facts(settings, layers, zygotes), "unfit": sorted(service.unfit)}

        heart = Heartbeat(site, facts)
        service = Service(site, zygotes, Bundles(site), devices, heart)
        trials, comparisons = Trials(service), Comparisons(service)
        judging.announce(site, facts())
        stack.callback(judging.goodbye, site)
        for thread in (heart, trials, comparisons):
            thread.start()
            stack.callback(thread.close)
        stack.callback(heart.stop_all, Why.LEAVING)  # of what is beside slots, too
        stack.callback(service.leave)
        log.info("the worker %s takes %s", settings.node, " and ".join(settings.queues))
        serve(
            worker_app(
                settings,
                {JUDGE: service.judge, TRY_OUT: trials.told, COMPARE: comparisons.told},
            ),
            settings,
            leave=service.leave,
            abort=lambda: heart.stop_all(Why.LEAVING),
            patience_s=PATIENCE_S,
        )
    log.info("the worker %s has ended", settings.node)


def _layers(accepted: frozenset[str]) -> list[Finding]:
    found = list(layer_findings(sys.executable, accepted))
    lacking = [one for one in found if one.needed and not one.present]
    if lacking:
        words = ". ".join(
            f"{one.name} is missing: {'; '.join(filter(None, (one.detail, one.remedy)))}"
            for one in lacking
        )
        raise SandboxUnavailable(
            f"grading cannot run here. {words}. See chainrule doctor; or accept by name what may "
            "be missing, in CHAINRULE_ACCEPT_MISSING"
        )
    return found


def _facts(settings: Settings, layers: list[Finding], zygotes: Zygotes) -> dict[str, Any]:
    """What the worker says of itself."""
    return {
        "version": version("chainrule"),
        "process": whereabouts(),
        "slots": settings.slots,
        "devices": list(settings.gpus),
        "runtimes": [
            {"python": one.python or sys.executable, "preload": list(one.preload)}
            for one in zygotes.runtimes()
        ],
        "layers": [one.name for one in layers if one.present],
        "missing": [one.name for one in layers if not one.present],
    }
