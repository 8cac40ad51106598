"""Grading on a GPU of NVIDIA's, end to end; needs one, its driver, and a torch for CUDA."""

from __future__ import annotations

import ctypes
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from grader.domain.outcomes import Outcome, RunStatus
from grader.domain.results import Result
from grader.domain.rubric import Bundle, Limits, Runtime
from grader.notebooks.read import read_submission
from grader.resultdoc import document
from workers import pipeline
from workers.inside import gpus
from workers.replay import differences
from workers.zygote import Zygote

ROOT = Path(__file__).parent.parent.parent
_NOTHING_BYTES = 4 << 20  # what the driver may keep for itself, far from what an attempt uses

if not gpus.present() or gpus.missing(gpus.present()[:1]):
    pytest.skip("this machine has no GPU of NVIDIA's", allow_module_level=True)
if torch.version.cuda is None:
    pytest.skip("this torch is built for the CPU alone", allow_module_level=True)

DEVICE = gpus.present()[0]

# Holds device memory, and says what it sees; printed lines are looked for in the outputs.
LOOK = """
import os
import torch
held = torch.ones(64 << 20, dtype=torch.float32, device="cuda")
print("NODES", sorted(one for one in os.listdir("/dev") if one.startswith("nvidia")))
print("COUNT", torch.cuda.device_count(), held.device, os.environ["CUDA_VISIBLE_DEVICES"])
"""


class _Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


