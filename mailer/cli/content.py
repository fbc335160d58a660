"""Commands that bring something in and take something out: websites, subscribers."""

from typing import Any, BinaryIO

import click

from mailer.cli.common import WHO, as_json, get_parts, print_json
from mailer.cli.people import export_subscribers, import_subscribers, name_file
from mailer.domain.website import UnreadableWebsite, read_website
from mailer.domain.website import as_json as describe
from mailer.usecases.websites import import_website


@click.group("import")
def import_() -> None:
    """Bring in a website's timeline and projects, or a list of people."""


@click.group()
def export() -> None:
    """Take the list of subscribers away."""


@import_.command()
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Only show what was read; needs no database.")
@as_json
@click.pass_context
def website(context: click.Context, file: BinaryIO, dry_run: bool, is_json: bool) -> None:
    """Read the text of a website, copied as it is into FILE ("-": standard input).

    What is certain becomes public, everything else waits at the desk for somebody to decide. The
    same text again changes nothing.
    """
    text = _read_text(file)
    try:
        reading = describe(read_website(text))
    except UnreadableWebsite as mistake:
        raise click.ClickException(str(mistake)) from mistake
    if dry_run:
        _print_reading(reading, is_json=is_json)
        return
    parts = get_parts(context)
    with parts.sessions() as session:
        result = import_website(session, text, name_file(file), WHO, parts.clock())
    if is_json:
        print_json({"new": result.new, "counts": result.counts, "notes": result.notes})
        return
    _print_reading(reading, is_json=False)
    click.echo(
        f"\n{result.new} new rows were kept. {result.counts['open']} of all wait for a decision "
        "at the desk, under “What we read”."
    )


def _read_text(file: BinaryIO) -> str:
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException("This file is no UTF-8 text. Save it as UTF-8.") from error


def _print_reading(reading: dict[str, Any], *, is_json: bool) -> None:
    if is_json:
        print_json(reading)
        return
    click.echo(f"Language: {reading['language'] or 'not said'}")
    for heading, rows in (("Timeline", reading["timeline"]), ("Projects", reading["projects"])):
        click.echo(f"\n{heading}")
        for row in rows:
            _print_row(row)
    for note in reading["notes"]:
        click.echo(f"\n{note}")


def _print_row(row: dict[str, Any]) -> None:
    dates = f"{row['from'] or '':10}  {row['to'] or '':10}"
    title = row["title"] or row.get("proposed_title") or "(no title)"
    click.echo(f"{row['position']:>3}  {dates}  {row['confidence']:11}  {title}")
    organisations = [f"{one['name']} ({one['role']})" for one in row.get("organisations", [])]
    for line in (*filter(None, [", ".join(organisations)]), *row["notes"]):
        click.echo(f"{'':29}{line}")


import_.add_command(import_subscribers)
export.add_command(export_subscribers)
