"""The `mailer` command: opens a transaction, calls one use-case, prints. Decides nothing.

Exit codes: 0 done, 1 refused or failed with a sentence, 2 wrong usage, 3 not ready (`doctor`),
75 try again later (`bounce`).
"""

from pathlib import Path

import click
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError

from mailer import __version__
from mailer.cli import backups, bounces, content, demo, dkim, newsletters, people, service
from mailer.cli.common import USUAL_CONFIG
from mailer.config import Misconfigured
from mailer.domain.errors import MailerError


class _Mailer(click.Group):
    """Says known mistakes as sentences, never as tracebacks."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except (MailerError, Misconfigured) as error:
            raise click.ClickException(str(error)) from error
        except DatabaseError as error:
            if isinstance(error, DataError | IntegrityError):
                raise  # a mistake of ours, and its traceback says where
            cause = str(error.orig).partition("\n")[0]
            raise click.ClickException(
                f"The database cannot be used: {cause}. Run `mailer doctor` to see why."
            ) from error


@click.group(cls=_Mailer)
@click.version_option(__version__, prog_name="mailer")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="MAILER_CONFIG",
    help="The configuration file (or name it in MAILER_CONFIG); config.toml in this folder if "
    "there is one.",
)
@click.pass_context
def main(context: click.Context, path: Path | None) -> None:
    """Newsletters that lose nobody and reach each reader in their own language."""
    context.obj = path or (USUAL_CONFIG if USUAL_CONFIG.exists() else None)


for room in (service, backups, content, newsletters, people, dkim, bounces, demo):
    for command in room.COMMANDS:
        main.add_command(command)
