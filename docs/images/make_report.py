"""Draws docs/images/report.svg, the report of the sample submission (`make picture`)."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME

from grader.notebooks.read import read_submission
from grader.report import print_report
from grader.resultdoc import document
from grader.rubricfile import load_bundle
from workers.pipeline import grade
from workers.zygote import Zygote

ROOT = Path(__file__).parents[2]
SLUG = "uw-cse447-a0"
_WEB_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> None:
    """Grade the sample as the command does, and write what it prints."""
    bundle = load_bundle(SLUG, ROOT)
    submission = read_submission(bundle.folder / "sample.ipynb")
    with Zygote(bundle.rubric.runtime) as zygote:
        result = grade(zygote, bundle, submission, seed=1)
    console = Console(record=True, width=100, file=io.StringIO(), highlight=False)
    print_report(document(result), submission, console, result.outputs)
    svg = console.export_svg(
        title=f"chainrule grade {SLUG} sample.ipynb",
        theme=DEFAULT_TERMINAL_THEME,
        unique_id="report",
    )
    (ROOT / "docs" / "images" / "report.svg").write_text(_WEB_FONT.sub("", svg))


if __name__ == "__main__":
    main()
