"""A course in which a week has passed: really graded, talked about, compared, partly released."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from grader.db.models import (
    Assignment,
    AttemptState,
    CanvasCourse,
    CanvasPerson,
    CellComment,
    Course,
    DeliveryState,
    GradeColumn,
    Passback,
    Person,
    RegradeRequest,
    RequestMessage,
    RubricItem,
    SavedComment,
    Trouble,
    Webhook,
    WebhookMessage,
)
from grader.services import similarity
from grader.services.access import Actor
from grader.services.assignments import change_assignment
from grader.services.extensions import extend
from grader.services.invitations import invite
from grader.services.overrides import give
from grader.services.release import release
from grader.services.site import Site
from tests.browser._classroom import CORPUS, SAMPLE, Classroom, classroom
from tests.browser._linked import linked
from tests.waiting import wait_until

SLUG = "uw-cse447-a0"

_NAMES = {
    "ada": "Ada Lindqvist",
    "bob": "Bob Okafor",
    "cleo": "Cleo Marchetti",
    "dora": "Dora Nakamura",
    "emil": "Emil Haugen",
    "ines": "Inês Carvalho",
    "tom": "Tom Whitaker",
    "tara": "Tara Singh",
}
_WORK = {
    "bob": "right-numpy-backprop",
    "cleo": "right-while-loop",
    "dora": "wrong-backprop-not-summed",
    "emil": "wrong-forward-no-relu",
}
EXPLAINED = "ex3-loss-increase"  # which a person grades


@dataclass(frozen=True)
class Filled:
    """The course, the ids that stand in its pages' addresses, and its people; `root` is an admin.

    Ada's result is partial and she asks about it; what Bob and Cleo handed in is alike.
    """

    room: Classroom
    ids: Mapping[str, Any]
    people: Mapping[str, Actor]


def filled(site: Site) -> Filled:
    """Make it; that takes as long as a worker needs for the submissions."""
    room = classroom(site, SLUG)
    room.join("dora", "emil")
    _rename(site, room)
    ines = room.people["ines"]
    due = datetime.now(UTC) + timedelta(days=2)
    change_assignment(site, ines, room.assignment_id, {"due_at": due})
    first = room.hand_in("ada", _file("wrong-forward-no-bias"), "first-try.ipynb")
    work = {"ada": room.hand_in("ada", SAMPLE, "backprop.ipynb")}
    for who, name in _WORK.items():
        path = _file(name)
        work[who] = room.hand_in(who, path, f"{who}{path.suffix}")
    room.await_judged(first, *work.values())
    request_id = _talk(site, room, work["ada"])
    give(site, ines, work["bob"], exercise=EXPLAINED, score=2.0, reason="Well argued.")
    people = [room.people["emil"].person_id]
    extend(
        site, ines, room.assignment_id, people, due_at=due + timedelta(days=3), reason="Was ill."
    )
    release(site, ines, room.assignment_id, [room.people["bob"].person_id])
    pair = _compare(site, room)
    webhook_id = _told(site, room)
    link_id = _link_canvas(site, room, work["bob"])
    with site.database.reading() as session:
        version_id = session.get_one(Assignment, room.assignment_id).live_version_id
    with site.database.writing() as session:
        of_lms = linked(
            session,
            room.course_id,
            room.assignment_id,
            ines.person_id,
            "Moodle of the faculty",
            "Deep Learning (LMS)",
        )
    ids = {
        "course_id": room.course_id,
        "assignment_id": room.assignment_id,
        "version_id": version_id,
        "submission_id": work["ada"],
        "other_id": first,
        "person_id": room.people["ada"].person_id,
        "exercise": EXPLAINED,
        "request_id": request_id,
        "link_id": link_id,
        "comparison_id": pair.comparison_id,
        "first_id": pair.first.submission.id,
        "second_id": pair.second.submission.id,
        "webhook_id": webhook_id,
        **of_lms,
    }
    root = _admin(site)
    invite(site, root)
    return Filled(room, ids, {**room.people, "root": root})


def _file(name: str) -> Path:
    (path,) = (CORPUS / SLUG / name).glob("submission.*")
    return path


def _rename(site: Site, room: Classroom) -> None:
    """People and the course have names as they have them elsewhere."""
    with site.database.writing() as session:
        session.get_one(Course, room.course_id).title = "Deep Learning, winter term"
        for who, actor in room.people.items():
            session.get_one(Person, actor.person_id).name = _NAMES[who]


def _talk(site: Site, room: Classroom, submission_id: int) -> int:
    """What Ada asks about her result and what staff say and keep; the request's id."""
    ada, tom = room.people["ada"].person_id, room.people["tom"].person_id
    with site.database.writing() as session:
        request = RegradeRequest(
            submission_id=submission_id,
            assignment_id=room.assignment_id,
            exercise="ex2-backprop",
            author_id=ada,
        )
        session.add(request)
        session.flush()
        why = "I think that the mask of the ReLU is in my gradient of W2 already. Is it not?"
        said = "Your W2 gradient is right. It is missing on the way to W1: look at z1_grad."
        session.add_all(
            [
                RequestMessage(request_id=request.id, author_id=ada, text=why),
                RequestMessage(request_id=request.id, author_id=tom, text=said),
                CellComment(
                    submission_id=submission_id, cell=31, author_id=tom, text="A clear layout."
                ),
                SavedComment(
                    assignment_id=room.assignment_id,
                    exercise=EXPLAINED,
                    text="Say what the learning rate does to the length of a step.",
                    author_id=tom,
                ),
                *(
                    RubricItem(
                        assignment_id=room.assignment_id,
                        exercise=EXPLAINED,
                        position=position,
                        label=label,
                        points=points,
                    )
                    for position, (label, points) in enumerate(
                        [("says that a step can overshoot", 1.0), ("gives the numbers", 1.0)]
                    )
                ),
            ]
        )
        return request.id


