"""Commands about newsletters: what the desk can do, for scripts and for emergencies."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TextIO

import click
from sqlalchemy.orm import Session

from mailer.cli.common import (
    MOMENT,
    WHO,
    as_json,
    check_known,
    get_parts,
    print_json,
    print_table,
    say_moment,
    say_number,
)
from mailer.domain.delivery import DeliveryState
from mailer.domain.pausing import Reason
from mailer.storage import accounts
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter, get_newsletter, list_newsletters
from mailer.storage.plans import get_plan
from mailer.usecases import approvals, sending
from mailer.usecases import newsletters as usecases
from mailer.usecases.approvals import Order
from mailer.usecases.checks import check_newsletter
from mailer.usecases.plans import make_next_issue

number = click.argument("newsletter_id", metavar="NUMBER", type=int)


@click.group()
def newsletter() -> None:
    """Make, look at, send, pause and report on newsletters."""


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
        _print(letter, is_json=is_json)


def _read(body: TextIO | None) -> str:
    try:
        return body.read() if body else ""
    except UnicodeDecodeError as error:
        raise click.ClickException("This file is no UTF-8 text. Save it as UTF-8.") from error


@newsletter.command("list")
@as_json
@click.pass_context
def list_(context: click.Context, is_json: bool) -> None:
    """The newest newsletters and how they stand."""
    parts = get_parts(context)
    with parts.reading() as session:
        rows = [_describe(found) for found in list_newsletters(session)]
    if is_json:
        print_json(rows)
    else:
        print_table(rows, ("id", "state", "kind", "audience", "when", "title", "reason"))


@newsletter.command()
@number
@as_json
@click.pass_context
def show(context: click.Context, newsletter_id: int, is_json: bool) -> None:
    """Who would get it, and what stands in the way."""
    parts = get_parts(context)
    with parts.reading() as session:
        found = get_newsletter(session, newsletter_id)
        check = check_newsletter(
            session, found, parts.renderer, parts.config.site.base_url, parts.clock()
        )
        described = _describe(found) | {
            "readers": dict(check.readers),
            "subjects": {lang: letter.rendered.subject for lang, letter in check.letters.items()},
            "blockers": list(check.blockers),
        }
    _print_facts(described, is_json=is_json)


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
            base_url=parts.config.site.base_url,
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


@newsletter.command()
@number
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in DeliveryState]),
    help="Those in this state. Can be repeated; otherwise all.",
)
@click.option("--after", default=0, show_default=True, help="Those after this delivery's number.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most."
)
@as_json
@click.pass_context
def deliveries(
    context: click.Context,
    newsletter_id: int,
    states: tuple[str, ...],
    after: int,
    limit: int,
    is_json: bool,
) -> None:
    """Who got it, who did not, and what the mail server said."""
    parts = get_parts(context)
    wanted = [DeliveryState(state) for state in states]
    with parts.reading() as session:
        get_newsletter(session, newsletter_id)
        found = accounts.list_deliveries(
            session, newsletter_id, states=wanted, after=after, limit=limit + 1
        )
        rows = [_describe_delivery(delivery) for delivery in found[:limit]]
    if is_json:
        print_json(rows)
    else:
        print_table(rows, ("id", "state", "address", "attempts", "code", "said"))
    if len(found) > limit:
        # Beside the data, which a program may be reading.
        click.echo(f"There are more: go on with --after {rows[-1]['id']}.", err=True)


@newsletter.command()
@number
@as_json
@click.pass_context
def report(context: click.Context, newsletter_id: int, is_json: bool) -> None:
    """How it went: every recipient counted in exactly one state."""
    parts = get_parts(context)
    with parts.reading() as session:
        found = get_newsletter(session, newsletter_id)
        account = accounts.get_account(session, found)
        data = _describe(found) | {
            "states": {state.value: count for state, count in account.by_state.items()},
            "languages": accounts.count_by_language(session, found.id),
            "open": account.open,
            "adds_up": account.adds_up,
        }
    _print_facts(data, is_json=is_json)


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
        _print(issue, is_json=is_json)


def _describe(found: Newsletter) -> dict[str, Any]:
    return {
        "id": found.id,
        "title": found.title,
        "kind": found.kind.value,
        "state": found.state.value,
        "when": say_moment(found.send_at),
        "send_at": found.send_at,
        "audience": found.audience_count,
        "reason": _say_reason(found),
    }


def _say_reason(found: Newsletter) -> str:
    if not found.reason_facts:
        return found.reason
    facts = dict(found.reason_facts)
    said = facts.pop("said", "")
    return str(Reason(found.reason, facts, said))


def _describe_delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "state": delivery.state.value,
        "address": delivery.address,
        "attempts": delivery.attempts,
        "next_at": delivery.next_at,
        "code": delivery.last_code or "",
        "said": delivery.last_text or delivery.reason,
    }


def _print_facts(facts: Mapping[str, Any], *, is_json: bool) -> None:
    """Data for programs; for people a line each, without the moment that is said in words."""
    if is_json:
        print_json(facts)
        return
    for key, value in facts.items():
        if key != "send_at":
            click.echo(f"{key.replace('_', ' ')}: {_say(value)}")


def _say(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {number}" for key, number in value.items()) or "-"
    if isinstance(value, list):
        return " ".join(value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else str(value)


def _print(found: Newsletter, *, is_json: bool) -> None:
    described = _describe(found)
    if is_json:
        print_json(described)
    else:
        click.echo(f"Newsletter {found.id}: {found.title} ({found.state.value})")


COMMANDS = (newsletter, digest)
