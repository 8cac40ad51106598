"""Questions of otter's as exercises: every test case a check, with the points that it has there."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from grader.migrating.model import CannotImport, ImportedCheck, ImportedExercise, Untranslatable
from grader.migrating.sources import function_name, slug_of, unique
from grader.migrating.surroundings import Surroundings
from grader.migrating.testfiles import TestFile, of_doctest
from grader.migrating.translating import proxy_name, translated
from grader.safetext import one_line

Points = float | list[float | None] | None


@dataclass(frozen=True)
class Case:
    """One test case: a doctest, or a function's body with the names that it takes as arguments."""

    code: str
    hidden: bool = False
    points: float | None = None
    name: str = ""
    success: str = ""
    failure: str = ""
    arguments: tuple[str, ...] | None = None  # of a function; None for a doctest


@dataclass(frozen=True)
class Question:
    """A question as otter knows it."""

    name: str
    points: Points = None
    cases: tuple[Case, ...] = ()
    all_or_nothing: bool = False
    manual: bool = False
    head: tuple[str, ...] = field(default=())  # statements of an exception-based file


def amounts(given: object, where: str) -> Points:
    """A question's points as somebody wrote them. Raises CannotImport."""
    if isinstance(given, list):
        return [one_amount(one, where) for one in given]
    return one_amount(given, where)


def one_amount(given: object, where: str) -> float | None:
    """Points of one thing, if it has any of its own. Raises CannotImport."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e6:
        raise CannotImport(f"{where}: {one_line(repr(given), 40)} is no number of points")
    return float(given)


def resolved(question: Question) -> list[float]:
    """What each case earns, as otter shares a question's points out. Raises CannotImport."""
    cases = list(question.cases)
    total = question.points
    if isinstance(total, list):
        if len(total) != len(cases):
            raise CannotImport(f"question {question.name}: {len(total)} points, {len(cases)} cases")
        cases = [replace(case, points=points) for case, points in zip(cases, total, strict=True)]
        total = None
    own = [case.points for case in cases]
    known = sum(points for points in own if points is not None)
    without = own.count(None)
    rest = 0.0
    if total is not None:
        if known > total:
            raise CannotImport(f"question {question.name}: its cases have more points than itself")
        rest = (total - known) / without if without else 0.0
    elif not known and without:
        rest = 1 / without
    return [rest if points is None else float(points) for points in own]


def exercises_of(
    questions: Sequence[Question], around: Surroundings, file: str
) -> tuple[tuple[ImportedExercise, ...], str, list[str]]:
    """The exercises, the text of their test file, and what else has to be said."""
    writer = _Writer(around, file)
    exercises = [one for question in questions if (one := writer.exercise(question)) is not None]
    return tuple(exercises), writer.tests.text() if writer.tests.functions else "", writer.notes


class _Writer:
    def __init__(self, around: Surroundings, file: str) -> None:
        self.tests = TestFile()
        self.notes: list[str] = []
        self._around = around
        self._file = file
        self._taken: set[str] = set()
        self._functions: set[str] = set()

    def exercise(self, question: Question) -> ImportedExercise | None:
        points = resolved(question) if question.cases and not question.manual else []
        total = sum(points) if points else _total(question)
        name = one_line(question.name, 80)
        if not total:
            self.notes.append(f"{name} is worth no points, and is left out")
            return None
        if question.manual and question.cases:
            self.notes.append(
                f"{name} is for a person; its {len(question.cases)} tests are left out"
            )
        if not points:
            checks: list[ImportedCheck] = [
                ImportedCheck(id="answer", title=name, points=total, answer=question.name)
            ]
        elif question.all_or_nothing:
            checks = [self._whole(question, total)]
        else:
            checks = [
                self._check(question, number, case, earns)
                for number, (case, earns) in enumerate(zip(question.cases, points, strict=True), 1)
            ]
        if any(case.success for case in question.cases):
            self.notes.append(f"{name}: messages for tests that pass are not shown")
        exercise = unique(slug_of(question.name), self._taken)
        return ImportedExercise(exercise, name, tuple(checks))

    def _check(self, question: Question, number: int, case: Case, points: float) -> ImportedCheck:
        title = one_line(case.name or f"{question.name} - {number}", 100)
        check = ImportedCheck(
            id=f"case-{number}",
            title=title,
            points=points,
            visibility="hidden" if case.hidden else "visible",
            look=question.name,
            answer=question.name,
        )
        try:
            name = self._test(question, number, case, title)
        except Untranslatable as why:
            return check.for_a_person(str(why))
        hints = {name: case.failure} if case.failure else {}
        return replace(check, file=self._file, tests=(name,), hints=hints)

    def _whole(self, question: Question, total: float) -> ImportedCheck:
        """All or nothing: one check for all cases, hidden where one of them is."""
        title = one_line(question.name, 80)
        check = ImportedCheck(
            id="all",
            title=f"all tests of {title}",
            points=total,
            partial=False,
            visibility="hidden" if any(case.hidden for case in question.cases) else "visible",
            look=question.name,
            answer=question.name,
        )
        names = []
        try:
            for number, case in enumerate(question.cases, 1):
                words = one_line(case.name or f"{question.name} - {number}", 100)
                names.append(self._test(question, number, case, words))
        except Untranslatable as why:
            return check.for_a_person(str(why))
        return replace(check, file=self._file, tests=tuple(names))

    def _test(self, question: Question, number: int, case: Case, title: str) -> str:
        if case.arguments is None:
            try:
                code = of_doctest(case.code)
            except (ValueError, SyntaxError):
                raise Untranslatable("it is no doctest that can be read") from None
            proxy = proxy_name(code)
            found = translated(code, self._around, proxy)
            name = function_name(f"{question.name} {number}", self._functions)
            self.tests.add(name, title, found.body, found.imports, proxy=proxy)
            return name
        return self._of_function(question, number, case, title)

    def _of_function(self, question: Question, number: int, case: Case, title: str) -> str:
        """A function gets what it names from the submission; otherwise it is its file's own.

        Libraries that the notebook imports are imported by the test: those of the submission may
        compare as they like.
        """
        libraries = self._around.imports
        own = Surroundings(imports=dict(libraries))
        for line in question.head:
            own.add(line, given=True)
        asked = [one for one in case.arguments or () if one == "env" or one not in libraries]
        proxy = proxy_name(case.code + " ".join(asked))
        found = translated(case.code, own, proxy, frozenset(asked))
        name = function_name(f"{question.name} {number}", self._functions)
        named = sorted(libraries.keys() & _texts(case.code)) if "env" in asked else []
        lines = [
            f"env = environment({', '.join([proxy, *(f'{one}={one}' for one in named)])})"
            if argument == "env"
            else f"{argument} = given({proxy}, {argument!r})"
            for argument in asked
        ]
        imports = sorted({*found.imports, *(libraries[one] for one in named)})
        body = "\n".join([*lines, found.body])
        self.tests.add(name, title, body, imports, proxy=proxy)
        return name


def _texts(code: str) -> set[str]:
    """Texts in the code: names that it may look up in `env`."""
    nodes = ast.walk(ast.parse(code))
    return {one.value for one in nodes if isinstance(one, ast.Constant) and type(one.value) is str}


def _total(question: Question) -> float:
    points = question.points
    if isinstance(points, list):
        return float(sum(one or 0 for one in points))
    return float(points if points is not None else 0 if question.manual else 1)
