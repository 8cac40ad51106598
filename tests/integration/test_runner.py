"""The runner, driven over a socketpair's worth of protocol by a plain fork: no sandbox needed."""

from __future__ import annotations

import json
import os
import re
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.inside import wire
from workers.inside.frames import Closed, Kind, receive, send
from workers.inside.wire import Array

ROOT = Path(__file__).parents[2]

# A process that prepares the shell once and forks a runner for every connection.
BOOT = """
import json, os, signal, socket, sys, threading
sys.path.insert(0, sys.argv[1])
import torch
from workers.inside import runner, shell, wire
from workers.inside.frames import receive
torch.set_num_threads(1)

def state():
    return {
        "threads": threading.active_count(),
        "tasks": len(os.listdir("/proc/self/task")),
        "descriptors": sorted(os.listdir("/proc/self/fd")),
        "sqlite": "sqlite3" in sys.modules,
        "stdout": sys.stdout is sys.__stdout__,
        "alarm": str(signal.getsignal(signal.SIGALRM)),
    }

before = state()
prepared = shell.prepare()
print(json.dumps([before, state()]), flush=True)
listener = socket.socket(fileno=int(sys.argv[2]))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    conn, _ = listener.accept()
    if os.fork() == 0:
        listener.close()
        options = wire.loads(receive(conn)[1])
        os.chdir(options.pop("folder"))
        os._exit(runner.serve(conn, prepared, options.pop("seed"), **options))
    conn.close()
"""


@dataclass
class Run:
    """One runner, as its supervisor sees it."""

    sock: socket.socket
    finished: list[dict[str, Any]] = field(default_factory=list)
    started: list[int] = field(default_factory=list)

    def run(
        self,
        *sources: str,
        stops: tuple[int, ...] = (),
        trained_steps: int = 0,
        keep: int | None = None,
        cell_limit_s: float = 30.0,
    ) -> dict[str, Any]:
        cells = [{"source": s, "name": f"cell {i}"} for i, s in enumerate(sources)]
        body = {
            "cells": cells,
            "stops": list(stops),
            "trained_steps": trained_steps,
            "keep": keep,
            "cell_limit_s": cell_limit_s,
        }
        return self.request(Kind.RUN, body, Kind.STOPPED)

    def resume(self) -> dict[str, Any]:
        return self.request(Kind.RESUME, {}, Kind.STOPPED)

    def ask(self, *probes: dict[str, Any]) -> list[dict[str, Any]]:
        answers = self.request(Kind.ASK, {"probes": wire.dumps(list(probes))}, Kind.ANSWERS)[
            "answers"
        ]
        return [{**one, "evidence": self._loaded(one["evidence"])} for one in answers]

    def value(self, name: str) -> Any:
        return self.ask(values(name))[0]["evidence"]["values"][name]

    def rerun(self, seed: int, until: int, name: str, limit_s: float = 60.0) -> dict[str, Any]:
        probe = values(name, limit_s=limit_s / 2)
        body = {"until": until, "seed": seed, "limit_s": limit_s / 2, "probe": probe}
        (answer,) = self.request(Kind.RERUN, body, Kind.ANSWERS)["answers"]
        answer["evidence"] = self._loaded(answer["evidence"])
        return answer  # type: ignore[no-any-return]

    def request(self, kind: Kind, body: object, reply: Kind) -> dict[str, Any]:
        send(self.sock, kind, body)
        while True:
            got, content = receive(self.sock)
            value: Any = wire.loads(content)
            if got is reply:
                return value  # type: ignore[no-any-return]
            if got is Kind.CELL_STARTED:
                self.started.append(value["cell"])
            else:
                assert got is Kind.CELL_FINISHED
                self.finished.append(value)

    def error(self, cell: int) -> str | None:
        return self.finished[cell]["error"]  # type: ignore[no-any-return]

    def text(self, cell: int, name: str = "stdout") -> str:
        outputs = self.finished[cell]["outputs"]
        return "".join(o["text"] for o in outputs if o.get("name") == name)

    def result(self, cell: int) -> str:
        outputs = self.finished[cell]["outputs"]
        (one,) = [o for o in outputs if o["output_type"] == "execute_result"]
        return one["data"]["text/plain"]  # type: ignore[no-any-return]

    @staticmethod
    def _loaded(evidence: bytes) -> Any:
        return wire.loads(evidence) if evidence else None


