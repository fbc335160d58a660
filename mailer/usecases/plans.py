"""Digests that come round by themselves: the clock asks here whether a new issue is due."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain import schedule
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.domain.schedule import Occurrence, Timetable
from mailer.storage import audit
from mailer.storage.languages import list_content_languages
from mailer.storage.newsletters import Newsletter, Variant, find_issue, make_slug
from mailer.storage.plans import Plan, list_active_plans
from mailer.usecases import newsletters
from mailer.usecases.notices import tell_senders

LONGEST_LIFE = timedelta(days=5)
CLOCK = "clock"
OVER = (NewsletterState.SENT, NewsletterState.CANCELLED, NewsletterState.SKIPPED_EMPTY)


def get_timetable(plan: Plan) -> Timetable:
    """The plan's rhythm as the value that the arithmetic works on."""
    return Timetable(
        weekday=plan.weekday,
        at=plan.at,
        tz=plan.tz,
        cadence=plan.cadence,
        draft_lead=timedelta(hours=plan.draft_lead_hours),
        late_limit=timedelta(hours=plan.late_limit_hours),
    )


def make_due_issues(session: Session, now: datetime) -> list[Newsletter]:
    """Make the draft of every plan whose time has come, and tell those who may send it.

    Exactly one newsletter per plan and occurrence, however often and from however many processes
    this is asked. An automatic plan's issue is scheduled at once.
    """
    made = []
    for plan in list_active_plans(session):
        occurrence = schedule.due_occurrence(get_timetable(plan), plan.last_period or None, now)
        if occurrence and not find_issue(session, plan.id, occurrence.period_key):
            made.append(_make_issue(session, plan, occurrence, now))
    return made


def make_next_issue(session: Session, plan: Plan, who: str, now: datetime) -> Newsletter:
    """The draft of the plan's coming issue, made before the clock would make it.

    If it exists already it is returned as it is; if it was even sent ahead of its time, it is
    the turn of the one after it.
    """
    timetable = get_timetable(plan)
    send_at = schedule.next_occurrence(timetable, now)
    while found := find_issue(session, plan.id, schedule.period_key(timetable, send_at)):
        if found.state not in OVER:
            return found
        send_at = schedule.next_occurrence(timetable, send_at)
    key = schedule.period_key(timetable, send_at)
    occurrence = Occurrence(send_at, schedule.draft_due(timetable, send_at), key)
    return _add_issue(session, plan, occurrence, who, now)


def _make_issue(session: Session, plan: Plan, occurrence: Occurrence, now: datetime) -> Newsletter:
    newsletter = _add_issue(session, plan, occurrence, CLOCK, now)
    if plan.is_automatic:
        newsletters.approve(session, newsletter, occurrence.send_at, CLOCK, now)
    else:
        tell_senders(session, newsletter, now)
    return newsletter


def _add_issue(
    session: Session, plan: Plan, occurrence: Occurrence, who: str, now: datetime
) -> Newsletter:
    following = schedule.next_occurrence(get_timetable(plan), occurrence.send_at)
    newsletter = Newsletter(
        slug=make_slug(),
        kind=NewsletterKind.DIGEST,
        title=f"{plan.name} {occurrence.period_key}",
        plan=plan,
        period_key=occurrence.period_key,
        send_at=occurrence.send_at,
        next_issue_at=following,
        expires_at=min(following, occurrence.send_at + LONGEST_LIFE),
        created_by=who,
        created_at=now,
        changed_at=now,
        variants=[
            Variant(lang=lang, position=position)
            for position, lang in enumerate(list_content_languages(session))
        ],
    )
    session.add(newsletter)
    plan.last_period = max(plan.last_period, occurrence.period_key)
    session.flush()
    audit.record(session, who, "digest drafted", now, thing="newsletter", thing_id=newsletter.id)
    return newsletter
