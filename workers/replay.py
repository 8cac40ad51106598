"""Judging a stored attempt again: the same submission, version and seed must give the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from grader.domain.rubric import Bundle
from grader.errors import BadInput
from grader.notebooks.read import Submission
from grader.resultdoc import ResultDocument, document
from grader.safetext import one_line
from workers.pipeline import grade
from workers.zygote import Zygote

MAX_BYTES = 64 << 20

# Fields of `run` that no two runs have in common.
_MEASURED = ("wall_s", "cpu_s", "peak_memory_bytes")


def stored_document(path: Path) -> dict[str, Any]:
    """A staff's result document from a file; raise BadInput where it is none."""
    name = one_line(str(path))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{name} is larger than {MAX_BYTES >> 20} MiB")
        stored = json.loads(path.read_text("utf-8"))
        TypeAdapter(ResultDocument).validate_python(stored)
    except OSError as error:
        raise BadInput(f"{name} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        why = "its fields are others" if isinstance(error, ValidationError) else "it is not JSON"
        raise BadInput(f"{name} is no result document of `chainrule grade --json`: {why}") from None
    if stored["seed"] is None:
        raise BadInput(f"{name} is a student's: only a staff's has the seed to judge again from")
    if not stored["seed"].isdecimal():
        raise BadInput(f"{name} has a seed that is no number")
    return dict(stored)


def refuse_others(stored: Mapping[str, Any], bundle: Bundle, submission: Submission) -> None:
    """Raise BadInput where bundle or submission are not those of the stored attempt."""
    if bundle.version != stored["version"]:
        raise BadInput(
            f"{bundle.rubric.slug} is {bundle.version} here, and was judged as "
            f"{one_line(stored['version'], 100)}: the rubric, the reference or a file has changed"
        )
    if submission.info.sha256 != stored["submission"]["sha256"]:
        raise BadInput(
            f"{one_line(submission.info.name)} is not the file that was judged: its SHA-256 is "
            f"{submission.info.sha256}, not {one_line(stored['submission']['sha256'], 100)}"
        )


def judged_again(
    zygote: Zygote, bundle: Bundle, submission: Submission, stored: Mapping[str, Any]
) -> dict[str, Any]:
    """The document of judging it again from the stored seed."""
    result = grade(zygote, bundle, submission, seed=int(stored["seed"]))
    return dict(json.loads(json.dumps(document(result))))


def differences(stored: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """Where two documents differ, but for times and memory: the path, what was, and what is."""
    return list(_differences("", _comparable(stored), _comparable(again)))


def _comparable(one: Mapping[str, Any]) -> dict[str, Any]:
    run = {key: value for key, value in one["run"].items() if key not in _MEASURED}
    return {**one, "run": run}


def _differences(path: str, was: object, now: object) -> Iterator[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*was, *now]):
            if key == "exhibits" and key not in was:
                continue  # it was judged before there were any
            here = f"{path}.{one_line(str(key), 60)}".removeprefix(".")
            yield from _differences(here, was.get(key, _ABSENT), now.get(key, _ABSENT))
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (one, other) in enumerate(zip(was, now, strict=True)):
            name = one.get("id", number) if isinstance(one, dict) else number
            yield from _differences(f"{path}[{one_line(str(name), 60)}]", one, other)
    elif was != now or type(was) is not type(now):
        yield f"{path}: was {_shown(was)}, is {_shown(now)}"


_ABSENT = object()


def _shown(value: object) -> str:
    if value is _ABSENT:
        return "not there"
    return one_line(json.dumps(value, ensure_ascii=False), 200)
