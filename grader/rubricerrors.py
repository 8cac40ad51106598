"""What pydantic found wrong with a rubric, as one plain sentence with its place in the file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from grader.errors import BadBundle
from grader.markedyaml import Marked, Steps
from grader.safetext import one_line

Schema = Mapping[str, Any]


def first_problem(
    marked: Marked, error: ValidationError, schema: Callable[[], Schema]
) -> BadBundle:
    """The problem that stands first in the file; `schema` is the rubric's JSON Schema."""
    found = [_Problem(marked, dict(one), schema) for one in error.errors(include_url=False)]
    problems = [one for one in found if not any(map(one.follows_from, found))]
    first = min(problems, key=lambda one: one.order)
    same = [one.sentence for one in problems if one.order == first.order]
    # A value that may be of several types has been tried as each of them.
    sentence = " or ".join([same[0], *(one.removeprefix("should be ") for one in same[1:4])])
    return marked.error(first.steps, sentence, key=first.at_key)


class _Problem:
    def __init__(
        self, marked: Marked, error: Mapping[str, Any], schema: Callable[[], Schema]
    ) -> None:
        self.type = error["type"]
        self.steps = _steps_in(marked.data, error["loc"])
        self.at_key = self.type in ("extra_forbidden", "unexpected_keyword_argument")
        self.sentence = self._worded(marked, error, schema)
        self.order = (marked.keys if self.at_key else marked.values)[self.steps], self.steps

    def follows_from(self, other: _Problem) -> bool:
        """Whether the other problem is the reason of this one, or likely to be."""
        if self.type == "too_short":  # items that are wrong don't count
            return other.steps[: len(self.steps)] == self.steps != other.steps
        # A field that is not known may be the one that is missing, misspelt.
        return self.type == "missing" and other.at_key and other.steps[:-1] == self.steps

    def _worded(
        self, marked: Marked, error: Mapping[str, Any], schema: Callable[[], Schema]
    ) -> str:
        context = error.get("ctx", {})
        match error["type"]:
            case "missing":
                return f"`{error['loc'][-1]}` is missing"
            case "extra_forbidden" | "unexpected_keyword_argument":
                known = list(_fields(schema(), marked.data, self.steps[:-1]))
                return _unknown(str(self.steps[-1]), known)
            case "union_tag_not_found":
                return "`kind` is missing"
            case "union_tag_invalid":
                self.steps = (*self.steps, "kind")
                kinds = [kind.strip(" '") for kind in context["expected_tags"].split(",")]
                return _unknown(context["tag"], kinds)
            case "value_error":
                return one_line(str(context["error"]))
            case "string_pattern_mismatch":
                return "should be of small letters, digits and hyphens"
            case "too_short" | "string_too_short":
                return "should not be empty"
            case "dataclass_type" | "model_type" | "model_attributes_type" | "dict_type":
                return "should be a mapping: `name: value`"
            case "tuple_type" | "list_type":
                return "should be a list"
        message = one_line(error["msg"])
        return message.replace("Input should", "should", 1)


def _unknown(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    more = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
    return f"`{one_line(word, 60)}` is not known here; {more}"


def _steps_in(data: object, loc: tuple[str | int, ...]) -> Steps:
    """Those steps of pydantic's that the data has: it also names types and missing fields."""
    steps: list[str | int] = []
    before: str | int = ""
    for step in loc:
        # Of a check its kind is named first, which a field of it may be called as well.
        is_kind = isinstance(before, int) and isinstance(data, dict) and data.get("kind") == step
        before = step
        if is_kind:
            continue
        if (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            steps.append(step)
            data = data[step]  # type: ignore[index]
    return tuple(steps)


def _fields(schema: Schema, data: object, steps: Steps) -> Iterator[str]:
    """The names of the fields that may stand in the mapping at `steps`."""
    places = [schema]
    for step in steps:
        places = [inner for one in places for inner in _inner(_resolved(schema, one, data), step)]
        data = data[step]  # type: ignore[index]
    for one in places:
        for choice in _resolved(schema, one, data):
            yield from choice.get("properties", {})


def _resolved(schema: Schema, place: Schema, data: object) -> list[Schema]:
    """The schemas that `place` means, its references and alternatives followed."""
    if "$ref" in place:
        return _resolved(schema, schema["$defs"][place["$ref"].rpartition("/")[2]], data)
    if "discriminator" in place and isinstance(data, dict):
        mapping = place["discriminator"]["mapping"]
        return _resolved(schema, {"$ref": mapping[data["kind"]]}, data)
    choices = [*place.get("anyOf", ()), *place.get("oneOf", ())]
    if choices:
        return [one for choice in choices for one in _resolved(schema, choice, data)]
    return [place]


def _inner(places: list[Schema], step: str | int) -> Iterator[Schema]:
    for place in places:
        inner = (
            place.get("items", place.get("additionalProperties"))
            if isinstance(step, int)
            else place.get("properties", {}).get(step, place.get("additionalProperties"))
        )
        if isinstance(inner, dict):
            yield inner
