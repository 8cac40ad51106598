"""`chainrule import`: assignments of other tools become bundles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.commands.options import accept_missing

if TYPE_CHECKING:
    from grader.config import Config
    from grader.migrating.model import Imported


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
            help="Write rubrics/ and reference/ below this folder; default: where bundles are.",
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

    _import(read(path), out, slug, accept_missing)


@importing.command()
@_options
def otter(path: Path, out: Path | None, slug: str | None, accept_missing: Any) -> None:
    """PATH is a master notebook, or the folder that `otter assign` has made of one."""
    from grader.migrating.otter import read

    _import([read(path)], out, slug, accept_missing)


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

    _import([read(path, solution)], out, slug, accept_missing)


def _import(
    found: list[Imported], out: Path | None, slug: str | None, missing: tuple[str, ...]
) -> None:
    from grader.config import load_config

    config = load_config()
    for number, imported in enumerate(found):
        name = slug or imported.slug
        if slug and len(found) > 1:
            name = f"{slug}-{imported.slug}"
        _one(imported, out or config.root, name, config, missing)
        if number + 1 < len(found):
            click.echo()


def _one(
    imported: Imported, root: Path, slug: str, config: Config, missing: tuple[str, ...]
) -> None:
    from grader.migrating.writing import write, write_again
    from grader.report import points
    from grader.rubricfile import load_bundle
    from grader.rubriclint import lint

    folder = write(imported, root, slug)
    failed, said = _tried(imported, folder, root, config, missing)
    if failed:
        imported = imported.without(failed)
        write_again(imported, root, slug)
    bundle = load_bundle(folder, root)
    by_hand = sum(
        check.points
        for exercise in imported.exercises
        for check in exercise.checks
        if check.kind == "manual"
    )
    total = bundle.rubric.max_score
    click.echo(f"{_shown(folder)}: {points(total)} points, {points(by_hand)} of them by a person")
    click.echo(said)
    for problem in lint(bundle):
        click.echo(problem)
    if imported.lost:
        click.echo("Not carried over:")
        for line in imported.lost:
            click.echo(f"  {line}")
    click.echo(f"Next: chainrule rubric test {_shown(folder)}")


def _tried(
    imported: Imported, folder: Path, root: Path, config: Config, missing: tuple[str, ...]
) -> tuple[dict[str, str], str]:
    """Why checks do not pass on the model answer, and in words how it was tried."""
    from grader.errors import SandboxUnavailable
    from grader.rubricfile import load_bundle
    from workers.commands.options import known_layers
    from workers.pipeline import grade
    from workers.rubrictest.trial import model_answer
    from workers.zygote import Zygote

    bundle = load_bundle(folder, root)
    if imported.answer is None:
        return {}, "The tests were not tried: there is no solution to try them on."
    accepted = known_layers({*config.accept_missing, *missing})
    try:
        with Zygote(bundle.rubric.runtime, accept_missing=accepted) as zygote:
            result = grade(zygote, bundle, model_answer(bundle.folder), seed=1)
    except SandboxUnavailable as error:
        return {}, f"The tests were not tried: {error}"
    failed = {
        f"{exercise.id}/{check.id}": _why(check)
        for exercise in result.exercises
        for check in exercise.checks
        if check.kind == "test" and check.outcome != "passed"
    }
    count = sum(check.kind == "test" for one in result.exercises for check in one.checks)
    if not failed:
        return {}, f"All {count} checks with tests pass on the solution." if count else ""
    return failed, f"{count - len(failed)} of {count} checks with tests pass on the solution."


def _why(check: Any) -> str:
    """What became of its tests on the solution, for the instructor."""
    fault = check.detail.get("fault")
    said = [one["said"] for one in check.detail.get("tests", ()) if one["outcome"] != "passed"]
    words = fault or "; ".join(said[:2]) or check.message
    return f"run from outside, it does not pass on the solution: {' '.join(words.split())[:300]}"


def _shown(path: Path) -> Path:
    path = path.resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
