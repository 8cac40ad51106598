"""Grading on a GPU of NVIDIA's, end to end; needs one, its driver, and a torch for CUDA."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.domain.outcomes import Outcome, RunStatus
from grader.domain.results import Result
from grader.domain.rubric import Bundle, Limits, Runtime
from grader.notebooks.read import read_submission
from grader.resultdoc import document
from tests.gpus import DEVICE, Nvml, comes_down_to, written
from workers import pipeline
from workers.inside import gpus
from workers.replay import differences
from workers.zygote import Zygote


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


def test_a_kernel_that_never_ends_is_ended_with_its_run(
    zygote: Zygote, bundle: Bundle, nvml: Nvml, tmp_path: Path
) -> None:
    before = nvml.used()
    endless = "# %%\nfor _ in range(3): torch.cuda._sleep(1 << 62)\ntorch.cuda.synchronize()"
    path = written(tmp_path, more=endless)
    short = with_gpu(bundle, wall_s=20, cell_s=60)
    result = pipeline.grade(zygote, short, read_submission(path), seed=3)
    assert result.run.status is RunStatus.TIME_LIMIT
    assert automatic(result)["ex4-toymodel/model"] is Outcome.PASSED
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
