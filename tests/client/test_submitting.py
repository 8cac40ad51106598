"""`chainrule submit` against an application that is served, and judged without a sandbox."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from grader.client.kept import Kept
from grader.db.models import Attempt, AttemptState, Submission
from grader.domain.outcomes import Outcome
from grader.domain.results import Result
from grader.services.site import Site
from tests.client._terminal import Terminal
from tests.sites import People
from tests.unit._builders import check, exercise, result
from tests.waiting import wait_until
from tests.web._work import HOUR, NOW, assignment, fail, judge, notebook


@pytest.fixture
def ada(terminal: Terminal, server: str, people: People) -> Terminal:
    """Her terminal: she is signed in."""
    terminal.sign_in(server, people.ada.token)
    return terminal


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Her notebook."""
    path = tmp_path / "mine.ipynb"
    path.write_bytes(notebook("x = 1"))
    return path


@contextmanager
def judged(site: Site, come: Callable[[Site, int], Any]) -> Iterator[None]:
    """Whoever hands in during the block has it judged, as a worker would."""
    over = threading.Event()

    def waiting() -> int | None:
        with site.database.reading() as session:
            query = select(Attempt.id).where(Attempt.state == AttemptState.QUEUED)
            found: int | None = session.scalar(query)
            return found

    def work() -> None:
        wait_until(lambda: over.is_set() or waiting())
        if not over.is_set():
            come(site, waiting() or 0)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def right(site: Site, attempt_id: int) -> None:
    """It comes out like this."""
    judge(site, attempt_id, result(exercise(title="Slopes")))


def count(site: Site) -> int:
    """How many submissions there are."""
    with site.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Submission)) or 0


def asked(server: str, people: People, path: str) -> httpx2.Response:
    """What the API answers her."""
    return httpx2.get(f"{server}/api/v1{path}", headers=people.ada.headers)


def test_a_receipt_and_the_report_are_printed(
    ada: Terminal, site: Site, server: str, people: People, work: Path
) -> None:
    assignment(site, people.course_id)

    with judged(site, right):
        said = ada.run("submit", "dl/a0", work)
    assert (said.status, said.err) == (0, "")
    assert "mine.ipynb is in for dl/a0: submission 1, your number 1" in said.out
    assert hashlib.sha256(work.read_bytes()).hexdigest() in said.out
    assert "received  20" in said.out
    assert "In time." in said.out
    report = asked(server, people, "/submissions/1/report").text
    assert "4 of 4 points" in report
    assert report in "\n".join(line.rstrip() for line in said.out.split("\n"))


def test_json_is_the_document_alone(
    ada: Terminal, site: Site, server: str, people: People, work: Path
) -> None:
    assignment(site, people.course_id)

    with judged(site, right):
        said = ada.run("submit", "a0", work, "--json")
    assert said.status == 0
    assert json.loads(said.out) == asked(server, people, "/submissions/1/result").json()
    assert "submission 1" in said.err


def test_an_assignment_is_named_in_three_ways(
    ada: Terminal, site: Site, people: People, work: Path
) -> None:
    number = assignment(site, people.course_id)

    for name in ("dl/a0", "a0", str(number)):
        with judged(site, right):
            assert ada.run("submit", name, work, "--quiet").status == 0
    assert count(site) == 3


def test_a_name_that_fits_nothing_gets_a_list_of_what_there_is(
    ada: Terminal, site: Site, people: People, work: Path
) -> None:
    assignment(site, people.course_id, due_at=NOW + HOUR)

    said = ada.run("submit", "a1", work)
    assert said.status == 2
    assert "dl/a0  Assignment 0  (due 20" in said.err
    assert said.last == "chainrule: you have no assignment 'a1'"
    assert "dl/a0  Assignment 0" in ada.run("submit").out
    assert count(site) == 0


def test_what_is_in_can_be_looked_at_again(
    ada: Terminal, site: Site, people: People, work: Path
) -> None:
    assignment(site, people.course_id)
    with judged(site, right):
        first = ada.run("submit", "a0", work)

    again = ada.run("submit", "--follow", 1)
    assert again.status == 0
    assert again.out.strip() in first.out
    assert ada.run("submit", "--follow", 2).last == "chainrule: there is no such thing"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"cooldown_s": 600}, "Another submission can follow a little later. From 20"),
        ({"submissions": 1}, "All of 1 submission are used up."),
        ({"opens_at": NOW + HOUR}, "This assignment is not open yet. From 20"),
    ],
)
def test_what_the_rules_refuse_is_one_line(
    ada: Terminal, site: Site, people: People, work: Path, rules: Any, said: str
) -> None:
    assignment(site, people.course_id, **rules)
    if "opens_at" not in rules:
        with judged(site, right):
            assert ada.run("submit", "a0", work).status == 0

    refused = ada.run("submit", "a0", work)
    assert refused.status == 2
    assert refused.err.startswith(f"chainrule: {said}")
    assert refused.err.count("\n") == 1


