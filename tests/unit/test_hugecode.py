"""torch computes from code in huge pages as it does from its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys

SCRIPT = """
import ctypes, json, os, sys
import torch
from workers.inside.hugecode import _code, move_code

def computed():
    torch.manual_seed(1)
    w = torch.randn(4, 3, requires_grad=True)
    (torch.sigmoid(torch.randn(50, 4) @ w) ** 2).mean().backward()
    return w.grad.tolist()

torch.set_num_threads(1)
before, length = computed(), sum(size for _, size in _code())
moved = move_code(ctypes.CDLL(None))
left = sum(size for _, size in _code())
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.write(writer, json.dumps(computed()).encode())
    os._exit(0)
os.waitpid(child, 0)
try:
    torch.zeros(2) + torch.zeros(3)
except RuntimeError as error:  # the unwinder finds its way through moved code
    raised = str(error)
in_a_fork = json.loads(os.read(reader, 1 << 16))
json.dump([before, computed(), in_a_fork, length, moved, left, raised], sys.stdout)
"""


def test_torch_computes_errs_and_forks_as_before() -> None:
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    before, after, in_a_fork, length, moved, left, raised = json.loads(said.stdout)
    assert after == in_a_fork == before
    assert length > 100 << 20
    # All of it, or, where the kernel has no huge pages to give, some of it or none.
    assert moved + left == length
    assert "must match the size" in raised
