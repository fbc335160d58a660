"""Digests that come round by themselves: the clock asks here whether a new issue is due."""

from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.domain import schedule
from mailer.domain.errors import NotReadyToSend
from mailer.domain.newsletter import LONGEST_LIFE, NewsletterKind, NewsletterState
from mailer.domain.schedule import Occurrence, Timetable
from mailer.message.render import Renderer
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.languages import list_content_languages
from mailer.storage.newsletters import Newsletter, find_issue, list_drafts, make_slug, make_variants
from mailer.storage.plans import Plan, hold_active_plans, hold_plan
from mailer.usecases import approvals, sending
from mailer.usecases.approvals import Order
from mailer.usecases.notices import tell_senders
from mailer.usecases.outages import find_restore

NOT_APPROVED = N_("Its time passed, and nobody had approved it.")
FOLLOWED = N_("The next one was drafted, and nobody had approved this one.")
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


def make_due_issues(
    session: Session, renderer: Renderer, now: datetime, grace: timedelta
) -> list[Newsletter]:
    """Make the draft of every plan whose time has come, and tell those who may send it. Returns
    the issues that came up, each of them once.

    Exactly one newsletter per plan and occurrence, however often and from however many processes
    this is asked. An automatic plan's issue is scheduled at once unless its check finds a
    blocker; it waits for the end of the `grace` like any other. Older drafts that nobody approved
    are `missed`. None is made while a restored backup is held back.
    """
    due: list[Newsletter] = []
    if find_restore(session):
        return due
    for plan in hold_active_plans(session):
        occurrence = schedule.due_occurrence(get_timetable(plan), plan.last_period or None, now)
        if occurrence is None:
            continue
        plan.last_period = occurrence.period_key
        issue = find_issue(session, plan.id, occurrence.period_key)
        issue = issue or _add_issue(session, plan, occurrence, audit.CLOCK, now)
        _give_up_older_drafts(session, issue, now)
        if issue.state == NewsletterState.DRAFT:
            _offer(session, plan, issue, renderer, now, grace)
            due.append(issue)
    _give_up_late_drafts(session, now)
    return due


def miss_due_issues(session: Session, reason: str, now: datetime) -> None:
    """Issues whose time has come and that are not there are made and `missed` at once: nobody can
    say whether they were sent, so the clock leaves them to a person."""
    for plan in hold_active_plans(session):
        occurrence = schedule.due_occurrence(get_timetable(plan), plan.last_period or None, now)
        if occurrence is None or occurrence.send_at > now:
            continue
        plan.last_period = occurrence.period_key
        if find_issue(session, plan.id, occurrence.period_key) is None:
            issue = _add_issue(session, plan, occurrence, audit.CLOCK, now)
            sending.miss(session, issue, reason, now)


def make_next_issue(session: Session, plan: Plan, who: str, now: datetime) -> Newsletter:
    """The draft of the plan's coming issue, made before the clock would make it.

    If it exists already it is returned as it is; if it was even sent ahead of its time, it is
    the turn of the one after it.
    """
    hold_plan(session, plan)
    timetable = get_timetable(plan)
    send_at = schedule.next_occurrence(timetable, now)
    while found := find_issue(session, plan.id, schedule.period_key(timetable, send_at)):
        if found.state not in OVER:
            return found
        send_at = schedule.next_occurrence(timetable, send_at)
    key = schedule.period_key(timetable, send_at)
    occurrence = Occurrence(send_at, schedule.draft_due(timetable, send_at), key)
    return _add_issue(session, plan, occurrence, who, now)


def _give_up_late_drafts(session: Session, now: datetime) -> None:
    for draft in list_drafts(session):
        if draft.send_at and sending.is_too_late(draft, draft.send_at, now):
            sending.miss(session, draft, NOT_APPROVED, now)


def _give_up_older_drafts(session: Session, issue: Newsletter, now: datetime) -> None:
    for draft in list_drafts(session):
        if draft.plan_id == issue.plan_id and (draft.period_key or "") < (issue.period_key or ""):
            sending.miss(session, draft, FOLLOWED, now)


def _offer(
    session: Session,
    plan: Plan,
    issue: Newsletter,
    renderer: Renderer,
    now: datetime,
    grace: timedelta,
) -> None:
    """Approve an automatic plan's issue if it may be sent; tell people how it stands either way."""
    if plan.is_automatic:
        with suppress(NotReadyToSend):  # it stays a draft, and the check page says why
            approvals.approve(
                session,
                issue,
                Order(issue.send_at),
                renderer=renderer,
                who=audit.CLOCK,
                now=now,
                grace=grace,
            )
    tell_senders(session, issue, now)


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
        variants=make_variants(list_content_languages(session)),
    )
    session.add(newsletter)
    session.flush()
    audit.record(session, who, "digest drafted", now, thing="newsletter", thing_id=newsletter.id)
    return newsletter
