"""torch computes from code in huge pages as it does from its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from workers.inside.hugecode import _pieces

SCRIPT = """
import ctypes, json, os, sys
import torch
from workers.inside.hugecode import _code, move_code, used_code

def computed():
    torch.manual_seed(1)
    w = torch.randn(4, 3, requires_grad=True)
    (torch.sigmoid(torch.randn(50, 4) @ w) ** 2).mean().backward()
    return w.grad.tolist()

torch.set_num_threads(1)
before, length = computed(), sum(size for _, size in _code())
def in_a_fork(answer):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, json.dumps(answer()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return json.loads(os.read(reader, 1 << 16))

nothing = in_a_fork(used_code)
used = in_a_fork(lambda: computed() and used_code())
moved = move_code(ctypes.CDLL(None), used)
left = sum(size for _, size in _code())
try:
    torch.zeros(2) + torch.zeros(3)
except RuntimeError as error:  # the unwinder finds its way through moved code
    raised = str(error)
after = [computed(), in_a_fork(computed)]
json.dump([before, after, len(nothing), len(used), length, moved, left, raised], sys.stdout)
"""


def test_torch_computes_errs_and_forks_as_before() -> None:
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    before, after, nothing, used, length, moved, left, raised = json.loads(said.stdout)
    assert after == [before, before]
    assert length > 100 << 20
    assert nothing < used < length >> 22  # less than half
    # What is used and what lies between, or, where the kernel has no huge pages to give, less.
    assert moved < length * 2 // 3
    assert moved + left == length
    assert "must match the size" in raised


def test_code_that_lies_close_together_is_moved_in_one_piece() -> None:
    page = 2 << 20
    assert list(_pieces([])) == []
    assert list(_pieces([5 * page])) == [(5 * page, page)]
    used = [5 * page, 6 * page, 9 * page, 13 * page]
    assert list(_pieces(used)) == [(5 * page, 5 * page), (13 * page, page)]
