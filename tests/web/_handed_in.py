"""An assignment in which submissions stand in every way that there is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from starlette.testclient import TestClient

from grader.db.models import Assignment, AssignmentVersion, Attempt, AttemptState
from grader.domain.outcomes import Outcome, RunStatus
from grader.services import overrides
from grader.services.site import Site
from tests.sites import People
from tests.unit._builders import check, exercise, result
from tests.web._work import assignment, fail, handed_in, judge

RIGHT = check("a", Outcome.PASSED, 4.0)
HALF = check("a", Outcome.PARTIAL, 2.0, detail={"cause": "sign"}, hint="The sign is wrong.")
WRONG = check("a", Outcome.FAILED, 0.0, detail={"cause": "factor"})
UNNAMED = check("a", Outcome.FAILED, 0.0)
TEXT = check("b", Outcome.PENDING, 0.0, message="A person grades this.")
_OUTLINE = {
    "exercises": [
        {
            "id": id,
            "title": title,
            "max_score": 4.0,
            "checks": [{"id": check, "title": f"check {check}", "kind": "forward"}],
        }
        for id, title, check in (("ex1", "Slopes", "a"), ("ex2", "Words", "b"))
    ]
}


@dataclass(frozen=True)
class HandedIn:
    """The assignment, and its submissions by what became of them."""

    assignment_id: int
    ids: dict[str, int]

    @property
    def table(self) -> str:
        """The address of the table."""
        return f"/assignments/{self.assignment_id}/submissions"

    def names(self, ids: Any) -> list[str]:
        """What became of these."""
        by_id = {number: name for name, number in self.ids.items()}
        return [by_id[one] for one in ids]


def everything(client: TestClient, site: Site, people: People, **more: Any) -> HandedIn:
    """ada's first is right and her second wrong; bob's first is half right with text that waits,
    his second has its text graded, his third was cancelled; the TA's first failed on our side, and
    their second waits."""
    number = assignment(site, people.course_id, **more)
    with site.database.writing() as session:
        live = session.get_one(Assignment, number).live_version_id
        version = session.get_one(AssignmentVersion, live)
        version.outline, version.max_score = _OUTLINE, 8.0
    words = exercise(TEXT, id="ex2", title="Words")
    done = exercise(check("b"), id="ex2", title="Words")
    outcomes: dict[str, Any] = {
        "right": (people.ada, result(exercise(RIGHT, title="Slopes"), done)),
        "wrong": (
            people.ada,
            replace(
                result(exercise(WRONG, title="Slopes"), done),
                run=replace(result().run, status=RunStatus.TIME_LIMIT, message="Stopped."),
            ),
        ),
        "half": (people.bob, result(exercise(HALF, title="Slopes"), words)),
        "graded": (people.bob, result(exercise(UNNAMED, title="Slopes"), words)),
        "cancelled": (people.bob, None),
        "failed": (people.ta, None),
        "waits": (people.ta, None),
    }
    ids = {}
    for name, (who, judged) in outcomes.items():
        receipt = handed_in(client, who, number, f"x = {name!r}")
        ids[name] = receipt["id"]
        if judged is not None:
            judge(site, receipt["attempt_id"], judged)
        elif name == "failed":
            fail(site, receipt["attempt_id"], "no sandbox")
        elif name == "cancelled":
            with site.database.writing() as session:
                attempt = session.get_one(Attempt, receipt["attempt_id"])
                attempt.state = AttemptState.CANCELLED
    overrides.give(
        site, people.ta.actor, ids["graded"], exercise="ex2", score=3.0, reason="well put"
    )
    return HandedIn(number, ids)


def anonymously(site: Site, found: HandedIn) -> None:
    """Have the assignment be graded without names."""
    with site.database.writing() as session:
        session.get_one(Assignment, found.assignment_id).anonymous = True
