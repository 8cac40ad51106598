"""What `rubric test` found: for people, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from workers.rubrictest.findings import Findings, Judged
from workers.rubrictest.trial import Trial

_DIFFS = 40
_COLOURS = {"-": "red", "+": "green"}


def print_findings(trial: Trial, findings: Findings, console: Console) -> None:
    """Print the report: the answer first, then each problem with what to do."""
    rubric = trial.bundle.rubric
    word, colour = ("passed", "green") if findings.passed else ("not passed", "red")
    console.print(Text.assemble((rubric.slug, "bold"), f"  {rubric.title}"), Text(), sep="\n")
    console.print(Text.assemble((word, f"bold {colour}"), f" in {findings.wall_s:.0f} s"))
    for line in _summary(trial, findings):
        console.print(Text(f"  {line}"))
    _problems(console, "The model answer loses points", findings.right)
    _problems(console, "The untouched starter earns points", findings.starter)
    _problems(console, "Checks that pass for nothing", findings.vacuous)
    _mutants(console, "Survivors: mistakes that cost nothing", findings.survivors, trial)
    _mutants(console, "Hit too much: points lost where nothing is wrong", findings.spills, trial)
    _problems(console, "Waivers that waive nothing", findings.unused_waivers)
    _problems(console, "Not judged through a fault of ours", findings.failures)
    wrong = [one for one in findings.mutants if one.of_gradient and one.naming == "wrong"]
    _problems(
        console,
        "Hints on gradients that name another mistake",
        [f"{one.mutant.name}: {one.cause}" for one in wrong],
    )


def _summary(trial: Trial, findings: Findings) -> Iterator[str]:
    if not findings.right:
        yield f"the model answer gets full marks under {trial.seeds} seeds"
    if not findings.right and trial.starter is not None and not findings.starter:
        yield "the untouched starter earns nothing"
    yield from findings.notes
    if not findings.counted:
        return
    yield (
        f"mutation score {100 * findings.score:.1f} %: {findings.killed} of {findings.counted} "
        f"mistakes cost points"
    )
    if findings.waived:
        yield f"{len(findings.waived)} waived"
    left_out = []
    if findings.given:
        left_out.append(f"{findings.given} in code that the starter gives")
    if findings.unreached:
        left_out.append(f"{len(findings.unreached)} in code that no check with points reaches")
    if left_out:
        yield f"left out: {', '.join(left_out)}"
    naming = naming_counts(findings)
    if naming:
        words = ", ".join(
            f"{naming[name]} {name}" for name in ("right", "symptom", "none", "wrong")
        )
        yield f"names of mistakes in gradients: {words}"


def naming_counts(findings: Findings) -> Counter[str]:
    """How often the hint on a wrong gradient was right, none, or wrong."""
    return Counter(one.naming for one in findings.mutants if one.of_gradient)


def _problems(console: Console, title: str, lines: list[str]) -> None:
    if lines:
        console.print(Text(), Text(title, "bold"), sep="\n")
        for line in lines:
            console.print(Text(f"  {line}"))


def _mutants(console: Console, title: str, found: list[Judged], trial: Trial) -> None:
    if not found:
        return
    console.print(Text(), Text(f"{title} ({len(found)})", "bold"), sep="\n")
    for one in found[:_DIFFS]:
        hit = f"  {', '.join(one.spilled)}" if one.spilled else ""
        console.print(Text.assemble("  ", (one.mutant.name, "yellow"), hit))
        for line in one.mutant.diff(trial.answer, lines=0).split("\n")[3:]:
            console.print(Text(f"    {line}", _COLOURS.get(line[:1], "dim")), soft_wrap=True)
    if len(found) > _DIFFS:
        console.print(Text(f"  and {len(found) - _DIFFS} more: --json lists all"))


def findings_document(trial: Trial, findings: Findings) -> dict[str, Any]:
    """The findings as plain data, "chainrule.rubric-test/1"."""
    return {
        "schema": "chainrule.rubric-test/1",
        "assignment": trial.bundle.rubric.slug,
        "version": trial.bundle.version,
        "passed": findings.passed,
        "wall_s": round(findings.wall_s, 1),
        "seeds": trial.seeds,
        "right": findings.right,
        "starter": findings.starter,
        "vacuous": findings.vacuous,
        "mutation": {
            "score": round(findings.score, 4),
            "counted": findings.counted,
            "killed": findings.killed,
            "survivors": [_mutant(one, trial) for one in findings.survivors],
            "hit_too_much": [_mutant(one, trial) for one in findings.spills],
            "in_given_code": findings.given,
            "unreached": findings.unreached,
            "mutants": {one.mutant.name: list(one.lost) for one in findings.mutants},
        },
        "naming": {
            **naming_counts(findings),
            "wrong_names": {
                one.mutant.name: one.cause
                for one in findings.mutants
                if one.of_gradient and one.naming == "wrong"
            },
        },
        "waived": findings.waived,
        "unused_waivers": findings.unused_waivers,
        "notes": findings.notes,
        "failures": findings.failures,
    }


def _mutant(one: Judged, trial: Trial) -> dict[str, Any]:
    return {
        "name": one.mutant.name,
        "operator": one.mutant.operator,
        "diff": one.mutant.diff(trial.answer),
        "hit": list(one.spilled),
    }
