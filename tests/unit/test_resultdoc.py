"""The result document has the published shape, and any reader of JSON takes it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.domain.outcomes import Outcome
from grader.resultdoc import document, error_json_schema, json_schema, safe_detail
from tests.unit._builders import check, exercise, result

ROOT = Path(__file__).parent.parent.parent


def test_the_document_has_these_fields_and_no_others() -> None:
    waiting = check("answer", Outcome.PENDING, 0.0, 2.0, "A person reads it.", "Think.", {"at": 3})

    assert json.loads(json.dumps(document(result(exercise(check(), waiting))))) == {
        "schema": "chainrule.result/1",
        "assignment": "two-layers",
        "version": "sha256:0123",
        "seed": "7",
        "submission": {"name": "mine.ipynb", "sha256": "ab" * 32, "format": "ipynb"},
        "run": {
            "status": "completed",
            "message": "",
            "wall_s": 1.25,
            "cpu_s": 1.5,
            "peak_memory_bytes": 100 << 20,
            "cells_run": 0,
            "cells_failed": 0,
            "sandbox": {"layers": ["pid", "seccomp"], "gpus": 0, "in_sequence": False},
        },
        "score": 4.0,
        "max_score": 6.0,
        "pending": 2.0,
        "exercises": [
            {
                "id": "ex1",
                "title": "Forward",
                "outcome": "pending",
                "score": 4.0,
                "max_score": 6.0,
                "checks": [
                    {
                        "id": "values",
                        "title": "the right values",
                        "kind": "forward",
                        "visibility": "visible",
                        "outcome": "passed",
                        "score": 4.0,
                        "max_score": 4.0,
                        "message": "Every value agrees.",
                        "hint": None,
                        "detail": {},
                        "exhibits": [],
                    },
                    {
                        "id": "answer",
                        "title": "the right values",
                        "kind": "forward",
                        "visibility": "visible",
                        "outcome": "pending",
                        "score": 0.0,
                        "max_score": 2.0,
                        "message": "A person reads it.",
                        "hint": "Think.",
                        "detail": {"at": 3},
                        "exhibits": [],
                    },
                ],
            }
        ],
    }


def test_a_seed_that_is_no_exact_number_in_json_is_whole() -> None:
    judged = replace(result(), seed=2**63 - 1)

    assert json.loads(json.dumps(document(judged)))["seed"] == "9223372036854775807"


def test_the_published_schema_is_the_one_of_the_code() -> None:
    result, error = (
        json.loads((ROOT / "docs" / f"{name}.schema.json").read_text())
        for name in ("result", "error")
    )

    assert result == json_schema(), "run: chainrule result schema > docs/result.schema.json"
    assert error == error_json_schema(), (
        "run: chainrule result schema --error > docs/error.schema.json"
    )


def test_the_schema_accepts_documents_and_nothing_beside_them() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    made = json.loads(json.dumps(document(result())))
    validator.validate(made)

    for part in (made, made["run"], made["exercises"][0], made["exercises"][0]["checks"][0]):
        part["more"] = 1
        assert not validator.is_valid(made)
        del part["more"]
    del made["score"]
    assert not validator.is_valid(made)


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (0.5, 0.5),
        (True, True),
        (2**53, 2**53),
        (2**80, "0x100000000000000000000"),
        (1 + 2j, "(1+2j)"),
        ((1, [2.0, None]), [1, [2.0, None]]),
        ({1: {"a": b"x"}}, {"1": {"a": "a bytes"}}),
        ("\ud800", "?"),
    ],
)
def test_a_detail_is_plain_data(value: object, safe: object) -> None:
    assert safe_detail({"value": value}) == {"value": safe}


def test_numpy_numbers_are_numbers() -> None:
    detail = safe_detail({"a": np.float32(0.5), "b": np.int64(3), "c": np.float64("inf")})

    assert detail == {"a": 0.5, "b": 3, "c": "inf"}


def test_a_detail_is_bounded_and_says_what_is_left_out() -> None:
    deep: dict[str, object] = {}
    for _ in range(100):
        deep = {"in": deep}
    detail = safe_detail({"text": "x" * 5000, "many": list(range(5000)), "deep": deep})

    assert len(detail["text"]) == 2001
    assert detail["many"][-1] == "… 4800 more"
    assert json.dumps(detail["deep"]).count("in") < 10
    assert len(json.dumps(safe_detail({"x": [[list(range(200))] * 200] * 200}))) < 200_000


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.complex_numbers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    )
)
def test_any_detail_makes_a_document_that_every_reader_takes(value: Any) -> None:
    failed = check(outcome=Outcome.FAILED, score=0.0, detail={"value": value})
    made = document(result(exercise(failed)))

    json.dumps(made, allow_nan=False).encode()
