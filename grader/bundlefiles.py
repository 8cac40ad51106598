"""The files of a bundle besides its rubric: those of every run, and the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grader.errors import BadBundle
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
