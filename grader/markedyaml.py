"""YAML as plain data that remembers where each value stands in its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grader.errors import BadBundle
from grader.safetext import one_line, storable

MAX_BYTES = 1 << 20
_MAX_VALUES = 100_000  # aliases repeat what they stand for

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same language, ten times faster

Steps = tuple[str | int, ...]  # from the top: keys of mappings and indices of lists


@dataclass(frozen=True)
class Marked:
    """A document's plain data, and the line and column of each value and each key."""

    file: str
    data: object
    values: Mapping[Steps, tuple[int, int]]
    keys: Mapping[Steps, tuple[int, int]]

    def error(self, steps: Steps, sentence: str, *, key: bool = False) -> BadBundle:
        """A BadBundle that names the place of a value, or of its key, and its field path."""
        line, column = (self.keys if key else self.values).get(steps) or self.values[steps]
        path = f"{field_path(steps)}: " if steps else ""
        return BadBundle(f"{self.file}:{line}:{column}: {path}{sentence}")


def field_path(steps: Steps) -> str:
    """How a person writes the way to a value: `exercises[1].checks[0].points`."""
    words = (f"[{step}]" if isinstance(step, int) else f".{one_line(step, 60)}" for step in steps)
    return "".join(words).removeprefix(".")


def read_marked(path: Path, name: str) -> Marked:
    """Read a YAML file that is called `name` in errors; raise BadBundle where it is not valid."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise BadBundle(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadBundle(f"{name}:{line}:1: not UTF-8") from None
    if len(data) > MAX_BYTES:
        raise BadBundle(f"{name} is larger than {MAX_BYTES >> 20} MiB")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise BadBundle(f"{name}:1:1: the file is empty")
        reader = _Reader(loader, name)
        return Marked(name, reader.plain(node, ()), reader.values, reader.keys)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, name, text) from None
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise BadBundle(f"{name}: {one_line(str(error))}") from None
    except RecursionError:
        raise BadBundle(f"{name} is nested too deeply") from None
    finally:
        loader.dispose()


def _syntax_error(error: yaml.MarkedYAMLError, name: str, text: str) -> BadBundle:
    mark = error.problem_mark or error.context_mark
    sentence = one_line(error.problem or error.context or "not valid YAML")
    if mark is None:
        return BadBundle(f"{name}: {sentence}")
    lines = text.split("\n")
    here = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in here[: mark.column + 1]:
        sentence = "YAML is indented with spaces; there is a tab here"
    return BadBundle(f"{name}:{mark.line + 1}:{mark.column + 1}: {sentence}")


class _Reader:
    """Makes plain data of nodes and notes where each value came from."""

    def __init__(self, loader: Any, name: str) -> None:
        self.values: dict[Steps, tuple[int, int]] = {}
        self.keys: dict[Steps, tuple[int, int]] = {}
        self._loader = loader
        self._name = name

    def plain(self, node: yaml.Node, steps: Steps) -> object:
        if len(self.values) >= _MAX_VALUES:
            raise BadBundle(f"{self._name} holds more than {_MAX_VALUES} values")
        self.values[steps] = _position(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, steps)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*steps, at)) for at, item in enumerate(node.value)]
        try:
            value = self._loader.construct_object(node)
            if isinstance(value, str) and ("\0" in value or storable(value) != value):
                raise ValueError("it holds characters that cannot be stored")
            return value
        except (ValueError, LookupError, AttributeError, OverflowError) as error:
            # A date that no calendar has, a number of 5,000 digits, or a tag that does not fit.
            line, column = self.values[steps]
            path = f"{field_path(steps)}: " if steps else ""
            words = one_line(f"{path}is no value: {error}")
            raise BadBundle(f"{self._name}:{line}:{column}: {words}") from None

    def _mapping(self, node: yaml.MappingNode, steps: Steps) -> dict[str, object]:
        self._refuse_repeated_keys(node, steps)
        self._loader.flatten_mapping(node)  # what `<<` merges in comes first, and is overridden
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            self.keys[*steps, key] = _position(key_node)
            found[key] = self.plain(value_node, (*steps, key))
        return found

    def _refuse_repeated_keys(self, node: yaml.MappingNode, steps: Steps) -> None:
        seen: dict[str, int] = {}
        for key_node, _ in node.value:
            line, column = _position(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                raise BadBundle(f"{self._name}:{line}:{column}: a key must be a word")
            key = key_node.value
            if key in seen and key != "<<":
                path = field_path((*steps, key))
                raise BadBundle(
                    f"{self._name}:{line}:{column}: {path}: stands twice, first in line {seen[key]}"
                )
            seen[key] = line


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
