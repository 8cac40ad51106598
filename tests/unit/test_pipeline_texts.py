"""How cells are searched for what they may bind; hostile texts are read in one pass."""

from __future__ import annotations

import pytest

from workers.pipeline import _as_read

LONG = 1 << 20  # what a submission's code may have


@pytest.mark.parametrize(
    "text",
    [
        "globals()['a'] = 1",
        "vars(module).update(a=1)",
        "exec('a = 1')",
        "from helper import *",
        "%run helper.py",
        "done = %run helper.py",
        "run helper.py",  # so without the sign, where automagic is on
        "dill.load_session('state.pkl')",
        "x = 1\n  !cp a b",
        "a\u0308 = 1",  # letters with marks may be composed
        "ｇlobals()",
    ],
)
def test_what_may_bind_a_name_unseen(text: str) -> None:
    assert _as_read(text)[1]


@pytest.mark.parametrize(
    "text",
    [
        "model.eval()",
        "import torch",
        "x = a % b",
        "run = 1; run_all()",
        "run += 1",
        "Run it.",
        "# globale Größe",
        "df.eval('a')",
    ],
)
def test_what_binds_no_name_that_it_does_not_spell(text: str) -> None:
    assert _as_read(text) == (text, False)


@pytest.mark.parametrize(
    "text",
    ["\n" * LONG, " \n" * (LONG // 2), "a" + "\u0301\u0323" * (LONG // 2), "import " * 150_000],
    ids=["blank lines", "lines of a space", "marks", "imports"],
)
def test_a_hostile_text_is_read_in_one_pass(text: str) -> None:
    read, _ = _as_read(text)
    assert len(read) == len(text)
