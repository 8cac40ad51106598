"""Tokens, oneself, and persons."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Path
from pydantic import Field, SecretStr

from grader.db.models import Token
from grader.services import identities, people
from grader.services.access import Right
from grader.web.api.bodies import Body, Email, Name, RowId, View
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite

router = for_programs("people")


class SignIn(Body):
    """Address and password, for a first token."""

    email: Email
    password: SecretStr = Field(max_length=1000)
    name: Name = "signed in"
    scopes: list[Right] = Field(default_factory=lambda: list(Right))
    expires_in_days: int = Field(30, ge=1, le=366)


class TokenBody(Body):
    """A further token."""

    name: Name
    scopes: list[Right] = Field(min_length=1)
    expires_in_days: int = Field(90, ge=1, le=366)


class TokenView(View):
    """A token without its secret."""

    id: int
    name: str
    scopes: list[Right]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class IssuedTokenView(TokenView):
    """A token with its secret, which is shown this once."""

    secret: str


class PersonBody(Body):
    """A person to create."""

    email: Email
    name: Name
    password: SecretStr | None = Field(None, max_length=1000)
    is_admin: bool = False


class PersonChange(Body):
    """What is left out stays."""

    name: Name | None = None
    password: SecretStr | None = Field(None, max_length=1000)
    is_admin: bool | None = None


class PasswordBody(Body):
    """One's own password, and what it is to be."""

    old: SecretStr = Field(max_length=1000)
    new: SecretStr = Field(max_length=1000)


class PersonView(View):
    """A person."""

    id: int
    email: str = Field(validation_alias="address")
    name: str
    is_admin: bool


class IdentityView(View):
    """Who somebody is in an LMS; `platform` is null where none of that issuer is registered."""

    id: int
    platform: str | None
    issuer: str
    subject: str
    known_since: datetime


@router.post("/sign-in", status_code=201)
def sign_in(site: CurrentSite, body: SignIn) -> IssuedTokenView:
    """A token for who has an address and a password here."""
    actor = people.actor_of_password(site, body.email, body.password.get_secret_value())
    scopes = frozenset(body.scopes)
    lasts = timedelta(days=body.expires_in_days)
    return _issued(people.issue_token(site, actor, body.name, scopes, lasts))


@router.get("/me")
def get_me(site: CurrentSite, actor: CurrentActor) -> PersonView:
    """Who the token belongs to."""
    return PersonView.model_validate(people.get_person(site, actor))


@router.get("/tokens")
def list_tokens(site: CurrentSite, actor: CurrentActor) -> list[TokenView]:
    """One's own tokens."""
    return [_token(one) for one in people.list_tokens(site, actor)]


@router.post("/tokens", status_code=201)
def issue_token(site: CurrentSite, actor: CurrentActor, body: TokenBody) -> IssuedTokenView:
    """A further token, with at most the scopes of the one in use."""
    lasts = timedelta(days=body.expires_in_days)
    return _issued(people.issue_token(site, actor, body.name, frozenset(body.scopes), lasts))


@router.delete("/tokens", status_code=204)
def revoke_tokens(site: CurrentSite, actor: CurrentActor) -> None:
    """All of one's own tokens hold no more, this one as well."""
    people.revoke_tokens(site, actor)


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(
    site: CurrentSite, actor: CurrentActor, token_id: Annotated[RowId, Path()]
) -> None:
    """One of one's own tokens holds no more."""
    people.revoke_token(site, actor, token_id)


@router.post("/persons", status_code=201)
def create_person(site: CurrentSite, actor: CurrentActor, body: PersonBody) -> PersonView:
    """A person who signs in with a password; for admins."""
    password = body.password.get_secret_value() if body.password else None
    person = people.create_person(
        site, actor, email=body.email, name=body.name, password=password, is_admin=body.is_admin
    )
    return PersonView.model_validate(person)


@router.patch("/persons/{person_id}")
def change_person(
    site: CurrentSite, actor: CurrentActor, person_id: Annotated[RowId, Path()], body: PersonChange
) -> PersonView:
    """Another name or password, or an admin or none any more; for admins.

    A new password ends their sessions and tokens.
    """
    password = body.password.get_secret_value() if body.password else None
    person = people.change_person(
        site, actor, person_id, name=body.name, password=password, is_admin=body.is_admin
    )
    return PersonView.model_validate(person)


@router.get("/me/identities")
def list_own_identities(site: CurrentSite, actor: CurrentActor) -> list[IdentityView]:
    """Who one is in LMSs."""
    found = identities.list_identities(site, actor)
    return [IdentityView.model_validate(one) for one in found]


@router.delete("/me/identities/{identity_id}", status_code=204)
def separate_oneself(
    site: CurrentSite, actor: CurrentActor, identity_id: Annotated[RowId, Path()]
) -> None:
    """Whoever comes from that LMS is somebody else from now on. One's work, grades and tokens stay;
    sessions end."""
    identities.separate(site, actor, identity_id)


@router.get("/persons/{person_id}/identities")
def list_identities(
    site: CurrentSite, actor: CurrentActor, person_id: Annotated[RowId, Path()]
) -> list[IdentityView]:
    """Who a person is in LMSs; for admins."""
    found = identities.list_identities(site, actor, person_id)
    return [IdentityView.model_validate(one) for one in found]


@router.delete("/persons/{person_id}/identities/{identity_id}", status_code=204)
def separate_person(
    site: CurrentSite,
    actor: CurrentActor,
    person_id: Annotated[RowId, Path()],
    identity_id: Annotated[RowId, Path()],
) -> None:
    """Whoever comes from that LMS is somebody else than this person from now on; for admins."""
    identities.separate(site, actor, identity_id, person_id)


@router.put("/me/password", status_code=204)
def change_password(site: CurrentSite, actor: CurrentActor, body: PasswordBody) -> None:
    """Another password of one's own; sessions end, tokens stay."""
    old, new = body.old.get_secret_value(), body.new.get_secret_value()
    people.change_password(site, actor, old=old, new=new)


def _token(token: Token) -> TokenView:
    return TokenView(
        id=token.id,
        name=token.name,
        scopes=[Right(scope) for scope in token.scopes.split()],
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )


def _issued(issued: people.IssuedToken) -> IssuedTokenView:
    return IssuedTokenView(**_token(issued.token).model_dump(), secret=issued.secret)
