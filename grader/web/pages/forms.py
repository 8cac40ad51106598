"""Forms: what was typed, read by a model, and shown again with each error beside its field.

A form's model is a `Form`, whose fields have their labels as titles. A `Sheet` is one form on a
page. What is left blank is left out, so that a default holds or the field is missed. Moments are
typed as a local time; the sheet knows in which zone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ValidationInfo
from starlette.datastructures import FormData, UploadFile

from grader.errors import BadFields, BadInput, Forbidden, NotFound, NotSignedIn
from grader.safetext import storable
from grader.web.pages.visitors import CurrentVisitor

_TURN = "_turn"  # the field that says which one is meant of a time that comes twice


async def _typed(request: Request, _: CurrentVisitor) -> AsyncIterator[FormData]:
    async with request.form() as form:
        yield form


Typed = Annotated[FormData, Depends(_typed)]


class Form(BaseModel):
    """The base of what forms are read as."""

    model_config = ConfigDict(str_strip_whitespace=True)


def _plain(text: str) -> str:
    if "\0" in text or storable(text) != text:
        raise ValueError("It holds characters that cannot be kept.")
    return text


def _slug(text: str) -> str:
    fitting = all(c.isascii() and (c.isalnum() or c == "-") for c in text) and text == text.lower()
    if not fitting or text.startswith("-") or len(text) > 64:
        raise ValueError("At most 64 of a to z, 0 to 9 and hyphens, as in homework-1.")
    return text


def _email(text: str) -> str:
    name, _, host = text.partition("@")
    if not name or not host or "@" in host or len(text) > 254 or len(text.split()) != 1:
        raise ValueError("An address is like ada@example.org.")
    return text.lower()


def _local(value: Any, info: ValidationInfo) -> datetime:
    assert isinstance(info.context, dict)
    assert info.field_name is not None
    return moment_in(str(value), info.context["zone"], info.context["turns"].get(info.field_name))


Plain = Annotated[str, AfterValidator(_plain)]
Slug = Annotated[str, AfterValidator(_slug)]
Email = Annotated[str, AfterValidator(_email), AfterValidator(_plain)]
# As it was typed: a space at the end of a password is a part of it.
Password = Annotated[str, StringConstraints(strip_whitespace=False, max_length=1000)]
LocalMoment = Annotated[datetime, BeforeValidator(_local)]

Read = TypeVar("Read", bound=Form)


class Sheet(Generic[Read]):
    """One form on a page: its values, and what is wrong with which of them.

    `zone` is the one in which its moments are meant; `prefix` keeps the ids of several forms of a
    page apart.
    """

    def __init__(
        self,
        form: type[Read],
        values: Mapping[str, Any] | FormData | None = None,
        *,
        zone: str = "UTC",
        prefix: str = "",
    ) -> None:
        self.form = form
        self.zone = zone
        self.values = _values_of(form, values or {}, zone)
        self.errors: dict[str, str] = {}
        self.problem = ""  # with no field in particular
        self._prefix = prefix

    def read(self) -> Read:
        """What was typed as the model; raises BadInput, having noted what is wrong where."""
        given = {name: value for name, value in self.values.items() if value not in ("", [], None)}
        turns = {name: self.values.get(name + _TURN) for name in self.form.model_fields}
        try:
            return self.form.model_validate(given, context={"zone": self.zone, "turns": turns})
        except ValidationError as error:
            for one in error.errors():
                self.errors.setdefault(str(one["loc"][0]) if one["loc"] else "", _words(one))
            self.problem = self.errors.pop("", "")
            raise BadInput("something in this form is not right") from None

    @contextmanager
    def refusing(self, **names: str) -> Iterator[None]:
        """Note a refusal of the block beside its field, instead of answering with a page for it.

        Use cases begin their words with the name of a field; `names` are those that are called
        something else here.
        """
        try:
            yield
        except (Forbidden, NotFound, NotSignedIn):
            raise
        except BadInput as error:
            if self.is_wrong:
                return
            if isinstance(error, BadFields):
                for name, words in error.fields.items():
                    self._note(f"{name}: {words}", names)
            else:
                self._note(str(error), names)

    def _note(self, said: str, names: Mapping[str, str]) -> None:
        field, colon, words = said.partition(": ")
        field = names.get(field, field)
        if colon and field in self.form.model_fields:
            self.errors[field] = sentence(words)
        else:
            self.problem = sentence(said)

    @property
    def is_wrong(self) -> bool:
        """Whether anything is."""
        return bool(self.errors or self.problem)

    @property
    def status(self) -> int:
        """The status of a page that shows this form."""
        return 422 if self.is_wrong else 200

    @property
    def first_wrong(self) -> str | None:
        """The field that the focus goes to."""
        return next((name for name in self.form.model_fields if name in self.errors), None)

    def label(self, name: str) -> str:
        """What a field is called on the page."""
        return self.form.model_fields[name].title or name

    def id(self, name: str) -> str:
        """A field's id on the page."""
        return f"{self._prefix}-{name}" if self._prefix else name

    def is_needed(self, name: str) -> bool:
        """Whether a field must be filled in."""
        return self.form.model_fields[name].is_required()

    def comes_twice(self, name: str) -> bool:
        """Whether the local time that stands in a field comes twice, when clocks go back."""
        try:
            local = _naive(str(self.values.get(name) or ""))
        except ValueError:
            return False
        return _is_twice(local, ZoneInfo(self.zone))