def values(*names: str, limit_s: float = 30.0) -> dict[str, Any]:
    return {"kind": "values", "payload": {"names": list(names)}, "limit_s": limit_s}


def call(function: str, limit_s: float = 30.0, **case: Any) -> dict[str, Any]:
    payload = {"function": function, "cases": [case]}
    return {"kind": "call", "payload": payload, "limit_s": limit_s}


def plain(value: object) -> dict[str, object]:
    return {"k": "plain", "v": value}


@dataclass
class Nest:
    """The process that runners are forked from."""

    address: str
    before: dict[str, Any]
    after: dict[str, Any]


@pytest.fixture(scope="module")
def nest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nest]:
    address = str(tmp_path_factory.mktemp("nest") / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-c", BOOT, str(ROOT), str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    assert process.stdout is not None
    try:
        before, after = json.loads(process.stdout.readline())
        yield Nest(address, before, after)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


Start = Callable[..., Run]


@pytest.fixture
def start(nest: Nest, tmp_path: Path) -> Iterator[Start]:
    socks = []

    def begin(**options: Any) -> Run:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(60)
        sock.connect(nest.address)
        socks.append(sock)
        send(sock, Kind.OPEN, {"folder": str(tmp_path), "seed": 11, **options})
        return Run(sock)

    yield begin
    for sock in socks:
        sock.close()


def test_preparing_starts_no_thread_and_leaves_nothing_open(nest: Nest) -> None:
    assert nest.after == nest.before
    assert nest.before["tasks"] == 1


class TestCells:
    def test_they_run_in_order_and_share_a_namespace(self, start: Start) -> None:
        run = start()
        reply = run.run("a = 1", "a += 1\nprint(a)", "a * 10")
        assert reply == {"cell": 2, "why": "end"}
        assert run.started == [0, 1, 2]
        assert run.text(1) == "2\n"
        assert run.result(2) == "20"
        assert [run.error(i) for i in range(3)] == [None] * 3

    def test_no_cells_are_an_end_at_once(self, start: Start) -> None:
        assert start().run() == {"cell": -1, "why": "end"}

    @pytest.mark.parametrize(
        ("source", "error"),
        [
            ("1 / 0", "ZeroDivisionError: division by zero"),
            ("z1 =", "SyntaxError: invalid syntax"),
            ("def f():\nx", "IndentationError"),
            ("%timeit -q", None),
            ("import sys; sys.exit()", "SystemExit"),
            ("exit()", "SystemExit"),
            ("quit()", "SystemExit"),
            ("raise KeyboardInterrupt", "KeyboardInterrupt"),
            ("import nosuchmodule", "ModuleNotFoundError"),
            ("import torch; torch.ones(1).cuda()", ""),
            ("raise ValueError('x' * 100_000)", "ValueError: xxx"),
            ("def f(): f()\nf()", "RecursionError"),
            ("class E(Exception):\n  def __str__(self): raise self\nraise E", "E: (its message"),
            ("raise ExceptionGroup('g', [ValueError('a'), TypeError('b')])", "ExceptionGroup"),
            ("await undefined", "NameError"),
            ("x = " + "-" * 3000 + "1", "RecursionError: maximum recursion depth"),
        ],
        ids=lambda text: text[:30] if text else "",
    )
    def test_a_bad_cell_costs_itself_alone(
        self, start: Start, source: str, error: str | None
    ) -> None:
        run = start()
        assert run.run("a = 1", source, "a")["why"] == "end"
        assert run.result(2) == "1"
        if error is not None:
            assert (run.error(1) or "").startswith(error)
            (output,) = [o for o in run.finished[1]["outputs"] if o["output_type"] == "error"]
            assert len("".join(output["traceback"])) < 20_000

    def test_a_traceback_shows_the_students_frames_and_none_of_ours(self, start: Start) -> None:
        run = start()
        run.run("def f(x):\n    return 1 / x", "f(0)", "%%time\nf(0)")
        for cell in (1, 2):
            text = "\n".join(run.finished[cell]["outputs"][-1]["traceback"])
            assert 'File "<cell 0>", line 2, in f' in text
            assert "ZeroDivisionError" in text
            assert "workers" not in text
            assert "\x1b" not in text

    @pytest.mark.parametrize(
        "source",
        [
            "while True: pass",
            "import time\ntime.sleep(100)",
            "import asyncio\nawait asyncio.sleep(100)",
            "try:\n  while True: pass\nexcept BaseException: pass\nwhile True: pass",
            "class A:\n  def __repr__(self):\n    while True: pass\nA()",
            "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_DFL)\na = 2",
        ],
        ids=["loop", "sleep", "await", "swallowed", "repr", "other handler"],
    )
    def test_a_cell_that_takes_too_long_is_interrupted(self, start: Start, source: str) -> None:
        run = start()
        assert run.run("a = 1", source, "print('on')", cell_limit_s=0.3)["why"] == "end"
        assert run.text(2) == "on\n"
        told = f"{run.error(1)} {run.finished[1]['outputs']}"
        assert ("the cell ran for more than 0.3 s" in told) == ("SIG_DFL" not in source)

    def test_a_process_that_a_cell_forks_never_speaks_for_the_run(self, start: Start) -> None:
        run = start()
        source = "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse: print('child')"
        run.run(source, "print('once')", "pid > 0")
        assert [one["cell"] for one in run.finished] == [0, 1, 2]
        assert run.result(2) == "True"

    def test_a_process_that_ends_itself_closes_the_channel(self, start: Start) -> None:
        run = start()
        with pytest.raises(Closed):
            run.run("a = 1", "import os; os._exit(0)", "a")
        assert [one["cell"] for one in run.finished] == [0]

    def test_local_modules_and_source_code_are_found(self, start: Start, tmp_path: Path) -> None:
        (tmp_path / "helper.py").write_text("ANSWER = 42\n")
        run = start()
        run.run(
            "import helper; helper.ANSWER",
            "def f():\n    return 1",
            "import inspect; inspect.getsource(f)",
            "f.__module__, __name__",
        )
        assert run.result(0) == "42"
        assert "return 1" in run.result(2)
        assert run.result(3) == "('__main__', '__main__')"

    def test_random_streams_start_from_the_seed_of_the_run(self, start: Start) -> None:
        source = (
            "import torch, random, numpy as np\n"
            "torch.rand(1).item(), random.random(), np.random.rand()"
        )
        drawn = []
        for seed in (1, 1, 2):
            run = start(seed=seed)
            run.run(source)
            drawn.append(run.result(0))
        assert drawn[0] == drawn[1] != drawn[2]


class TestOutputs:
    def test_streams_merge_and_progress_collapses(self, start: Start) -> None:
        run = start()
        run.run(
            "import sys\nprint('a'); print('b')\nsys.stderr.write('e\\n')\nprint('c')",
            "for i in range(50_000): print(f'\\r{i}', end='')",
            "sys.stdout.buffer.write('ü\\n'.encode()); sys.stdout.isatty(), sys.stdout.fileno()",
        )
        assert [(o["name"], o["text"]) for o in run.finished[0]["outputs"]] == [
            ("stdout", "a\nb\n"),
            ("stderr", "e\n"),
            ("stdout", "c\n"),
        ]
        assert run.text(1) == "49999"
        assert run.text(2) == "ü\n"
        assert run.result(2) == "(False, 1)"

    def test_rich_results_and_updates_are_kept(self, start: Start) -> None:
        run = start()
        run.run(
            "from IPython.display import HTML, Javascript, clear_output, display\n"
            "display(HTML('<b>x</b>')); handle = display('old', display_id=True)\n"
            "handle.update('new'); display(Javascript('x'))",
            "print('gone'); clear_output(wait=True); print('kept')",
            "1; _",
            "Out[1] if 1 in Out else 'none'",
        )
        data = [o["data"] for o in run.finished[0]["outputs"]]
        assert data[0]["text/html"] == "<b>x</b>"
        assert data[1] == {"text/plain": "'new'"}
        assert len(data) == 3
        assert run.text(1) == "kept\n"

    def test_figures_are_captured_and_closed(self, start: Start) -> None:
        pytest.importorskip("matplotlib")
        run = start()
        run.run(
            "import matplotlib.pyplot as plt",
            "plt.plot([1, 2]); plt.show()",
            "plt.plot([1, 2]);",
            "%matplotlib notebook\nplt.plot([1, 2]); print(plt.get_backend())",
            "plt.get_fignums()",
        )
        for cell in (1, 2, 3):
            images = [o for o in run.finished[cell]["outputs"] if "image/png" in o.get("data", {})]
            assert len(images) == 1
            assert images[0]["data"]["image/png"].startswith("iVBORw0KGgo")
        assert "inline" in run.text(3)
        assert run.result(4) == "[]"

    def test_what_is_kept_is_bounded_per_cell_and_in_total(self, start: Start) -> None:
        run = start(kept_output_bytes=40_000)
        cells = [f"for i in range(20_000): print('cell {i}', i)" for i in range(20)]
        run.run(*cells, "1 / 0")
        sizes = [len(run.text(i)) for i in range(20)]
        assert 0 < max(sizes) < 6_000
        assert sum(sizes) < 40_000
        assert run.text(0).startswith("cell 0 0\n")
        assert run.text(0).endswith("cell 0 19999\n")
        assert "characters left out" in run.text(0)
        assert run.finished[20]["outputs"][0]["ename"] == "ZeroDivisionError"

    @pytest.mark.parametrize(
        "source",
        [
            "from IPython.display import display\nfor i in range(10_000): display(i)",
            "from IPython.display import HTML\nHTML('x' * 10_000_000)",
            "import sys\nfor i in range(10_000):\n  print(i); print(i, file=sys.stderr)",
            "from IPython.display import Image\nImage(data=bytes(5_000_000), format='png')",
            "'x' * 10_000_000",
        ],
        ids=["displays", "html", "both streams", "image", "repr"],
    )
    def test_a_flood_of_rich_output_is_bounded(self, start: Start, source: str) -> None:
        run = start()
        run.run(source, "print('on')")
        assert run.error(0) is None
        assert len(wire.dumps(run.finished[0])) < 600_000
        assert run.text(1) == "on\n"

    def test_writing_more_than_the_limit_ends_the_run(self, start: Start) -> None:
        run = start(output_bytes=1 << 20)
        with pytest.raises(Closed):
            run.run("print('before')", "while True:\n  try: print('x' * 1000)\n  except: pass")
        assert [one["cell"] for one in run.finished] == [0, 1]
        assert run.error(1) == "the run wrote more than it may"

    def test_a_repr_that_raises_costs_no_more_than_its_output(self, start: Start) -> None:
        run = start()
        run.run("class A:\n  def __repr__(self): raise ValueError('no')\nA()", "print('on')")
        assert run.text(1) == "on\n"

    def test_prints_warnings_and_logs_are_no_errors(self, start: Start) -> None:
        run = start()
        run.run("import warnings, logging\nwarnings.warn('careful')\nlogging.warning('hm')")
        assert run.error(0) is None
        assert "careful" in run.text(0, "stderr")
        assert "hm" in run.text(0, "stderr")


class TestNotebookHabits:
    @pytest.mark.parametrize(
        "source",
        [
            "!ls -la",
            "!pip install torch",
            "%pip install torch",
            "%conda install torch",
            "pip install torch",
            "%%bash\nrm -rf /",
            "%%sh\nls",
            "%%perl\nprint 1",
            "%%script python\n1",
            "get_ipython().system('ls')",
            "%sx ls",
            "!!ls",
            "%ls",
            "%mkdir x",
            "%cd /",
            "%cd",
            "%cd nosuchfolder",
            "%tensorboard --logdir runs",
            "%load_ext tensorboard",
            "%%wandb\nx",
            "%debug",
            "%edit x",
            "breakpoint()",
            "import pdb; pdb.set_trace()",
            "from IPython.core.debugger import set_trace; set_trace()",
            "from google.colab import drive\ndrive.mount('/content/drive')",
            "from google.colab import files\nfiles.download('x')",
            "import google.colab.auth as a\na.authenticate_user()",
            "from google.colab.patches import cv2_imshow\ncv2_imshow(None)",
            "from google.colab import output\nwith output.use_tags('x'): output.eval_js('1')",
        ],
    )
    def test_what_is_not_done_is_said_in_one_line(self, start: Start, source: str) -> None:
        run = start()
        run.run(source, "print('on')")
        assert run.error(0) is None
        assert re.search(r"^\[not done\] .+: .+$", run.text(0), re.MULTILINE), run.finished[0]
        assert run.text(1) == "on\n"

    @pytest.mark.parametrize(
        ("source", "result"),
        [
            ("x = !ls\nlen(x), x.s, x.n", "(0, '', '')"),
            ("get_ipython().getoutput('ls')", "[]"),
            ("input('name? ')", "''"),
            ("import getpass; getpass.getpass()", "''"),
            ("from google.colab import files\nfiles.upload()", "{}"),
            ("from google.colab import userdata\nuserdata.get('KEY')", "''"),
            ("%%time\nx = 3\nx", "3"),
            ("%timeit -n 1000000 -r 1000000 sum(range(10))\n4", "4"),
            ("%%capture out\nprint('hidden')", None),
            ("%env NAME=value\nimport os; os.environ['NAME']", "'value'"),
            ("%load_ext autoreload\n%autoreload 2\n5", "5"),
            ("import asyncio\nawait asyncio.sleep(0)\n6", "6"),
            ("%matplotlib\n7", "7"),
            ("%matplotlib widget\n8", "8"),
            ("%config InlineBackend.figure_format = 'retina'\n9", "9"),
            ("%precision 3\n%who\n10", "10"),
            ("import webbrowser; webbrowser.open('http://x')", "False"),
            ("%cd .\n11", "11"),
        ],
    )
    def test_what_works_works(self, start: Start, source: str, result: str | None) -> None:
        run = start()
        run.run(source)
        assert run.error(0) is None, run.finished[0]
        if result is not None:
            assert run.result(0) == result

    def test_files_written_by_magic_can_be_imported(self, start: Start) -> None:
        run = start()
        run.run("%%writefile made.py\nA = 1", "import made; made.A", "%run made.py\nA")
        assert run.result(1) == run.result(2) == "1"

    def test_help_is_shown(self, start: Start) -> None:
        run = start()
        run.run("len?")
        assert run.error(0) is None
        assert "Return the number of items" in str(run.finished[0]["outputs"])

    def test_captured_output_is_not_shown(self, start: Start) -> None:
        run = start()
        run.run("%%capture out\nprint('hidden')", "out.stdout")
        assert run.finished[0]["outputs"] == []
        assert run.result(1) == "'hidden\\n'"

    def test_a_loop_that_asks_forever_is_told_that_nobody_is_there(self, start: Start) -> None:
        run = start()
        run.run("while input('continue? ') != 'n': pass", "1")
        assert (run.error(0) or "").startswith("EOFError")

    @pytest.mark.parametrize(
        "source",
        [
            "from tqdm.notebook import tqdm\nfor _ in tqdm(range(5)): pass",
            "from tqdm.auto import tqdm\nfor _ in tqdm(range(5)): pass",
            "from tqdm import tqdm\nfor _ in tqdm(range(5)): pass",
            "import ipywidgets as w\nw.interact(lambda x: x, x=3)\nw.IntSlider()",
        ],
        ids=["notebook", "auto", "plain", "widgets"],
    )
    def test_progress_bars_and_widgets_need_no_front_end(self, start: Start, source: str) -> None:
        pytest.importorskip("tqdm")
        pytest.importorskip("ipywidgets")
        run = start()
        run.run(source)
        assert run.error(0) is None


TRAIN = """
import torch
torch.manual_seed({seed})
w = torch.randn(1, requires_grad=True)
first = w.item()
opt = torch.optim.SGD([w], lr=0.1)
for _ in range({steps}):
    opt.zero_grad(); (w ** 2).sum().backward(); opt.step()
"""


class TestStops:
    def test_it_waits_at_planned_stops_and_after_training_and_at_the_end(
        self, start: Start
    ) -> None:
        run = start()
        cells = ("a = 1", TRAIN.format(seed=0, steps=20), "b = 2", TRAIN.format(seed=0, steps=5))
        assert run.run(*cells, stops=(0,), trained_steps=10) == {"cell": 0, "why": "planned"}
        assert run.resume() == {"cell": 1, "why": "trained"}
        assert run.resume() == {"cell": 3, "why": "end"}
        assert [one["steps"] for one in run.finished] == [0, 20, 0, 5]

    def test_a_stop_after_the_last_cell_comes_before_the_end(self, start: Start) -> None:
        run = start()
        assert run.run("a = 1", stops=(0,)) == {"cell": 0, "why": "planned"}
        assert run.resume() == {"cell": 0, "why": "end"}
        assert run.resume() == {"cell": 0, "why": "end"}

    def test_steps_count_backward_passes_without_an_optimiser_too(self, start: Start) -> None:
        run = start()
        run.run(
            "import torch\nw = torch.ones(1, requires_grad=True)",
            "for _ in range(7): (w * w).backward()",
        )
        assert [one["steps"] for one in run.finished] == [0, 7]


class TestProbes:
    def test_they_see_the_state_where_the_run_stands(self, start: Start) -> None:
        run = start()
        run.run("b = 1", "b = 2", stops=(0,))
        assert run.value("b") == plain(1)
        run.resume()
        assert run.value("b") == plain(2)

    def test_plain_values_are_told_without_a_fork_and_leave_the_run_as_it_was(
        self, start: Start
    ) -> None:
        cells = (
            "import os, random, torch\nforks = []\n"
            "os.register_at_fork(before=lambda: forks.append(1))\n"
            "held = {'w': torch.ones(2), 'n': [1, 'a']}\nrandom.seed(1); torch.manual_seed(1)",
            "count = len(forks)\ndrawn = [random.random(), torch.rand(1).item()]",
        )
        undisturbed = start()
        undisturbed.run(*cells)
        run = start()
        run.run(*cells, stops=(0,))
        assert run.value("held")["k"] == "mapping"
        run.resume()
        assert run.value("count") == plain(0)
        assert run.value("drawn") == undisturbed.value("drawn")

    @pytest.mark.parametrize("made", ["object()", "torch.ones(2).to_sparse()", "list(range(900))"])
    def test_values_that_may_be_more_than_they_say_are_told_by_a_fork(
        self, start: Start, made: str
    ) -> None:
        run = start()
        run.run(
            f"import os, torch\nforks = []\nvalue = {made}\n"
            "os.register_at_fork(before=lambda: forks.append(1))",
            "count = len(forks)",
            stops=(0,),
        )
        assert run.ask(values("value"))[0]["status"] == "answered"
        run.resume()
        assert run.value("count") == plain(1)

    def test_none_changes_the_run_or_another(self, start: Start) -> None:
        run = start()
        run.run("n = 0\ndef f():\n    global n\n    n += 1\n    print('noise')\n    return n")
        answers = run.ask(call("f"), call("f"))
        for answer in answers:
            assert answer["evidence"]["cases"][0]["values"] == [plain(1)]
            assert answer["cpu_s"] >= 0
        assert run.value("n") == plain(0)

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ("while True: pass", "time_limit"),
            ("import os; os._exit(0)", "died"),
            ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "died"),
            ("import ctypes; ctypes.string_at(0)", "died"),
            ("import os\n  os.closerange(3, 1000)", "died"),
            ("return bytes(10)", "answered"),
            (
                "import os, time\n  if os.fork() == 0:\n    os.setsid(); time.sleep(3)\n"
                "  os._exit(0)",
                "died",
            ),
            ("import os, time\n  if os.fork() == 0: time.sleep(60)\n  return 1", "answered"),
        ],
        ids=["loop", "exit", "kill", "segfault", "closed", "fine", "daemon", "child"],
    )
    def test_whatever_one_does_the_next_is_answered(
        self, start: Start, body: str, status: str
    ) -> None:
        run = start()
        run.run(f"def f():\n  {body}")
        limit = 0.5 if status == "time_limit" else 30.0
        bad, good = run.ask(call("f", limit_s=limit), values("f"))
        assert bad["status"] == status
        assert good["status"] == "answered"

    def test_evidence_is_bounded(self, start: Start) -> None:
        run = start(evidence_bytes=100_000)
        run.run("import torch\nbig = torch.zeros(1_000_000)\nlong = ['x' * 10_000] * 100")
        big, long = run.ask(values("big"), values("long"))
        assert big["evidence"]["values"]["big"]["unread"] == "too large"
        assert long["status"] == "malformed"
        assert long["detail"] == "the value is longer than 100000 bytes"

    def test_one_reply_is_bounded(self, start: Start) -> None:
        run = start(evidence_bytes=100_000)
        run.run("import torch\nw = torch.zeros(15_000)")
        answers = run.ask(*[values("w")] * 10)
        assert [one["status"] for one in answers] == ["answered"] * 6 + ["malformed"] * 4

    def test_a_submission_that_patches_modules_fools_only_itself(self, start: Start) -> None:
        run = start()
        run.run(
            """
import os, random, signal, socket, struct, sys, time, warnings
import numpy as np, torch
def no(*a, **k): raise SystemExit
for module, names in (
    (os, "fork _exit pipe read write close kill killpg wait4 waitid setsid dup2"),
    (time, "monotonic time process_time"),
    (signal, "signal setitimer getsignal"),
    (torch, "manual_seed from_numpy frombuffer tensor equal allclose no_grad enable_grad"),
    (np, "frombuffer array allclose asarray"),
    (random, "seed"), (np.random, "seed"), (struct, "pack unpack"), (sys, "setprofile"),
):
    for name in names.split(): setattr(module, name, no)
for name in ("detach", "numpy", "tolist", "clone", "contiguous", "__eq__", "shape"):
    setattr(torch.Tensor, name, no)
warnings.simplefilter("error")
sys.setrecursionlimit(100)
def f(x): return x + 1
""",
            "print('on')",
        )
        assert [run.error(0), run.error(1), run.text(1)] == [None, None, "on\n"]
        given = Array("float32", (2,), np.float32([1, 2]).tobytes())
        (answer,) = run.ask(call("f", args=[given]))
        (value,) = answer["evidence"]["cases"][0]["values"]
        assert value["data"].data == np.float32([2, 3]).tobytes()

    def test_ignoring_children_takes_no_answer_away(self, start: Start) -> None:
        run = start()
        run.run(
            "import signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
            "for s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)\n"
            "sys.settrace(lambda *a: None); a = 1"
        )
        assert run.value("a") == plain(1)

    def test_random_streams_are_the_same_in_every_probe(self, start: Start) -> None:
        run = start()
        run.run("import torch, random\ndef f(): return [torch.rand(1).item(), random.random()]")
        first, again = (one["evidence"] for one in run.ask(call("f"), call("f")))
        assert first == again

    def test_those_of_trusted_code_are_answered_in_the_process_itself(self, start: Start) -> None:
        run = start(trusted=True)
        run.run("import os\npid = os.getpid()\ndef f(): return os.getpid()\ndef g(): return W + 1")
        here, bad, bound, after = run.ask(
            call("f"),
            {"kind": "nosuch", "payload": {}, "limit_s": 1.0},
            call("g", bind={"W": Array("int64", (), (1).to_bytes(8, "little"))}),
            values("W", "pid"),
        )
        assert here["evidence"]["cases"][0]["values"] == [after["evidence"]["values"]["pid"]]
        assert bad["status"] == "died"
        assert bound["evidence"]["cases"][0]["values"][0]["data"].data[0] == 2
        assert "W" not in after["evidence"]["values"]


