"""Our own keys: made, published, and used to sign what platforms are to believe."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

_BITS = 2048
ALGORITHM = "RS256"


@dataclass(frozen=True)
class OwnKey:
    """An RSA key of ours; `kid` is the name by which platforms find it among those published."""

    kid: str
    private_pem: str = field(repr=False)


def new_key() -> OwnKey:
    """A fresh one, of a name that tells nothing."""
    from joserfc.jwk import RSAKey

    made = RSAKey.generate_key(_BITS)
    return OwnKey(secrets.token_urlsafe(16), made.as_pem(private=True).decode())


def published(keys: Iterable[OwnKey]) -> dict[str, Any]:
    """Their public halves as a JWK set."""
    return {"keys": [_public(key) for key in keys]}


def signed(claims: Mapping[str, Any], key: OwnKey) -> str:
    """The claims as a JWT that this key has signed."""
    from joserfc import jwt

    header = {"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}
    return jwt.encode(header, dict(claims), _read(key.private_pem), algorithms=[ALGORITHM])


def _public(key: OwnKey) -> dict[str, Any]:
    numbers = _read(key.private_pem).as_dict(private=False)
    return {
        "kty": "RSA",
        "n": numbers["n"],
        "e": numbers["e"],
        "kid": key.kid,
        "alg": ALGORITHM,
        "use": "sig",
    }


@lru_cache(maxsize=8)
def _read(private_pem: str) -> RSAKey:
    # That an RSA key is one takes 60 ms to see, and anybody may ask for those published.
    from joserfc.jwk import RSAKey

    return RSAKey.import_key(private_pem)
