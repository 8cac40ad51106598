"""A worker's slots: each message makes one claim, whose turn it is, and judges it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from grader.db.models import Attempt, Queue
from grader.domain.results import Result
from grader.domain.rubric import Bundle, Runtime
from grader.errors import Busy, ChainruleError, InternalError, Stopped
from grader.logs import bound
from grader.notebooks.read import Submission, parse
from grader.notebooks.write import executed_notebook
from grader.services import judging
from grader.services.judging import Held
from grader.services.site import Site
from workers.pipeline import grade
from workers.service.bundles import Bundles
from workers.service.devices import Devices
from workers.service.heartbeat import Heartbeat
from workers.service.telling import Telling
from workers.service.unfit import Unfit, refuse_unfit
from workers.service.zygotes import Zygotes
from workers.stopping import Stop, Why

_PASS_ON_S = 1.0  # a worker that takes nothing hands messages on no faster
_WRITE_AGAIN_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # a database that restarts, a disk that is full
_LONGEST_PAUSE_S = 60.0

log = logging.getLogger(__name__)


class Service:
    """What the slots of one worker share. For any thread."""

    def __init__(
        self, site: Site, zygotes: Zygotes, bundles: Bundles, devices: Devices, heart: Heartbeat
    ) -> None:
        self.site = site
        self.zygotes = zygotes
        self.bundles = bundles
        self.devices = devices
        self.heart = heart
        self.leaving = threading.Event()
        self.unfit: set[int] = set()  # versions; a worker finds out as it meets them
        self._pause_s = 0.0

    def judge(self, row_id: int, queue: Queue) -> None:
        """Take the attempt whose turn it is, if there is one, and bring it to an end.

        `row_id` is what the message named. A worker that is leaving or draining hands it on.
        """
        try:
            if self.takes_nothing():
                judging.pass_on(self.site, Attempt, row_id, queue)
            elif queue is Queue.CPU:
                if not self._judge_next(queue):
                    log.info("the message for %d came, and nothing waits to be taken", row_id)
            else:
                self._judge_on_devices(queue)
        except Exception:
            # The row waits on, or its lease runs out: the reconciler sees to both.
            log.exception("the message for %d came to nothing", row_id)

    def takes_nothing(self) -> bool:
        """Whether nothing new may be claimed; where that is by order, after a pause."""
        if self.leaving.is_set():
            return True
        if judging.draining(self.site):
            self.leaving.wait(_PASS_ON_S)
            return True
        return False

    def leave(self) -> None:
        """Take nothing new from now on."""
        self.leaving.set()

    def refuse_unfit(self, version_id: int, runtime: Runtime) -> None:
        """Raise Unfit where this worker lacks what the version needs."""
        refuse_unfit(version_id, runtime, self.site.settings.node, len(self.devices.numbers))

    def _judge_on_devices(self, queue: Queue) -> None:
        with self.devices.turn() as mine:
            # Messages that came while all devices were in use are gone: go on without them.
            while mine and not self.leaving.is_set() and self._judge_next(queue):
                mine = not judging.draining(self.site)

    def _judge_next(self, queue: Queue) -> bool:
        held = judging.claim_attempt(self.site, queue, tuple(self.unfit))
        if held is None:
            return False
        with bound(attempt=held.id):
            self.bring_to_an_end(held, self._judged)
        return True

    def bring_to_an_end(
        self, held: Held, work: Callable[[Held, Stop], Callable[[], bool] | None]
    ) -> None:
        """Do the work and write what it returns; give it back where it failed, and rest."""
        with self.heart.holding(held) as stop:
            failed = self._fails(held, stop, work)
        if failed:
            self._rest()

    def _fails(
        self, held: Held, stop: Stop, work: Callable[[Held, Stop], Callable[[], bool] | None]
    ) -> bool:
        try:
            write = work(held, stop)
            if write is not None and self._patiently(stop, write):
                self._pause_s = 0.0
                log.info("brought to an end")
            else:
                log.warning("what came out is not written: the claim was lost")
        except Stopped:
            if stop.why is Why.LEAVING:
                log.info("released: the worker ends")
                self._patiently(stop, lambda: judging.release(self.site, held))
        except Unfit as error:
            log.warning("put back: %s", error)
            self.unfit.add(error.version_id)
            self.heart.tell()
            words = str(error)
            self._patiently(stop, lambda: judging.release(self.site, held, words))
        except Exception as error:
            if isinstance(error, ChainruleError):
                log.warning("given back: %s", error)
            else:
                log.exception("given back after an unexpected failure")
            words = f"{type(error).__name__}: {error}"
            self._patiently(stop, lambda: judging.give_back(self.site, held, words))
            return True
        return False

    def _judged(self, held: Held, stop: Stop) -> Callable[[], bool] | None:
        task = judging.start(self.site, held)
        if task is None:
            return None
        bundle = self.bundles.of(task.bundle_sha256)
        self.refuse_unfit(task.version_id, bundle.rubric.runtime)
        submission = parse(task.name, task.content)
        telling = Telling(self.site.progress, held.id, submission)
        result = self._graded(bundle, submission, task.seed, telling, stop)
        notebook = executed_notebook(submission, result)
        return lambda: judging.finish(self.site, held, result, notebook)

    def _graded(
        self,
        bundle: Bundle,
        submission: Submission,
        seed: int,
        telling: Telling,
        stop: Stop,
    ) -> Result:
        with self.zygotes.lend(bundle.rubric.runtime) as zygote:
            return grade(
                zygote,
                bundle,
                submission,
                seed,
                on_cell=telling.cell,
                on_judged=telling.judged,
                stop=stop,
            )

    def _patiently(self, stop: Stop, write: Callable[[], object]) -> object:
        """Write, and again after a while where it can't be done now; the claim guards it."""
        for pause in _WRITE_AGAIN_S:
            try:
                return write()
            except Exception as error:
                if isinstance(error, InternalError) and not isinstance(error, Busy):
                    raise
                if stop.why is Why.LOST:
                    return None
                log.warning("it can't be written now: %s", error)
                self.leaving.wait(pause)
        return write()

    def _rest(self) -> None:
        """Before the next claim, longer each time: what fails here now may not fail later."""
        self._pause_s = min(_LONGEST_PAUSE_S, max(1.0, 2 * self._pause_s))
        self.leaving.wait(self._pause_s)
