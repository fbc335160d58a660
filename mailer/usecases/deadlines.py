"""Things that readers can do until a moment: votes, calls, applications."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain import content
from mailer.domain.changes import deadline_changes
from mailer.domain.content import DeadlineKind, ItemKey, ItemKind, Visibility
from mailer.domain.errors import Invalid
from mailer.domain.when import When
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.deadlines import Deadline, as_values, get_deadline
from mailer.storage.events import get_event
from mailer.storage.projects import get_project
from mailer.usecases import publishing
from mailer.usecases.editing import (
    Wordings,
    check_link,
    check_revision,
    check_wordings,
    copy_texts,
    find_title,
    free_slug,
    save_wordings,
)


@dataclass(frozen=True, slots=True)
class DeadlineEdit:
    """All of a deadline that a form sets."""

    wordings: Wordings
    kind: DeadlineKind
    closes: When
    url: str = ""
    topics: tuple[str, ...] = ()
    project_id: int | None = None
    event_id: int | None = None


def create(
    session: Session, edit: DeadlineEdit, *, who: str, now: datetime, publish: bool = False
) -> Deadline:
    """A new draft, published at once when asked. Raises Invalid, and Refused by `publish`."""
    _check(session, edit)
    slug = free_slug(session, Deadline.slug, edit.wordings.source("title"), "deadline")
    deadline = Deadline(slug=slug, created_at=now, changed_at=now)
    _fill(deadline, edit)
    session.add(deadline)
    session.flush()
    save_wordings(session, _key(deadline), edit.wordings, now)
    audit.record_item(session, who, "deadline created", now, _key(deadline))
    if publish:
        _publish(session, deadline, who, now)
    return deadline


def change(
    session: Session,
    deadline_id: int,
    edit: DeadlineEdit,
    *,
    revision: int,
    who: str,
    now: datetime,
    publish: bool = False,
) -> tuple[str, ...]:
    """Save the form that was opened at `revision`; the material facts that changed, by name.

    Raises Refused when somebody saved in between, Invalid for what cannot be kept.
    """
    deadline = get_deadline(session, deadline_id)
    check_revision(revision, deadline.revision)
    _check(session, edit)
    if deadline.visibility is Visibility.PUBLISHED:
        _check_moment(edit.closes)
    before = _value(session, deadline)
    _fill(deadline, edit)
    save_wordings(session, _key(deadline), edit.wordings, now)
    if deadline.visibility is Visibility.DRAFT:
        title = edit.wordings.source("title")
        deadline.slug = free_slug(session, Deadline.slug, title, "deadline", own=deadline.slug)
    changed = deadline_changes(before, _value(session, deadline))
    deadline.revision += 1
    deadline.material_revision += int(bool(changed))
    deadline.changed_at = now
    audit.record_item(session, who, "deadline changed", now, _key(deadline), changed=list(changed))
    if publish:
        _publish(session, deadline, who, now)
    return changed


def publish(session: Session, deadline_id: int, *, who: str, now: datetime) -> None:
    """Offer it to the next digest. A repeat changes nothing.

    Raises Refused while it has no title, Invalid while nobody can say when it closes.
    """
    _publish(session, get_deadline(session, deadline_id), who, now)


def withdraw(session: Session, deadline_id: int, *, who: str, now: datetime) -> None:
    """Leave it out of coming digests, without a word to readers."""
    deadline = get_deadline(session, deadline_id)
    publishing.withdraw(session, deadline, _key(deadline), who, now)


def duplicate(session: Session, deadline_id: int, *, who: str, now: datetime) -> Deadline:
    """A new draft with the same words, and its closing time to be given anew."""
    old = get_deadline(session, deadline_id)
    deadline = Deadline(
        slug=free_slug(session, Deadline.slug, find_title(session, _key(old)), "deadline"),
        kind=old.kind,
        closes=When.unknown(),
        url=old.url,
        topics=old.topics,
        project_id=old.project_id,
        event_id=old.event_id,
        created_at=now,
        changed_at=now,
    )
    session.add(deadline)
    session.flush()
    copy_texts(session, _key(old), _key(deadline), now)
    audit.record_item(session, who, "deadline created", now, _key(deadline), copy_of=old.id)
    return deadline


def _publish(session: Session, deadline: Deadline, who: str, now: datetime) -> None:
    if deadline.visibility is not Visibility.PUBLISHED:
        _check_moment(deadline.closes)
    publishing.publish(session, deadline, _key(deadline), who, now)


def _check_moment(closes: When) -> None:
    if not closes.is_exact:
        raise Invalid("closes", N_("Give the day it closes before you publish."))


def _check(session: Session, edit: DeadlineEdit) -> None:
    check_wordings(edit.wordings)
    check_link("url", edit.url)
    if edit.project_id is not None:
        get_project(session, edit.project_id)
    if edit.event_id is not None:
        get_event(session, edit.event_id)


def _fill(deadline: Deadline, edit: DeadlineEdit) -> None:
    deadline.kind, deadline.closes = edit.kind, edit.closes
    deadline.url, deadline.topics = check_link("url", edit.url), edit.topics
    deadline.project_id, deadline.event_id = edit.project_id, edit.event_id


def _value(session: Session, deadline: Deadline) -> content.Deadline:
    session.flush()
    return as_values(session, [deadline])[0]


def _key(deadline: Deadline) -> ItemKey:
    return ItemKey(ItemKind.DEADLINE, deadline.id)
