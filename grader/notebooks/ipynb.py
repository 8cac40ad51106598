"""The cells of a notebook file, nbformat 3 to 4.5, from JSON that anybody may have made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from grader.domain.rubric import Cell
from grader.errors import NotASubmission
from grader.notebooks.markers import markers_of
from grader.safetext import one_line, storable

_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
_STRING = re.compile(r'"[^"]*"')
_PYTHON_CODE = re.compile(r"^(?:import|from|def|class|#)\s", re.MULTILINE)

_MAX_VALUES = 1_000_000  # of a notebook's JSON, at whatever depth
_MAX_LISTS = 100_000  # lists and objects among them

_PICTURES = ("image/png", "image/jpeg", "image/gif")  # what a cell may have attached
_MOST_NAMES = 100  # of tests after one cell
_MAX_ATTACHMENTS, _LONGEST_NAME = 50, 200

# Kernels whose notebooks do not always name their language.
_KERNELS = {"ir": "R", "julia": "Julia", "javascript": "JavaScript", "bash": "Bash"}


def document_of(text: str) -> Mapping[str, object]:
    """The notebook in `text`; raises NotASubmission where it is none in Python 3."""
    document = _mapping(_decoded(text), "a notebook is a JSON object, this is not one")
    _refuse_other_kernels(_part(document, "metadata"))
    return document


def cells_of(document: Mapping[str, object]) -> Iterator[Cell]:
    """The cells of a notebook in order; raises NotASubmission at one that is no cell."""
    for number, raw in enumerate(_raw_cells(document), start=1):
        yield _cell(number, raw)


def _decoded(text: str) -> object:
    _refuse_too_much(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise NotASubmission(_why_no_json(text, error)) from None
    except RecursionError:
        raise NotASubmission("its JSON is nested too deeply for a notebook") from None
    except ValueError:  # an integer of thousands of digits
        raise NotASubmission("its JSON holds a number that is too long") from None


def _refuse_too_much(text: str) -> None:
    """Raises NotASubmission where decoding would make more values than memory is meant for.

    An empty list takes 28 times the memory of its text. Counted without decoding: what is between
    quotes is taken out, and of what is left each comma and bracket makes one value more.
    """
    if sum(map(text.count, ",[{")) <= _MAX_LISTS:
        return
    bare = _STRING.sub("", text.replace("\\\\", "").replace('\\"', ""))
    lists = bare.count("[") + bare.count("{")
    if lists > _MAX_LISTS or lists + bare.count(",") > _MAX_VALUES:
        raise NotASubmission(
            "its JSON holds more values than a notebook needs; clear its outputs and save it again"
        )


def _why_no_json(text: str, error: json.JSONDecodeError) -> str:
    if _CONFLICT.search(text):
        return "it holds an unresolved merge conflict (<<<<<<<); resolve it and save it in Jupyter"
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return (
            f"it is cut off: the JSON ends in the middle, at line {text.count(chr(10)) + 1}; "
            "save or download it again"
        )
    if not text.lstrip().startswith("{") and _PYTHON_CODE.search(text):
        return "it is not JSON but looks like Python code; hand it in as a .py file"
    return f"it is not valid JSON: {error.msg}, line {error.lineno}, column {error.colno}"


def _raw_cells(document: Mapping[str, object]) -> Iterator[object]:
    version = document.get("nbformat", 4)
    if version == 4:
        cells = document.get("cells")
        if not isinstance(cells, list):
            raise NotASubmission("it is JSON but no notebook: it has no list of cells")
        yield from cells
    elif version == 3:
        sheets = document.get("worksheets")
        if not isinstance(sheets, list):
            raise NotASubmission("it is no notebook: nbformat 3 has worksheets, this has none")
        for sheet in sheets:
            cells = sheet.get("cells") if isinstance(sheet, dict) else None
            if not isinstance(cells, list):
                raise NotASubmission("a worksheet of it has no list of cells")
            yield from cells
    else:
        raise NotASubmission(
            f"it is written in notebook format {one_line(str(version), 20)}; formats 3 and 4 "
            "can be read: open it in Jupyter and save it"
        )


def _cell(number: int, raw: object) -> Cell:
    name = f"cell {number}"
    fields = _mapping(raw, f"{name} is no JSON object")
    kind = fields.get("cell_type")
    if kind == "code":
        source = _text(name, fields.get("source", fields.get("input", "")))  # "input": nbformat 3
    elif kind in ("markdown", "raw", "heading", "html"):
        source = _text(name, fields.get("source", ""))
        if kind == "heading":
            level = fields.get("level", 1)
            source = "#" * (level if level in range(1, 7) else 1) + " " + source  # type: ignore
    else:
        raise NotASubmission(f"{name} has the unknown type {one_line(repr(kind), 40)}")
    metadata = fields.get("metadata")
    tags = _tags(metadata) if isinstance(metadata, dict) else []
    return Cell(
        kind="code" if kind == "code" else "markdown",
        source=source,
        name=name,
        markers=markers_of(source, tags),
        attachments=_attachments(fields.get("attachments")),
    )


def _tags(metadata: Mapping[str, object]) -> list[object]:
    """A cell's tags, and as further ones what other tools know it by.

    Those are nbgrader's `grade_id` and the `tests` that otter runs after the cell: what students
    were given before the assignment was imported grades as it is.
    """
    tags = metadata.get("tags")
    tests = _part(metadata, "otter").get("tests")
    names = [
        _part(metadata, "nbgrader").get("grade_id"),
        *(tests if isinstance(tests, list) else ()),
    ]
    own = [f"chainrule:{name}" for name in names[:_MOST_NAMES] if isinstance(name, str)]
    return [*(tags if isinstance(tags, list) else ()), *own]


def _attachments(given: object) -> Mapping[str, Mapping[str, str]]:
    """Pictures that a cell holds for its text, by name and media type; others are left out."""
    if not isinstance(given, dict):
        return {}
    found: dict[str, Mapping[str, str]] = {}
    for name, data in list(given.items())[:_MAX_ATTACHMENTS]:
        if isinstance(data, dict) and len(name) <= _LONGEST_NAME:
            found[storable(name)] = {
                kind: content
                for kind, content in data.items()
                if kind in _PICTURES and isinstance(content, str) and content.isascii()
            }
    return found


def _text(name: str, source: object) -> str:
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise NotASubmission(f"the source of {name} is neither text nor a list of lines")
    return storable(source).replace("\r\n", "\n").replace("\r", "\n")


def _refuse_other_kernels(metadata: Mapping[str, object]) -> None:
    kernel = _part(metadata, "kernelspec")
    info = _part(metadata, "language_info")
    kernel_name = _word(kernel, "name")
    language = _word(kernel, "language") or _word(info, "name")
    if not language:
        base = kernel_name.lower().rstrip("0123456789.-")
        language = _KERNELS.get(base, "python")
    if not language.lower().startswith(("python", "ipython")):
        raise NotASubmission(
            f"its kernel is {one_line(language, 40)}, not Python 3; choose a Python 3 kernel and "
            "save it again"
        )
    two = _word(info, "version").startswith("2.") and kernel_name != "python3"
    if two or kernel_name == "python2" or language.lower() == "python2":
        raise NotASubmission(
            "its kernel is Python 2, which is no longer run; choose a Python 3 kernel and save it "
            "again"
        )


def _part(metadata: Mapping[str, object], key: str) -> Mapping[str, object]:
    part = metadata.get(key)
    return part if isinstance(part, dict) else {}


def _word(part: Mapping[str, object], key: str) -> str:
    word = part.get(key)
    return word if isinstance(word, str) else ""


def _mapping(value: object, otherwise: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise NotASubmission(otherwise)
    return value
