"""The command that a mail server hands each bounce to. It never asks the server to complain about
a bounce: it takes it, or asks to be tried again later."""

import sys
from pathlib import Path
from typing import BinaryIO

import click
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from mailer.cli.common import get_parts
from mailer.config import Misconfigured
from mailer.domain.errors import MailerError
from mailer.domain.feedback import Feedback
from mailer.providers.bounces import LARGEST
from mailer.storage.db import find_cause
from mailer.usecases import feedback
from mailer.worker.bounces import read_safely

CHUNK = 64 * 1024


class _TryLaterError(click.ClickException):
    exit_code = 75  # EX_TEMPFAIL of sysexits.h: a mail server keeps the mail and comes again


@click.command()
@click.pass_context
def bounce(context: click.Context) -> None:
    """Read one mail that came back, from standard input, as a mail server pipes it.

    Exit code 0 also for a mail that is not about one of ours; 75 when it cannot be written down
    now: then the mail server tries again.
    """
    message = read_beginning(sys.stdin.buffer)
    try:
        found = _take(context, message)
    except (MailerError, Misconfigured) as error:
        raise _TryLaterError(str(error)) from error
    except SQLAlchemyError as error:
        cause = str(find_cause(error)).partition("\n")[0]
        raise _TryLaterError(f"The database cannot be used: {cause}.") from error
    if found:
        click.echo(f"Taken: {found.kind.replace('_', ' ')}.")
    else:
        click.echo("Not about a mail of ours: ignored.")


def _take(context: click.Context, message: bytes) -> Feedback | None:
    parts = get_parts(context)
    found = read_safely(message, parts.identify, parts.clock)
    if found:
        _check_file(parts.database)
        with parts.sessions() as session:
            feedback.take(session, found, parts.clock())
    return found


def _check_file(database: Engine) -> None:
    """SQLite would make an empty file where there is none, and a mail server may call us from any
    folder."""
    name = database.url.database or ""
    is_file = database.dialect.name == "sqlite" and not name.startswith((":", "file:"))
    if is_file and not Path(name).exists():
        raise _TryLaterError(
            f"There is no database {Path(name).absolute()}. Write its whole path into database.url."
        )


def read_beginning(stream: BinaryIO) -> bytes:
    """What is read of a mail. The rest is swallowed: a mail server whose pipe breaks takes that
    for a failure."""
    beginning = stream.read(LARGEST)
    while stream.read(CHUNK):
        pass
    return beginning