def uploaded(typed: FormData, name: str) -> UploadFile | None:
    """The file that was chosen in the field of that name, if any was."""
    file = typed.get(name)
    return file if isinstance(file, UploadFile) and file.filename else None


def go(address: str, done: str = "") -> RedirectResponse:
    """On to another page, which says what is `done`: a word that it knows."""
    return RedirectResponse(f"{address}?{urlencode({'done': done})}" if done else address, 303)


def what_is_done(request: Request, words: Mapping[str, str]) -> str:
    """What the page before has done, in the words of this one; empty where there is nothing."""
    return words.get(request.query_params.get("done", ""), "")


def sentence(words: str) -> str:
    """Words of an error as a sentence."""
    words = words[:1].upper() + words[1:]
    return words if words.endswith((".", "!", "?")) else f"{words}."


def moment_in(text: str, zone: str, turn: str | None = None) -> datetime:
    """The moment of a local time in a zone; raises ValueError with words for who typed it.

    A time that clocks leave out is none. Of one that comes twice `turn` says which is meant,
    "first" or "second".
    """
    local, known = _naive(text), ZoneInfo(zone)
    if not 1970 < local.year < 2200:
        raise ValueError("A year from 1971 to 2199.")
    first = local.replace(tzinfo=known)
    real = first.astimezone(UTC).astimezone(known)
    if real.replace(tzinfo=None) != local:
        raise ValueError(
            f"{local:%H:%M} does not exist in {zone} on {local:%d %b %Y}: the clocks go forward "
            f"then. Say {real:%H:%M} instead."
        )
    if _is_twice(local, known) and turn not in ("first", "second"):
        raise ValueError(
            f"{local:%H:%M} comes twice in {zone} on {local:%d %b %Y}, when the clocks go back. "
            "Choose which one is meant."
        )
    return (first.replace(fold=1) if turn == "second" else first).astimezone(UTC)


def _values_of(form: type[Form], values: Mapping[str, Any], zone: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in form.model_fields.items():
        turn = name + _TURN
        if isinstance(values, FormData):
            texts = [one for one in values.getlist(name) if isinstance(one, str)]
            is_list = "list" in str(field.annotation)
            found[name] = texts if is_list else texts[0] if texts else ""
            found[turn] = values.get(turn)
        elif isinstance(at := values.get(name), datetime):
            local = at.astimezone(ZoneInfo(zone))
            found[name] = f"{local:%Y-%m-%dT%H:%M:%S}".removesuffix(":00")
            found[turn] = "second" if local.fold else "first"
        else:
            found[name], found[turn] = at, values.get(turn)
    return found


def _naive(text: str) -> datetime:
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        local = None
    if local is None or local.tzinfo is not None:
        raise ValueError("A day and a time, as 2026-10-01T12:00.")
    return local


def _is_twice(local: datetime, zone: ZoneInfo) -> bool:
    first, second = local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
    # In the gap, where it differs as well, the earlier one of the two is ahead in time.
    return first.astimezone(UTC) < second.astimezone(UTC)


def _words(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "Fill this in."
        case "too_short":
            return "Choose at least one."
        case "string_too_short":
            return f"At least {context['min_length']} characters."
        case "string_too_long":
            return f"At most {context['max_length']} characters."
        case "int_parsing" | "int_from_float":
            return "A whole number."
        case "float_parsing" | "finite_number":
            return "A number, as 2.5."
        case "greater_than_equal":
            return f"At least {context['ge']:,}."
        case "less_than_equal":
            return f"At most {context['le']:,}."
        case "enum" | "literal_error":
            return "Choose one of these."
        case "value_error":
            return sentence(str(context["error"]))
    return sentence(error["msg"])
