"""`chainrule doctor` says what is missing and what to do; the status, whether grading can run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.cli import chainrule, run
from grader.domain.rubric import Runtime
from workers.commands import findings
from workers.commands.doctor import doctor
from workers.inside.layers import NEEDS

PACKAGES = {"python": "3.12.1", "torch": "2.9", "numpy": "2.4", "IPython": "9.1", "pandas": None}

Say = Callable[..., None]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Lets a test decide what the runtime's interpreter answers; by default all is well."""

    def install(missing: tuple[str, ...] = (), packages: object = PACKAGES) -> None:
        layers = [[name, name not in missing, "no such thing", "install it"] for name in NEEDS]
        answers = {findings._LAYERS: layers, findings._PACKAGES: packages}
        monkeypatch.setattr(findings, "_said_by", lambda python, script, *rest: answers[script])

    monkeypatch.setitem(chainrule.commands, "doctor", doctor)
    monkeypatch.setattr(findings, "_service", lambda: iter(()))
    install()
    return install


def test_all_is_well(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "torch present 2.9" in lines
    assert lines[-1] == "Grading can run here."


def test_a_missing_layer_is_told_with_what_to_do(
    say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    say(missing=("landlock",))

    assert run(["doctor"]) == 1
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "landlock missing no such thing; install it" in lines
    assert lines[-1] == "Grading cannot run here: landlock missing."


def test_a_layer_can_be_accepted_as_missing(say: Say) -> None:
    say(missing=("landlock", "cgroup-memory"))

    assert run(["doctor", "--accept-missing", "landlock"]) == 0


def test_a_package_that_grading_needs_is_told(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    say(packages={**PACKAGES, "torch": None, "why torch": "ImportError: libcudart"})

    assert run(["doctor"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert f"torch missing ImportError: libcudart; {sys.executable} -m pip install torch" in out


def test_an_interpreter_that_does_not_run_is_told(
    say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    say(packages="No such file or directory")

    assert run(["doctor"]) == 1
    assert "interpreter" in capsys.readouterr().out.splitlines()[-1]


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, found in {"driver": "", "present": (), "libraries": ()}.items():
        monkeypatch.setattr(findings.gpus, name, lambda found=found: found)


def gpu_findings(runtime: Runtime) -> dict[str, findings.Finding]:
    found = findings.all_findings(runtime, frozenset())
    return {one.name: one for one in found if one.group.startswith("GPUs")}


def test_a_machine_without_gpus_says_so_and_can_grade(say: Say, no_gpu: None) -> None:
    found = gpu_findings(Runtime())
    assert list(found) == ["driver"]
    assert not found["driver"].present
    assert not found["driver"].needed
    assert run(["doctor"]) == 0


def test_a_rubric_that_asks_for_one_needs_all_of_it(say: Say, no_gpu: None) -> None:
    found = gpu_findings(Runtime(gpu=1))
    assert list(found) == [
        *("driver", "devices", "driver's nodes", "driver's libraries", "torch for CUDA")
    ]
    for one in found.values():
        assert (one.present, one.needed) == (False, True)
        assert one.detail
        assert one.remedy


def test_a_machine_with_gpus_shows_them(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(packages={**PACKAGES, "torch for CUDA": "12.8"})
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(findings.gpus, "FOLDER", str(tmp_path))
    monkeypatch.setattr(findings.gpus, "driver", lambda: "NVRM version: 570.1")
    monkeypatch.setattr(findings.gpus, "libraries", lambda: ("/usr/lib/libcuda.so.1",))

    found = gpu_findings(Runtime(gpu=2))
    assert all(one.present for one in found.values())
    assert found["devices"].detail == "/dev/nvidia0, /dev/nvidia1"
    assert found["torch for CUDA"].detail == "CUDA 12.8"
    assert not gpu_findings(Runtime(gpu=3))["devices"].present
    (tmp_path / "nvidia-uvm").unlink()
    assert gpu_findings(Runtime())["driver's nodes"].detail == f"no {tmp_path}/nvidia-uvm"


def test_json_has_every_finding(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["can_grade"] is True
    assert {one["name"] for one in said["findings"]} >= {*NEEDS, "torch", "disk"}


def test_this_interpreter_answers() -> None:
    said = findings._said_by(sys.executable, findings._PACKAGES, "json", "click no_such_module")

    assert isinstance(said, dict)
    assert said["python"].startswith("3.")
    assert said["click"]
    assert said["no_such_module"] is None


@pytest.mark.parametrize(
    ("python", "script", "why"),
    [
        ("/no/such/python", "", "No such file or directory"),
        (sys.executable, "raise ValueError('x')", "ValueError: x"),
        (sys.executable, "", "it said nothing"),
    ],
)
def test_an_answer_that_does_not_come_is_told_in_words(python: str, script: str, why: str) -> None:
    assert findings._said_by(python, script) == why


def test_a_runtime_names_its_interpreter(say: Say) -> None:
    found = findings.all_findings(Runtime(python="/opt/course/bin/python"), frozenset())

    [interpreter] = [one for one in found if one.name == "interpreter"]
    assert interpreter.detail.startswith("/opt/course/bin/python")
