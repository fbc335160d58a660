"""The `mailer` command: opens a transaction, calls one use-case, prints. Decides nothing.

Reads in the room of the one command that is typed: a worker has no use for pages in its memory.
Exit codes: 0 done, 1 refused or failed with a sentence, 2 wrong usage, 3 not ready (`doctor`),
75 try again later (`bounce`).
"""

from pathlib import Path
from pkgutil import resolve_name

import click
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError

from mailer import __version__
from mailer.cli.common import USUAL_CONFIG
from mailer.config import Misconfigured
from mailer.domain.errors import MailerError

ROOMS = {
    "backup": "mailer.cli.backups:backup",
    "bounce": "mailer.cli.bounces:bounce",
    "celery": "mailer.cli.workers:celery",
    "copy": "mailer.cli.service:copy",
    "demo": "mailer.cli.demo:demo",
    "digest": "mailer.cli.newsletters:digest",
    "dkim": "mailer.cli.dkim:dkim",
    "doctor": "mailer.cli.service:doctor",
    "export": "mailer.cli.content:export",
    "import": "mailer.cli.content:import_",
    "init": "mailer.cli.service:init",
    "migrate": "mailer.cli.service:migrate",
    "newsletter": "mailer.cli.newsletters:newsletter",
    "restored": "mailer.cli.backups:restored",
    "run": "mailer.cli.serving:run",
    "user": "mailer.cli.people:user",
    "web": "mailer.cli.serving:web",
    "worker": "mailer.cli.workers:worker",
}
"""Where each command is."""


class _Mailer(click.Group):
    """Reads in a command when it is asked for (a LazyGroup, as click's documentation has it), and
    says known mistakes as sentences, never as tracebacks."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return sorted(ROOMS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        # After a slip all are read in: click proposes what comes near among those it has.
        for name in (cmd_name,) if cmd_name in ROOMS else ROOMS:
            self.add_command(resolve_name(ROOMS[name]), name)
        return super().get_command(ctx, cmd_name)

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
