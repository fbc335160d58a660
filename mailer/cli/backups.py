"""Commands for the day on which something was lost: keep a copy, and come back to it."""

from pathlib import Path

import click

from mailer.boot import Parts
from mailer.cli.common import WHO, get_parts, say_moment, say_number
from mailer.storage import migrate
from mailer.storage.backup import copy_file
from mailer.usecases import restores
from mailer.usecases.outages import find_restore

HELD = """\
No newsletter leaves until you have said what was sent since {moment}:
  mailer restored --resend-nothing   something was, or may have been
  mailer restored --send             nothing was\
"""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def backup(context: click.Context, file: Path) -> None:
    """Copy the database into FILE, which must not exist, while the service runs (SQLite).

    A service that is started on the copy holds newsletters back until `mailer restored` was run.
    """
    parts = get_parts(context)
    migrate.check(parts.database)
    now = parts.clock()
    copy_file(parts.database, file, lambda session: restores.hold_back(session, now, now))
    click.echo(f"Everything up to {say_moment(now)} is in {file}.")


@click.command()
@click.option("--hold", is_flag=True, help="Hold newsletters back for now.")
@click.option(
    "--resend-nothing",
    is_flag=True,
    help="Mail that may have been sent since the backup becomes “unknown”, for a coordinator.",
)
@click.option("--send", is_flag=True, help="Nothing was sent since the backup: go on.")
@click.pass_context
def restored(context: click.Context, hold: bool, resend_nothing: bool, send: bool) -> None:
    """Say that this database is a restored backup, or what was sent since the backup was made.

    Without an option: how it stands. A service that notices by itself holds newsletters back, too.
    """
    if hold + resend_nothing + send > 1:
        raise click.UsageError("Choose one of --hold, --resend-nothing and --send.")
    parts = get_parts(context)
    migrate.check(parts.database)
    if resend_nothing or send:
        _release(parts, resends=send)
        return
    with parts.sessions() as session:
        if hold:
            restores.hold(session, parts.clock())
        held = find_restore(session)
    click.echo(HELD.format(moment=say_moment(held.since)) if held else restores.NOTHING_HELD)


def _release(parts: Parts, *, resends: bool) -> None:
    with parts.sessions() as session:
        doubtful = restores.release(session, WHO, parts.clock(), resends=resends)
    click.echo("Newsletters leave again.")
    if not resends:
        mails = say_number(doubtful, "mail is", "mails are")
        click.echo(f"{mails} unknown now: the reports of the newsletters list them.")
        click.echo("If an import was waiting for answers, import its list again.")
    click.echo(
        "Whoever unsubscribed after the backup is subscribed again. docs/backups.md says where "
        "to find them."
    )