def _compare(site: Site, room: Classroom) -> similarity.Pair:
    """Have a worker compare what was handed in; the pair that is most alike."""
    tom = room.people["tom"]
    similarity.start(site, tom, room.assignment_id)

    def done() -> bool:
        found = similarity.overview(site, tom, room.assignment_id).latest
        return found is not None and found.state is AttemptState.DONE

    wait_until(done)
    return similarity.overview(site, tom, room.assignment_id).pairs.items[0]


def _told(site: Site, room: Classroom) -> int:
    """Webhooks, one of which is failing; that one's id."""
    now = datetime.now(UTC)
    failed = {"at": now.isoformat(), "status": 503, "said": "upstream is being deployed"}
    arrived = {"at": now.isoformat(), "status": 204, "said": ""}
    body = {
        "type": "grade.released",
        "timestamp": now.isoformat(),
        "data": {"course": "dl", "assignment": SLUG, "score": 17.5, "max_score": 20.0},
    }
    with site.database.writing() as session:
        rows = [
            Webhook(
                course_id=room.course_id,
                url=f"https://hooks.example.org/{name.split()[0].lower()}",
                name=name,
                events=events,
                secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                author_id=room.people["ines"].person_id,
                failing_since=since,
            )
            for name, events, since in (
                ("Gradebook sync", "grade.released", now - timedelta(hours=3)),
                ("Chat of the staff", "attempt.graded regrade.requested", None),
            )
        ]
        session.add_all(rows)
        session.flush()
        failing, works = (row.id for row in rows)
        session.add_all(
            WebhookMessage(
                webhook_id=webhook_id,
                message_id=f"msg_{number}",
                event=event,
                body={**body, "type": event},
                state=state,
                failure=failure,
                tries=1,
                history={"tries": tries},
                delivered_at=now if state is DeliveryState.DELIVERED else None,
            )
            for number, (webhook_id, event, state, failure, tries) in enumerate(
                [
                    (failing, "grade.released", DeliveryState.DELIVERED, None, [failed, arrived]),
                    (failing, "grade.released", DeliveryState.STUCK, "status 503", [failed] * 3),
                    (failing, "webhook.test", DeliveryState.WAITING, "status 503", [failed]),
                    (works, "attempt.graded", DeliveryState.DELIVERED, None, [arrived]),
                ]
            )
        )
    return failing


def _link_canvas(site: Site, room: Classroom, submission_id: int) -> int:
    """A course of Canvas to which Bob's grade could not go; the link's id."""
    bob, ines = room.people["bob"].person_id, room.people["ines"].person_id
    with site.database.writing() as session:
        linked = CanvasCourse(
            course_id=room.course_id,
            base_url="https://127.0.0.1:9",  # within a private network: nobody is asked
            canvas_id="7",
            title="Deep Learning 26",
            token="not a token",
            author_id=ines,
        )
        session.add(linked)
        session.flush()
        column = GradeColumn(
            assignment_id=room.assignment_id,
            canvas_course_id=linked.id,
            address="100",
            title="Homework 1",
            max_score=20.0,
        )
        session.add_all(
            [column, CanvasPerson(canvas_course_id=linked.id, person_id=bob, user_id="77")]
        )
        session.flush()
        session.add(
            Passback(
                column_id=column.id,
                person_id=bob,
                submission_id=submission_id,
                score=10.0,
                max_score=20.0,
                state=DeliveryState.STUCK,
                trouble=Trouble.CHANGED,
                found_score=12.5,
                failure="somebody changed this grade there to 12.5 of 20",
                tries=1,
            )
        )
        return linked.id


def _admin(site: Site) -> Actor:
    with site.database.writing() as session:
        person = Person(email=f"root-{id(site)}@example.org", name="Robin Root", is_admin=True)
        session.add(person)
        session.flush()
        return Actor(person.id, person.name, is_admin=True)
