"""What became of a newsletter: every number and the list behind it, who did what, and the sums for
a funder. Numbers are for everyone at the desk, lists of people only for whoever may see people."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mailer.domain.address import mask, mask_within
from mailer.domain.delivery import Account, DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.domain.permissions import Permission
from mailer.domain.progress import RETRIED, Group, group_counts
from mailer.domain.progress import STATES as GROUP_STATES
from mailer.i18n import get_language
from mailer.storage import accounts, audit
from mailer.storage.deliveries import Attempt, Delivery
from mailer.storage.interventions import count_retriable
from mailer.storage.languages import list_interface_languages
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.web.admin.newsletter_words import GROUPS, KINDS, LOOKS, REPORTED, SERVER_STATES, STATES
from mailer.web.admin.newsletters import UNDER_WAY
from mailer.web.auth import requires
from mailer.web.converters import read_row_number
from mailer.web.parts import now, session, words
from mailer.web.templating import say_moment

blueprint = Blueprint("newsletter_report", __name__)

PER_PAGE = 50
A_WEEK = timedelta(days=7)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_RETRIED_OF = {
    Group.BOUNCED: DeliveryState.REJECTED,
    Group.UNKNOWN: DeliveryState.UNKNOWN,
    Group.EXPIRED: DeliveryState.EXPIRED,
}
_OPEN_TO_ALL = frozenset(
    {
        NewsletterState.SENDING,
        NewsletterState.SENT,
        NewsletterState.PAUSED,
        NewsletterState.CANCELLED,
    }
)
"""The mails that left link to their copies, whatever came after."""


@blueprint.get("/desk/newsletters/<int:newsletter_id>/report")
@requires(Permission.VIEW)
def show(newsletter_id: int) -> AnyResponse | str:
    """Everyone accounted for, by state and by language, with the log."""
    newsletter = get_newsletter(session(), newsletter_id)
    if newsletter.state == NewsletterState.DRAFT:
        return redirect(url_for("newsletters.show", newsletter_id=newsletter_id))
    account = accounts.get_account(session(), newsletter)
    return render_template(
        "admin/newsletters/report.html",
        newsletter=newsletter,
        account=account,
        groups=group_counts(account),
        skipped=account.count(*GROUP_STATES[Group.SKIPPED]),
        by_language=accounts.list_accounts_by_language(session(), newsletter_id),
        left=_count_left(newsletter),
        retriable=count_retriable(session(), newsletter_id, RETRIED),
        looks=LOOKS,
        copies=_list_copies(newsletter),
        entries=audit.list_about(session(), "newsletter", newsletter_id),
        group_words=GROUPS,
        states=STATES,
        kinds=KINDS,
        is_under_way=newsletter.state in UNDER_WAY,
    )


@blueprint.get("/desk/newsletters/<int:newsletter_id>/report/recipients")
@requires(Permission.PEOPLE)
def show_recipients(newsletter_id: int) -> str:
    """The list behind a number: whose mail it is, how it stands, what the server said."""
    newsletter = get_newsletter(session(), newsletter_id)
    group, lang = _read_group(request.args.get("group", "")), request.args.get("language", "")
    found = accounts.list_deliveries(
        session(),
        newsletter_id,
        states=GROUP_STATES[group] if group else (),
        language=lang,
        after=request.args.get("after", 0, type=read_row_number),
        limit=PER_PAGE + 1,
    )
    is_more, found = len(found) > PER_PAGE, found[:PER_PAGE]
    retried = _RETRIED_OF.get(group) if group else None
    next_url = url_for(
        ".show_recipients",
        newsletter_id=newsletter_id,
        group=group.value if group else None,
        language=lang or None,
        after=found[-1].id if found else None,
    )
    return render_template(
        "admin/newsletters/recipients.html",
        newsletter=newsletter,
        group=group,
        wanted_lang=lang,
        langs=accounts.count_by_language(session(), newsletter_id),
        deliveries=found,
        attempts=_list_attempts(found),
        mask=mask,
        hide=mask_within,
        group_of=group_of,
        group_words=GROUPS,
        server_states=SERVER_STATES,
        reported=REPORTED,
        retried=retried,
        retriable=count_retriable(session(), newsletter_id, [retried], lang) if retried else 0,
        waiting_unknown=any(one.state == DeliveryState.UNKNOWN and one.next_at for one in found),
        next_url=next_url if is_more else "",
    )


@blueprint.get("/desk/newsletters/<int:newsletter_id>/report.csv")
@requires(Permission.VIEW)
def download(newsletter_id: int) -> Response:
    """The sums for a funder: numbers only, nobody's address."""
    newsletter = get_newsletter(session(), newsletter_id)
    account = accounts.get_account(session(), newsletter)
    languages = accounts.list_accounts_by_language(session(), newsletter_id)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows(
        [_guard(cell) for cell in row] for row in _sums(newsletter, account, languages)
    )
    response = Response("\ufeff" + text.getvalue(), mimetype="text/csv")
    name = f"newsletter-{newsletter_id}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def group_of(delivery: Delivery) -> Group:
    """The group that a delivery is counted in."""
    return next(group for group, states in GROUP_STATES.items() if delivery.state in states)


def _sums(
    newsletter: Newsletter, account: Account, languages: dict[str, Account]
) -> Iterator[tuple[str, str | int]]:
    """Rows of a name and a value, in the language of the page."""
    say = words().say
    yield say("Newsletter"), newsletter.title
    yield say("Kind"), say(KINDS[newsletter.kind])
    yield say("State"), say(STATES[newsletter.state][0])
    yield say("Sending began (Prague time)"), say_moment(newsletter.started_at)
    yield say("Sending ended (Prague time)"), say_moment(newsletter.finished_at)
    yield say("People it was meant for"), account.audience
    for group, number in group_counts(account).items():
        yield say(GROUPS[group][0]), number
    for lang, found in languages.items():
        yield f"{say('People by language')}: {get_language(lang).endonym}", found.audience


def _guard(cell: str | int) -> str | int:
    """A text that a spreadsheet would take for a formula is put behind an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell


def _read_group(name: str) -> Group | None:
    return Group(name) if name in list(Group) else None


def _list_attempts(deliveries: Sequence[Delivery]) -> dict[int, list[Attempt]]:
    attempts: dict[int, list[Attempt]] = {}
    for attempt in accounts.list_attempts(session(), (row.id for row in deliveries)):
        attempts.setdefault(attempt.delivery_id, []).append(attempt)
    return attempts


def _list_copies(newsletter: Newsletter) -> dict[str, str]:
    """Where the public copies are, by language."""
    if newsletter.state not in _OPEN_TO_ALL:
        return {}
    public = list_interface_languages(session())
    return {
        variant.lang: f"/{variant.lang}/archive/{newsletter.slug}"
        for variant in newsletter.variants
        if variant.html and variant.lang in public
    }


def _count_left(newsletter: Newsletter) -> int | None:
    """Who unsubscribed in the week after; None before it began."""
    if newsletter.started_at is None:
        return None
    until: datetime = min(newsletter.started_at + A_WEEK, now())
    return accounts.count_left(session(), newsletter.id, newsletter.started_at, until)
