"""What the terminal shows: a line while it waits, the receipt, and what came out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.text import Text

from grader.client.answers import Receipt, clock
from grader.domain.outcomes import Outcome, RunStatus
from grader.errors import InternalError
from grader.notebooks.read import Submission
from grader.notebooks.write import errors_of
from grader.report import print_report
from grader.resultdoc import ResultDocument
from grader.safetext import one_line

if TYPE_CHECKING:
    from rich.status import Status

    from grader.domain.results import CellOutput

_NO_NOTEBOOK = (ValueError, KeyError, TypeError, RecursionError)


class Progress:
    """A line that changes, on the terminal of whoever waits; nothing where nobody looks on."""

    def __init__(self, *, is_quiet: bool) -> None:
        is_terminal = Console(stderr=True).is_terminal
        self._console = Console(stderr=True, quiet=is_quiet or not is_terminal)
        self._status: Status | None = None

    @contextmanager
    def shown(self, words: str) -> Iterator[None]:
        """The line stands there during the block."""
        with self._console.status(words) as self._status:
            try:
                yield
            finally:
                self._status = None

    def tell(self, words: str) -> None:
        """The line says this from now on."""
        if self._status is not None:
            self._status.update(Text(one_line(words)))


class Came:
    """What came out: the document as it was sent, and what is understood of it."""

    def __init__(self, server: str, content: bytes) -> None:
        self._server = server
        try:
            self.document: ResultDocument = TypeAdapter(ResultDocument).validate_json(
                content, extra="ignore"
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(map(str, first["loc"])) or "all of it"
            raise InternalError(
                f"{server} gave a result that is not understood: {one_line(field, 100)}: "
                f"{first['msg']}; a newer chainrule may know it"
            ) from None
        self.line = json.dumps(json.loads(content))  # as ASCII: nothing in it steers a terminal

    @property
    def is_judged(self) -> bool:
        """Whether nothing was left without an outcome through a failure of the service."""
        return self.document["run"]["status"] is not RunStatus.INTERNAL_ERROR and not any(
            exercise["outcome"] is Outcome.NOT_JUDGED for exercise in self.document["exercises"]
        )

    def report(self, submission: Submission, notebook: bytes | None) -> None:
        """Print it for reading, as `chainrule grade` does."""
        print_report(self.document, submission, Console(highlight=False), self._outputs(notebook))

    def _outputs(self, notebook: bytes | None) -> list[CellOutput]:
        if notebook is None:
            return []
        try:
            return errors_of(notebook)
        except _NO_NOTEBOOK:
            raise InternalError(f"{self._server} gave an executed notebook that is none") from None


def receipt_lines(receipt: Receipt, server: str, assignment: str) -> list[str]:
    """What somebody keeps, to show that a submission is safe."""
    return [
        f"{one_line(receipt.name, 200)} is in for {assignment}: submission {receipt.id}, "
        f"your number {receipt.number}",
        f"  received  {clock(receipt.received_at)}. {one_line(receipt.lateness)}",
        f"  sha256    {receipt.sha256}",
        f"  page      {server}/submissions/{receipt.id}",
    ]
