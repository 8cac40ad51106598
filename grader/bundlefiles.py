"""The files of a bundle besides its rubric: those of every run, and the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from grader.checks.kinds.test import TestSpec
from grader.domain.rubric import Rubric
from grader.errors import BadBundle
from grader.markedyaml import Marked
from grader.safetext import one_line


def regular_files(folder: Path, pattern: str = "**/*") -> Iterator[Path]:
    """Files below `folder`, in order; raises BadBundle for a symbolic link."""
    for path in sorted(folder.glob(pattern)):
        if path.is_symlink():
            raise BadBundle(f"{one_line(str(path))} is a symbolic link; put the file itself there")
        if path.is_file():
            yield path


def read_tests(folder: Path) -> dict[str, bytes]:
    """The tests in the folder of a reference, and what belongs to them, by path."""
    patterns = ("test_*.py", "conftest.py", "tests/**/*")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in patterns
        for path in regular_files(folder, pattern)
        if "__pycache__" not in path.relative_to(folder).parts
    }


def refuse_wrong_tests(rubric: Rubric, marked: Marked, tests: Mapping[str, bytes]) -> None:
    """Raise BadBundle where a check names a file of tests that is not there or does not parse."""
    for at, exercise in enumerate(rubric.exercises):
        for number, check in enumerate(exercise.checks):
            if not isinstance(check, TestSpec):
                continue
            place = ("exercises", at, "checks", number, "file")
            if check.file not in tests:
                words = f"there is no {one_line(check.file, 80)} beside the reference solution"
                raise marked.error(place, words)
            try:
                ast.parse(tests[check.file])
            except (SyntaxError, ValueError) as error:
                raise marked.error(place, f"{check.file} does not parse: {error}") from None
            except (RecursionError, MemoryError):
                raise marked.error(place, f"{check.file} is nested too deeply") from None
