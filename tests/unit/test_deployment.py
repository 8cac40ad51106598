"""The images and the compose file name what is there: settings, commands, extras, paths.

No engine runs here; what an engine would only find out when it is too late is held to the code.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from grader import config
from grader.config import load_settings
from grader.domain.rubric import Runtime
from workers.service.scratch import scratch
from workers.zygote import Zygote

CHECKOUT = Path(__file__).parent.parent.parent
DOCKERFILE = (CHECKOUT / "deploy/Dockerfile").read_text()
COMPOSE = (CHECKOUT / "docker-compose.yml").read_text()
EXAMPLE = (CHECKOUT / ".env.example").read_text()
IGNORED = (CHECKOUT / ".dockerignore").read_text().splitlines()
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]

VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
GIVEN = {
    "POSTGRES_PASSWORD": "a1",
    "REDIS_PASSWORD": "b2",
    "CHAINRULE_URL": "https://grading.example.org",
}
DOCUMENTED = set(re.findall(r"^(CHAINRULE_\w+) ", config.__doc__ or "", re.MULTILINE))


def interpolated(text: str) -> str:
    """What compose makes of variables where only those without a default are given."""

    def value(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        return default if kind == "-" else GIVEN[name]

    return VARIABLE.sub(value, text)


SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(interpolated(COMPOSE))["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("chainrule-")}
WORKERS = {name: one for name, one in OURS.items() if name.startswith("worker")}
STAGES = dict(
    re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
)


# Settings


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_that_the_service_reads(name: str) -> None:
    assert set(OURS[name]["environment"]) - {"TMPDIR"} <= DOCUMENTED


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_every_service_are_valid(name: str) -> None:
    environment = {key: str(value) for key, value in OURS[name]["environment"].items()}
    settings = load_settings({"CHAINRULE_DATA": "/data", **environment})
    assert settings.database.startswith("postgresql")
    assert settings.url == GIVEN["CHAINRULE_URL"]
    assert settings.blobs in {mount.partition(":")[2] for mount in OURS[name]["volumes"]}


def test_files_that_come_in_lie_on_a_volume_and_not_in_memory() -> None:
    volumes = dict(mount.split(":") for mount in OURS["web"]["volumes"])
    folders = {path: name for name, path in volumes.items()}
    folder = OURS["web"]["environment"]["TMPDIR"]
    assert folders[folder] in yaml.safe_load(interpolated(COMPOSE))["volumes"]
    # A volume belongs to whom its place in the image belongs to.
    assert re.search(rf"install -d -o 10001 .*{folder}\b", DOCKERFILE)


def test_the_page_for_operators_has_every_setting() -> None:
    page = (CHECKOUT / "docs/operations.md").read_text()
    assert set(re.findall(r"^\| `(CHAINRULE_\w+)` \|", page, re.MULTILINE)) == DOCUMENTED


def test_every_gpu_slot_has_a_device() -> None:
    environment = {key: str(value) for key, value in OURS["worker-gpu"]["environment"].items()}
    settings = load_settings(environment)
    assert settings.queues == ("gpu",)
    assert settings.slots <= len(settings.gpus)


def test_the_image_sets_what_the_service_reads() -> None:
    assert set(re.findall(r"\b(CHAINRULE_\w+)=", DOCKERFILE)) <= DOCUMENTED


def test_the_example_has_every_variable_with_its_default() -> None:
    shown = dict(re.findall(r"^#?([A-Z]\w*)=(.*)$", EXAMPLE, re.MULTILINE))
    used = {
        name: default if kind == "-" else "" for name, kind, default in VARIABLE.findall(COMPOSE)
    }
    assert shown == used


def test_what_has_no_default_stands_open_in_the_example() -> None:
    needed = {name for name, kind, _ in VARIABLE.findall(COMPOSE) if kind == "?"}
    assert set(re.findall(r"^([A-Z]\w*)=$", EXAMPLE, re.MULTILINE)) == needed == set(GIVEN)


# Commands


def test_every_command_is_one_of_the_command_line() -> None:
    commands = {"rubric", "result", *PROJECT["entry-points"]["chainrule.commands"]}
    ran = [one["command"] for one in OURS.values()]
    ran += [yaml.safe_load(line) for line in re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)]
    for program, command in ran:
        assert program in PROJECT["scripts"]
        assert command in commands


def test_an_image_holds_the_package_of_the_command_that_it_runs() -> None:
    for service in OURS.values():
        stage = STAGES[service_stage(service)]
        package = PROJECT["entry-points"]["chainrule.commands"][service["command"][1]].split(".")[0]
        assert f"COPY {package} {package}" in stage


def test_a_check_of_health_in_python_imports_what_is_there() -> None:
    for service in OURS.values():
        check = service["healthcheck"].get("test", [])
        if check[:2] == ["CMD", "python"]:
            lines = check[3].split("; ")
            exec("\n".join(line for line in lines if line.startswith(("import ", "from "))), {})


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_s_check_of_health_finds_the_socket_of_its_zygote(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, command = WORKERS[name]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    # A socket's path is short.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        check = ["sh", "-c", command.replace("/tmp/", f"{folder}/")]
        assert check[2] != command
        monkeypatch.setattr(tempfile, "tempdir", folder)
        with scratch():
            assert subprocess.run(check, capture_output=True).returncode
            with monkeypatch.context() as patch:
                patch.setattr(Zygote, "_await_ready", lambda _: None)
                patch.setattr(subprocess, "Popen", lambda *_, **__: None)
                Zygote(Runtime()).start()
            assert not subprocess.run(check, capture_output=True).returncode


# Images


def test_every_target_is_a_stage() -> None:
    assert {service_stage(one) for one in OURS.values()} <= set(STAGES)


def test_an_image_of_ours_is_built_here_or_not_pulled() -> None:
    for service in OURS.values():
        assert "build" in service or service["pull_policy"] == "never"


def test_every_path_that_is_named_is_there_and_sent_to_the_engine() -> None:
    copied = [
        path
        for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE)
        for path in shlex.split(line)[:-1]
    ]
    assert copied
    for path in copied:
        assert (CHECKOUT / path).exists()
        assert f"!{path}" in IGNORED
    for service in OURS.values():
        if "build" in service:
            assert (CHECKOUT / service["build"]["dockerfile"]).is_file()
    for option in WORKERS["worker"]["security_opt"]:
        name, _, value = option.partition("=")
        if name == "seccomp":
            assert (CHECKOUT / value).is_file()


def test_nothing_else_is_sent_to_the_engine() -> None:
    assert IGNORED[1] == "*"
    shown = {line[1:] for line in IGNORED if line.startswith("!")}
    assert shown == {"constraints.txt", "grader", "migrations", "pyproject.toml", "workers"}


def test_every_extra_is_one_of_the_project() -> None:
    named = re.findall(r"-e '\.\[([\w,]+)\]'", DOCKERFILE)
    assert named
    for extras in named:
        assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_web_has_neither_torch_nor_the_workers() -> None:
    assert "torch" not in STAGES["web"]
    assert "workers" not in STAGES["web"]
    (extras,) = re.findall(r"-e '\.\[([\w,]+)\]'", STAGES["web"])
    packages = [
        package
        for extra in extras.split(",")
        for package in PROJECT["optional-dependencies"][extra]
    ]
    assert "torch" not in packages


def test_the_workers_differ_in_torch_alone() -> None:
    assert STAGES["worker-cpu"].strip() == STAGES["worker-gpu"].strip()
    assert STAGES["torch-cpu"].replace("_CPU_", "_GPU_").strip() == STAGES["torch-gpu"].strip()


def test_torch_is_the_version_that_the_tests_run_with() -> None:
    pinned = re.search(r"^torch==\S+$", (CHECKOUT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert set(re.findall(r"torch==[\d.]+", DOCKERFILE)) == {pinned[0]}


def test_the_base_image_is_pinned_and_its_python_is_one_of_ours() -> None:
    found = re.search(r"^ARG PYTHON_IMAGE=python:(\d+)\.(\d+)\.(\d+)-slim-\w+$", DOCKERFILE, re.M)
    assert found is not None
    least = re.fullmatch(r">=(\d+)\.(\d+)", PROJECT["requires-python"])
    assert least is not None
    assert tuple(map(int, found.groups()[:2])) >= tuple(map(int, least.groups()))


def test_every_image_of_others_is_pinned() -> None:
    for name, service in SERVICES.items():
        if name not in OURS:
            assert re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?-\w+", service["image"])


def test_no_registry_is_named() -> None:
    for text in (DOCKERFILE, COMPOSE, EXAMPLE):
        assert not re.search(r"https?://(?!127\.0\.0\.1)", text)
        assert not re.search(r"\b[\w-]+(\.[\w-]+)*\.(io|org|com|dev)\b", text)


def test_the_images_end_as_an_ordinary_user() -> None:
    for stage in ("web", "worker-cpu", "worker-gpu"):
        assert re.search(r"^USER 10001:10001$", STAGES[stage], re.MULTILINE)


# Containers


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_as_little_as_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert name in OURS or service["user"] not in ("", "0", "root")
    assert {"cpus", "memory", "pids"} == set(service["deploy"]["resources"]["limits"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_looked_at_and_started_again(name: str) -> None:
    service = SERVICES[name]
    if name == "migrate":
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - WORKERS))
def test_only_workers_leave_a_profile(name: str) -> None:
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", WORKERS)
def test_workers_leave_no_profile_without_another(name: str) -> None:
    options = dict(one.partition("=")[::2] for one in WORKERS[name]["security_opt"])
    assert options["seccomp"] == "deploy/worker-seccomp.json"
    profile = (CHECKOUT / "deploy/worker-apparmor").read_text()
    assert f"profile {options['apparmor']} " in profile


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"web", "reconciler"}))
def test_what_needs_no_way_out_has_none(name: str) -> None:
    assert SERVICES[name]["networks"] == ["inside"]
    assert "ports" not in SERVICES[name]


def test_the_web_believes_the_proxy_of_this_machine_and_no_container() -> None:
    (network,) = yaml.safe_load(interpolated(COMPOSE))["networks"]["outside"]["ipam"]["config"]
    environment = {key: str(value) for key, value in OURS["web"]["environment"].items()}
    (believed,) = load_settings(environment).proxies
    assert believed == f"{network['gateway']}/32"
    assert ip_address(network["gateway"]) in ip_network(network["subnet"])
    assert [one.partition(":")[0] for one in OURS["web"]["ports"]] == ["127.0.0.1"]


def test_whoever_waits_waits_for_the_schema() -> None:
    for name, service in OURS.items():
        if name != "migrate":
            migrated = service["depends_on"]["migrate"]
            assert migrated == {"condition": "service_completed_successfully"}
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)


def service_stage(service: dict[str, Any]) -> str:
    """The stage that a service's image is built from."""
    built = [one for one in OURS.values() if "build" in one and one["image"] == service["image"]]
    assert len(built) == 1
    return str(built[0]["build"]["target"])
