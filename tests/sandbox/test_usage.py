"""What a supervisor sees of a sandbox that no control group counts."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest

from workers.inside import usage

from ._inside import Ran

Inside = Callable[..., Ran]
MIB = 1 << 20


class Tree:
    """A process that does what it is told, a line at a time."""

    def __init__(self) -> None:
        loop = "import sys\nfor line in sys.stdin:\n exec(eval(line)); print('done', flush=True)"
        self.process = subprocess.Popen(
            [sys.executable, "-c", loop], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid
        self.do("import os, signal, mmap, time")

    def do(self, code: str) -> None:
        """Have it run `code`, and wait until it has."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(repr(textwrap.dedent(code)), file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "done\n"

    def watch(self, limit_bytes: int = 1 << 40) -> usage.Watch:
        """A watch to which all that it has by now counts as inherited."""
        seen = usage._process(self.pid)
        assert seen is not None
        return usage.Watch(self.pid, inherited_bytes=seen.anonymous, limit_bytes=limit_bytes)


@pytest.fixture
def tree() -> Iterator[Tree]:
    made = Tree()
    yield made
    made.do("for child in globals().get('children', []): os.kill(child, signal.SIGKILL)")
    with made.process:
        made.process.kill()


FORK = """
reader, writer = os.pipe()
children = globals().get('children', [])
child = os.fork()
if child == 0:
    {act}
    os.write(writer, b'x')
    signal.pause()
children.append(child)
os.read(reader, 1)
"""


def test_memory_counts_what_was_added_not_what_was_inherited(tree: Tree) -> None:
    watch = tree.watch()
    assert watch.look().memory_bytes < 4 * MIB
    tree.do("kept = bytearray(b'x' * (64 << 20))")
    alone = watch.look().memory_bytes
    assert 60 * MIB < alone < 80 * MIB
    tree.do(FORK.format(act="more = bytearray(b'x' * (32 << 20))"))
    assert watch.look().memory_bytes > alone + 30 * MIB


def test_memory_that_forks_share_is_counted_once_where_it_matters(tree: Tree) -> None:
    watch = tree.watch(limit_bytes=200 * MIB)
    tree.do("kept = bytearray(b'x' * (64 << 20))")
    for _ in range(3):
        tree.do(FORK.format(act="pass"))
    # Each of the four shows 64 MiB: more than the limit, if added up.
    assert 50 * MIB < watch.look().memory_bytes < 100 * MIB
    for _ in range(3):
        tree.do(FORK.format(act="kept[::4096] = b'y' * len(kept[::4096])"))
    assert watch.look().memory_bytes > 200 * MIB


def test_shared_memory_counts(tree: Tree) -> None:
    watch = tree.watch()
    tree.do("shared = mmap.mmap(-1, 32 << 20); shared.write(b'x' * (32 << 20))")
    assert watch.look().memory_bytes >= 32 * MIB


def test_every_descendant_and_thread_is_a_task(tree: Tree) -> None:
    watch = tree.watch()
    assert watch.look().tasks == 1
    tree.do(FORK.format(act="os.setsid()"))
    tree.do(
        "import threading; stop = threading.Event(); threading.Thread(target=stop.wait).start()"
    )
    # A child of the second thread is found as well.
    tree.do(f"""
        done = threading.Event()
        def fork_here():
            {textwrap.indent(FORK.format(act="pass"), " " * 12).strip()}
            done.set()
            stop.wait()
        threading.Thread(target=fork_here).start()
        done.wait()
    """)
    assert watch.look().tasks == 5
    tree.do("stop.set()")


BURN = "end = time.process_time() + 0.3\n    while time.process_time() < end: pass"


def test_cpu_time_of_children_counts_while_they_live_and_after(tree: Tree) -> None:
    watch = tree.watch()
    before = watch.look().cpu_s
    tree.do(FORK.format(act=BURN))
    living = watch.look().cpu_s
    assert living >= before + 0.25
    tree.do("os.kill(children[0], signal.SIGKILL); os.waitpid(children.pop(), 0)")
    assert watch.look().cpu_s >= living - 0.02


def test_cpu_time_cannot_be_hidden_by_not_waiting_for_children(tree: Tree) -> None:
    watch = tree.watch()
    tree.do("signal.signal(signal.SIGCHLD, signal.SIG_IGN)")
    tree.do(FORK.format(act=BURN))
    seen = watch.look().cpu_s
    tree.do("""
        os.kill(children[0], signal.SIGKILL)
        try:
            os.waitpid(children.pop(), 0)
        except ChildProcessError:
            pass
    """)
    assert watch.look().cpu_s >= seen


def test_a_name_that_looks_like_more_fields_fools_nobody(tree: Tree) -> None:
    watch = tree.watch()
    tree.do("import ctypes; ctypes.CDLL(None).prctl(15, b') Z 1 9 9 9', 0, 0, 0)")
    assert watch.look().tasks == 1


def test_where_init_is_gone_everything_is_zero() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    watch = usage.Watch(process.pid, inherited_bytes=0, limit_bytes=0)
    assert watch.look() == (0, 0, 0)


def test_own_memory_is_seen() -> None:
    assert usage.own_memory_bytes() > MIB


def test_a_sandbox_is_watched_from_outside(inside: Inside) -> None:
    def use() -> str:
        import os
        import signal
        import time

        kept = bytearray(b"x" * (48 << 20))
        child = os.fork()
        if child == 0:
            signal.pause()
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        return f"{len(kept)}"

    ran = inside(use)
    assert ran.result == str(48 << 20)
    assert ran.memory_bytes > 40 * MIB
    assert ran.tasks == 3
    assert ran.cpu_s > 0.2
    assert os.sysconf("SC_CLK_TCK") == usage._TICKS
