"""The service on a machine with a GPU of NVIDIA: from a bundle that asks for one to the verdict."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from grader.services.bundles import packed
from tests.gpus import DEVICE, Nvml, comes_down_to, written
from tests.service._installation import ROOT
from tests.serving import ancestry, served
from tests.waiting import wait_until

SLUG = "uw-cse447-a0"


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder with a short path."""
    with tempfile.TemporaryDirectory(prefix="chainrule-data-") as name:
        yield Path(name)


@pytest.fixture
def bundle(tmp_path: Path) -> bytes:
    """The first assignment's bundle, asking for a GPU."""
    for part in ("rubrics", "reference"):
        shutil.copytree(ROOT / part / SLUG, tmp_path / part / SLUG)
    rubric = tmp_path / "rubrics" / SLUG / "rubric.yaml"
    told = yaml.safe_load(rubric.read_text())
    rubric.write_text(yaml.safe_dump({**told, "runtime": {"gpu": 1}}, sort_keys=False))
    return packed(tmp_path, SLUG)


def demo(data: Path, role: str, url: str) -> httpx2.Client:
    """Somebody of the demo course, signed in."""
    lines = (data / "demo-passwords.txt").read_text().splitlines()
    email, password, _ = next(line.split() for line in lines if line.endswith(role))
    signed = httpx2.post(f"{url}/api/v1/sign-in", json={"email": email, "password": password})
    headers = {"Authorization": f"Bearer {signed.json()['secret']}"}
    return httpx2.Client(base_url=f"{url}/api/v1", headers=headers, timeout=60)


def asked(answer: httpx2.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def test_an_attempt_waits_for_a_gpu_trains_on_it_and_leaves_nothing_on_it(
    data: Path, bundle: bytes, tmp_path: Path
) -> None:
    nvml = Nvml(DEVICE)
    before = nvml.used()
    with served(data) as without:
        with demo(data, "instructor", without.url) as instructor:
            (course,) = asked(instructor.get("/courses"))["items"]
            path, told = (
                f"/courses/{course['id']}/assignments",
                {"slug": "gpu", "title": "On a GPU"},
            )
            assignment = asked(instructor.post(path, json=told))
            path = f"/assignments/{assignment['id']}/versions"
            version = asked(instructor.post(path, files={"bundle": ("b.zip", bundle)}))
            because = {"because": "its test would need a GPU as well"}
            asked(instructor.post(f"/versions/{version['id']}/publish", json=because))
        with demo(data, "student", without.url) as student:
            path = f"/assignments/{assignment['id']}/submissions"
            content = written(tmp_path).read_bytes()
            receipt = asked(student.post(path, files={"file": ("a0.py", content)}))
            news = asked(student.get(receipt["attempt_url"].removeprefix("/api/v1")))["news"]
            assert news["stage"] == "waiting_for_gpu"

    with served(data, QUEUES="cpu,gpu", GPUS=str(DEVICE)) as service:
        with demo(data, "student", service.url) as student:
            url = receipt["url"].removeprefix("/api/v1")
            wait_until(lambda: asked(student.get(url))["state"] in ("done", "failed"))
            result = asked(student.get(f"{url}/result"))
            assert result["score"] == result["max_score"] - result["pending"], result
            assert result["run"]["status"] == "completed"
            assert "COUNT 1 cuda:0 0" in student.get(f"{url}/notebook").text
        with demo(data, "admin", service.url) as admin:
            (node,) = asked(admin.get("/nodes"))["items"]
            assert node["facts"]["devices"] == [DEVICE]
        assert comes_down_to(nvml, before), f"{nvml.used()} bytes are taken, and {before} were"
        below = service.descendants()
    assert not below & set(ancestry())
    nvml.close()
