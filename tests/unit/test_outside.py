"""Requests to the outside: where they may go, and how much of an answer is read."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpcore2
import pytest

from grader.lms.outside import NotAllowed, Outside, Unreachable


def leading_to(*addresses: str, private: bool = False) -> Outside:
    return Outside(private=private, lookup=lambda host, port: list(addresses))


@contextmanager
def server(answer: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), answer)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield f"http://lms.example:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "64:ff9b:1::1",
        "::7f00:1",
        "::ffff:0:7f00:1",
        "fec0::1",
        "192.0.0.8",
    ],
)
def test_addresses_within_networks_are_refused(address: str) -> None:
    with pytest.raises(NotAllowed, match="private network"):
        leading_to(address).check("https://hooks.example/in")


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "::ffff:192.0.2.1"]
)
def test_addresses_that_nobody_has_are_not_called_private(address: str) -> None:
    with pytest.raises(NotAllowed, match=r"is reserved, for documentation") as refused:
        leading_to(address).check("https://hooks.example/in")
    assert "private" not in refused.value.with_who_may


def test_of_a_private_address_it_is_said_who_may_allow_it() -> None:
    with pytest.raises(NotAllowed) as refused:
        leading_to("10.0.0.1").check("https://hooks.example/in")
    assert "Who runs Chainrule may allow those (CHAINRULE_PRIVATE" in refused.value.with_who_may


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(NotAllowed, match="private network"):
        leading_to("93.184.215.14", "10.0.0.1").check("https://hooks.example/in")


def test_where_one_address_takes_no_connection_the_next_is_tried() -> None:
    class Here(Quiet):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

    with server(Here) as url:
        # On 127.0.0.2 nobody listens at that port.
        both = leading_to("127.0.0.2", "127.0.0.1", private=True)
        assert both.send("GET", url).status == 204
        with pytest.raises(Unreachable, match="refuses the connection"):
            leading_to("127.0.0.2", "127.0.0.3", private=True).send("GET", url)


def test_public_addresses_are_allowed_with_tls_alone() -> None:
    out = leading_to("93.184.215.14", "2606:4700::1111")
    out.check("https://hooks.example:8443/in?x=1")
    with pytest.raises(NotAllowed, match="https"):
        out.check("http://hooks.example/in")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "https://",
        "https://a:b@hooks.example/",
        "https://[::1",
        "https://hooks.example:99999/",
        "hooks.example",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(NotAllowed):
        leading_to("93.184.215.14").check(url)


def test_a_name_that_nobody_knows_may_be_known_later() -> None:
    with pytest.raises(Unreachable, match=r"the name hooks\.example is not known here; it is miss"):
        leading_to().check("https://hooks.example/")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "is not known here"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "this server's DNS does not answer"),
        (UnicodeError("label too long"), "is not known here"),
    ],
)
def test_why_a_name_leads_nowhere_is_told(error: Exception, words: str) -> None:
    def ask(host: str, port: int) -> list[str]:
        raise error

    with pytest.raises(Unreachable, match=words):
        Outside(private=False, lookup=ask).check("https://hooks.example/")


def test_the_request_goes_to_the_address_that_was_judged_under_its_own_name() -> None:
    class Named(Quiet):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(201)
            self.send_header("X-Seen", self.headers["host"])
            self.end_headers()
            self.wfile.write(body)

    with server(Named) as url:
        answer = leading_to("127.0.0.1", private=True).send("POST", f"{url}/a", content=b"[1]")
    assert answer.status == 201
    assert answer.headers["x-seen"] == url.removeprefix("http://")
    assert answer.json() == [1]


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    class Elsewhere(Quiet):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("location", "http://169.254.169.254/")
            self.end_headers()

    with server(Elsewhere) as url:
        answer = leading_to("127.0.0.1", private=True).send("GET", url)
    assert (answer.status, answer.ok) == (302, False)


def test_an_answer_that_is_too_large_is_not_read_to_its_end() -> None:
    class Endless(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass

    with server(Endless) as url, pytest.raises(Unreachable, match="more than 64 KiB"):
        leading_to("127.0.0.1", private=True).send("GET", url, largest=64 << 10)


def test_what_nobody_answers_is_unreachable_in_words() -> None:
    with server(Quiet) as url:
        pass
    with pytest.raises(Unreachable) as refused:
        leading_to("127.0.0.1", private=True).send("GET", url)
    words = "lms.example refuses the connection: no server listens there"
    assert str(refused.value) == words


def test_a_server_without_tls_is_unreachable_in_words() -> None:
    with server(Quiet) as url, pytest.raises(Unreachable) as refused:
        leading_to("127.0.0.1", private=True).send("GET", url.replace("http:", "https:"))
    assert str(refused.value) == "lms.example does not speak TLS as it should"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENETUNREACH, "x"), "no way leads from here to lms.example"),
        (OSError(errno.ECONNRESET, "x"), "lms.example has broken off the connection"),
        (OSError(errno.EIO, "x"), "the connection to lms.example failed"),
        (ssl.SSLCertVerificationError("x"), "the certificate of lms.example is not trusted here"),
    ],
)
def test_why_there_is_no_connection_is_told_without_a_number(
    error: OSError, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        if isinstance(error, ssl.SSLCertVerificationError):
            error.verify_message = "self-signed certificate"
        raise httpcore2.ConnectError(error) from error

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", fail)
    with pytest.raises(Unreachable, match=words) as refused:
        leading_to("127.0.0.1", private=True).send("GET", "http://lms.example/")
    assert "Errno" not in str(refused.value)


def test_what_another_kind_of_server_says_is_not_repeated() -> None:
    class Banner(Quiet):
        def do_GET(self) -> None:
            self.wfile.write(b"SSH-2.0-hidden\r\n")

    with server(Banner) as url, pytest.raises(Unreachable) as refused:
        leading_to("127.0.0.1", private=True).send("GET", url)
    assert str(refused.value) == "lms.example does not answer as a web server does"


def test_no_json_is_unreachable() -> None:
    class Page(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

    with server(Page) as url:
        answer = leading_to("127.0.0.1", private=True).send("GET", url)
    with pytest.raises(Unreachable, match="no JSON"):
        answer.json()


def test_an_answer_that_drips_is_given_up_when_its_whole_time_is_over() -> None:
    over = threading.Event()

    class Dripping(Quiet):
        def do_GET(self) -> None:
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
                while not over.wait(0.05):
                    self.wfile.write(b"x")

    with server(Dripping) as url:
        patient = replace(leading_to("127.0.0.1", private=True), patience_s=0.5)
        with pytest.raises(Unreachable, match="too long"):
            patient.send("GET", url)
        over.set()


def test_a_packed_answer_is_not_asked_for() -> None:
    class Named(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.headers["accept-encoding"].encode())

    with server(Named) as url:
        answer = leading_to("127.0.0.1", private=True).send("GET", url)
    assert answer.body == b"identity"


def test_a_header_on_several_lines_is_one() -> None:
    class Linked(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Link", '<https://lms.example/2>; rel="next"')
            self.send_header("Link", '<https://lms.example/d>; rel="differences"')
            self.end_headers()

    with server(Linked) as url:
        answer = leading_to("127.0.0.1", private=True).send("GET", url)
    assert answer.headers["link"] == (
        '<https://lms.example/2>; rel="next", <https://lms.example/d>; rel="differences"'
    )


def test_a_way_for_a_while_is_over_for_all_requests_together() -> None:
    with server(Quiet) as address:
        way = leading_to("127.0.0.1", private=True)
        with pytest.raises(Unreachable, match=r"lms\.example takes too long to answer all that"):
            way.within(0).send("GET", address)
        assert way.within(60).send("GET", address).status == 501  # by which it knows no GET
        assert way.send("GET", address).status == 501
