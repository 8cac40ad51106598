"""The environment is read in one place, and what is wrong in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

import grader
from grader.config import Config, load_config
from grader.errors import BadInput

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
