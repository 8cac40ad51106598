"""Attempts with GPUs, where other device nodes stand in for them and no process may be forked.

Everything is as with CUDA but the device: the sandbox's nodes, the limits, and probes that are
answered in the submission's own process once `forks_work` says that a fork can't.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.domain.evidence import AnswerStatus
from grader.domain.questions import Probe, Rerun
from grader.domain.rubric import Bundle, Limits, Runtime
from grader.errors import SandboxUnavailable
from grader.notebooks.read import Submission
from grader.report import report_text
from grader.resultdoc import document
from workers import pipeline
from workers import zygote as zygotes
from workers.devices import Devices
from workers.inside import gpus
from workers.sandbox.session import Program, Session
from workers.zygote import Zygote

from ..submissions import Case, cases, disagreements, explained

NODES = {
    "nvidia0": "/dev/full",
    "nvidia1": "/dev/zero",
    "nvidiactl": "/dev/null",
    "nvidia-uvm": "/dev/null",
}
LIMITS = Limits(wall_s=20, cell_s=10)
SAMPLE = (
    "right-default-float64",
    "right-nested-modules",
    "right-one-cell-unlucky",
    "right-own-optimiser",
    "right-row-by-row",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where device nodes are looked for, here and in zygotes, in which no fork can answer."""
    made = tmp_path_factory.mktemp("dev")
    for name, target in NODES.items():
        (made / name).symlink_to(target)
    boot = (
        "import sys; sys.path.insert(0, sys.argv[1]); from inside import gpus; "
        f"gpus.FOLDER = {str(made)!r}; gpus.forks_work = lambda: False; "
        "from inside.zygote import main; main()"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpus, "FOLDER", str(made))
        patch.setattr(zygotes, "_BOOT", boot)
        yield made


@pytest.fixture(scope="module")
def zygote(folder: Path) -> Iterator[Zygote]:
    """A zygote with two devices."""
    with Zygote(Runtime(gpu=1), gpus=(0, 1)) as running:
        yield running


def ran(
    zygote: Zygote, *cells: str, gpus: tuple[int, ...] = (1,), keep: int | None = None
) -> Session:
    """A session that waits after these cells, or at the state that re-runs begin with."""
    session = zygote.open(LIMITS, files={}, seed=1, gpus=gpus)
    names = tuple(f"cell {number}" for number in range(len(cells)))
    stops = frozenset([len(cells) - 1 if keep is None else keep])
    assert session.run(Program(cells, names, stops=stops, keep=keep)) is not None
    return session


def value(session: Session, name: str) -> object:
    [answer] = session.ask((Probe("values", {"names": [name]}, 5),))
    return answer.evidence["values"][name]  # type: ignore[index]


LOOK = """
import os, torch
there = sorted(one for one in os.listdir("/dev") if one.startswith("nvidia"))
visible = os.environ["CUDA_VISIBLE_DEVICES"]
precise = not torch.backends.cudnn.allow_tf32
seen = f"{there} {visible} {precise}"
"""


@pytest.mark.parametrize(
    ("devices", "seen"),
    [
        ((0,), "['nvidia-uvm', 'nvidia0', 'nvidiactl'] 0 True"),
        ((1,), "['nvidia-uvm', 'nvidia1', 'nvidiactl'] 0 True"),
        ((0, 1), "['nvidia-uvm', 'nvidia0', 'nvidia1', 'nvidiactl'] 0,1 True"),
    ],
)
def test_an_attempt_sees_its_devices_alone_and_counts_them_from_zero(
    zygote: Zygote, devices: tuple[int, ...], seen: str
) -> None:
    with ran(zygote, LOOK, gpus=devices) as session:
        assert value(session, "seen") == seen


def test_a_sandbox_without_devices_has_none(zygote: Zygote) -> None:
    look = "import os; seen = [x for x in os.listdir('/dev') if 'nvidia' in x] or 'none'"
    with ran(zygote, f"{look}\nseen += os.environ['CUDA_VISIBLE_DEVICES']", gpus=()) as session:
        assert value(session, "seen") == "none"
        assert not session.in_sequence


def test_devices_that_are_not_there_are_named_before_anything_runs(zygote: Zygote) -> None:
    with pytest.raises(SandboxUnavailable, match=r"no .*/nvidia7"):
        zygote.open(LIMITS, files={}, seed=1, gpus=(1, 7))
    with pytest.raises(SandboxUnavailable, match=r"no .*/nvidia9"):
        Zygote(Runtime(gpu=1), gpus=(9,)).start()


