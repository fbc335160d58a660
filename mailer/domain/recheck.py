"""Looks once more, just before sending, at what a coordinator approved (rule R14).

The words stay as approved; what a reader would act on is as it is now. It adds nothing: what is
new since the approval waits for the next issue.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from mailer.domain.content import Deadline, Event, Project, Snapshot, Update, Visibility
from mailer.domain.eligibility import closing_moment

_Item = TypeVar("_Item", Event, Deadline, Update, Project)


def recheck(frozen: Snapshot, current: Snapshot, now: datetime) -> Snapshot:
    """The approved snapshot with the facts of `current`, without what cannot go out at `now`.

    From `frozen`: texts, topics, projects, and what kind of thing an item is. From `current`:
    sessions with their places, status, attendance, registration, closing times, links and
    revisions. Dropped: what is absent from `current` or not published in it, sessions that are
    over, events of which no session is left, and deadlines that have passed. What was called off
    keeps its new status, for the composer to judge.
    """
    return Snapshot(
        taken_at=current.taken_at,
        events=tuple(_events(frozen.events, current.events, now)),
        deadlines=tuple(_deadlines(frozen.deadlines, current.deadlines, now)),
        updates=tuple(_updates(frozen.updates, current.updates)),
        projects=tuple(_projects(frozen.projects, current.projects)),
    )


def _pairs(frozen: Iterable[_Item], current: Iterable[_Item]) -> Iterator[tuple[_Item, _Item]]:
    """Each approved item beside itself as it is now, where readers may still hear of it."""
    published = {item.id: item for item in current if item.visibility is Visibility.PUBLISHED}
    for approved in frozen:
        if approved.id in published:
            yield approved, published[approved.id]


def _events(frozen: Iterable[Event], current: Iterable[Event], now: datetime) -> Iterator[Event]:
    for approved, facts in _pairs(frozen, current):
        sessions = tuple(session for session in facts.sessions if not session.when.is_over(now))
        if sessions:
            yield replace(
                facts,
                sessions=sessions,
                title=approved.title,
                summary=approved.summary,
                topics=approved.topics,
                project_ids=approved.project_ids,
            )


def _deadlines(
    frozen: Iterable[Deadline], current: Iterable[Deadline], now: datetime
) -> Iterator[Deadline]:
    for approved, facts in _pairs(frozen, current):
        closes_at = closing_moment(facts.closes)
        if closes_at is None or closes_at > now:
            yield replace(
                approved,
                closes=facts.closes,
                url=facts.url,
                revision=facts.revision,
                visibility=facts.visibility,
            )


def _updates(frozen: Iterable[Update], current: Iterable[Update]) -> Iterator[Update]:
    for approved, facts in _pairs(frozen, current):
        yield replace(approved, url=facts.url, revision=facts.revision, visibility=facts.visibility)


def _projects(frozen: Iterable[Project], current: Iterable[Project]) -> Iterator[Project]:
    for approved, facts in _pairs(frozen, current):
        yield replace(
            approved,
            slug=facts.slug,
            period=facts.period,
            status_override=facts.status_override,
            visibility=facts.visibility,
        )
