"""`chainrule doctor`: each layer of the sandbox and each dependency, present or missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workers.commands.options import accept_missing, known_layers

if TYPE_CHECKING:
    from workers.commands.findings import Finding


@click.command()
@click.argument("assignment", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@accept_missing
@click.pass_context
def doctor(
    ctx: click.Context, assignment: str | None, as_json: bool, accept_missing: tuple[str, ...]
) -> None:
    """Say what this machine has, and what to do about what it lacks.

    With ASSIGNMENT, its rubric and its runtime environment are looked at instead of the default
    one. The exit status is 0 where grading can run here.
    """
    import dataclasses
    import json

    from grader.config import load_config
    from grader.domain.rubric import Runtime
    from grader.rubricfile import load_bundle
    from workers.commands.findings import all_findings

    config = load_config()
    accepted = known_layers({*config.accept_missing, *accept_missing})
    runtime = load_bundle(assignment, config.root).rubric.runtime if assignment else Runtime()
    findings = all_findings(runtime, accepted)
    able = all(finding.present or not finding.needed for finding in findings)
    if as_json:
        listed = [dataclasses.asdict(finding) for finding in findings]
        click.echo(json.dumps({"can_grade": able, "findings": listed}, indent=2))
    else:
        _print(findings, able)
    if not able:
        ctx.exit(1)


def _print(findings: list[Finding], able: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    group = ""
    for finding in findings:
        if finding.group != group:
            group = finding.group
            table.add_row(Text(group, "bold"))
        if finding.present:
            state = Text("present", "green")
        else:
            state = Text("missing", "red" if finding.needed else "yellow")
        words = Text(finding.detail)
        if not finding.present:
            words = Text("; ").join(Text(part) for part in (finding.detail, finding.remedy) if part)
        table.add_row(Text(f"  {finding.name}"), state, words)
    console.print(table)
    console.print()
    if able:
        console.print(Text("Grading can run here.", "bold green"))
        return
    lacking = [finding.name for finding in findings if finding.needed and not finding.present]
    console.print(Text(f"Grading cannot run here: {', '.join(lacking)} missing.", "bold red"))
