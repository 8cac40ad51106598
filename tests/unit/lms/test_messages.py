"""Launches as platforms say them: what an id_token must hold to, claim by claim."""

from __future__ import annotations

from typing import Any

import pytest

from grader.errors import BadInput
from grader.lms.keysets import PlatformKeys
from grader.lms.messages import Message, verified
from grader.lms.platforms import PlatformFacts
from tests.lmsplatform import LEARNER, LTI, Lms

LMS = Lms()
KEYS = PlatformKeys(lambda _: LMS.out())
PLATFORM = PlatformFacts(
    issuer=LMS.base,
    client_id=LMS.client_id,
    login_url=f"{LMS.base}/auth",
    token_url=f"{LMS.base}/token",
    jwks_url=f"{LMS.base}/jwks",
)
ASKED = {
    "nonce": "n" * 40,
    "state": "s" * 40,
    "client_id": LMS.client_id,
    "redirect_uri": f"{LMS.tool}/lti/launch",
}


def said(changes: dict[str, Any], **more: Any) -> Message:
    """What is read of a launch with these claims changed, or left out where they are None."""
    claims = LMS.claims(LMS.launch(ASKED, "u1", [LEARNER], **more))
    for name, value in changes.items():
        claims.pop(name, None) if value is None else claims.update({name: value})
    token = LMS.signed(claims)
    return verified(token, PLATFORM, KEYS, nonce=ASKED["nonce"], origin=LMS.tool)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"iss": "https://evil.example"}, "another issuer (iss)"),
        ({"iss": "https://lms.example/"}, "another issuer (iss)"),
        ({"iss": None}, "another issuer (iss)"),
        ({"aud": "another"}, "another tool (aud)"),
        ({"aud": ["another"]}, "another tool (aud)"),
        ({"aud": {"client-1": 1}}, "another tool (aud)"),
        ({"azp": "another"}, "another tool (azp)"),
        ({"aud": ["client-1", "another"], "azp": None}, "several tools"),
        ({"nonce": "another"}, "(nonce)"),
        ({"nonce": None}, "(nonce)"),
        ({"exp": 1_000_000_000}, "expired (exp)"),
        ({"exp": None}, "no time in exp"),
        ({"exp": "9999999999"}, "no time in exp"),
        ({"exp": True}, "no time in exp"),
        ({"exp": float("nan")}, "no time in exp"),
        ({"exp": float("inf")}, "no time in exp"),
        ({"iat": 9_999_999_999}, "from the future (iat)"),
        ({"iat": None}, "no time in iat"),
        ({"nbf": 9_999_999_999}, "(nbf)"),
        ({f"{LTI}version": "1.1"}, "(version)"),
        ({f"{LTI}version": None}, "(version)"),
        ({f"{LTI}message_type": "LtiStartProctoring"}, "(message_type)"),
        ({f"{LTI}message_type": ["LtiResourceLinkRequest"]}, "(message_type)"),
        ({f"{LTI}deployment_id": None}, "deployment_id is missing"),
        ({f"{LTI}deployment_id": 7}, "deployment_id is missing"),
        ({f"{LTI}target_link_uri": "https://evil.example/x"}, "somewhere else than here"),
        ({f"{LTI}target_link_uri": "//127.0.0.1:8000/x"}, "target_link_uri is no address"),
        ({f"{LTI}target_link_uri": None}, "target_link_uri"),
        ({f"{LTI}resource_link": None}, "resource_link is missing"),
        ({f"{LTI}context": {"id": "x" * 300}}, "id is longer than 255"),
        ({f"{LTI}context": ["course-7"]}, "context is no object"),
        ({"sub": None}, "sub is missing"),
        ({"sub": ""}, "sub is missing"),
        ({"sub": "a\u202eb"}, "sub holds characters"),
        ({f"{LTI}roles": "Learner"}, "roles is no list"),
        ({f"{LTI}roles": ["x"] * 101}, "roles is too long"),
    ],
)
def test_a_claim_that_is_not_right_is_told(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as refused:
        said(changes)
    assert words in str(refused.value)


def test_several_audiences_are_let_in_where_it_was_given_to_us() -> None:
    found = said({"aud": ["another", "client-1"], "azp": "client-1"})
    assert (found.subject, found.role) == ("u1", "student")
    assert said({"aud": ["client-1"], "azp": None}).subject == "u1"


def test_what_is_told_of_somebody_is_cut_and_never_believed_to_be_more() -> None:
    found = said({"name": "A\u202eda\n" * 200, "email": "no address"})
    assert len(found.name) <= 200
    assert "\n" not in found.name
    assert "\u202e" not in found.name
    assert found.email is None
    parts = said({"given_name": "Ada", "family_name": "Lovelace"})
    assert (parts.name, said({"name": 7}).name) == ("Ada Lovelace", "")


@pytest.mark.parametrize("url", ["ftp://lms.example/x", "javascript:alert(1)", "https://a b/", 7])
def test_an_address_of_a_service_is_one_on_the_web(url: Any) -> None:
    name = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
    with pytest.raises(BadInput, match="lineitems is no address on the web"):
        said({name: {"lineitems": url}})


def test_who_picks_is_told_what_can_be_brought_back() -> None:
    settings = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
    found = said({}, deep_linking=True).picking
    assert found is not None
    assert (found.return_url, found.several, found.line_items) == (
        "https://lms.example/picked",
        True,
        True,
    )
    good = {"deep_link_return_url": "https://lms.example/p", "accept_types": ["ltiResourceLink"]}
    for change, words in (
        ({"deep_link_return_url": None}, "deep_link_return_url is missing"),
        ({"deep_link_return_url": "javascript:x"}, "no address"),
        ({"accept_types": ["file"]}, "accept_types"),
        ({"data": {"a": 1}}, "data of deep_linking_settings"),
        ({"data": "x" * 40_000}, "data of deep_linking_settings"),
        ({"data": "a\0b"}, "data of deep_linking_settings"),
    ):
        with pytest.raises(BadInput) as refused:
            said({settings: {**good, **change}}, deep_linking=True)
        assert words in str(refused.value)
    one = said({settings: {**good, "accept_lineitem": False}}, deep_linking=True).picking
    assert one is not None
    assert (one.several, one.line_items) == (False, False)
