"""Commands for the operator: set up, migrate, move to another database, look for what is wrong."""

import secrets
import tomllib
from pathlib import Path

import click

from mailer.boot import Parts
from mailer.cli.common import USUAL_CONFIG, as_json, get_parts, print_json, print_table, quote
from mailer.config import Misconfigured, load, read
from mailer.doctor import Diagnosis, examine, mend
from mailer.domain.association import Association
from mailer.storage import migrate as migrations
from mailer.storage.copying import copy_all
from mailer.storage.users import count_users
from mailer.usecases.setup import set_up
from mailer.usecases.users import ensure_roles, has_setup_code, make_setup_code
from mailer.worker.lock import hold_sender_lock

NEW_CONFIG = """\
# Made by `mailer init`. Every other key, with its default, is in config.example.toml.
[site]
base_url = {base_url}
secret_keys = [{key}]

[database]
url = {database}

[mail]
from_address = {sender}
provider = "smtp"

[smtp]
host = "smtp.example.org"
port = 587
username = ""
password = ""
"""


@click.command()
@click.option(
    "--base-url",
    default="http://localhost:8000",
    show_default=True,
    help="Where readers will find the pages.",
)
@click.option(
    "--from",
    "sender",
    default="news@example.org",
    show_default=True,
    help="The address that mail comes from.",
)
@click.option("--name", default="", help="The association's name.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration file to make, instead of the one that every command reads.",
)
@click.pass_context
def init(context: click.Context, base_url: str, sender: str, name: str, path: Path | None) -> None:
    """Make a configuration file and a database; print the setup code.

    Safe to repeat: what is there already stays as it is. While nobody can sign in, a repeat makes
    a new code and the one before stops working.
    """
    usual = context.obj or USUAL_CONFIG
    path = context.obj = path or usual
    if path.exists():
        click.echo(f"{path} is there already and stays as it is.")
    else:
        _write_config(path, base_url, sender)
        click.echo(f"Made {path}. Fill in its [smtp] section before you send.")
    parts = get_parts(context)
    bring_up_to_date(parts)
    code = set_up_database(parts, name, renews_code=True)
    click.echo("The database is ready.")
    if path != usual:
        click.echo(f"Name the file to every other command: mailer --config {path} ...")
    print_code(parts, code)


def _write_config(path: Path, base_url: str, sender: str) -> None:
    """Nothing is written that could not be read again."""
    text = NEW_CONFIG.format(
        base_url=quote(base_url),
        key=quote(secrets.token_urlsafe(48)),
        database=quote(f"sqlite:///{path.resolve().parent / 'mailer.db'}"),
        sender=quote(sender),
    )
    read(tomllib.loads(text), {})
    try:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from error


def set_up_database(parts: Parts, name: str = "", *, renews_code: bool) -> str:
    """Add what is missing to a database. Returns the setup code, if one was made."""
    with parts.sessions() as session:
        now = parts.clock()
        ensure_roles(session)
        set_up(session, Association(name) if name.strip() else None, now)
        if count_users(session) or (has_setup_code(session) and not renews_code):
            return ""
        return make_setup_code(session, now)


def print_code(parts: Parts, code: str) -> None:
    if code:
        click.echo(f"Sign in first at {parts.config.site.base_url}/desk/setup with the code {code}")


@click.command()
@click.pass_context
def migrate(context: click.Context) -> None:
    """Bring the database to the newest version. Safe to repeat. Stop the service first."""
    bring_up_to_date(get_parts(context))
    click.echo("The database is at the newest version.")


def bring_up_to_date(parts: Parts) -> None:
    """Run the migrations that are missing; never under a sender that was made for other tables."""
    if migrations.is_at_head(parts.database):
        return
    with hold_sender_lock(parts.database):
        migrations.upgrade(parts.database)


@click.command()
@click.argument("other", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.pass_context
def copy(context: click.Context, other: Path) -> None:
    """Copy everything into the empty database that the configuration OTHER names.

    From SQLite to PostgreSQL, or back. Stop the service first; afterwards start it with OTHER.
    """
    here, there = get_parts(context), Parts(load(other))
    context.call_on_close(there.database.dispose)
    migrations.upgrade(there.database)
    with hold_sender_lock(here.database), here.reading() as source, there.sessions() as target:
        migrations.check(here.database)
        copied = copy_all(source, target)
    print_table(({"table": name, "rows": rows} for name, rows in copied.items()), ("table", "rows"))


@click.command()
@as_json
@click.pass_context
def doctor(context: click.Context, is_json: bool) -> None:
    """Look for what is wrong and say what to do. Exit code 3 if anything is."""
    diagnoses = _examine(context)
    if is_json:
        print_json([{"ok": one.is_good, "what": one.what, "do": one.advice} for one in diagnoses])
    else:
        for one in diagnoses:
            click.echo(f"{'ok  ' if one.is_good else 'MEND'}  {one.what}")
            if one.advice:
                click.echo(f"      {one.advice}")
    if not all(one.is_good for one in diagnoses):
        context.exit(3)


def _examine(context: click.Context) -> list[Diagnosis]:
    try:
        return examine(get_parts(context))
    except Misconfigured as misconfigured:
        advice = "Correct it in the configuration file or in the environment."
        return [mend(mistake, advice) for mistake in misconfigured.mistakes]
