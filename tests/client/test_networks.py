"""`chainrule submit` on networks that fail: one line, a status, and never a traceback."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from grader.resultdoc import document
from tests.client._terminal import Terminal
from tests.unit._builders import result
from tests.web._work import notebook

SERVER = "https://chainrule.example.org"
SHA256 = "0" * 64
Answer = Callable[[], httpx2.Response]

UPLOAD, EVENTS = "POST /assignments/7/submissions", "GET /attempts/5/events"
ATTEMPT, HANDED_IN = "GET /attempts/5", "GET /submissions/3"


def said(body: Any, status: int = 200, **headers: str) -> Answer:
    """JSON."""
    return lambda: httpx2.Response(status, json=body, headers=headers)


def refused(status: int, detail: str, **headers: str) -> Answer:
    """Problem details."""
    kind = {"content-type": "application/problem+json"}
    return lambda: httpx2.Response(
        status, content=json.dumps({"detail": detail}), headers=kind | headers
    )


def page(status: int) -> Answer:
    """What a proxy answers, or a network that wants one to sign in."""
    return lambda: httpx2.Response(status, html="<h1>\x1b[2J</h1>")


def broken(error: BaseException) -> Answer:
    """No answer."""

    def fail() -> httpx2.Response:
        raise error

    return fail


class Stream(httpx2.SyncByteStream):
    """Bytes as they come, and then an error or an end."""

    def __init__(self, *pieces: str, error: BaseException | None = None) -> None:
        self._pieces, self._error = pieces, error

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            yield piece.encode()
        if self._error is not None:
            raise self._error


def streamed(*pieces: str, error: BaseException | None = None) -> Answer:
    """Server-sent events."""
    return lambda: httpx2.Response(
        200, headers={"content-type": "text/event-stream"}, stream=Stream(*pieces, error=error)
    )


def news(stage: str, words: str) -> dict[str, Any]:
    """Where it stands."""
    return {"stage": stage, "words": words, "attempt_id": 5, "position": None}


def event(stage: str, words: str, name: str = "now") -> str:
    """The same as an event."""
    return f"id: {name}\nevent: news\ndata: {json.dumps(news(stage, words))}\n\n"


DONE = event("done", "Judged.", "over")
GONE = httpx2.ReadError("connection reset")


class Network:
    """A service of which every answer can be replaced; the last one of several stays."""

    def __init__(self) -> None:
        self.asked: list[httpx2.Request] = []
        self.slept: list[float] = []
        receipt = {
            "id": 3,
            "number": 1,
            "name": "mine.ipynb",
            "sha256": SHA256,
            "received_at": "2026-11-25T12:00:00Z",
            "lateness": "In time.",
            "attempt_id": 5,
        }
        assignment = {"id": 7, "slug": "a0", "title": "A", "stage": "open", "due_at": None}
        course = {"id": 1, "slug": "dl", "title": "Deep learning"}
        self.receipt = receipt
        self.answers: dict[str, list[Answer]] = {
            "GET /courses": [said({"items": [course], "next_cursor": None})],
            "GET /courses/1/assignments": [said({"items": [assignment], "next_cursor": None})],
            UPLOAD: [said(receipt, 202)],
            EVENTS: [streamed(event("queued", "It is next."), DONE)],
            ATTEMPT: [said({"news": news("done", "Judged.")})],
            HANDED_IN: [said({"id": 3, "name": "mine.ipynb", "attempt_id": 5})],
            "GET /submissions/3/result": [said(document(result()))],
            "GET /submissions/3/notebook": [refused(404, "of this run no notebook was kept")],
        }

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """One request."""
        self.asked.append(request)
        answers = self.answers[f"{request.method} {request.url.path.removeprefix('/api/v1')}"]
        return (answers.pop(0) if len(answers) > 1 else answers[0])()

    def times(self, name: str) -> int:
        """How often this was asked for."""
        return len([one for one in self.asked if f"{one.method} {one.url.path}".endswith(name)])


@pytest.fixture
def network(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Network:
    """What the terminal is connected to; nobody really waits."""
    made, real = Network(), httpx2.Client
    transport = httpx2.MockTransport(made.handle)
    monkeypatch.setattr(httpx2, "Client", lambda **more: real(**more, transport=transport))
    clock = SimpleNamespace(sleep=made.slept.append)
    for module in ("service", "following"):
        monkeypatch.setattr(f"grader.client.{module}.time", clock)
    monkeypatch.setenv("CHAINRULE_SERVER", SERVER)
    monkeypatch.setenv("CHAINRULE_TOKEN", "crt_x")
    return made


@pytest.fixture
def work(tmp_path: Path, network: Network) -> Path:
    """A file to hand in, whose receipt the service gives."""
    path = tmp_path / "mine.ipynb"
    path.write_bytes(notebook("x = 1"))
    network.receipt["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return path


def test_all_goes_well(terminal: Terminal, network: Network, work: Path) -> None:
    done = terminal.run("submit", "a0", work)
    assert (done.status, done.err) == (0, "")
    assert "4 of 4 points" in done.out
    assert {one.headers["authorization"] for one in network.asked} == {"Bearer crt_x"}


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (broken(httpx2.ConnectError("Connection refused")), 3, "cannot be reached: Connection"),
        (broken(httpx2.ConnectTimeout("")), 3, "could not be reached in time"),
        (broken(httpx2.ReadTimeout("")), 3, "did not answer in time"),
        (broken(httpx2.ProxyError("407 Proxy")), 3, "the proxy on the way"),
        (broken(httpx2.RemoteProtocolError("\x1b[2J")), 3, "the connection to"),
        (broken(httpx2.DecodingError("no gzip")), 3, "the connection to"),
        (page(200), 3, "answered 200, and not as Chainrule does"),
        (page(404), 3, "answered 404, and not as Chainrule does"),
        (page(403), 3, "does a proxy or a sign-in page"),
        (page(502), 3, "answered 502"),
        (
            lambda: httpx2.Response(302, headers={"location": "https://else.org"}),
            2,
            "to https://el",
        ),
        (lambda: httpx2.Response(200, json=[]), 3, "not understood: all of it"),
        (said({"items": [{"id": "x"}], "next_cursor": None}), 3, "not understood: "),
        (lambda: httpx2.Response(200, json={}, headers={"content-type": "a/b"}), 3, "Chainrule"),
        (refused(401, "this token holds no more"), 2, f"more (chainrule login {SERVER})"),
        (refused(403, "no right"), 2, "no right"),
        (refused(404, "no such thing"), 2, "no such thing"),
        (refused(409, "a conflict"), 2, "a conflict"),
        (refused(413, "too large\x1b[2J\n\u202e"), 2, "too large\\x1b[2J \\u202e"),
        (refused(422, "file: it is empty"), 2, "file: it is empty"),
        (refused(429, "Wait.", **{"retry-after": "60"}), 2, "Wait. From 20"),
        (refused(429, "Wait.", **{"retry-after": "soon"}), 2, "Wait."),
        (refused(429, "Wait.", **{"retry-after": "9" * 9}), 2, "Wait. From 20"),
        (refused(500, "This failed on our side."), 3, "This failed on our side."),
    ],
)
def test_whatever_is_answered_is_one_line(
    terminal: Terminal, network: Network, work: Path, answer: Answer, status: int, words: str
) -> None:
    for asked in ("GET /courses", UPLOAD):
        network.answers[asked] = [answer]
        ended = terminal.run("submit", "a0", work)
        assert ended.status == status
        assert words in ended.last
        assert ended.out == ""
        assert "\x1b" not in ended.err
        network.answers["GET /courses"] = Network().answers["GET /courses"]


def test_an_answer_without_end_is_not_read(
    terminal: Terminal, network: Network, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.client.service._MOST_BYTES", 1000)
    network.answers["GET /courses"] = [lambda: httpx2.Response(200, content=b"x" * 2000)]

    assert terminal.run("submit", "a0", work).status == 3


def test_a_service_that_comes_back_is_waited_for(
    terminal: Terminal, network: Network, work: Path
) -> None:
    refusing = broken(httpx2.ConnectError("Connection refused"))
    for name, answers in network.answers.items():
        if name != EVENTS:
            answers[:0] = [refusing, page(503)]

    assert terminal.run("submit", "a0", work).status == 0
    assert network.slept[:2] == [1, 2]
    keys = {one.headers["idempotency-key"] for one in network.asked if one.method == "POST"}
    assert len(keys) == 1


def test_a_receipt_for_other_bytes_is_none(
    terminal: Terminal, network: Network, work: Path
) -> None:
    network.receipt["sha256"] = SHA256

    ended = terminal.run("submit", "a0", work)
    assert ended.status == 3
    assert "other bytes" in ended.last


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"x", "only .ipynb and .py files can be graded"),
        ("a.ipynb", b"", "it is empty"),
        ("a.ipynb", b'{"cells": []}', "it is empty, no cell of it holds anything"),
        ("a.py", b"#" * (17 << 20), "it is larger than 16 MiB"),
        ("a.ipynb", b"PK\x03\x04", "it is a zip archive"),
        ("none.py", None, "does not exist"),
    ],
)
def test_what_would_be_refused_is_not_sent(
    terminal: Terminal, network: Network, tmp_path: Path, name: str, content: Any, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    ended = terminal.run("submit", "a0", tmp_path / name)
    assert ended.status == 2
    assert words in ended.last
    assert not network.asked


def test_a_bad_call_is_one_line(terminal: Terminal, network: Network, work: Path) -> None:
    for arguments in (["a0"], ["a0", work, "--follow", 3], ["a0", work, work]):
        ended = terminal.run("submit", *arguments)
        assert ended.status == 2
        assert ended.err.count("\n") == 1
    assert not network.asked


def test_a_stream_that_breaks_is_connected_to_again(
    terminal: Terminal, network: Network, work: Path
) -> None:
    network.answers[EVENTS] = [streamed(event("queued", "It is next."), error=GONE), streamed(DONE)]
    network.answers[ATTEMPT] = [said({"news": news("running", "Cell 1 of 2 runs.")})]

    assert terminal.run("submit", "a0", work).status == 0
    first, second = [one for one in network.asked if one.url.path.endswith("/events")]
    assert "last-event-id" not in first.headers
    assert second.headers["last-event-id"] == "now"


@pytest.mark.parametrize(
    "answer",
    [
        page(200),
        page(403),
        streamed(error=httpx2.ReadTimeout("")),
        streamed("event: news\ndata: {}\n\n"),
        streamed(f"data: {'x' * (1 << 17)}"),
        refused(429, "too many streams"),
        lambda: httpx2.Response(204),
    ],
)
def test_where_no_stream_comes_it_is_asked_for(
    terminal: Terminal, network: Network, work: Path, answer: Answer
) -> None:
    network.answers[EVENTS] = [answer]
    waiting = said({"news": news("queued", "About 3 go before.")})
    network.answers[ATTEMPT] = [*[waiting] * 9, said({"news": news("done", "Judged.")})]

    assert terminal.run("submit", "a0", work).status == 0
    assert network.times("/events") == 3
    assert network.times("/attempts/5") == 10


def test_a_service_that_goes_says_how_to_look_again(
    terminal: Terminal, network: Network, work: Path
) -> None:
    network.answers[EVENTS] = [streamed(event("queued", "It is next."), error=GONE)]
    network.answers[ATTEMPT] = [broken(httpx2.ConnectError("Connection refused"))]

    ended = terminal.run("submit", "a0", work)
    assert ended.status == 3
    assert "To look again: chainrule submit --follow 3" in ended.err
    assert "cannot be reached" in ended.last


def test_ctrl_c_leaves_the_submission_in(terminal: Terminal, network: Network, work: Path) -> None:
    network.answers[EVENTS] = [streamed(event("queued", "Next."), error=KeyboardInterrupt())]

    ended = terminal.run("submit", "a0", work, "--server", SERVER)
    assert ended.status == 130
    assert "mine.ipynb is in" in ended.out
    assert f"To look again: chainrule submit --server {SERVER} --follow 3" in ended.err


def test_what_is_judged_anew_meanwhile_is_followed_on(
    terminal: Terminal, network: Network, work: Path
) -> None:
    network.answers[EVENTS] = [streamed(event("cancelled", "Cancelled."))]
    network.answers[HANDED_IN] = [said({"id": 3, "name": "mine.ipynb", "attempt_id": 6})]
    network.answers["GET /attempts/6/events"] = [streamed(DONE)]

    assert terminal.run("submit", "a0", work).status == 0


def test_what_is_cancelled_is_no_failure_of_the_service(
    terminal: Terminal, network: Network, work: Path
) -> None:
    network.answers[EVENTS] = [streamed(event("cancelled", "Cancelled: it is not judged."))]

    ended = terminal.run("submit", "a0", work)
    assert ended.status == 2
    assert ended.last == "chainrule: submission 3: Cancelled: it is not judged."


def test_a_newer_service_may_say_more_in_its_result(
    terminal: Terminal, network: Network, work: Path
) -> None:
    more = {**document(result()), "mood": "good"}
    network.answers["GET /submissions/3/result"] = [said(more)]

    assert "4 of 4 points" in terminal.run("submit", "a0", work).out
    assert json.loads(terminal.run("submit", "a0", work, "--json").out)["mood"] == "good"


@pytest.mark.parametrize("came", [{}, {"schema": "chainrule.result/2"}, [], "x"])
def test_a_result_that_is_none_is_one_line(
    terminal: Terminal, network: Network, work: Path, came: Any
) -> None:
    network.answers["GET /submissions/3/result"] = [said(came)]

    ended = terminal.run("submit", "a0", work, "--json")
    assert ended.status == 3
    assert ended.out == ""
    assert "a newer chainrule may know it" in ended.last


@pytest.mark.parametrize("came", [b"", b"{}", b'{"cells": 1}', b'{"cells": [{}]}', b"[]"])
def test_a_notebook_that_is_none_is_one_line(
    terminal: Terminal, network: Network, work: Path, came: bytes
) -> None:
    network.answers["GET /submissions/3/notebook"] = [lambda: httpx2.Response(200, content=came)]

    ended = terminal.run("submit", "a0", work)
    assert ended.status == 3
    assert "executed notebook that is none" in ended.last


def test_who_looks_on_sees_how_far_it_has_come(
    terminal: Terminal, network: Network, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as if a person watched
    told: list[str] = []
    monkeypatch.setattr("rich.status.Status.update", lambda _, text: told.append(text.plain))
    evil = event("running", "Cell 2 of 5 runs.\x1b[2J [red]")
    network.answers[EVENTS] = [streamed(event("queued", "About 3 go before."), evil, DONE)]

    assert terminal.run("submit", "a0", work).status == 0
    assert told == ["About 3 go before.", "Cell 2 of 5 runs.\\x1b[2J [red]", "Judged."]
    assert terminal.run("submit", "a0", work, "--quiet").err == ""


@contextmanager
def not_trusted(folder: Path) -> Iterator[str]:
    """A server with a certificate that nobody has vouched for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    (folder / "both.pem").write_bytes(
        key.private_bytes(pem, form, serialization.NoEncryption()) + certificate.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_shake_hands, args=(listener, context))
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    # The other side does not want to.
    with listener.accept()[0] as connection, suppress(OSError):
        context.wrap_socket(connection, server_side=True).close()


def test_a_certificate_that_is_not_trusted_is_one_line(terminal: Terminal, tmp_path: Path) -> None:
    with not_trusted(tmp_path) as server:
        ended = terminal.run("login", server, "--token-file", "-", typed="crt_x")
    assert ended.status == 3
    assert f"{server} is not trusted, nothing was sent: " in ended.last


def test_a_port_at_which_nobody_listens_is_one_line(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    ended = terminal.run("login", f"http://127.0.0.1:{port}", "--token-file", "-", typed="crt_x")
    assert ended.status == 3
    assert ended.err.count("\n") == 1
    assert "cannot be reached" in ended.last
