"""The first page of the desk: the next digest, what waits for a person, how it goes."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from babel.dates import format_skeleton
from flask import Blueprint, render_template

from mailer.domain.coverage import Cover
from mailer.domain.newsletter import NewsletterState
from mailer.domain.permissions import Permission
from mailer.domain.progress import group_counts
from mailer.i18n import get_locale
from mailer.storage import accounts, audiences
from mailer.storage.chores import count_undated_events
from mailer.storage.imports import count_open_findings
from mailer.storage.languages import list_content_languages
from mailer.storage.newsletters import Newsletter, list_newsletters
from mailer.storage.plans import list_active_plans
from mailer.usecases import drafts
from mailer.usecases.drafts import Coming, Contents
from mailer.usecases.editions import open_edition
from mailer.usecases.outages import find_restore, find_silence, find_trouble
from mailer.web.admin.newsletter_words import GROUPS, STATES
from mailer.web.auth import requires
from mailer.web.parts import now, parts, session, words
from mailer.web.templating import SITE_TZ

blueprint = Blueprint("dashboard", __name__)

WEEKS = 8
MISSED_LATELY = timedelta(days=14)
_BEGUN = (
    NewsletterState.SENT,
    NewsletterState.SENDING,
    NewsletterState.PAUSED,
    NewsletterState.CANCELLED,
)
_STUCK = (NewsletterState.PAUSED, NewsletterState.MISSED)


@dataclass(frozen=True, slots=True)
class Card:
    """The next issue of a plan. `readers` by language; `contents` only while it is a draft."""

    coming: Coming
    readers: dict[str, int]
    contents: Contents | None

    @property
    def total(self) -> int:
        return sum(self.readers.values())

    @property
    def gaps(self) -> list[tuple[str, int, int]]:
        """(language, missing, outdated or unchecked) of the languages that have readers."""
        found = self.contents.gaps() if self.contents else {}
        return [
            (lang, counter[Cover.MISSING], counter.total() - counter[Cover.MISSING])
            for lang, counter in found.items()
            if self.readers.get(lang)
        ]


@blueprint.get("/desk/")
@requires(Permission.VIEW)
def show() -> str:
    """What is next, what waits, what was last."""
    cards = [_open(drafts.find_coming(session(), p, now())) for p in list_active_plans(session())]
    begun = (one for one in list_newsletters(session(), *_BEGUN) if one.started_at)
    last = next(begun, None)
    return render_template(
        "admin/dashboard.html",
        cards=cards,
        undated=count_undated_events(session()),
        findings=count_open_findings(session()),
        stuck=_list_stuck(),
        silence=find_silence(session(), now()),
        trouble=find_trouble(session(), now()),
        restore=find_restore(session()),
        last=last,
        last_groups=group_counts(accounts.get_account(session(), last)) if last else {},
        weeks=_count_weeks(),
        group_words=GROUPS,
        states=STATES,
    )


def _list_stuck() -> list[Newsletter]:
    """What waits for a person; drafts that were missed long ago wait for nobody any more."""
    since = now() - MISSED_LATELY
    return [
        newsletter
        for newsletter in list_newsletters(session(), *_STUCK)
        if newsletter.state == NewsletterState.PAUSED or newsletter.changed_at >= since
    ]


def _open(coming: Coming) -> Card:
    if coming.issue is None:
        readers = audiences.count_readers(session(), coming.plan.cadence, now())
        return Card(coming, readers, None)
    readers = audiences.count_audience(session(), coming.issue, now())
    is_draft = coming.issue.state == NewsletterState.DRAFT
    return Card(coming, readers, _look(coming.issue) if is_draft else None)


def _look(issue: Newsletter) -> Contents:
    edition = open_edition(session(), issue, parts().renderer, now())
    told = drafts.list_told(session(), now())
    return drafts.look(edition, list_content_languages(session()), told)


def _count_weeks() -> list[tuple[str, int]]:
    """How many joined in each of the last weeks, the newest last, under the day it began on."""
    today = now().astimezone(SITE_TZ).date()
    monday = today - timedelta(days=today.weekday())
    starts = [monday - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]
    since = datetime.combine(starts[0], datetime.min.time(), SITE_TZ)
    counts: Counter[date] = Counter()
    for day, number in audiences.count_sign_ups(session(), since).items():
        counts[max(day - timedelta(days=day.weekday()), starts[0])] += number
    locale = get_locale(words().lang)
    return [(str(format_skeleton("MMMd", day, locale=locale)), counts[day]) for day in starts]
