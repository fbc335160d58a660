"""News of projects: written once, told once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain.content import ItemKey, ItemKind, UpdateKind, Visibility
from mailer.storage import audit
from mailer.storage.projects import get_project
from mailer.storage.updates import Update, get_update
from mailer.usecases import publishing
from mailer.usecases.editing import (
    Wordings,
    check_link,
    check_revision,
    check_wordings,
    free_slug,
    save_wordings,
)


@dataclass(frozen=True, slots=True)
class UpdateEdit:
    """All of an update that a form sets. `published_at` is aware, or None for "now"."""

    wordings: Wordings
    kind: UpdateKind = UpdateKind.NEWS
    published_at: datetime | None = None
    project_id: int | None = None
    is_significant: bool = False
    url: str = ""
    topics: tuple[str, ...] = ()


def create(
    session: Session, edit: UpdateEdit, *, who: str, now: datetime, publish: bool = False
) -> Update:
    """A new draft, published at once when asked. Raises Invalid for what cannot be kept."""
    _check(session, edit)
    slug = free_slug(session, Update.slug, edit.wordings.source("title"), "update")
    update = Update(slug=slug, published_at=edit.published_at or now, created_at=now)
    _fill(update, edit, now)
    session.add(update)
    session.flush()
    save_wordings(session, _key(update), edit.wordings, now)
    audit.record_item(session, who, "update created", now, _key(update))
    if publish:
        publishing.publish(session, update, _key(update), who, now)
    return update


def change(
    session: Session,
    update_id: int,
    edit: UpdateEdit,
    *,
    revision: int,
    who: str,
    now: datetime,
    publish: bool = False,
) -> None:
    """Save the form that was opened at `revision`. A draft without a moment of its own keeps up
    with the clock. Raises Refused when somebody saved in between."""
    update = get_update(session, update_id)
    check_revision(revision, update.revision)
    _check(session, edit)
    _fill(update, edit, now)
    save_wordings(session, _key(update), edit.wordings, now)
    if update.visibility is Visibility.DRAFT:
        title = edit.wordings.source("title")
        update.slug = free_slug(session, Update.slug, title, "update", own=update.slug)
    update.revision += 1
    audit.record_item(session, who, "update changed", now, _key(update))
    if publish:
        publishing.publish(session, update, _key(update), who, now)


def publish(session: Session, update_id: int, *, who: str, now: datetime) -> None:
    """Offer it to the next digest after its moment. A repeat changes nothing."""
    update = get_update(session, update_id)
    publishing.publish(session, update, _key(update), who, now)


def withdraw(session: Session, update_id: int, *, who: str, now: datetime) -> None:
    """Leave it out of coming digests, without a word to readers."""
    update = get_update(session, update_id)
    publishing.withdraw(session, update, _key(update), who, now)


def _check(session: Session, edit: UpdateEdit) -> None:
    check_wordings(edit.wordings)
    check_link("url", edit.url)
    if edit.project_id is not None:
        get_project(session, edit.project_id)


def _fill(update: Update, edit: UpdateEdit, now: datetime) -> None:
    if edit.published_at is not None:
        update.published_at = edit.published_at
    elif update.visibility is not Visibility.PUBLISHED:
        update.published_at = now
    update.kind, update.is_significant = edit.kind, edit.is_significant
    update.url, update.topics = check_link("url", edit.url), edit.topics
    update.project_id, update.changed_at = edit.project_id, now


def _key(update: Update) -> ItemKey:
    return ItemKey(ItemKind.UPDATE, update.id)
