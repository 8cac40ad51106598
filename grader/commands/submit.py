"""`chainrule submit`: hands a file in to a service, follows its judging and prints the report."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from grader.client.answers import Receipt
    from grader.client.choosing import Named
    from grader.client.kept import Kept
    from grader.client.service import Service
    from grader.client.showing import Progress
    from grader.notebooks.read import Submission


@dataclass(frozen=True, kw_only=True)
class Order:
    """What one call of the command asks for; `again` is the command that looks again, so far."""

    service: Service
    progress: Progress
    as_json: bool
    again: str


@click.command()
@click.argument("assignment", required=False)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--follow",
    "submission_id",
    type=click.IntRange(1, 2**63 - 1),
    metavar="ID",
    help="Hand nothing in; look again at the submission of that number.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result document, nothing else.")
@click.option("--server", help="The address of the service; by default that of the login.")
@click.option(
    "--token-file",
    type=click.File("r", errors="replace"),
    help="A token for it in a file; - reads it from the standard input.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.pass_context
def submit(
    ctx: click.Context,
    assignment: str | None,
    files: tuple[Path, ...],
    submission_id: int | None,
    as_json: bool,
    server: str | None,
    token_file: TextIO | None,
    quiet: bool,
) -> None:
    """Hand FILES in for ASSIGNMENT, follow the judging and print the report.

    ASSIGNMENT is course/assignment, the assignment's name alone where one of your courses has it,
    or its number; without one, what you can hand in for is listed. A submission is one notebook or
    Python file. Sign in first, by chainrule login. Ctrl-C ends the looking on, and nothing else.
    """
    from grader.cli import FAILURE
    from grader.client.kept import Kept
    from grader.client.service import Service
    from grader.client.showing import Progress
    from grader.client.signing_in import service_and_token
    from grader.config import load_client_settings
    from grader.errors import NotSignedIn

    if submission_id is not None and assignment is not None:
        raise click.UsageError("--follow looks at what is in: name no assignment with it")
    submission = None if assignment is None else _checked(files)
    settings = load_client_settings()
    kept = Kept(settings.folder)
    token = None if token_file is None else token_file.read(1000)
    there, secret = service_and_token(settings, kept, server, token)
    progress = Progress(is_quiet=quiet)
    with Service(there, secret, progress.tell) as service:
        again = "chainrule submit" + (f" --server {there}" if server else "") + " --follow"
        order = Order(service=service, progress=progress, as_json=as_json, again=again)
        try:
            if submission_id is not None:
                is_judged = _look_again(order, submission_id)
            elif assignment is None or submission is None:
                is_judged = _list(order)
            else:
                is_judged = _hand_in(order, kept, assignment, files[0], submission)
        except NotSignedIn as error:
            raise NotSignedIn(f"{error} (chainrule login {there})") from None
    if not is_judged:
        ctx.exit(FAILURE)


def _checked(files: tuple[Path, ...]) -> Submission:
    """The file as the service is going to read it: what it would refuse is not sent."""
    from grader.errors import BadInput
    from grader.notebooks.read import read_submission, refuse_empty

    if not files:
        raise click.UsageError("name the notebook or Python file, too")
    if len(files) > 1:
        raise BadInput(
            f"a submission is one notebook or Python file, and these are {len(files)}; name the "
            "one that is to be graded"
        )
    submission = read_submission(files[0])
    refuse_empty(submission)
    return submission


def _list(order: Order) -> bool:
    from grader.client.choosing import assignments_of, listed

    with order.progress.shown("looking for assignments"):
        everything = assignments_of(order.service)
    click.echo("\n".join(listed(everything)))
    return True


def _hand_in(order: Order, kept: Kept, name: str, path: Path, submission: Submission) -> bool:
    """Hand it in, print the receipt and what comes out; False where a part failed there."""
    from grader.client.choosing import assignments_of, chosen, listed
    from grader.client.showing import receipt_lines
    from grader.errors import BadInput, InternalError, NotFound

    with order.progress.shown("looking for the assignment"):
        everything = assignments_of(order.service)
    try:
        named = chosen(everything, name)
    except NotFound:
        click.echo("\n".join(listed(everything)), err=True)
        raise
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != submission.info.sha256:
        raise BadInput(f"{submission.info.name} was changed at this moment; hand it in again")
    receipt = _sent(order, kept, named, submission, content)
    if receipt.sha256 != submission.info.sha256:
        raise InternalError(
            f"{order.service.server} has received other bytes than were sent (submission "
            f"{receipt.id}, sha256 {receipt.sha256}); hand it in again"
        )
    for line in receipt_lines(receipt, order.service.server, named.name):
        click.echo(line, err=order.as_json)
    return _followed(order, receipt.id, receipt.attempt_id, submission)


def _sent(
    order: Order, kept: Kept, named: Named, submission: Submission, content: bytes
) -> Receipt:
    """The receipt, however often the file has to be sent for it."""
    from grader.errors import BadInput, Elsewhere, InternalError, NotNow, NotSignedIn

    server, assignment_id = order.service.server, named.assignment.id
    key = kept.key_for(server, assignment_id, submission.info.sha256)
    try:
        with order.progress.shown("sending"):
            receipt = order.service.submit(assignment_id, submission.info.name, content, key)
    except BadInput as error:
        # Who was not let in this time may have been heard the time before.
        if not isinstance(error, Elsewhere | NotNow | NotSignedIn):
            kept.answered(server, assignment_id)
        raise
    except (KeyboardInterrupt, InternalError):
        click.echo(
            "Whether it has arrived is not known. The same command hands it in again, and never "
            "makes two submissions of it.",
            err=True,
        )
        raise
    kept.answered(server, assignment_id)
    return receipt


def _look_again(order: Order, submission_id: int) -> bool:
    """Follow and print what was handed in before."""
    from grader.errors import BadInput
    from grader.notebooks.read import parse

    found = order.service.handed_in(submission_id)
    if found.attempt_id is None:
        raise BadInput(f"submission {submission_id} is not judged against the version in force")
    submission = parse(found.name, order.service.file(submission_id))
    return _followed(order, submission_id, found.attempt_id, submission)


def _followed(order: Order, submission_id: int, attempt_id: int, submission: Submission) -> bool:
    """Wait for it to be judged and print what came out."""
    from grader.client.following import follow
    from grader.client.showing import Came
    from grader.errors import BadInput, InternalError

    service = order.service
    try:
        with order.progress.shown("waiting"):
            last = follow(service, submission_id, attempt_id, order.progress.tell)
            if last.stage == "done":
                came = Came(service.server, service.result(submission_id))
                notebook = None if order.as_json else _notebook(service, submission_id)
    except (KeyboardInterrupt, InternalError):
        click.echo(
            f"Submission {submission_id} is in, and is judged whether you look on or not. "
            f"To look again: {order.again} {submission_id}",
            err=True,
        )
        raise
    if last.stage != "done":
        failure = InternalError if last.stage == "failed" else BadInput
        raise failure(f"submission {submission_id}: {last.words}")
    if order.as_json:
        click.echo(came.line)
    else:
        click.echo()
        came.report(submission, notebook)
    return came.is_judged


def _notebook(service: Service, submission_id: int) -> bytes | None:
    from grader.errors import NotFound

    try:
        return service.notebook(submission_id)
    except NotFound:
        return None  # of some runs none is kept
