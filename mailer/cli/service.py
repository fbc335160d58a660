"""Commands for the operator: set up, migrate, run, look for what is wrong."""

import secrets
from pathlib import Path

import click

from mailer.cli.common import as_json, get_parts, print_json
from mailer.cli.serving import run_worker, serve_web
from mailer.doctor import examine
from mailer.domain.association import Association
from mailer.storage import migrate as migrations
from mailer.storage.users import count_users
from mailer.usecases.setup import set_up
from mailer.usecases.users import ensure_roles, make_setup_code

NEW_CONFIG = """\
# Made by `mailer init`. Every other key, with its default, is in config.example.toml.
[site]
base_url = "{base_url}"
secret_keys = ["{key}"]

[database]
url = "sqlite:///{database}"

[mail]
from_address = "{sender}"
provider = "smtp"

[smtp]
host = "smtp.example.org"
port = 587
username = ""
password = ""
"""


@click.command()
@click.option("--base-url", default="http://localhost:8000", help="Where readers will find it.")
@click.option("--from", "sender", default="news@example.org", help="Address that mail comes from.")
@click.option("--name", default="", help="The association's name.")
@click.option("--file", "path", type=click.Path(path_type=Path), default=Path("config.toml"))
@click.pass_context
def init(context: click.Context, base_url: str, sender: str, name: str, path: Path) -> None:
    """Make a configuration file and a database; print the setup code. Safe to repeat."""
    context.obj = context.obj or path
    if not context.obj.exists():
        text = NEW_CONFIG.format(
            base_url=base_url,
            key=secrets.token_urlsafe(48),
            database=path.resolve().parent / "mailer.db",
            sender=sender,
        )
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        click.echo(f"Made {path}. Fill in its [smtp] section before you send.")
    parts = get_parts(context)
    migrations.upgrade(parts.database)
    now = parts.clock()
    with parts.sessions() as session:
        ensure_roles(session)
        set_up(session, Association(name) if name else None, now)
        code = "" if count_users(session) else make_setup_code(session, now)
    click.echo("The database is ready.")
    if code:
        click.echo(f"Sign in first at {parts.config.site.base_url}/desk/setup with the code {code}")


@click.command()
@click.pass_context
def migrate(context: click.Context) -> None:
    """Bring the database to the newest version. Safe to repeat."""
    migrations.upgrade(get_parts(context).database)
    click.echo("The database is at the newest version.")


@click.command()
@click.pass_context
def run(context: click.Context) -> None:
    """Serve pages and send mail, in one process."""
    parts = get_parts(context)
    migrations.upgrade(parts.database)
    serve_web(parts, with_worker=True)


@click.command()
@click.pass_context
def web(context: click.Context) -> None:
    """Serve pages only; run `mailer worker` beside it."""
    serve_web(get_parts(context), with_worker=False)


@click.command()
@click.pass_context
def worker(context: click.Context) -> None:
    """Send mail only; run `mailer web` beside it."""
    run_worker(get_parts(context))


@click.command()
@as_json
@click.pass_context
def doctor(context: click.Context, is_json: bool) -> None:
    """Look for what is wrong and say what to do. Exit code 3 if anything is."""
    findings = examine(get_parts(context))
    if is_json:
        print_json([{"ok": f.is_good, "what": f.what, "do": f.advice} for f in findings])
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.is_good else 'MEND'}  {finding.what}")
            if finding.advice:
                click.echo(f"      {finding.advice}")
    if not all(finding.is_good for finding in findings):
        context.exit(3)


COMMANDS = (init, migrate, run, web, worker, doctor)
