"""What happens to an event after people were told of it: off, later, elsewhere, on again.

Each is a change that readers act on, so it counts as a material one. Writing to them is for
`newsletters`: nothing here sends anything.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.domain.content import Attendance, Status
from mailer.domain.errors import Invalid, Refused
from mailer.domain.when import When
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.events import Event, get_event
from mailer.usecases.editing import check_link, check_revision
from mailer.usecases.events import check_dates, count_edit, key_of, value_of
from mailer.usecases.publishing import check_visible

_OFF = (Status.CANCELLED, Status.POSTPONED)


def cancel(session: Session, event_id: int, *, revision: int, who: str, now: datetime) -> None:
    """It does not take place. Its page stays and says so. Raises Refused for a draft."""
    event = _open(session, event_id, revision)
    _set_status(session, event, Status.CANCELLED, "event cancelled", who, now)


def postpone(session: Session, event_id: int, *, revision: int, who: str, now: datetime) -> None:
    """It takes place later; the old date stays on record until `move` gives the new one."""
    event = _open(session, event_id, revision)
    _set_status(session, event, Status.POSTPONED, "event postponed", who, now)


def reinstate(session: Session, event_id: int, *, revision: int, who: str, now: datetime) -> None:
    """A cancelled or postponed event takes place after all, at the date it had."""
    event = _open(session, event_id, revision)
    if event.status not in _OFF:
        raise Refused(N_("This event takes place already."))
    _set_status(session, event, Status.SCHEDULED, "event put back", who, now)


def move(
    session: Session,
    event_id: int,
    whens: Mapping[int, When],
    *,
    revision: int,
    who: str,
    now: datetime,
) -> None:
    """Give sessions (by their ids) new dates. Raises Invalid for a date that cannot be shown,
    and when no date differs from the one it had."""
    event = _open(session, event_id, revision)
    moved = [row for row in event.sessions if row.id in whens and row.when != whens[row.id]]
    if not moved:
        raise Invalid("sessions-0", N_("This is the date it had. Give the new one."))
    check_dates([whens.get(row.id, row.when) for row in event.sessions])
    before = value_of(session, event)
    for row in moved:
        row.when = whens[row.id]
        if len(event.sessions) > 1:
            row.status = Status.RESCHEDULED
    event.status = Status.RESCHEDULED
    count_edit(session, event, before, now)
    audit.record_item(session, who, "event moved", now, key_of(event))


def move_online(
    session: Session, event_id: int, url: str, *, revision: int, who: str, now: datetime
) -> None:
    """The same time, on a screen. `url` may be empty: some send it to whoever registers."""
    event = _open(session, event_id, revision)
    link = check_link("online_url", url)
    before = value_of(session, event)
    event.attendance, event.online_url = Attendance.ONLINE, link
    event.status = Status.MOVED_ONLINE
    count_edit(session, event, before, now)
    audit.record_item(session, who, "event moved online", now, key_of(event))


def _open(session: Session, event_id: int, revision: int) -> Event:
    event = get_event(session, event_id)
    check_visible(event.visibility)
    check_revision(revision, event.revision)
    return event


def _set_status(
    session: Session, event: Event, status: Status, action: str, who: str, now: datetime
) -> None:
    """Set it; a repeat changes nothing."""
    if event.status is status:
        return
    before = value_of(session, event)
    event.status = status
    count_edit(session, event, before, now)
    audit.record_item(session, who, action, now, key_of(event))
