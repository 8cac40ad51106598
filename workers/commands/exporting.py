"""`chainrule export`: a bundle for another tool."""

from __future__ import annotations

from pathlib import Path

import click

from workers.commands.options import accept_missing, known_layers


@click.group("export")
def exporting() -> None:
    """Take a bundle to another tool."""


@exporting.command()
@click.argument("bundle")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("autograder.zip"),
    show_default=True,
    help="Write the zip here.",
)
@click.option("--leaderboard", is_flag=True, help="Show students a leaderboard of the points.")
@click.option(
    "--torch-index",
    envvar="TORCH_CPU_INDEX",
    metavar="URL",
    help="Where PyTorch's builds for the CPU are; without, its setup downloads gigabytes.",
)
@accept_missing
def gradescope(
    bundle: str,
    out: Path,
    leaderboard: bool,
    torch_index: str | None,
    accept_missing: tuple[str, ...],
) -> None:
    """Write BUNDLE as an autograder for Gradescope, which judges as here and outside the
    student's process.

    Whether Gradescope's machines allow what a sandbox needs is said when it runs: without, nothing
    is judged, and no points are given.
    """
    from grader.checks.kinds.manual import ManualSpec
    from grader.config import load_config
    from grader.migrating.autograder import write_autograder
    from grader.report import points
    from grader.rubricfile import load_bundle

    loaded = load_bundle(bundle, load_config().root)
    accepted = known_layers(accept_missing)
    size = write_autograder(
        loaded, out, accepted=accepted, leaderboard=leaderboard, torch_index=torch_index
    )
    rubric = loaded.rubric
    by_hand = sum(
        check.points
        for exercise in rubric.exercises
        for check in exercise.checks
        if isinstance(check, ManualSpec)
    )
    click.echo(f"{out}: {size / 1024:.0f} KiB, {points(rubric.max_score - by_hand)} points")
    if by_hand:
        click.echo(f"{points(by_hand)} points are for a person: add them in Gradescope's outline.")
    if torch_index is None:
        click.echo(
            "Its setup downloads PyTorch with CUDA, several gigabytes: name the index of its "
            "builds for the CPU by --torch-index."
        )
    if rubric.limits.memory_bytes > 512 << 20:
        click.echo(
            f"A submission may use {rubric.limits.memory_bytes >> 20} MiB (limits.memory_bytes): "
            "choose a container with more than that and 600 MiB."
        )
