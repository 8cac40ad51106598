"""What a trial of a rubric is about: the bundle, its model answer, its starter, its waivers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from grader.domain.rubric import Bundle
from grader.errors import BadBundle
from grader.notebooks.read import Submission, read_submission
from workers.rubrictest.waivers import Waivers, read_waivers


@dataclass(frozen=True)
class Trial:
    """One run of the test.

    The model answer is tried under so many `seeds`, and mutants whose names contain `only`.
    """

    bundle: Bundle
    answer: Submission
    starter: Submission | None
    waivers: Waivers
    seeds: int
    only: str = ""


def trial_of(bundle: Bundle, seeds: int, only: str = "") -> Trial:
    """What lies beside the bundle for trying it out; raise BadBundle where that is not valid."""
    folder = bundle.folder
    starter = folder / "starter.ipynb"
    return Trial(
        bundle=bundle,
        answer=model_answer(folder),
        starter=read_submission(starter) if starter.is_file() else None,
        waivers=read_waivers(folder),
        seeds=seeds,
        only=only,
    )


def model_answer(folder: Path) -> Submission:
    """The complete right submission in which mistakes are made."""
    reference = folder.parent.parent / "reference" / folder.name
    for name in ("answer.ipynb", "answer.py"):
        if (reference / name).is_file():
            return read_submission(reference / name)
    raise BadBundle(
        f"there is no model answer reference/{folder.name}/answer.py or answer.ipynb: a complete "
        "right submission, in which mistakes are made to try the rubric out"
    )
