"""Where devices and the driver's libraries are found, and where inputs are put for a device."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from grader.domain.rubric import Runtime
from grader.errors import BadBundle, BadInput
from grader.rubricfile import load_bundle
from tests.unit._builders import bundle_folder
from tests.unit.test_probes import arr, asked, ran
from workers.commands.grade import grade
from workers.commands.options import chosen_gpus
from workers.inside import gpus, root


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of nodes; at first without any."""
    made = tmp_path / "dev"
    made.mkdir()
    monkeypatch.setattr(gpus, "FOLDER", str(made))
    return made


def make(dev: Path, *names: str) -> None:
    for name in names:
        (dev / name).touch()


def test_devices_are_those_that_have_a_node(dev: Path) -> None:
    assert gpus.present() == ()
    make(dev, "nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "nvidia-caps", "nvidia0x")
    assert gpus.present() == (2, 10)


def test_a_device_needs_its_own_node_and_those_of_all(dev: Path) -> None:
    make(dev, "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-modeset")
    assert gpus.missing((1,)) == []
    assert gpus.nodes((1,)) == {
        f"/dev/{name}": f"{dev}/{name}" for name in ("nvidia1", "nvidiactl", "nvidia-uvm")
    }
    assert gpus.missing((0, 1)) == [f"{dev}/nvidia0"]
    make(dev, "nvidia-uvm-tools")
    assert "/dev/nvidia-uvm-tools" in gpus.nodes((1,))


@pytest.mark.parametrize("cached", [True, False])
def test_the_drivers_libraries_are_found_together(
    cached: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = tmp_path / "lib", tmp_path / "ld.so.cache"
    folder.mkdir()
    ours = ("libcuda.so.1", "libnvidia-ml.so.570.1", "libnvidia-ptxjitcompiler.so.1")
    make(folder, *ours, "libnvidia-gl.so.1", "libcudart.so.12", "libcuda.so.1.bak")
    entries = f"glibc-ld.so.cache1.1\0libcuda.so.1\0{folder}/libcuda.so.1\0" if cached else "none"
    cache.write_bytes(entries.encode())
    monkeypatch.setattr(gpus, "_LOADER_CACHE", str(cache))
    monkeypatch.setattr(gpus, "_LIBRARY_FOLDERS", ("/no/such", str(folder)))

    assert gpus.libraries() == tuple(f"{folder}/{name}" for name in ours)
    assert gpus.library_path() == ("" if cached else str(folder))
    assert str(folder / "libcuda.so.1") in root.Layout.of_runtime().sources


def test_without_a_driver_there_are_no_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus, "_LOADER_CACHE", str(tmp_path / "none"))
    monkeypatch.setattr(gpus, "_LIBRARY_FOLDERS", (str(tmp_path),))
    assert (gpus.libraries(), gpus.library_path()) == ((), "")


@pytest.mark.parametrize(("said", "works"), [(None, True), (3, True), (0, False), (100, False)])
def test_forks_work_until_cuda_has_been_initialised(
    said: int | None, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cuda:
        def __init__(self, name: str, mode: int) -> None:
            if said is None:
                raise OSError(f"{name} is not loaded")

        def cuDeviceGetCount(self, count: Any) -> int | None:
            assert type(count) is type(ctypes.byref(ctypes.c_int()))
            return said

    monkeypatch.setattr(gpus, "_dlopen", Cuda)
    assert gpus.forks_work() is works


def test_nothing_here_has_initialised_cuda() -> None:
    assert gpus.forks_work()


# What a command is told, and what it makes of it.


def test_the_first_devices_are_taken_where_none_is_named(dev: Path) -> None:
    make(dev, "nvidia1", "nvidia3", "nvidia4")
    assert chosen_gpus(0) == ()
    assert chosen_gpus(1) == (1,)
    assert chosen_gpus(2) == (1, 3)
    assert chosen_gpus(1, (4, 3, 4)) == (4, 3)


@pytest.mark.parametrize(
    ("nodes", "wanted", "named", "why"),
    [
        ((), 1, (), r"asks for 1 GPU, and this machine has none: .*doctor"),
        ((), 2, (0,), "asks for 2 GPUs, and this machine has none"),
        (("nvidia0",), 0, (0,), r"--gpu: the rubric asks for no GPU \(runtime\.gpu\)"),
        (("nvidia0", "nvidia1"), 1, (2,), "--gpu 2: there is no such device; there are 0, 1"),
        (("nvidia0",), 2, (), "asks for 2 GPUs for each attempt, and there are 1"),
        (("nvidia0", "nvidia1"), 2, (1,), "asks for 2 GPUs for each attempt, and there are 1"),
    ],
)
def test_what_can_not_be_is_told(
    dev: Path, nodes: tuple[str, ...], wanted: int, named: tuple[int, ...], why: str
) -> None:
    make(dev, *nodes)
    with pytest.raises(BadInput, match=why):
        chosen_gpus(wanted, named)


def test_a_number_of_a_device_is_a_number() -> None:
    said = CliRunner().invoke(grade, ["x", ".", "--gpu", "first"])
    assert said.exit_code == 2
    assert "--gpu" in said.output


RUBRIC = """\
title: On a GPU
runtime: {gpu: %s}
exercises:
  - id: ex1
    title: One
    checks:
      - {id: it, kind: manual, points: 1, answer: {marker: x}}
"""


def test_a_rubric_says_how_many_an_attempt_has(tmp_path: Path) -> None:
    bundle_folder(tmp_path, RUBRIC % "2")
    assert load_bundle("two-layers", tmp_path).rubric.runtime == Runtime(gpu=2)


@pytest.mark.parametrize("number", ["-1", "9", "1.5", "all"])
def test_a_number_that_no_attempt_can_have_is_refused(tmp_path: Path, number: str) -> None:
    bundle_folder(tmp_path, RUBRIC % number)
    with pytest.raises(BadBundle, match=r"rubric\.yaml:2:\d+: runtime"):
        load_bundle("two-layers", tmp_path)


# Inputs lie where what they meet lies. Tensors on "meta" stand for those of a device.

CALL = {"function": "f", "cases": [{"bind": {"w": arr([1.0])}, "args": [arr([2.0])], "kwargs": {}}]}


@pytest.mark.parametrize(
    ("source", "devices"),
    [
        ("def f(x): return [str(x.device), str(w.device)]", ["cpu", "cpu"]),
        ("w = torch.ones(1)\ndef f(x): return [str(x.device), str(w.device)]", ["cpu", "cpu"]),
        ("w = OTHER\ndef f(x): return [str(x.device), str(w.device)]", ["meta", "meta"]),
        (
            "w = torch.ones(1); b = OTHER\ndef f(x): b; return [str(x.device), str(w.device)]",
            ["meta", "cpu"],
        ),
        (
            "device = torch.device('meta')\n"
            "def f(x): x.to(device); return [str(x.device), str(w.device)]",
            ["meta", "meta"],
        ),
        (
            "net = nn.Linear(1, 1, device='meta')\n"
            "def f(x): net(x); return [str(x.device), str(w.device)]",
            ["meta", "meta"],
        ),
        (
            "class Net(nn.Linear):\n"
            "    def g(self, x): return [str(x.device), str(w.device)]\n"
            "f = Net(1, 1, device='meta').g",
            ["meta", "meta"],
        ),
    ],
)
def test_inputs_of_a_call_go_where_the_function_calculates(source: str, devices: list[str]) -> None:
    namespace = ran(source.replace("OTHER", "torch.ones(1, device='meta')"), torch=torch, nn=nn)
    [case] = asked("call", CALL, namespace)["cases"]
    [value] = case["values"]
    assert [item["v"] for item in value["items"]] == devices


def test_inputs_of_a_model_go_where_its_parameters_lie() -> None:
    source = (
        "seen = []\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.w = nn.Parameter(torch.ones(1, device='meta'))\n"
        "    def forward(self, x):\n"
        "        seen.append(str(x.device))\n"
        "        return x * self.w\n"
        "model = Net()\n"
        "def wrapped(x): return model(x)\n"
    )
    namespace = ran(source, torch=torch, nn=nn)
    made = {"name": "Net", "make": True, "args": [], "parameters": [], "seed": 1}
    asked("module", {**made, "inputs": [arr([[2.0]])]}, namespace)
    for name in ("model", "wrapped"):
        asked("predict", {"name": name, "inputs": arr([[2.0]]), "rows": 8}, namespace)
    steps = [
        {"do": "name", "name": "model"},
        {"do": "call", "args": [{"step": 0}, {"array": arr([[2.0]])}], "kwargs": {}},
        {"do": "operator", "name": "sub", "args": [{"array": arr([[2.0]])}, {"step": 1}]},
    ]
    payload = {"steps": steps, "library": "torch", "precision": "float32"}
    found = asked("steps", payload, namespace)
    assert found["value"]["device"] == "meta"
    assert set(namespace["seen"]) == {"meta"}
    assert len(namespace["seen"]) >= 4