def test_what_the_worker_saw_and_the_zygote_does_not_see_is_named_as_well(
    zygote: Zygote, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus, "missing", lambda devices: [])
    with pytest.raises(SandboxUnavailable, match=r"root .*/nvidia7"):
        zygote.open(LIMITS, files={}, seed=1, gpus=(7,))


CHANGES = """
import random
import warnings
import numpy as np
import torch
# A torch for CUDA finds that the stand-ins are no GPU, and says so when it first looks for one.
warnings.filterwarnings("ignore", "Can't initialize NVML")
model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
optimiser = torch.optim.Adam(model.parameters())
model(torch.ones(3, 2)).sum().backward()
optimiser.step()
calls, table, array, view = [], {"n": 1}, np.zeros(3), torch.arange(4.0)[1:]
waiting = model(torch.ones(3, 2)).square().sum()
class Counter:
    total = 0
    def __init__(self): self.own = []
counter = Counter()
def closing():
    count = 0
    def count_up():
        nonlocal count
        count += 1
        return count
    return count_up
count_up = closing()

def spoil():
    global view, extra
    calls.append(1); table["n"] += 1; table["m"] = 2; array[:] = 7; view += 1
    Counter.total += 1; counter.own.append(1); counter.new = 1
    count_up()
    extra = torch.rand(1).item() + random.random() + np.random.rand()
    model.eval()
    model[0].weight.requires_grad_(False)
    optimiser.zero_grad()
    with torch.no_grad():
        for one in model.parameters(): one.add_(1)
        model[1].running_mean.zero_()
    model[0].bias.data = torch.zeros(5)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    print("spoilt")
    return len(calls)

def state():
    return [
        calls, table, array, view, Counter.total, counter.own, hasattr(counter, "new"),
        model.training, model[0].weight.requires_grad, [p.detach() for p in model.parameters()],
        [p.grad for p in model.parameters()], model[1].running_mean, "extra" in globals(),
        torch.is_grad_enabled(), str(torch.get_default_dtype()), list(model.state_dict()),
        [s["exp_avg"] for s in optimiser.state.values()],
    ]
"""


def called(name: str) -> Probe:
    return Probe("call", {"function": name, "cases": [{}]}, 5)


def test_what_a_probe_changes_is_put_back_in_the_process_itself(zygote: Zygote) -> None:
    after = "again = count_up(), torch.rand(1).item(), random.random()\nwaiting.backward()\nend = 1"
    with ran(zygote, CHANGES) as session:
        asked = session.ask(tuple(map(called, ("state", "spoil", "state"))))
        was, spoilt, now = (one.evidence["cases"][0]["values"] for one in asked)  # type: ignore[index]
        assert session.in_sequence
        assert spoilt == [1]
        assert now == was
        [spoilt] = session.ask((called("spoil"),))
        assert spoilt.evidence["cases"][0]["values"] == [1]  # type: ignore[index]

    cells = (CHANGES, after)
    with zygote.open(LIMITS, files={}, seed=1, gpus=(1,)) as session:
        program = Program(cells, ("a", "b"), stops=frozenset([0]))
        session.run(program)
        session.ask((called("spoil"), called("state")))
        session.resume()
        assert [out.error for out in session.cell_outputs()] == [None, None]
        assert [one for out in session.cell_outputs() for one in out.outputs] == []
        asked = value(session, "again")
    with zygote.open(LIMITS, files={}, seed=1, gpus=(1,)) as session:
        session.run(program)
        session.resume()
        assert value(session, "again") == asked


def test_a_probe_that_takes_too_long_is_interrupted_and_the_run_goes_on(zygote: Zygote) -> None:
    slow = "def slow():\n    while True: pass\nx = 5"
    with ran(zygote, slow) as session:
        [answer] = session.ask((Probe("call", {"function": "slow", "cases": [{}]}, 0.5),))
        assert answer.status is AnswerStatus.TIME_LIMIT
        assert value(session, "x") == 5


