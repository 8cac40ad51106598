"""The grade that comes of a history, held against a plain model of the rules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from grader.db.handedin import able_to_count
from grader.domain.grades import Grade, GradeState, HandedIn, Judged, Part, grade
from grader.domain.policy import LatePolicy, Policy

DUE = datetime(2026, 3, 27, 22, 0, tzinfo=UTC)
MOST = {"ex1": 4.0, "ex2": 6.0}
TOTAL = sum(MOST.values())
POLICY = Policy(late=LatePolicy(penalty=0.1, unit="day", cap=0.5, grace_s=600))

Open = Literal["pending", "not_judged"] | None


@dataclass
class Story:
    """One submission: when it came, what its last judging said, and what people gave."""

    late_h: float
    chosen: bool
    scores: dict[str, float] | None = None  # None: judging failed, or has not come to it
    open: Open = None  # of the second exercise
    waits: bool = False
    given: dict[str | None, float] = field(default_factory=dict)

    def apply(self, step: tuple[str, object]) -> None:
        """One thing that happens to it after it was handed in."""
        match step:
            case ("judged", (float(first), float(second), opened)):
                self.scores = {"ex1": first, "ex2": 0.0 if opened else second}
                self.open, self.waits = opened, False  # type: ignore[assignment]
            case ("given", (exercise, float(points))):
                most = MOST[exercise] if exercise else TOTAL
                self.given[exercise] = min(points, most)
            case ("revoked", exercise):
                self.given.pop(exercise, None)  # type: ignore[call-overload]

    def worth(self) -> float | None:
        """The points by the rules as they are written down, exercise by exercise."""
        if None in self.given:
            return self.given[None]
        if self.scores is None:
            return None
        if self.open == "not_judged" and "ex2" not in self.given:
            return None
        points = sum(self.given.get(name, self.scores[name]) for name in MOST)
        return points * self.kept()

    def kept(self) -> float:
        """What lateness leaves: each begun day after ten minutes takes a tenth, half at most."""
        beyond = timedelta(hours=self.late_h) - timedelta(minutes=10)
        days = 0
        while timedelta(days=days) < beyond and days < 5:
            days += 1
        return 1 - days / 10

    def row(self, key: int) -> HandedIn:
        """The same as the database would tell it."""
        judged = None
        if self.scores is not None:
            parts = {
                name: Part(score=score, max_score=MOST[name]) for name, score in self.scores.items()
            }
            opened = {self.open: MOST["ex2"]} if self.open else {}
            parts["ex2"] = replace(parts["ex2"], **opened)  # type: ignore[arg-type]
            judged = Judged(
                score=sum(self.scores.values()),
                max_score=TOTAL,
                parts=parts,
                **opened,  # type: ignore[arg-type]
            )
        return HandedIn(
            id=key,
            person_id=1,
            number=key,
            received_at=DUE + timedelta(hours=self.late_h),
            chosen=self.chosen,
            judged=judged,
            waits=self.waits,
            overrides=dict(self.given),
        )


exercises = st.sampled_from(["ex1", "ex2", None])
quarters = st.integers(0, 24).map(lambda n: n / 4)
steps = st.one_of(
    st.tuples(
        st.just("judged"),
        st.tuples(
            st.integers(0, 16).map(lambda n: n / 4),
            quarters,
            st.sampled_from([None, None, "pending", "not_judged"]),
        ),
    ),
    st.tuples(st.just("given"), st.tuples(exercises, quarters)),
    st.tuples(st.just("revoked"), exercises),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Story]:
    """Submissions in the order of receipt, at most one of them chosen."""
    hours = sorted(draw(st.lists(st.integers(-50, 150), max_size=5, unique=True)))
    chosen = draw(st.integers(-1, 4))
    made = []
    for n, late_h in enumerate(hours):
        story = Story(float(late_h), n == chosen, waits=draw(st.booleans()))
        for step in draw(st.lists(steps, max_size=4)):
            story.apply(step)
        made.append(story)
    return made


def expected(history: list[Story], counts: str) -> Story | None:
    """Which submission counts, said as plainly as it can be."""
    if not history:
        return None
    known = [one for one in history if one.worth() is not None]
    if counts == "chosen" and any(one.chosen for one in history):
        return next(one for one in history if one.chosen)
    if counts == "best" and known:
        best = max(one.worth() or 0.0 for one in known)
        return next(one for one in known if (one.worth() or 0.0) >= best - 1e-9)
    return history[-1]


@pytest.mark.parametrize("counts", ["best", "last", "chosen"])
@given(history=histories())
def test_the_grade_is_what_the_policy_says_whatever_happened(
    counts: Literal["best", "last", "chosen"], history: list[Story]
) -> None:
    found = grade(
        [one.row(n) for n, one in enumerate(history)], replace(POLICY, counts=counts), DUE, TOTAL
    )
    story = expected(history, counts)
    event(f"{found.state}")
    if story is None:
        assert (found.state, found.points) == (GradeState.NOTHING, None)
        return
    assert found.counting is not None
    assert found.counting.id == history.index(story)
    if story.worth() is None:
        assert found.points is None
        waits = story.scores is None and story.waits
        assert found.state is (GradeState.WAITING if waits else GradeState.NOT_JUDGED)
    else:
        assert found.points == pytest.approx(story.worth())
        decided = None in story.given or "ex2" in story.given
        pending = story.open == "pending" and not decided
        assert found.state is (GradeState.PENDING if pending else GradeState.COMPLETE)
    assert found.worth is not None
    # The score is what judging said, whatever people gave.
    assert found.worth.score == (None if story.scores is None else sum(story.scores.values()))


@given(history=histories(), order=st.randoms())
def test_the_order_in_which_rows_come_does_not_matter(history: list[Story], order: object) -> None:
    rows = [one.row(n) for n, one in enumerate(history)]
    shuffled = list(rows)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert grade(shuffled, POLICY, DUE, TOTAL) == grade(rows, POLICY, DUE, TOTAL)


def judged(**more: float | bool) -> Grade:
    row = Story(-1, False, {"ex1": 1.0, "ex2": 2.0}).row(1)
    assert row.judged is not None
    return grade([row._replace(judged=row.judged._replace(**more))], POLICY, DUE, TOTAL)  # type: ignore[arg-type]


def test_a_run_that_we_failed_has_no_points_whatever_its_row_says() -> None:
    assert judged().points == 3
    failed = judged(failed=True)
    assert (failed.state, failed.points) == (GradeState.NOT_JUDGED, None)


def test_of_a_team_the_time_of_receipt_orders_and_not_everybody_s_own_number() -> None:
    early = Story(-2, False, {"ex1": 1.0, "ex2": 0.0}).row(1)._replace(number=9)
    late = Story(-1, False, {"ex1": 2.0, "ex2": 0.0}).row(2)._replace(number=1, person_id=2)
    found = grade([late, early], replace(POLICY, counts="last"), DUE, TOTAL)
    assert found.counting == late


@pytest.mark.parametrize("counts", ["best", "last", "chosen"])
@given(history=histories())
def test_what_is_passed_over_early_would_not_have_counted(
    counts: Literal["best", "last", "chosen"], history: list[Story]
) -> None:
    rows = [one.row(n) for n, one in enumerate(history)]
    apart = {n for n, one in enumerate(history) if one.given or one.open == "not_judged"}
    selected = [
        (
            1,
            1,
            row.id,
            row.received_at,
            row.chosen,
            None if row.judged is None else "completed",
            None if row.judged is None else row.judged.score,
            DUE,
        )
        for row in rows
    ]
    left = [rows[row[2]] for row in able_to_count(selected, apart, counts)]
    policy = replace(POLICY, counts=counts)
    assert grade(left, policy, DUE, TOTAL) == grade(rows, policy, DUE, TOTAL)
    # Also for who has an extension.
    later = DUE + timedelta(hours=30)
    assert grade(left, policy, later, TOTAL) == grade(rows, policy, later, TOTAL)


@pytest.mark.parametrize(("second", "improves"), [(6.0, False), (5.0, True)])
def test_what_lateness_took_is_nothing_that_handing_in_again_brings(
    second: float, improves: bool
) -> None:
    one = Story(late_h=20, chosen=False, scores={"ex1": 4.0, "ex2": second})
    found = grade([one.row(1)], POLICY, DUE, TOTAL)
    assert found.points is not None
    assert found.points < TOTAL
    assert found.can_improve is improves
