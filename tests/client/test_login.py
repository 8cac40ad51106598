"""`chainrule login` and `logout`, and to whom a token goes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import httpx2
import pytest

from grader.client.addresses import address, can_be_overheard
from grader.errors import BadInput
from grader.services import people as persons
from grader.services.site import Site
from tests.client._terminal import Terminal
from tests.sites import People

PASSWORD = "correct horse battery"


@pytest.fixture
def email(site: Site, people: People) -> str:
    """The address of somebody who has a password."""
    persons.change_person(site, people.admin.actor, people.ada.actor.person_id, password=PASSWORD)
    return people.ada.email


def test_somebody_signs_in_with_a_password_and_out_again(
    terminal: Terminal, server: str, email: str
) -> None:
    said = terminal.run("login", server, typed=f"{email}\n{PASSWORD}\n")
    assert said.status == 0, said.err
    assert f"Signed in to {server} as ada <{email}>" in said.out
    assert PASSWORD not in said.out + said.err

    path = terminal.folder / "login.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(terminal.folder.stat().st_mode) == 0o700
    token = json.loads(path.read_text())["token"]
    headers = {"Authorization": f"Bearer {token}"}
    tokens = httpx2.get(f"{server}/api/v1/tokens", headers=headers).json()
    assert {tuple(one["scopes"]) for one in tokens if "login" in one["name"]} == {
        ("read", "submit")
    }

    said = terminal.run("logout")
    assert (said.status, said.out) == (0, f"Signed out of {server}\n")
    assert not path.exists()
    assert httpx2.get(f"{server}/api/v1/me", headers=headers).status_code == 401
    assert terminal.run("logout").out == "You are not signed in.\n"


def test_who_signs_in_again_leaves_no_token_behind(
    terminal: Terminal, server: str, email: str
) -> None:
    path = terminal.folder / "login.json"
    assert terminal.run("login", server, typed=f"{email}\n{PASSWORD}\n").status == 0
    first = json.loads(path.read_text())
    said = terminal.run("login", server, typed=f"{email}\n{PASSWORD}\n")
    assert said.status == 0
    assert "earlier token" not in said.err
    second = json.loads(path.read_text())
    tokens = {name: one["token"] for name, one in (("first", first), ("second", second))}
    assert {
        name: httpx2.get(
            f"{server}/api/v1/me", headers={"Authorization": f"Bearer {token}"}
        ).status_code
        for name, token in tokens.items()
    } == {"first": 401, "second": 200}

    path.write_text(json.dumps({**second, "server": "https://elsewhere.invalid"}))
    said = terminal.run("login", server, typed=f"{email}\n{PASSWORD}\n")
    assert said.last == (
        "Your earlier token holds until you revoke it: https://elsewhere.invalid/account"
    )
    path.write_text("damaged")
    assert terminal.run("login", server, typed=f"{email}\n{PASSWORD}\n").status == 0


def test_a_wrong_password_is_one_line(terminal: Terminal, server: str, email: str) -> None:
    said = terminal.run("login", server, typed=f"{email}\nwrong horse\n")
    assert said.status == 2
    assert said.last == "chainrule: the address or the password is not right"
    assert not terminal.folder.exists()


@pytest.mark.parametrize("typed", ["", "ada@example.org\n"])
def test_where_nobody_answers_a_token_is_asked_for(
    terminal: Terminal, server: str, typed: str
) -> None:
    said = terminal.run("login", server, typed=typed)
    assert said.status == 2
    assert said.last == (
        "chainrule: nobody answers here: make a token on your account's page and give it by "
        "--token-file"
    )


def test_a_token_that_was_made_elsewhere_is_kept_and_only_forgotten(
    terminal: Terminal, server: str, people: People
) -> None:
    terminal.sign_in(server, people.ada.token)

    said = terminal.run("logout")
    assert said.status == 0
    assert f"{server}/account" in said.out
    headers = people.ada.headers
    assert httpx2.get(f"{server}/api/v1/me", headers=headers).status_code == 200


def test_a_token_that_does_not_hold_is_not_kept(terminal: Terminal, server: str) -> None:
    assert terminal.run("login", server, "--token-file", "-", typed="crt_no").status == 2
    assert terminal.run("login", server, "--token-file", "-", typed="two words").status == 2
    assert not terminal.folder.exists()


def test_who_is_not_signed_in_is_told_how(terminal: Terminal) -> None:
    said = terminal.run("submit")
    assert said.status == 2
    assert "chainrule login" in said.last


def test_a_file_that_is_no_text_is_no_token(
    terminal: Terminal, server: str, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"\xff\xfe\x00")
    for call in (("login", server), ("submit", "--server", server)):
        said = terminal.run(*call, "--token-file", str(path))
        assert said.status == 2
        assert "a token is one word" in said.err


def test_a_kept_token_goes_to_no_other_service(
    terminal: Terminal, server: str, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.sign_in(server, people.ada.token)
    elsewhere = "http://127.0.0.1:9"

    said = terminal.run("submit", "--server", elsewhere)
    assert said.status == 2
    assert said.last == f"chainrule: you are not signed in there: chainrule login {elsewhere}"
    monkeypatch.setenv("CHAINRULE_SERVER", elsewhere)
    assert terminal.run("submit").status == 2


def test_the_environment_names_service_and_token(
    terminal: Terminal, server: str, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINRULE_SERVER", f"{server}/")
    monkeypatch.setenv("CHAINRULE_TOKEN", people.ada.token)

    said = terminal.run("submit")
    assert (said.status, said.out) == (0, "There is nothing to hand in for at present.\n")


@pytest.mark.parametrize("content", ["", "{}", '{"server": 1}', "\x00"])
def test_a_damaged_login_is_one_line(terminal: Terminal, content: str) -> None:
    terminal.folder.mkdir(parents=True)
    (terminal.folder / "login.json").write_text(content)

    said = terminal.run("submit")
    assert said.status == 2
    assert "login.json is damaged" in said.last


def test_a_folder_that_cannot_be_written_is_one_line(
    terminal: Terminal, server: str, people: People
) -> None:
    Path(terminal.folder).parent.mkdir(parents=True)
    terminal.folder.write_text("a file in its place")

    said = terminal.run("login", server, "--token-file", "-", typed=people.ada.token)
    assert said.status == 2
    assert "cannot be written" in said.last


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("chainrule.example.org", "https://chainrule.example.org"),
        (" https://Example.org/grading/ ", "https://example.org/grading"),
        ("http://[::1]:8000/api/v1", "http://[::1]:8000"),
        ("http://127.0.0.1:8000/api/v1/", "http://127.0.0.1:8000"),
    ],
)
def test_an_address_has_one_spelling(typed: str, meant: str) -> None:
    assert address(typed) == meant


@pytest.mark.parametrize(
    "typed",
    ["", "ftp://x", "https://", "https://x:no", "https://me:secret@x", "https://x/?a=1", "a b"],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(BadInput, match="no address"):
        address(typed)


def test_a_password_that_others_could_read_is_warned_of(terminal: Terminal) -> None:
    assert can_be_overheard("http://192.0.2.1")
    assert not can_be_overheard("http://127.0.0.1:8000")
    assert not can_be_overheard("https://192.0.2.1")

    said = terminal.run("login", "http://invalid.", "--token-file", "-", typed="crt_x")
    assert "can be read on the way" in said.err