def test_what_could_not_be_judged_is_a_failure_and_no_zero(
    ada: Terminal, site: Site, people: People, work: Path
) -> None:
    assignment(site, people.course_id)

    with judged(site, fail):
        said = ada.run("submit", "a0", work)
    assert said.status == 3
    assert "not a zero" in said.last
    assert "points" not in said.out


def test_a_part_that_could_not_be_judged_is_a_failure_with_a_report(
    ada: Terminal, site: Site, people: People, work: Path
) -> None:
    assignment(site, people.course_id)
    broken = result(exercise(check(outcome=Outcome.NOT_JUDGED, score=0.0)))

    with judged(site, lambda site, one: judge(site, one, broken)):
        said = ada.run("submit", "a0", work)
    assert said.status == 3
    assert "not judged" in said.out


def test_nothing_that_students_write_reaches_the_terminal_as_it_is(
    ada: Terminal, site: Site, people: People, work: Path
) -> None:
    assignment(site, people.course_id)
    evil = "\x1b[2J\u202egone"
    loud: Result = replace(
        result(exercise(check(f"a{evil}", Outcome.FAILED, 0.0, message=evil), title=evil)),
        assignment=evil,
    )

    with judged(site, lambda site, one: judge(site, one, loud)):
        said = ada.run("submit", "a0", work)
    assert said.status == 0
    assert "gone" in said.out
    assert "\x1b" not in said.out + said.err
    assert "\u202e" not in said.out + said.err


class Losing(httpx2.HTTPTransport):
    """A network that loses the answers to the first uploads, which have arrived."""

    lost: int = 0
    most: int = 0
    error: BaseException

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = super().handle_request(request)
        if request.method == "POST" and Losing.lost < Losing.most:
            answer.read()
            Losing.lost += 1
            raise Losing.error
        return answer


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, BaseException], list[float]]:
    """Makes the network so; the pauses that are taken."""

    def install(most: int, error: BaseException) -> list[float]:
        real, slept = httpx2.Client, []
        Losing.lost, Losing.most, Losing.error = 0, most, error
        monkeypatch.setattr(httpx2, "Client", lambda **more: real(**more, transport=Losing()))
        clock = SimpleNamespace(sleep=slept.append)
        monkeypatch.setattr("grader.client.service.time", clock)
        return slept

    return install


def test_an_answer_that_is_lost_makes_no_second_submission(
    ada: Terminal, site: Site, people: People, work: Path, losing: Any
) -> None:
    assignment(site, people.course_id)
    slept = losing(2, httpx2.ReadError("connection reset"))

    with judged(site, right):
        said = ada.run("submit", "a0", work)
    assert said.status == 0
    assert "your number 1" in said.out
    assert (count(site), slept) == (1, [1, 2])


def test_a_command_that_was_broken_off_makes_no_second_submission(
    ada: Terminal, site: Site, people: People, work: Path, losing: Any
) -> None:
    assignment(site, people.course_id)
    losing(1, KeyboardInterrupt())

    said = ada.run("submit", "a0", work)
    assert said.status == 130
    assert "The same command hands it in again" in said.err
    with judged(site, right):
        assert "your number 1" in ada.run("submit", "a0", work).out
    assert count(site) == 1
    with judged(site, right):  # it was answered: by now the same file is meant once more
        assert "your number 2" in ada.run("submit", "a0", work).out


def test_a_token_that_holds_no_more_says_what_to_do(
    ada: Terminal, site: Site, server: str, people: People, work: Path
) -> None:
    httpx2.delete(f"{server}/api/v1/tokens/3", headers=people.ada.headers).raise_for_status()

    said = ada.run("submit", "a0", work)
    assert said.status == 2
    assert said.last.endswith(f"(chainrule login {server})")


def test_what_is_late_says_what_it_costs(
    ada: Terminal, site: Site, people: People, work: Path
) -> None:
    assignment(site, people.course_id, due_at=NOW - timedelta(days=1))

    with judged(site, right):
        assert "After the due date" in ada.run("submit", "a0", work).out


def test_several_commands_at_once_keep_all_their_keys(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def send(assignment_id: int) -> str:
        kept = Kept(tmp_path)
        together.wait(10)
        return kept.key_for("https://grader.example", assignment_id, "0" * 64)

    with ThreadPoolExecutor(8) as threads:
        sent = list(threads.map(send, range(1, 9)))
    kept = Kept(tmp_path)
    again = [kept.key_for("https://grader.example", one, "0" * 64) for one in range(1, 9)]
    assert again == sent
