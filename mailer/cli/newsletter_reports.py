"""Commands that look at newsletters and change nothing; `newsletters` has those that act."""

from collections.abc import Mapping
from typing import Any

import click

from mailer.cli.common import as_json, get_parts, print_json, print_table, say_moment
from mailer.domain.delivery import DeliveryState
from mailer.domain.pausing import Reason
from mailer.storage import accounts
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter, get_newsletter, list_newsletters
from mailer.usecases.checks import check_newsletter

number = click.argument("newsletter_id", metavar="NUMBER", type=int)


def print_one(found: Newsletter, *, is_json: bool) -> None:
    """A newsletter that has just been made or found."""
    described = _describe(found)
    if is_json:
        print_json(described)
    else:
        click.echo(f"Newsletter {found.id}: {found.title} ({found.state.value})")


@click.command("list")
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


@click.command()
@number
@as_json
@click.pass_context
def show(context: click.Context, newsletter_id: int, is_json: bool) -> None:
    """Who would get it, and what stands in the way."""
    parts = get_parts(context)
    with parts.reading() as session:
        found = get_newsletter(session, newsletter_id)
        check = check_newsletter(session, found, parts.renderer, parts.clock())
        described = _describe(found) | {
            "readers": dict(check.readers),
            "subjects": {lang: letter.rendered.subject for lang, letter in check.letters.items()},
            "blockers": list(check.blockers),
        }
    _print_facts(described, is_json=is_json)


@click.command()
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


@click.command()
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
