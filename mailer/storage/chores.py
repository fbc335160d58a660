"""What waits for a coordinator, as counts for the first page of the desk. Changes nothing."""

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from mailer.domain.content import Status, Visibility
from mailer.storage.events import Event, EventSession


def count_undated_events(session: Session) -> int:
    """Events without any date, not even “some time in May”: readers cannot be told of them."""
    dated = exists().where(
        EventSession.event_id == Event.id, EventSession.when_starts_on.is_not(None)
    )
    query = select(func.count()).where(
        Event.visibility != Visibility.WITHDRAWN, Event.status != Status.CANCELLED, ~dated
    )
    return session.scalar(query) or 0
