"""What somebody gives to be handed in: a file, several, a folder, or a zip of any of these.

One of them is handed in. Where more than one could be meant, the person is asked which.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import BinaryIO

from grader import zips
from grader.errors import NotASubmission, TooLarge
from grader.notebooks.read import MAX_FILE_BYTES
from grader.safetext import one_line, storable
from grader.services.access import Actor, Right, permit_assignment
from grader.services.site import Site
from grader.services.submissions import Receipt, submit

_SUFFIXES = (".ipynb", ".py")
_NOT_THEIRS = ("__MACOSX", "__pycache__")  # what systems put beside people's files
_MOST_RATIO = 200
_MOST_TO_CHOOSE_FROM = 50
_MOST_ZIPS = 5
_PIECE = 1 << 16


@dataclass(frozen=True)
class Given:
    """A file as a browser sends it; `name` may be a path in a folder."""

    name: str
    file: BinaryIO


@dataclass(frozen=True)
class Choice:
    """Several files could be meant: their names, for the person to pick one."""

    names: Sequence[str]


@dataclass(frozen=True)
class _Candidate:
    """A file that could be handed in; `pieces` reads it from the beginning."""

    name: str
    pieces: Callable[[], Iterator[bytes]]


def hand_in(
    site: Site,
    actor: Actor,
    assignment_id: int,
    given: Sequence[Given],
    *,
    page_key: str | None = None,
    pick: str | None = None,
) -> Receipt | Choice:
    """Hand in the one notebook or Python file among what is given, or the one called `pick`.

    From the page with that key the same file is handed in once, however often it is sent.
    """
    with site.database.reading() as session:
        permit_assignment(session, actor, assignment_id, Right.SUBMIT)
    if sum(one.name.lower().endswith(".zip") for one in given) > _MOST_ZIPS:
        raise NotASubmission(
            f"those are more than {_MOST_ZIPS} zips; choose the one with your work"
        )
    with ExitStack() as stack:
        every = chain.from_iterable(_candidates(one, stack) for one in given)
        wanted = (one for one in every if not pick or one.name == pick)
        # One more than may be chosen from tells that there are too many.
        candidates = list(islice(wanted, 1 if pick else _MOST_TO_CHOOSE_FROM + 1))
        if not candidates:
            if pick:
                raise NotASubmission(f"There is no {one_line(pick, 120)} among these files")
            raise NotASubmission(_none_among(given))
        if len(candidates) > 1:
            return _choice(candidates)
        chosen = candidates[0]
        return submit(
            site,
            actor,
            assignment_id,
            name=chosen.name,
            content=chosen.pieces(),
            idempotency_key=page_key and f"{page_key}-{_digest(chosen.pieces())}",
        )


def _candidates(given: Given, stack: ExitStack) -> Iterator[_Candidate]:
    name = storable(given.name).replace("\\", "/")
    if not _is_theirs(name):
        return
    if name.lower().endswith(".zip"):
        archive = stack.enter_context(zips.opened(given.file, NotASubmission))
        yield from _zipped(archive)
    elif name.lower().endswith(_SUFFIXES):
        yield _Candidate(name, partial(_pieces_of_file, given.file))


def _zipped(archive: zipfile.ZipFile) -> Iterator[_Candidate]:
    """The notebooks and Python files in a zip; what else is in it is neither read nor minded."""
    for entry in archive.infolist():
        name = entry.orig_filename
        if entry.is_dir() or not name.lower().endswith(_SUFFIXES) or not _is_theirs(name):
            continue
        why = zips.refused_name(entry) or zips.refused_kind(entry)
        if why is None and zips.is_bomb(entry, _MOST_RATIO):
            why = f"unpacks to more than {_MOST_RATIO} times its size"
        if why is not None:
            raise zips.bad_entry(entry, why, NotASubmission)
        if entry.file_size > MAX_FILE_BYTES:
            why = f"is larger than {MAX_FILE_BYTES >> 20} MiB; clear its outputs and save it again"
            raise zips.bad_entry(entry, why, TooLarge)
        yield _Candidate(name, partial(_pieces_of_entry, archive, entry))


def _is_theirs(name: str) -> bool:
    """Whether a person made this file, and not their system: no part of its path is hidden."""
    parts = PurePosixPath(name).parts
    return not any(part in _NOT_THEIRS or part.startswith(".") for part in parts if part != "..")


def _choice(candidates: Sequence[_Candidate]) -> Choice:
    if len(candidates) > _MOST_TO_CHOOSE_FROM:
        raise NotASubmission(
            f"These are more than {_MOST_TO_CHOOSE_FROM} notebooks and Python files; give the one "
            "alone that is to be graded"
        )
    return Choice([one.name for one in candidates])


def _none_among(given: Sequence[Given]) -> str:
    names = [one.name for one in given if one.name]
    if not names:
        return "Choose a notebook (.ipynb) or a Python file (.py) first"
    if len(names) == 1 and not names[0].lower().endswith(".zip"):
        return f"{one_line(names[0], 120)}: only .ipynb and .py files can be graded"
    where = one_line(names[0], 120) if len(names) == 1 else f"these {len(names)} files"
    return f"There is no notebook (.ipynb) and no Python file (.py) in {where}"


def _pieces_of_file(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


def _pieces_of_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(entry) as file:
            while piece := file.read(_PIECE):
                yield piece
    except (*zips.BROKEN, RuntimeError) as error:
        why = f"cannot be unpacked: {error}"
        raise zips.bad_entry(entry, why, NotASubmission) from None


def _digest(pieces: Iterable[bytes]) -> str:
    """What tells files of one page apart; of what is too large anyway its beginning does."""
    digest, seen = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        seen += len(piece)
        if seen > MAX_FILE_BYTES:
            break
    return digest.hexdigest()