class TestReruns:
    CELLS = ("import torch", TRAIN.format(seed=5, steps=3), "done = True")

    def test_a_fixed_seed_becomes_another_one_for_each_seed(self, start: Start) -> None:
        run = start()
        run.run(*self.CELLS, keep=0)
        own = run.value("first")["v"]
        one, again, other = (
            run.rerun(seed, 1, "first")["evidence"]["values"]["first"]["v"] for seed in (1, 1, 2)
        )
        assert one == again
        assert len({own, one, other}) == 3
        assert run.value("first")["v"] == own, "the run's own state stays"

    @pytest.mark.parametrize(
        "source",
        [
            "x = (torch.manual_seed(0), torch.rand(1).item())[1]",
            "x = (seed_(0), torch.rand(1).item())[1]",
            "x = torch.rand(1, generator=torch.Generator().manual_seed(0)).item()",
            "np.random.seed(0); x = np.random.rand()",
            "x = np.random.default_rng(0).random()",
            "x = np.random.RandomState(0).rand()",
            "random.seed('fixed'); x = random.random()",
            "x = random.Random(0).random()",
            "x = torch.rand(1).item()",
        ],
    )
    def test_every_way_to_fix_a_seed_is_followed(self, start: Start, source: str) -> None:
        run = start()
        imports = "import torch, random, numpy as np\nfrom torch import manual_seed as seed_"
        run.run(imports, source, keep=0)
        drawn = [run.rerun(s, 1, "x")["evidence"]["values"]["x"]["v"] for s in (1, 1, 2)]
        assert drawn[0] == drawn[1] != drawn[2]

    def test_cells_up_to_the_place_are_repeated_and_errors_cost_one_cell(
        self, start: Start
    ) -> None:
        run = start()
        run.run("n = 0", "n += 1", "1 / 0", "n += 10", "n += 100", keep=0)
        assert run.rerun(1, 3, "n")["evidence"]["values"]["n"] == plain(11)
        assert run.value("n") == plain(111)

    def test_the_state_before_the_first_cell_can_be_kept(self, start: Start) -> None:
        run = start()
        run.run("n = globals().get('n', 0) + 1", keep=-1)
        assert run.rerun(1, 0, "n")["evidence"]["values"]["n"] == plain(1)

    def test_stopped_before_the_first_cell_it_is_the_kept_state_itself(self, start: Start) -> None:
        run = start()
        stopped = run.run("n = globals().get('n', 0) + 1", stops=(-1,), keep=-1)
        assert stopped == {"cell": -1, "why": "planned"}
        for _ in range(2):
            assert run.rerun(1, 0, "n")["evidence"]["values"]["n"] == plain(1)
        run.resume()
        assert run.value("n") == plain(1)
        assert run.rerun(1, 0, "n")["evidence"]["values"]["n"] == plain(1)

    def test_without_a_kept_state_there_is_no_rerun(self, start: Start) -> None:
        run = start()
        run.run("n = 0", "n = 1", stops=(0,), keep=1)
        assert run.rerun(1, 1, "n")["status"] == "not_run"
        run.resume()
        assert run.rerun(1, 1, "n")["status"] == "answered"

    def test_a_rerun_that_takes_too_long_is_ended_and_the_next_one_answered(
        self, start: Start, tmp_path: Path
    ) -> None:
        run = start()
        run.run("slow = False", "import os\nif os.path.exists('slow'):\n  while True: pass", keep=0)
        (tmp_path / "slow").touch()
        assert run.rerun(1, 1, "slow", limit_s=0.5)["status"] == "time_limit"
        assert run.rerun(1, 0, "slow")["status"] == "answered"


def test_closing_the_channel_ends_the_runner_and_its_keeper(start: Start) -> None:
    run = start()
    run.run("import os\npid = os.getpid()", keep=-1)
    runner = run.value("pid")["v"]
    (keeper,) = Path(f"/proc/{runner}/task/{runner}/children").read_text().split()
    watched = [os.pidfd_open(runner), os.pidfd_open(int(keeper))]
    run.sock.close()
    try:
        for fd in watched:
            assert select.select([fd], [], [], 30)[0], "a process is still there"
    finally:
        for fd in watched:
            os.close(fd)
