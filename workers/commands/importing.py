"""`chainrule import`: assignments of other tools become bundles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.commands.options import accept_missing

if TYPE_CHECKING:
    from grader.config import Config
    from grader.domain.rubric import Bundle
    from grader.migrating.model import Imported
    from workers.zygote import Zygote


@click.group("import")
def importing() -> None:
    """Turn an assignment of another tool into a bundle.

    Its tests then run outside the student's process. Where there is a solution, every test is
    tried on it; one that can't be carried over is for a person to grade, with the same points.
    """


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        accept_missing,
        click.option("--slug", help="The bundle's name; default: from that of the file."),
        click.option(
            "--out",
            type=click.Path(file_okay=False, path_type=Path),
            help="Write rubrics/ and reference/ below this folder; default: the current one.",
        ),
        click.argument("path", type=click.Path(exists=True, path_type=Path)),
    ):
        command = option(command)
    return command


@importing.command()
@_options
def nbgrader(path: Path, out: Path | None, slug: str | None, accept_missing: Any) -> None:
    """PATH is a source notebook of nbgrader's, or the folder of an assignment's."""
    from grader.migrating.nbgrader import read

    _import(lambda: read(path), out, slug, accept_missing)


@importing.command()
@_options
def otter(path: Path, out: Path | None, slug: str | None, accept_missing: Any) -> None:
    """PATH is a master notebook, or the folder that `otter assign` has made of one."""
    from grader.migrating.otter import read

    _import(lambda: [read(path)], out, slug, accept_missing)


@importing.command()
@click.option(
    "--solution",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A complete right submission, where the autograder holds none.",
)
@_options
def gradescope(
    path: Path, solution: Path | None, out: Path | None, slug: str | None, accept_missing: Any
) -> None:
    """PATH is the folder or the zip of an autograder in Python with unittest."""
    from grader.migrating.gradescope import read

    _import(lambda: [read(path, solution)], out, slug, accept_missing)


def _import(
    read: Callable[[], list[Imported]],
    out: Path | None,
    slug: str | None,
    missing: tuple[str, ...],
) -> None:
    from grader.config import load_config, new_bundles
    from grader.errors import BadInput
    from grader.migrating.sources import unique
    from grader.migrating.writing import refuse_taken

    try:
        found = read()
    except RecursionError:
        raise BadInput("its code is nested too deeply to be read") from None
    config = load_config()
    root = out or new_bundles()
    taken: set[str] = set()
    names = [
        unique(f"{slug}-{one.slug}" if slug and len(found) > 1 else slug or one.slug, taken)
        for one in found
    ]
    for name in names:  # before the first is written
        refuse_taken(root, name)
    for number, (imported, name) in enumerate(zip(found, names, strict=True)):
        if number:
            click.echo()
        _one(imported, root, name, config, missing)


def _one(
    imported: Imported, root: Path, slug: str, config: Config, missing: tuple[str, ...]
) -> None:
    from grader.migrating.writing import take_back, write
    from grader.rubricfile import load_bundle

    folder = write(imported, root, slug)
    try:
        imported, said = _tried(imported, folder, root, config, missing)
        bundle = load_bundle(folder, root)
    except BaseException:  # half a bundle would be in the way of the next try
        take_back(root, slug)
        raise
    _tell(imported, bundle, said)


def _tell(imported: Imported, bundle: Bundle, said: str) -> None:
    from grader.report import points
    from grader.rubriclint import lint

    folder = _shown(bundle.folder)
    by_hand = sum(
        check.points
        for exercise in imported.exercises
        for check in exercise.checks
        if check.kind == "manual"
    )
    total = bundle.rubric.max_score
    click.echo(f"{folder}: {points(total)} points, {points(by_hand)} of them by a person")
    if said:
        click.echo(said)
    for problem in lint(bundle):
        click.echo(problem)
    if imported.lost:
        click.echo("Not carried over:")
        for line in imported.lost:
            click.echo(f"  {line}")
    if imported.answer is None:
        reference = _shown(bundle.folder.parents[1] / "reference" / bundle.folder.name)
        click.echo(f"Next: a solution as {reference}/answer.py, and what it defines as solution.py")
        return
    click.echo(f"Next: chainrule rubric test {folder}")


def _tried(
    imported: Imported, folder: Path, root: Path, config: Config, missing: tuple[str, ...]
) -> tuple[Imported, str]:
    """The import with what passes on its solution, and in words how that was tried.

    A test that does not pass is tried once more without a session, in which it can ask only some
    hundred times; if it does not pass then, either, its check is for a person.
    """
    from grader.domain.rubric import Runtime
    from grader.errors import SandboxUnavailable
    from grader.migrating.writing import write_again
    from workers.commands.options import known_layers
    from workers.zygote import Zygote

    checks = [check for one in imported.exercises for check in one.checks if check.kind == "test"]
    if not checks:
        return imported, ""
    if imported.answer is None:
        return imported, "The tests were not tried: there is no solution to try them on."
    accepted = known_layers({*config.accept_missing, *missing})
    try:
        with Zygote(Runtime(), accept_missing=accepted) as zygote:
            failed = _failed(zygote, folder, root)
            if failed:
                tests = {
                    name
                    for exercise in imported.exercises
                    for check in exercise.checks
                    if f"{exercise.id}/{check.id}" in failed
                    for name in check.tests
                }
                write_again(imported.without_sessions(tests), root, folder.name)
                still = _failed(zygote, folder, root)
                helped = {test for test in tests if not _is_among(test, still, imported)}
                imported = imported.without_sessions(helped)
                failed = {key: why for key, why in failed.items() if key in still}
                imported = imported.without(failed)
                write_again(imported, root, folder.name)
    except SandboxUnavailable as error:
        return imported, f"The tests were not tried: {error}"
    passing = len(checks) - len(failed)
    if not passing:
        return imported, (
            "No test passes on the solution. If this is what students are given, import what it "
            "was made of instead."
        )
    if not failed:
        return imported, f"The tests of all {passing} automatic checks pass on the solution."
    return imported, f"The tests of {passing} of {len(checks)} checks pass on the solution."


def _is_among(test: str, failed: Mapping[str, str], imported: Imported) -> bool:
    """Whether a test belongs to one of the checks that failed."""
    return any(
        f"{exercise.id}/{check.id}" in failed and test in check.tests
        for exercise in imported.exercises
        for check in exercise.checks
    )


def _failed(zygote: Zygote, folder: Path, root: Path) -> dict[str, str]:
    """Why checks do not pass on the model answer, by `exercise/check`."""
    from grader.rubricfile import load_bundle
    from workers.pipeline import grade
    from workers.rubrictest.trial import model_answer

    bundle = load_bundle(folder, root)
    result = grade(zygote, bundle, model_answer(bundle.folder), seed=1)
    return {
        f"{exercise.id}/{check.id}": _why(check)
        for exercise in result.exercises
        for check in exercise.checks
        if check.kind == "test" and check.outcome != "passed"
    }


def _why(check: Any) -> str:
    """What became of its tests on the solution, for the instructor."""
    fault = check.detail.get("fault")
    said = [one["said"] for one in check.detail.get("tests", ()) if one["outcome"] != "passed"]
    words = fault or "; ".join(said[:2]) or check.message
    return f"run from outside, it does not pass on the solution: {' '.join(words.split())[:300]}"


def _shown(path: Path) -> Path:
    path = path.resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
