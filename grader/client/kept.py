"""What the terminal keeps in the person's own folder, for them alone: a login, unanswered keys."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from grader.client.answers import Id, Secret, Sha256
from grader.errors import BadInput

_LOGIN, _UNANSWERED = "login.json", "unanswered.json"
_LOCK = "unanswered.lock"
_MOST_BYTES = 1 << 20


class Login(BaseModel):
    """A service, and a token for it; its id where `chainrule login` had it made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: str
    token: Secret
    token_id: Id | None


class _Key(BaseModel):
    """The key of a file that was sent, as long as nobody has answered."""

    sha256: Sha256
    key: str


class _Unanswered(BaseModel):
    """The keys by service and assignment."""

    keys: dict[str, _Key] = {}


Model = TypeVar("Model", bound=BaseModel)


class Kept:
    """The files in the folder. Nobody else may read them, and none is ever half written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def login(self) -> Login | None:
        """What `chainrule login` left, if anything."""
        return self._read(_LOGIN, Login)

    def keep_login(self, login: Login) -> Path:
        """Keep it in the place of any other; the file."""
        return self._write(_LOGIN, login)

    def forget_login(self) -> None:
        """Remove it."""
        try:
            (self._folder / _LOGIN).unlink(missing_ok=True)
        except OSError as error:
            raise BadInput(f"{self._folder / _LOGIN} cannot be removed: {error.strerror}") from None

    def key_for(self, server: str, assignment_id: int, sha256: str) -> str:
        """The key to send this file with: a fresh one, unless it was sent and never answered.

        So neither a lost answer nor a command that was broken off makes two submissions.
        """
        place = f"{server} {assignment_id}"
        with self._alone():
            keys = self._unanswered().keys
            earlier = keys.get(place)
            if earlier is not None and earlier.sha256 == sha256:
                return earlier.key
            key = str(uuid.uuid4())
            self._keep({**keys, place: _Key(sha256=sha256, key=key)})
        return key

    def answered(self, server: str, assignment_id: int) -> None:
        """What was sent for it has been answered: the same file again is another submission."""
        with self._alone():
            keys = self._unanswered().keys
            if keys.pop(f"{server} {assignment_id}", None) is not None:
                self._keep(keys)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other command changes the keys meanwhile, which would lose one of both."""
        with ExitStack() as held:
            # Where nothing can be locked, as on some shares, nothing is.
            with suppress(OSError, ImportError):
                from fcntl import LOCK_EX, flock

                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
                held.callback(os.close, descriptor)
                flock(descriptor, LOCK_EX)
            yield

    def _unanswered(self) -> _Unanswered:
        with suppress(BadInput):
            return self._read(_UNANSWERED, _Unanswered) or _Unanswered()
        return _Unanswered()

    def _keep(self, keys: dict[str, _Key]) -> None:
        # Where nothing can be kept, the key lasts as long as the command does.
        with suppress(BadInput):
            self._write(_UNANSWERED, _Unanswered(keys=keys))

    def _read(self, name: str, model: type[Model]) -> Model | None:
        path = self._folder / name
        try:
            with path.open("rb") as file:
                return model.model_validate_json(file.read(_MOST_BYTES))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}") from None
        except ValidationError:
            raise BadInput(f"{path} is damaged; remove it, and sign in again") from None

    def _write(self, name: str, content: BaseModel) -> Path:
        path = self._folder / name
        beside = self._folder / f".{name}.{secrets.token_hex(8)}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with open(descriptor, "w", encoding="utf-8") as file:
                    file.write(content.model_dump_json(indent=2))
                os.replace(beside, path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise BadInput(f"{path} cannot be written: {error.strerror}") from None
        return path
