"""The environment is read in one place, and what is wrong in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import _TrustedHosts

import grader
from grader.config import Config, load_config, load_settings
from grader.errors import BadInput
from grader.web.server import configured

CHECKOUT = Path(grader.__file__).parent.parent


def test_without_settings_the_current_folder_counts_if_it_has_rubrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config({}) == Config(root=CHECKOUT)

    (tmp_path / "rubrics").mkdir()
    assert load_config({}).root == tmp_path


def test_settings_are_taken(tmp_path: Path) -> None:
    (tmp_path / "rubrics").mkdir()

    config = load_config(
        {
            "CHAINRULE_RUBRICS": str(tmp_path),
            "CHAINRULE_ACCEPT_MISSING": " landlock, net ,",
            "CHAINRULE_DEBUG": "1",
        }
    )

    assert config == Config(
        root=tmp_path, accept_missing=frozenset({"landlock", "net"}), debug=True
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHAINRULE_RUBRICS", "/nowhere"),
        ("CHAINRULE_ACCEPT_MISSING", "land lock"),
        ("CHAINRULE_DEBUG", "yes"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(BadInput, match=name):
        load_config({name: value})


def test_a_service_without_settings_keeps_everything_below_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({"CHAINRULE_NODE": "n1", "CHAINRULE_SLOTS": "3"})
    assert settings.data == tmp_path / "data"
    assert settings.database == f"sqlite:///{tmp_path}/data/chainrule.db"
    assert settings.blobs == str(tmp_path / "data" / "blobs")
    assert (settings.host, settings.port, settings.url) == (
        "127.0.0.1",
        8000,
        "http://127.0.0.1:8000",
    )
    assert (settings.queues, settings.slots, settings.gpus) == (("cpu",), 3, ())


def test_only_the_proxies_that_are_named_are_believed_for_whom_they_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Not from a variable that nothing checks.
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    config = configured(FastAPI(), load_settings({"CHAINRULE_PROXIES": "10.1.2.3, fd00::/64"}))
    trusted = _TrustedHosts(config.forwarded_allow_ips)
    assert [one in trusted for one in ("10.1.2.3", "fd00::7", "10.1.2.4", "127.0.0.1")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_worker_with_devices_takes_what_needs_them() -> None:
    settings = load_settings({"CHAINRULE_QUEUES": "cpu, gpu", "CHAINRULE_GPUS": "0,3"})
    assert (settings.queues, settings.gpus) == (("cpu", "gpu"), (0, 3))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHAINRULE_DATABASE", "mysql://secret@host/x"),
        ("CHAINRULE_REDIS", "http://host"),
        ("CHAINRULE_LISTEN", "8000"),
        ("CHAINRULE_LISTEN", "host:70000"),
        ("CHAINRULE_URL", "ftp://host"),
        ("CHAINRULE_PROXIES", "*"),
        ("CHAINRULE_PROXIES", "0.0.0.0/0"),
        ("CHAINRULE_PROXIES", "10.0.0.1/8"),
        ("CHAINRULE_PROXIES", "127.0.0.1, proxy"),
        ("CHAINRULE_QUEUES", "cpu,tpu"),
        ("CHAINRULE_QUEUES", "gpu"),
        ("CHAINRULE_SLOTS", "0"),
        ("CHAINRULE_GPUS", "all"),
        ("CHAINRULE_GPUS", "0,0"),
        ("CHAINRULE_LEASE_S", "soon"),
        ("CHAINRULE_UPLOAD_BYTES", "1"),
        ("CHAINRULE_LOG", "xml"),
    ],
)
def test_a_wrong_setting_of_the_service_is_named_and_no_secret_told(name: str, value: str) -> None:
    with pytest.raises(BadInput, match=name) as refused:
        load_settings({name: value})
    assert "secret" not in str(refused.value)