def test_one_that_ignores_that_ends_the_sandbox(zygote: Zygote) -> None:
    stubborn = (
        "import signal\n"
        "def stubborn():\n"
        "    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
        "    while True: pass\n"
    )
    with ran(zygote, stubborn) as session:
        [answer] = session.ask((Probe("call", {"function": "stubborn", "cases": [{}]}, 0.5),))
        assert answer.status is AnswerStatus.TIME_LIMIT
        [answer] = session.ask((called("stubborn"),))
        assert answer.status is AnswerStatus.NOT_RUN
        assert session.close().status == "time_limit"


def test_a_probe_that_leaves_the_process_ends_only_that_run(zygote: Zygote) -> None:
    with ran(zygote, "import os\ndef leave(): os._exit(3)") as session:
        [answer] = session.ask((called("leave"),))
        assert answer.status is AnswerStatus.NOT_RUN


def test_a_re_run_happens_once_in_the_process_itself(zygote: Zygote) -> None:
    cells = ("import torch", "torch.manual_seed(0); x = torch.rand(1).item()")
    request = Rerun(seed=3, until=1, probe=Probe("values", {"names": ["x"]}, 5), limit_s=5)
    found = []
    for _ in range(2):
        with ran(zygote, *cells, keep=0) as session:
            answer = session.rerun(request)
            found.append(answer.evidence["values"]["x"])  # type: ignore[index]
            assert session.in_sequence
            second = session.rerun(request)
            assert second.status is AnswerStatus.NOT_RUN
            assert "used the state" in second.detail
    assert found[0] == found[1]
    with ran(zygote, *cells) as session:
        assert value(session, "x") != found[0]


def test_a_re_run_is_bounded_in_time(zygote: Zygote) -> None:
    request = Rerun(seed=3, until=1, probe=Probe("values", {"names": ["x"]}, 5), limit_s=0.5)
    with ran(zygote, "x = 1", "while True: pass", keep=0) as session:
        assert session.rerun(request).status is AnswerStatus.TIME_LIMIT


@pytest.mark.parametrize(
    "case",
    [case for case in cases("right") if case.slug == "uw-cse447-a0" and case.name in SAMPLE],
    ids=lambda case: case.name,
)
def test_verdicts_in_sequence_are_those_of_forks(case: Case, zygote: Zygote) -> None:
    bundle = case.bundle()
    rubric = dataclasses.replace(bundle.rubric, runtime=Runtime(gpu=1))
    with_gpu = dataclasses.replace(bundle, rubric=rubric)
    result = pipeline.grade(zygote, with_gpu, case.submission, seed=5)

    assert not disagreements(case, result), explained(case, result)
    assert (result.run.gpus, result.run.in_sequence) == (1, True)
    staffs = document(result)
    assert staffs["run"]["sandbox"]["in_sequence"] is True
    words = "with 1 GPU to itself, probes answered in sequence"
    assert words in report_text(staffs, case.submission)


def test_an_attempt_gets_as_many_devices_as_the_rubric_asks_for(zygote: Zygote) -> None:
    case = next(one for one in cases("right") if one.name == SAMPLE[0])
    bundle, submission = _asking_for(case, 3)

    with pytest.raises(SandboxUnavailable, match=r"asks for 3 GPUs .* and this worker has 2"):
        pipeline.grade(zygote, bundle, submission)
    with pytest.raises(SandboxUnavailable, match="asks for 3 GPUs, and not for 1"):
        pipeline.grade(zygote, bundle, submission, gpus=(0,))


def _asking_for(case: Case, count: int) -> tuple[Bundle, Submission]:
    bundle = case.bundle()
    rubric = dataclasses.replace(bundle.rubric, runtime=Runtime(gpu=count))
    return dataclasses.replace(bundle, rubric=rubric), case.submission


def test_a_device_is_one_attempts_at_a_time() -> None:
    devices = Devices((2, 5, 2))
    waiting: list[tuple[int, ...]] = []

    def wait() -> None:
        with devices.lend(2) as lent:
            waiting.append(lent)

    with devices.lend(1) as first:
        assert first == (2,)
        other = threading.Thread(target=wait)
        other.start()
        with devices.lend(1) as second:
            assert second == (5,)
            assert not waiting
    other.join(30)
    assert [set(lent) for lent in waiting] == [{2, 5}]
    with devices.lend(0) as none:
        assert none == ()
    with pytest.raises(SandboxUnavailable, match="asks for 3 GPUs"), devices.lend(3):
        pass
