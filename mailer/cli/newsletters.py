"""Commands about newsletters: what the desk can do, for scripts and for emergencies. Those that
only look are in `newsletter_reports`."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TextIO

import click
from sqlalchemy.orm import Session

from mailer.cli.common import (
    MOMENT,
    WHO,
    as_json,
    check_known,
    get_parts,
    say_moment,
    say_number,
)
from mailer.cli.newsletter_reports import deliveries, list_, number, print_one, report, show
from mailer.domain.delivery import DeliveryState
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.storage.plans import get_plan
from mailer.usecases import approvals, sending
from mailer.usecases import newsletters as usecases
from mailer.usecases.approvals import Order
from mailer.usecases.plans import make_next_issue


@click.group()
def newsletter() -> None:
    """Make, look at, send, pause and report on newsletters."""


for look in (list_, show, deliveries, report):
    newsletter.add_command(look)


@newsletter.command()
@click.argument("title")
@click.option("--lang", default="en", show_default=True, help="Language of the text.")
@click.option("--subject", default="", help="Its subject; the title if empty.")
@click.option(
    "--body", type=click.File(encoding="utf-8-sig"), help='Markdown file ("-": standard input).'
)
@click.option(
    "--topic", "topics", multiple=True, help="Only readers of this topic. Can be repeated."
)
@as_json
@click.pass_context
def new(
    context: click.Context,
    title: str,
    lang: str,
    subject: str,
    body: TextIO | None,
    topics: tuple[str, ...],
    is_json: bool,
) -> None:
    """Make a plain letter as a draft."""
    parts = get_parts(context)
    text = _read(body)
    with parts.sessions() as session:
        now = parts.clock()
        check_known(session, [lang], topics)
        letter = usecases.new_letter(session, title, topics, WHO, now)
        texts = {lang: (subject or title, "", text)}
        usecases.edit(session, letter, title, topics, texts, WHO, now)
        print_one(letter, is_json=is_json)


def _read(body: TextIO | None) -> str:
    try:
        return body.read() if body else ""
    except UnicodeDecodeError as error:
        raise click.ClickException("This file is no UTF-8 text. Save it as UTF-8.") from error


@newsletter.command()
@number
@click.option(
    "--to",
    "addresses",
    multiple=True,
    required=True,
    help="A coordinator's address. Can be repeated.",
)
@click.option(
    "--lang",
    "languages",
    multiple=True,
    default=("en",),
    show_default=True,
    help="In this language. Can be repeated: a mail for each.",
)
@click.pass_context
def test(
    context: click.Context,
    newsletter_id: int,
    addresses: tuple[str, ...],
    languages: tuple[str, ...],
) -> None:
    """Send it to coordinators as a test."""
    parts = get_parts(context)
    with parts.sessions() as session:
        check_known(session, languages)
        found = get_newsletter(session, newsletter_id)
        queued = usecases.send_test(session, found, addresses, languages, WHO, parts.clock())
    click.echo(f"{say_number(queued, 'test mail', 'test mails')} queued.")


@newsletter.command()
@number
@click.option("--at", type=MOMENT, help="When, in Prague time; otherwise after the grace.")
@click.pass_context
def send(context: click.Context, newsletter_id: int, at: datetime | None) -> None:
    """Approve it, so that it goes out. Nothing leaves before the grace is over (ten minutes, or
    engine.grace_seconds); until then `newsletter stop` undoes it."""
    parts = get_parts(context)
    with parts.sessions() as session:
        now = parts.clock()
        found = get_newsletter(session, newsletter_id)
        check = approvals.approve(
            session,
            found,
            Order(at),
            renderer=parts.renderer,
            who=WHO,
            now=now,
            grace=timedelta(seconds=parts.config.engine.grace_seconds),
        )
        people = say_number(check.audience, "person", "people")
        click.echo(f"Goes to {people} at {say_moment(found.send_at)} (Prague).")


def _moving(
    name: str, act: Callable[[Session, Newsletter, str, datetime], object], sentence: str
) -> click.Command:
    """A command that moves one newsletter."""

    @click.command(name, help=sentence)
    @number
    @click.pass_context
    def command(context: click.Context, newsletter_id: int) -> None:
        parts = get_parts(context)
        with parts.sessions() as session:
            found = get_newsletter(session, newsletter_id)
            act(session, found, WHO, parts.clock())
            click.echo(f"Newsletter {found.id} is {found.state.replace('_', ' ')}.")

    return command


newsletter.add_command(_moving("stop", usecases.stop, "Back to draft, before anything has left."))
newsletter.add_command(_moving("pause", sending.pause, "Let no further mail leave until `resume`."))
newsletter.add_command(_moving("resume", sending.resume, "Go on where it was paused."))
newsletter.add_command(
    _moving("cancel", sending.cancel, "Nobody else gets it. This cannot be undone.")
)


@newsletter.command()
@number
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["rejected", "unknown", "expired"]),
    required=True,
    help="Those that ended so. Can be repeated.",
)
@click.pass_context
def retry(context: click.Context, newsletter_id: int, states: tuple[str, ...]) -> None:
    """Try failed mails again."""
    parts = get_parts(context)
    with parts.sessions() as session:
        found = get_newsletter(session, newsletter_id)
        chosen = tuple(DeliveryState(state) for state in states)
        queued = sending.retry(session, found, chosen, WHO, parts.clock())
    click.echo(f"{say_number(queued, 'mail', 'mails')} queued again.")


@newsletter.command()
@number
@click.pass_context
def leave(context: click.Context, newsletter_id: int) -> None:
    """Send no second copy to those whose mail server's answer was lost."""
    parts = get_parts(context)
    with parts.sessions() as session:
        found = get_newsletter(session, newsletter_id)
        left = sending.leave(session, found, WHO, parts.clock())
    said = say_number(
        left,
        "mail of unknown fate is left as it is.",
        "mails of unknown fate are left as they are.",
    )
    click.echo(said)


@click.group()
def digest() -> None:
    """Compose digests."""


@digest.command()
@click.option("--plan", default="weekly", show_default=True, help="Which plan's next issue.")
@click.option("--now", "at", type=MOMENT, help="Compose as if it were this moment.")
@as_json
@click.pass_context
def compose(context: click.Context, plan: str, at: datetime | None, is_json: bool) -> None:
    """Draft the coming issue of a plan; the one that exists already is shown instead."""
    parts = get_parts(context, at)
    with parts.sessions() as session:
        issue = make_next_issue(session, get_plan(session, plan), WHO, parts.clock())
        print_one(issue, is_json=is_json)
