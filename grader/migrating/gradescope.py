"""A Gradescope autograder in Python: unittest with the decorators of gradescope-utils."""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from grader import zips
from grader.domain.rubric import Visibility
from grader.migrating.gradescopetests import VISIBILITIES, Class, TestWriter, classes_of
from grader.migrating.model import CannotImport, Imported
from grader.migrating.proxying import imports_of
from grader.migrating.sources import decoded, files_below, read_source, slug_of, some_of, syntax
from grader.notebooks.read import read_submission
from grader.safetext import one_line

_MOST_BYTES, _MOST_FILES = 64 << 20, 2000
_TEST_FILE = re.compile(r"test\w*\.py")
_PIP = re.compile(r"\bpip3?\s+install\s+(.+)")
_LIBRARY = re.compile(r"[A-Za-z][\w.-]*")
# What lies in every autograder and says nothing of this one.
_USUAL = re.compile(r"run_autograder|README.*")
_USELESS = re.compile(r"(^|/)(\.|__MACOSX/|__pycache__/)")
_OWN_LIBRARY = "gradescope_utils"
_INSTALLERS = frozenset({"pip", "setuptools", "wheel"})


def read(path: Path, solution: Path | None = None) -> Imported:
    """The autograder in a folder or a zip; `solution` where it holds none. Raises CannotImport."""
    files = _read(path)
    tested = {
        name: (module, classes)
        for name, module in files.modules.items()
        if (classes := classes_of(module.tree))
    }
    found = {name: one for name, one in tested.items() if _TEST_FILE.fullmatch(_name(name))}
    if not found and any(_name(name) == "run_otter.py" for name in files.modules):
        raise CannotImport(
            f"{one_line(path.name)} is made by otter: import its master notebook, or the folder "
            "that `otter assign` has made, by chainrule import otter"
        )
    if not found:
        raise CannotImport(
            f"{one_line(path.name)} holds no test*.py with a class of unittest.TestCase: only "
            "autograders in Python with unittest can be imported"
        )
    students = _students_module(found, files, solution)
    writer = TestWriter(students, files.modules.keys(), _default_visibility(files))
    for name, (module, classes) in found.items():
        writer.add(name, module.source, module.tree, classes)
    answer = _solution(files, students, solution)
    notes = [*writer.notes, *_left_out(files, tested.keys() - found.keys())]
    if answer is None:
        notes.append(
            "the autograder holds no solution, and no test could be tried: import it again with "
            "--solution, or a test of what cannot be seen from outside fails right work"
        )
    if not writer.exercises:
        raise CannotImport(f"{one_line(path.name)} has no test that earns points (@weight)")
    return Imported(
        tool="a Gradescope autograder",
        title=path.stem.replace("_", " "),
        slug=slug_of(path.stem),
        exercises=tuple(writer.exercises),
        tests=writer.tests,
        reference=answer or "",
        answer=answer,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Module:
    source: str
    tree: ast.Module


@dataclass(frozen=True)
class _Files:
    """An autograder: its Python files that parse, the libraries it installs, all other names."""

    modules: Mapping[str, _Module]
    libraries: frozenset[str]
    others: tuple[str, ...]


def _read(path: Path) -> _Files:
    modules: dict[str, _Module] = {}
    others: list[str] = []
    libraries: set[str] = set()
    for name, data in sorted(_contents(path).items()):
        if _USELESS.search(name):
            continue
        if name.endswith(".py"):
            try:
                source = decoded(data, name)
                modules[name] = _Module(source, syntax(source, one_line(name)))
            except CannotImport:
                if _TEST_FILE.fullmatch(_name(name)):
                    raise
                others.append(name)
        elif _name(name) in ("requirements.txt", "setup.sh"):
            libraries |= set(_installed(_name(name), data.decode("utf-8", "replace")))
        elif not _USUAL.fullmatch(_name(name)):
            others.append(name)
    return _Files(modules, frozenset(libraries - {_OWN_LIBRARY} - _INSTALLERS), tuple(others))


def _contents(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        return files_below(path, lambda inner: True)
    name = one_line(path.name)
    try:
        with path.open("rb") as file, zips.opened(file, CannotImport, name) as archive:
            return dict(_unpacked(archive, name))
    except OSError as error:
        raise CannotImport(f"{name} cannot be read: {error.strerror}") from None


def _unpacked(archive: zipfile.ZipFile, zipped: str) -> Iterator[tuple[str, bytes]]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > _MOST_BYTES:
        raise CannotImport(
            f"{zipped} holds more than {_MOST_FILES} files or {_MOST_BYTES >> 20} MiB: more than "
            "an autograder needs"
        )
    for entry in entries:
        why = zips.refused_name(entry) or zips.refused_kind(entry)
        if why:
            raise zips.bad_entry(entry, why, CannotImport)
        try:
            yield entry.filename, archive.read(entry)
        except (*zips.BROKEN, RuntimeError) as error:
            raise zips.bad_entry(entry, f"cannot be unpacked: {error}", CannotImport) from None


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _installed(name: str, text: str) -> Iterator[str]:
    """The libraries that a requirements.txt names, or the lines of pip in a setup.sh."""
    lines = text.splitlines() if name == "requirements.txt" else _PIP.findall(text)
    for line in lines:
        words = line.partition("#")[0].split()
        for word in words[:1] if name == "requirements.txt" else words:
            library = _LIBRARY.match(word)
            if library and not word.endswith(".txt"):
                yield library[0].lower().replace("-", "_")


def _students_module(
    found: Mapping[str, tuple[_Module, list[Class]]], files: _Files, solution: Path | None
) -> str | None:
    """The module that students hand in: imported by tests, and neither here nor installed."""
    imported = {
        name.partition(".")[0]
        for module, _ in found.values()
        for _, name in imports_of(module.tree)
    }
    imported -= {*sys.stdlib_module_names, _OWN_LIBRARY, "tests", ""}
    if solution is not None and solution.stem in imported:
        return solution.stem
    solved = {Path(name).stem for name in files.modules if _is_solution(name)}
    kept = {Path(name).stem for name in files.modules} - solved
    students = imported & solved or {
        name for name in imported - kept - files.libraries if not _is_installed(name)
    }
    if len(students) > 1:
        raise CannotImport(
            f"its tests import {len(students)} files of students' ({some_of(sorted(students))}): "
            "a submission here is one file. Where one of them is a library, give the students' "
            "by --solution"
        )
    return next(iter(students), None)


def _is_solution(name: str) -> bool:
    return bool(re.search(r"(^|/)solutions?/", name))


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _solution(files: _Files, students: str | None, given: Path | None) -> str | None:
    if given is not None:
        read_submission(given)  # refuses what could not be handed in
        if given.suffix != ".py":
            raise CannotImport(f"{one_line(given.name)} is no Python file, as students hand in")
        return read_source(given)
    for name, module in files.modules.items():
        if _is_solution(name) and Path(name).stem == students:
            return module.source
    return None


def _default_visibility(files: _Files) -> Visibility:
    """What the runner says of tests that say nothing themselves."""
    for module in files.modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("JSONTestRunner"):
                for keyword in node.keywords:
                    if keyword.arg == "visibility" and isinstance(keyword.value, ast.Constant):
                        return VISIBILITIES.get(str(keyword.value.value), "visible")
    return "visible"


def _left_out(files: _Files, unnamed: Iterable[str]) -> Iterator[str]:
    for name in sorted(unnamed):
        yield f"the tests in {one_line(name)} are left out: its name does not begin with test"
    if files.others:
        yield f"these files are left out: {some_of(files.others)}"
    missing = sorted(name for name in files.libraries if not _is_installed(name))
    if missing:
        yield (
            f"nothing is installed: a worker has to have {some_of(missing)} where tests or "
            "submissions need it"
        )
