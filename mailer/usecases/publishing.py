"""What makes an event, deadline, project or update public, and what takes it away again.

It knows no noun: each has a room of its own, which says when its dates may be shown.
"""

from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from mailer.domain.content import ItemKey, Visibility
from mailer.domain.errors import Refused
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.usecases.editing import find_title


class Shown(Protocol):
    """The row of something that readers can see."""

    visibility: Visibility
    changed_at: datetime


def publish(session: Session, row: Shown, key: ItemKey, who: str, now: datetime) -> None:
    """Show it to readers. A repeat changes nothing. Raises Refused while it has no title."""
    if row.visibility is Visibility.PUBLISHED:
        return
    if not find_title(session, key):
        raise Refused(N_("There is no title yet. Give it one, then publish it."))
    row.visibility, row.changed_at = Visibility.PUBLISHED, now
    audit.record_item(session, who, f"{key.kind} published", now, key)


def withdraw(session: Session, row: Shown, key: ItemKey, who: str, now: datetime) -> None:
    """Hide it from readers, without a word to them. A repeat changes nothing."""
    if row.visibility is Visibility.WITHDRAWN:
        return
    row.visibility, row.changed_at = Visibility.WITHDRAWN, now
    audit.record_item(session, who, f"{key.kind} withdrawn", now, key)


def check_visible(visibility: Visibility) -> None:
    """Raise Refused when a thing that readers never saw is treated as if they had."""
    if visibility is Visibility.DRAFT:
        raise Refused(N_("Nobody has seen this draft yet. Change it in its form instead."))
