"""The stand-in for torch's compiler: cheap in eager code, the real thing when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

_BEGIN = """
import sys, torch
from workers.inside import compiler
compiler.stand_in()
model = torch.nn.Linear(3, 1)
optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
def loaded():
    return "torch._dynamo.eval_frame" in sys.modules
"""


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_training_step_does_not_load_the_compiler() -> None:
    code = """
before = model.weight.clone()
optimiser.zero_grad()
model(torch.ones(2, 3)).sum().backward()
optimiser.step()
optimiser.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))]})
print(loaded(), bool((model.weight != before).all()))
"""
    assert run(code) == "False True"


@pytest.mark.parametrize(
    "use",
    [
        "print(torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1)).item())",
        "import torch._dynamo.config as config; print(2.0 * (config is torch._dynamo.config))",
        "from torch._dynamo import explain; print(2.0 * callable(explain))",
        "torch.compiler.reset(); print(2.0)",
        "print(2.0 * torch._dynamo.is_compiling.__module__.startswith('torch'))",
    ],
)
def test_what_else_is_asked_of_the_compiler_is_the_real_one(use: str) -> None:
    assert run(f"{use}\nprint(loaded())").split() == ["2.0", "True"]


def test_steps_work_after_the_real_one_was_loaded() -> None:
    code = """
optimiser.step()
import torch._dynamo.utils
model(torch.ones(2, 3)).sum().backward()
optimiser.step()
print(loaded(), type(torch._dynamo).__name__)
"""
    assert run(code) == "True module"
