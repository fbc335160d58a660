"""Commands about people: coordinators, and subscribers in large numbers."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import click
from sqlalchemy.orm import Session

from mailer.boot import Parts
from mailer.cli.common import (
    WHO,
    as_json,
    check_known,
    get_parts,
    print_json,
    print_table,
    say_moment,
    say_number,
    to_json,
)
from mailer.domain.consent import SubscriberState
from mailer.domain.permissions import ROLES
from mailer.i18n import INTERFACE
from mailer.storage.languages import get_fallback
from mailer.storage.subscribers import Filter
from mailer.storage.topics import list_topics
from mailer.storage.users import User, list_users
from mailer.usecases import users
from mailer.usecases.import_files import People, read_file, read_people
from mailer.usecases.import_records import make_source, new_number
from mailer.usecases.preferences import Wishes
from mailer.usecases.subscriber_export import list_people, note_export, write_csv
from mailer.usecases.subscriber_import import (
    ImportPlan,
    ImportResult,
    Mode,
    carry_out,
    plan_import,
)


@click.command("subscribers")
@click.argument("file", type=click.File("rb"))
@click.option("--confirmed", is_flag=True, help="They agreed elsewhere and join without a mail.")
@click.option("--reason", default="", help="Where and when they agreed. Kept as proof.")
@click.option("--language", "languages", multiple=True, help="For rows that name none.")
@click.option("--topic", "topics", multiple=True, help="For rows that name none.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@as_json
@click.pass_context
def import_subscribers(
    context: click.Context,
    file: BinaryIO,
    confirmed: bool,
    reason: str,
    languages: tuple[str, ...],
    topics: tuple[str, ...],
    dry_run: bool,
    is_json: bool,
) -> None:
    """Add the people in FILE, a CSV file or a plain list of addresses ("-": standard input).

    Each new one gets a mail and joins by pressing the button in it; with --confirmed they join at
    once. Whoever left, bounced or complained before stays out. A repeat changes nothing.
    """
    if confirmed and not reason and not dry_run:
        raise click.UsageError("--confirmed needs --reason: where and when did they agree?")
    parts = get_parts(context)
    people = read_people(read_file(file.read()))
    opened = parts.reading if dry_run else parts.sessions
    result = None
    with opened() as session:
        plan = _plan(parts, session, people, Wishes(languages, topics))
        if not dry_run:
            result = carry_out(
                session,
                plan,
                Mode.CONFIRMED if confirmed else Mode.ASK,
                number=new_number(session),
                # Whoever is asked proves it themselves; then it is enough to know the source.
                evidence=reason or f"From {name_file(file)}, each person asked by mail",
                who=WHO,
                now=parts.clock(),
            )
    _print_import(plan, result, is_json=is_json)


@click.command("subscribers")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in SubscriberState]),
    help="Only these. Can be repeated.",
)
@click.option("--language", default="", help="Only those who read this language first.")
@click.option("--topic", default="", help="Only those who chose this topic.")
@click.option("--source", default="", help="Only those who came from there.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="A file, not the screen."
)
@as_json
@click.pass_context
def export_subscribers(
    context: click.Context,
    states: tuple[str, ...],
    language: str,
    topic: str,
    source: str,
    output: Path | None,
    is_json: bool,
) -> None:
    """Print the list of subscribers as CSV or JSON. The log keeps that it was taken away."""
    parts = get_parts(context)
    wanted = Filter(states=states, language=language, topic=topic, source=source)
    with parts.sessions() as session:
        number = note_export(session, wanted, WHO, parts.clock())
    if is_json:
        pieces: Iterable[str] = [to_json(list(list_people(parts.reading, wanted))), "\n"]
    else:
        pieces = write_csv(parts.reading, wanted)
    if output is None:
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    _keep_private(output, pieces, encoding="utf-8" if is_json else "utf-8-sig")
    click.echo(f"{say_number(number, 'person was', 'people were')} written to {output}.")


def _keep_private(output: Path, pieces: Iterable[str], encoding: str) -> None:
    try:
        output.touch(mode=0o600)
        output.chmod(0o600)
        with output.open("w", encoding=encoding, newline="") as file:
            file.writelines(pieces)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}.") from error


def name_file(file: BinaryIO) -> str:
    """What a file is called where it came from, without its folder."""
    name = str(getattr(file, "name", "<stdin>"))
    return "standard input" if name == "<stdin>" else Path(name).name


@click.group()
def user() -> None:
    """Add coordinators and list them."""


@user.command()
@click.argument("email")
@click.option("--name", required=True, help="How colleagues know the person.")
@click.option("--role", type=click.Choice(list(ROLES)), required=True)
@click.option("--language", type=click.Choice(INTERFACE), default="en", help="Of the desk.")
@click.option("--password-stdin", is_flag=True, help="Take the password from standard input.")
@click.pass_context
def add(
    context: click.Context, email: str, name: str, role: str, language: str, password_stdin: bool
) -> None:
    """Add a coordinator, who chooses a password by a link that is mailed, good for 48 hours."""
    parts = get_parts(context)
    new = users.NewUser(email, name, role, language)
    with parts.sessions() as session:
        if password_stdin:
            password = sys.stdin.readline().rstrip("\r\n")
            users.add_user(session, new, password, WHO, parts.clock())
        else:
            users.invite(session, new, WHO, parts.clock())
    click.echo(f"Added {email} as {role}.")
    if not password_stdin:
        click.echo("An invitation is queued. It leaves as soon as the service runs.")


@user.command("list")
@as_json
@click.pass_context
def list_(context: click.Context, is_json: bool) -> None:
    """Everybody who has or had an account."""
    parts = get_parts(context)
    with parts.reading() as session:
        rows = [_describe(found) for found in list_users(session)]
    if is_json:
        print_json(rows)
        return
    said = [row | {"since": say_moment(row["created_at"])} for row in rows]
    print_table(said, ("email", "name", "role", "state", "since"))


def _plan(parts: Parts, session: Session, people: People, wishes: Wishes) -> ImportPlan:
    check_known(session, wishes.languages, wishes.topics)
    usual = [topic.slug for topic, _names in list_topics(session) if topic.is_default]
    defaults = Wishes(wishes.languages or (get_fallback(session),), wishes.topics or tuple(usual))
    return plan_import(session, people, defaults, parts.address_key)


def _print_import(plan: ImportPlan, result: ImportResult | None, *, is_json: bool) -> None:
    if is_json:
        print_json(_as_json(plan, result))
        return
    for fate, number in plan.count().items():
        click.echo(f"{number:>7}  {fate}")
    for bad in plan.unusable:
        click.echo(f"line {bad.line}: {bad.text}: {bad.sentence}")
    for slip in plan.suggestions:
        click.echo(f"line {slip.line}: {slip.address}: is it {slip.meant}?")
    if result:
        click.echo(f"Import {result.number}: {result.asked} asked, {result.confirmed} let in.")
    else:
        click.echo("Nothing has happened: this was a dry run.")


def _as_json(plan: ImportPlan, result: ImportResult | None) -> dict[str, Any]:
    done = result and {
        "number": result.number,
        "source": make_source(result.number),
        "asked": result.asked,
        "confirmed": result.confirmed,
    }
    return {
        "counts": plan.count(),
        "unusable": [
            {"line": bad.line, "text": bad.text, "reason": bad.sentence} for bad in plan.unusable
        ],
        "suggestions": [
            {"line": slip.line, "address": slip.address, "meant": slip.meant}
            for slip in plan.suggestions
        ],
        "import": done,
    }


def _describe(found: User) -> dict[str, Any]:
    waits = "invited" if not found.password else "active"
    return {
        "id": found.id,
        "email": found.email,
        "name": found.name,
        "role": ", ".join(role.name for role in found.roles),
        "state": waits if found.active else "shut out",
        "language": found.language,
        "created_at": found.created_at,
    }
