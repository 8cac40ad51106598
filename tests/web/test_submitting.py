"""Handing in: a receipt only for what is safe, one submission for one key, and the rules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from httpx2 import Response
from redis import Redis
from sqlalchemy import select
from starlette.testclient import TestClient

from grader.broker.messages import JUDGE
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    Queue,
    Submission,
    VersionState,
)
from grader.domain.policy import LatePolicy
from grader.errors import BlobMissing, Conflict, NotFound
from grader.notebooks.read import MAX_FILE_BYTES
from grader.services import submissions
from grader.services.courses import unenrol
from grader.services.site import Site
from tests.redis_server import redis_url  # noqa: F401 - a fixture
from tests.sites import People
from tests.web._work import (  # noqa: F401 - fixtures
    API,
    HOUR,
    NOW,
    Recorded,
    assignment,
    extend,
    hand_in,
    handed_in,
    messages,
    notebook,
    site,
    team_up,
)


def submissions_in(site: Site) -> list[Submission]:  # noqa: F811
    with site.database.reading() as session:
        return list(session.scalars(select(Submission).order_by(Submission.id)))


def test_a_receipt_names_what_is_on_the_disk_and_waits(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    messages: Recorded,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    content = notebook("x = 1")
    answer = hand_in(client, people.ada, number, content)

    assert answer.status_code == 202
    receipt = answer.json()
    assert receipt["sha256"] == hashlib.sha256(content).hexdigest()
    assert (receipt["size"], receipt["number"], receipt["name"]) == (len(content), 1, "a0.ipynb")
    assert receipt["lateness"] == "In time."
    assert answer.headers["location"] == receipt["url"]
    assert client.get(receipt["url"], headers=people.ada.headers).json()["state"] == "queued"
    assert site.blobs.read(receipt["sha256"]) == content
    assert messages.sent == [(JUDGE, receipt["attempt_id"], "cpu")]


def test_without_a_broker_the_receipt_is_given_all_the_same(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    messages: Recorded,  # noqa: F811
) -> None:
    messages.is_down = True
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))

    with site.database.reading() as session:
        attempt = session.get_one(Attempt, receipt["attempt_id"])
    assert (attempt.state, attempt.sent_at) == (AttemptState.QUEUED, None)


def test_nothing_that_fails_after_the_commit_takes_the_receipt_back(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    messages: Recorded,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    messages.is_down = True
    monkeypatch.setattr("grader.db.leases.mark_unsent", fail)
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))
    assert [one.id for one in submissions_in(site)] == [receipt["id"]]


def test_the_message_goes_after_the_commit(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    messages: Recorded,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def send(task: str, rows: list[tuple[int, str]]) -> bool:
        with site.database.reading() as session:
            seen.extend(session.get(Attempt, row_id) is not None for row_id, _ in rows)
        return True

    monkeypatch.setattr(messages, "send", send)
    handed_in(client, people.ada, assignment(site, people.course_id))
    assert seen == [True]


def test_the_same_key_and_file_get_the_very_same_receipt(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    messages: Recorded,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id, submissions=1, cooldown_s=3600.0)
    first = hand_in(client, people.ada, number, key="k")
    again = hand_in(client, people.ada, number, key="k")

    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json() == again.json()
    assert len(submissions_in(site)) == len(messages.sent) == 1


def test_the_same_key_for_anything_else_is_refused(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    hand_in(client, people.ada, number, key="k")
    other = hand_in(client, people.ada, number, notebook("y"), key="k")

    assert other.status_code == 409
    assert "another file" in other.json()["detail"]
    assert hand_in(client, people.bob, number, notebook("y"), key="k").status_code == 202


def test_the_same_key_at_the_same_moment_makes_one_submission(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: hand_in(client, people.ada, number, key="k"), range(8)))

    assert sorted(one.status_code for one in answers) == [200] * 7 + [202]
    assert len({one.text for one in answers}) == 1
    assert len(submissions_in(site)) == 1


def meanwhile(change: Callable[[], object]) -> Iterator[bytes]:
    """A file; while it is read, when the rules have let it pass already, `change` is done."""
    yield notebook("x")
    change()


def test_the_same_key_at_the_same_moment_uses_up_one_submission(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id, submissions=1)
    twin: list[Response] = []
    receipt = submissions.submit(
        site,
        people.ada.actor,
        number,
        name="a0.ipynb",
        content=meanwhile(
            lambda: twin.append(hand_in(client, people.ada, number, notebook("x"), key="k"))
        ),
        idempotency_key="k",
    )
    assert twin[0].status_code == 202
    assert not receipt.is_new
    assert receipt.submission.id == twin[0].json()["id"]
    assert len(submissions_in(site)) == 1

    with pytest.raises(Conflict, match="another file"):
        submissions.submit(
            site,
            people.ada.actor,
            number,
            name="a0.ipynb",
            content=[notebook("y")],
            idempotency_key="k",
        )


def test_a_version_that_is_published_while_a_file_is_read_is_what_judges_it(
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)

    def publish() -> None:
        with site.database.writing() as session:
            present = session.get_one(Assignment, number)
            former = session.get_one(AssignmentVersion, present.live_version_id)
            made = AssignmentVersion(
                assignment_id=number,
                number=2,
                content_hash="sha256:2",
                bundle_sha256=former.bundle_sha256,
                outline=former.outline,
                max_score=former.max_score,
                queue=Queue.GPU,
                state=VersionState.PUBLISHED,
                author_id=former.author_id,
            )
            session.add(made)
            session.flush()
            present.live_version_id = made.id

    receipt = submissions.submit(
        site, people.ada.actor, number, name="a0.ipynb", content=meanwhile(publish)
    )
    with site.database.reading() as session:
        attempt = session.get_one(Attempt, receipt.attempt_id)
        version = session.get_one(AssignmentVersion, attempt.version_id)
    assert (version.number, attempt.queue) == (2, Queue.GPU)


def test_who_is_taken_out_of_the_course_while_a_file_is_read_has_handed_in_nothing(
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    person_id = people.ada.actor.person_id

    def take_out() -> None:
        unenrol(site, people.instructor.actor, people.course_id, person_id)

    with pytest.raises(NotFound):
        submissions.submit(
            site, people.ada.actor, number, name="a0.ipynb", content=meanwhile(take_out)
        )
    assert submissions_in(site) == []


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_a_key_that_is_none_is_named(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    key: str,
) -> None:
    answer = hand_in(client, people.ada, assignment(site, people.course_id), key=key)
    assert answer.status_code == 422
    assert "idempotency-key" in answer.json()["detail"].lower()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.ipynb", b"not json", "a.ipynb: it is not valid JSON"),
        ("a.ipynb", b'{"cells": [{"cell_type": "code", "source": 3}]}', "source of cell 1"),
        ("a.ipynb", b"PK\x03\x04", "zip archive"),
        ("a.txt", b"x = 1", "only .ipynb and .py"),
        (".ipynb", b"x = 1", "a name that ends in"),
        ("a.py", b"", "it is empty"),
        ("a.ipynb", b'{"cells": []}', "it is empty, no cell of it holds anything"),
        ("a.ipynb", notebook("", " \n"), "it is empty, no cell of it holds anything"),
        ("a.ipynb", b"[" * 2_000_000, "more values than a notebook needs"),
        ("a.ipynb", b"[" * 50_000, "nested too deeply"),
    ],
)
def test_what_is_no_submission_is_refused_with_the_file_and_the_cell(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    name: str,
    content: bytes,
    words: str,
) -> None:
    answer = hand_in(client, people.ada, assignment(site, people.course_id), content, name=name)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert submissions_in(site) == []


def test_a_file_that_is_too_large_is_refused(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    answer = hand_in(client, people.ada, number, b"#" * (MAX_FILE_BYTES + 1), name="a.py")
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.py", "passwd.py"),
        ("C:\\Users\\ada\\a0.py", "a0.py"),
        ("a\x00b\x1b[2J\u202e.py", "a b [2J .py"),
        ("é ü.py", "é ü.py"),
        ("x" * 500 + ".py", "x" * 197 + ".py"),
    ],
)
def test_a_file_s_name_is_text_for_people_alone(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    sent: str,
    kept: str,
) -> None:
    number = assignment(site, people.course_id)
    # By hand: the client would encode what no client should send.
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n'
    escaped = sent.encode().replace(b"\\", b"\\\\")
    answer = client.post(
        f"{API}/assignments/{number}/submissions",
        content=head % escaped + b"x = 1\r\n--b--\r\n",
        headers={**people.ada.headers, "Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["name"] == kept


def test_a_form_holds_one_file_and_nothing_is_read_of_strangers(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    path = f"{API}/assignments/{assignment(site, people.course_id)}/submissions"
    files = [("file", ("a.py", b"x")), ("file", ("b.py", b"y"))]

    assert client.post(path, files=files, headers=people.ada.headers).status_code == 400
    nothing = client.post(path, data={"file": "text"}, headers=people.ada.headers)
    assert nothing.status_code == 422
    assert "file:" in nothing.json()["detail"]
    assert client.post(path, content=b"broken").status_code == 401
    assert submissions_in(site) == []


def test_who_is_not_in_the_course_learns_nothing(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    assert hand_in(client, people.outsider, number).status_code == 404
    assert hand_in(client, people.ada, 999_999).status_code == 404


def test_a_draft_takes_nothing_and_students_learn_nothing_of_it(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    draft = assignment(site, people.course_id, is_published=False)
    missing = hand_in(client, people.ada, 999_999)
    answer = hand_in(client, people.ada, draft)
    assert (answer.status_code, answer.json()) == (404, missing.json())
    grade = client.get(f"{API}/assignments/{draft}/grade", headers=people.ada.headers)
    assert grade.status_code == 404
    assert "not published" in hand_in(client, people.ta, draft).json()["detail"]


@pytest.mark.parametrize(
    ("rules", "status", "words"),
    [
        ({"opens_at": NOW + HOUR}, 429, "not open yet"),
        (
            {"due_at": NOW - 2 * HOUR, "late": LatePolicy(closes_after_s=60.0)},
            403,
            "closed",
        ),
    ],
)
def test_what_the_rules_refuse_is_said_in_words(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    rules: dict[str, Any],
    status: int,
    words: str,
) -> None:
    answer = hand_in(client, people.ada, assignment(site, people.course_id, **rules))
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert ("retry-after" in answer.headers) == (status == 429)
    assert submissions_in(site) == []


def test_who_uploads_very_often_waits_before_anything_is_kept_and_nobody_else_does(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    redis_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(site.throttle, "_redis", Redis.from_url(redis_url))
    monkeypatch.setattr(submissions, "_UPLOADS", 2)
    number = assignment(site, people.course_id)
    sent = [hand_in(client, people.ada, number, notebook(f"x = {n}")) for n in range(3)]
    assert [one.status_code for one in sent] == [202, 202, 429]
    assert sent[2].json()["detail"].startswith("that were many uploads in a short time")
    assert 0 < int(sent[2].headers["retry-after"]) <= 5 * 60
    assert len(submissions_in(site)) == 2
    refused = hashlib.sha256(notebook("x = 2")).hexdigest()
    with pytest.raises(BlobMissing):
        site.blobs.read(refused)
    assert hand_in(client, people.bob, number, notebook("x = 2")).status_code == 202


def test_a_cool_down_says_when_to_come_again(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id, cooldown_s=600.0)
    handed_in(client, people.ada, number)
    answer = hand_in(client, people.ada, number)
    assert answer.status_code == 429
    assert 500 < int(answer.headers["retry-after"]) <= 600


def test_an_extension_opens_what_is_closed_for_the_others_and_for_the_whole_team(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    closed = LatePolicy(closes_after_s=0.0)
    number = assignment(site, people.course_id, due_at=NOW - HOUR, late=closed)
    extend(site, number, people.ada, NOW + HOUR)

    assert handed_in(client, people.ada, number)["lateness"] == "In time."
    assert hand_in(client, people.bob, number).status_code == 403
    team_up(site, people, people.ada, people.bob)
    assert handed_in(client, people.bob, number)["lateness"] == "In time."


def test_lateness_is_said_with_what_it_costs(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    late = LatePolicy(penalty=0.1)
    number = assignment(site, people.course_id, due_at=NOW - HOUR, late=late)
    words = handed_in(client, people.ada, number)["lateness"]
    assert words.startswith("1 day late: 10 % of the points are taken off")


@pytest.mark.parametrize("teamed", [False, True])
def test_the_last_submission_is_used_up_once_however_many_are_sent_at_once(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    teamed: bool,
) -> None:
    number = assignment(site, people.course_id, submissions=2)
    who = [people.ada, people.ada]
    if teamed:
        team_up(site, people, people.ada, people.bob)
        who = [people.ada, people.bob]
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(
            lambda n: hand_in(client, who[n % 2], number, notebook(f"x = {n}")), range(6)
        )
        statuses = sorted(one.status_code for one in answers)

    assert statuses == [202, 202, 403, 403, 403, 403]
    assert len(submissions_in(site)) == 2


def test_numbers_go_up_without_a_gap_for_each_person(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    with ThreadPoolExecutor(6) as pool:
        receipts = list(pool.map(lambda _: handed_in(client, people.ada, number), range(6)))
    assert sorted(one["number"] for one in receipts) == [1, 2, 3, 4, 5, 6]
    assert handed_in(client, people.bob, number)["number"] == 1


def test_the_same_file_twice_is_two_submissions_of_one_blob(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    one, other = (handed_in(client, people.ada, number) for _ in range(2))
    assert one["sha256"] == other["sha256"]
    assert one["id"] != other["id"]


def test_where_the_last_one_counts_it_takes_the_earlier_one_s_place_in_the_queue(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id, counts="last")
    receipts = [handed_in(client, people.ada, number) for _ in range(3)]
    with site.database.reading() as session:
        order = session.scalars(select(Attempt.submission_id).order_by(Attempt.turn)).all()
    first, second, third = (one["id"] for one in receipts)
    assert list(order) == [third, first, second]


def test_where_any_may_count_they_are_served_as_they_came(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id, counts="best")
    receipts = [handed_in(client, people.ada, number) for _ in range(3)]
    with site.database.reading() as session:
        order = session.scalars(select(Attempt.submission_id).order_by(Attempt.turn)).all()
    assert list(order) == [one["id"] for one in receipts]


def test_the_original_comes_back_to_be_saved_and_not_shown(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    content = notebook("<script>alert(1)</script>")
    number = assignment(site, people.course_id)
    receipt = hand_in(client, people.ada, number, content, name='né"w\r\n.ipynb').json()
    answer = client.get(f"{receipt['url']}/file", headers=people.ta.headers)

    assert answer.content == content
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; ")
    assert "\n" not in disposition
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"{receipt['url']}/file", headers=people.bob.headers).status_code == 404


def test_a_blob_that_is_gone_is_a_failure_of_ours_and_not_half_an_answer(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))
    site.blobs.sweep(set(), older_than_s=0, now_s=NOW.timestamp() + 3600)
    answer = client.get(f"{receipt['url']}/file", headers=people.ada.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")


def test_a_student_chooses_what_counts_where_the_rules_let_them(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id, counts="chosen")
    team_up(site, people, people.ada, people.bob)
    one, other = (handed_in(client, who, number) for who in (people.ada, people.bob))

    for mine in (one, other, one):
        chosen = client.put(f"{mine['url']}/choice", headers=people.bob.headers)
        assert (chosen.status_code, chosen.json()["chosen"]) == (200, True)
    assert [row.chosen for row in submissions_in(site)] == [True, False]
    assert client.put(f"{one['url']}/choice", headers=people.ta.headers).status_code == 403
    log = client.get(
        f"{API}/courses/{people.course_id}/audit", headers=people.instructor.headers
    ).json()["items"]
    assert (log[0]["action"], log[0]["subject_id"]) == ("submission.chosen", one["id"])


def test_where_the_best_counts_there_is_nothing_to_choose(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))
    assert client.put(f"{receipt['url']}/choice", headers=people.ada.headers).status_code == 409