class Nvml:
    """What the driver says of the device; it makes no context on it."""

    def __init__(self, device: int) -> None:
        folder = Path(gpus.libraries()[0]).parent
        self._nvml = ctypes.CDLL(str(folder / "libnvidia-ml.so.1"))
        self._do("nvmlInit_v2")
        count = ctypes.c_uint()
        self._do("nvmlDeviceGetCount_v2", ctypes.byref(count))
        for index in range(count.value):
            self._handle = ctypes.c_void_p()
            self._do("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(self._handle))
            minor = ctypes.c_uint()
            self._do("nvmlDeviceGetMinorNumber", self._handle, ctypes.byref(minor))
            if minor.value == device:
                return
        raise LookupError(f"NVML knows no /dev/nvidia{device}")

    def used(self) -> int:
        """Bytes of the device's memory that are taken."""
        memory = _Memory()
        self._do("nvmlDeviceGetMemoryInfo", self._handle, ctypes.byref(memory))
        return int(memory.used)

    def close(self) -> None:
        self._do("nvmlShutdown")

    def _do(self, name: str, *arguments: object) -> None:
        status = getattr(self._nvml, name)(*arguments)
        assert status == 0, f"{name} failed with {status}"


@pytest.fixture(scope="module")
def nvml() -> Iterator[Nvml]:
    """Kept open: the driver may unload what it holds for a device that nobody uses."""
    opened = Nvml(DEVICE)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def zygote(bundle: Bundle) -> Iterator[Zygote]:
    """One that hands out the first device."""
    with Zygote(Runtime(gpu=1), gpus=(DEVICE,)) as running:
        yield running


@pytest.fixture(scope="module")
def on_a_gpu(bundle: Bundle) -> Bundle:
    """The first assignment, asking for a GPU."""
    return with_gpu(bundle)


def with_gpu(bundle: Bundle, **limits: float) -> Bundle:
    own: Limits = dataclasses.replace(bundle.rubric.limits, **limits)  # type: ignore[arg-type]
    rubric = dataclasses.replace(bundle.rubric, runtime=Runtime(gpu=1), limits=own)
    return dataclasses.replace(bundle, rubric=rubric)


def written(folder: Path, *changes: tuple[str, str], more: str = "") -> Path:
    """The model answer with its tensors, parameters and model on the device."""
    text = (ROOT / "reference" / "uw-cse447-a0" / "answer.py").read_text()
    for old, new in (
        ("X, Y = generate_data(20)", 'X, Y = (one.to("cuda") for one in generate_data(20))'),
        *(
            (f"{name} = 0.2 * torch.randn({shape})", f"{name} = 0.2 * torch.randn({shape}).cuda()")
            for name, shape in {"W1": "3, 4", "B1": "1, 4", "W2": "4, 2", "B2": "1, 2"}.items()
        ),
        ("model = ToyModel()", 'model = ToyModel().to("cuda")'),
        # A cell of its own: the state before the training is one in which CUDA has begun.
        ("# chainrule: ex4-toymodel", "# %%\n# chainrule: ex4-toymodel"),
        *changes,
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "submission.py"
    path.write_text(f"{text}\n# %%\n{LOOK}\n{more}")
    return path


def printed(result: Result) -> str:
    return "".join(
        str(output.get("text", "")) for cell in result.outputs for output in cell.outputs
    )


def automatic(result: Result) -> dict[str, Outcome]:
    return {
        f"{exercise.id}/{check.id}": check.outcome
        for exercise in result.exercises
        for check in exercise.checks
        if check.kind != "manual"
    }


def comes_down_to(nvml: Nvml, before: int) -> bool:
    deadline = time.monotonic() + 30
    while nvml.used() > before + _NOTHING_BYTES:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_a_right_submission_that_trains_on_the_device_gets_full_marks(
    zygote: Zygote, on_a_gpu: Bundle, nvml: Nvml, tmp_path: Path
) -> None:
    before = nvml.used()
    result = pipeline.grade(zygote, on_a_gpu, read_submission(written(tmp_path)), seed=3)

    assert result.run.status is RunStatus.COMPLETED, result.run.message
    assert {out.error for out in result.outputs} == {None}
    assert set(automatic(result).values()) == {Outcome.PASSED}, automatic(result)
    assert (result.run.gpus, result.run.in_sequence) == (1, True)
    said = printed(result)
    assert "COUNT 1 cuda:0 0" in said
    nodes = [line for line in said.splitlines() if line.startswith("NODES")]
    assert [f"'nvidia{number}'" in nodes[0] for number in gpus.present()] == [
        number == DEVICE for number in gpus.present()
    ]
    assert comes_down_to(nvml, before), f"{nvml.used()} bytes are taken, and {before} were"


def test_mistakes_cost_what_they_cost_on_a_cpu(
    zygote: Zygote, on_a_gpu: Bundle, tmp_path: Path
) -> None:
    mistakes = (
        ("y_hat_grad = 2 * (y_hat - Y)", "y_hat_grad = y_hat - Y"),
        ("lr=0.1)", "lr=1e-6)"),
    )
    submission = read_submission(written(tmp_path, *mistakes))
    found = automatic(pipeline.grade(zygote, on_a_gpu, submission, seed=3))
    assert found["ex1-forward/values"] is Outcome.PASSED
    assert found["ex2-backprop/gradients"] is Outcome.FAILED
    assert found["ex4-toymodel/model"] is Outcome.PASSED
    assert found["ex5-train/mse"] is not Outcome.PASSED  # also under further seeds


def test_a_run_that_is_ended_leaves_no_memory_on_the_device(
    zygote: Zygote, bundle: Bundle, nvml: Nvml, tmp_path: Path
) -> None:
    before = nvml.used()
    most: list[int] = []
    endless = "# %%\nwhile True: held = held + 1"
    path = written(tmp_path, more=endless)
    short = with_gpu(bundle, wall_s=30, cell_s=60)
    result = pipeline.grade(
        zygote, short, read_submission(path), seed=3, on_cell=lambda _: most.append(nvml.used())
    )
    assert result.run.status is RunStatus.TIME_LIMIT
    assert max(most) > before + (64 << 20)  # else it would not have been on this device
    assert comes_down_to(nvml, before)


def test_what_asks_for_no_gpu_gets_none(zygote: Zygote, bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "submission.py"
    path.write_text("import torch\nprint('CUDA', torch.cuda.is_available())\n")
    result = pipeline.grade(zygote, bundle, read_submission(path), seed=3)
    assert "CUDA False" in printed(result)


def test_the_same_seed_gives_the_same_on_the_same_device(
    zygote: Zygote, on_a_gpu: Bundle, tmp_path: Path
) -> None:
    submission = read_submission(written(tmp_path))
    first, second = (
        document(pipeline.grade(zygote, on_a_gpu, submission, seed=9)) for _ in range(2)
    )
    assert differences(first, second) == []
