"""Why no mail leaves at present, or no bounces come back, if there is a reason: read from what the
worker notes down."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.storage.settings import drop_setting, find_setting, save_setting

PROVIDER_TROUBLE = "provider_trouble"
BOX_TROUBLE = "bounce_box_trouble"
WORKER_TICK = "worker_tick"
RESTORED = "restored"
"""The settings in which the worker notes these."""

SILENT_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Outage:
    """`reason` is the provider's own words; empty when the worker itself is silent. `since` is
    None when the worker was never heard of."""

    reason: str
    since: datetime | None


def find_silence(session: Session, now: datetime) -> Outage | None:
    """The worker gives no sign of life: nothing at all happens by itself."""
    tick = find_setting(session, WORKER_TICK)
    if tick is None:
        return Outage("", None)
    heard_at = datetime.fromisoformat(str(tick))
    return Outage("", heard_at) if now - heard_at > SILENT_AFTER else None


def find_trouble(session: Session) -> Outage | None:
    """The provider takes no mail; the worker tries again by itself."""
    return _read(session, PROVIDER_TROUBLE)


def find_box_trouble(session: Session) -> Outage | None:
    """The mailbox of bounces cannot be read; the worker tries again by itself."""
    return _read(session, BOX_TROUBLE)


def note_box_trouble(session: Session, reason: str, now: datetime) -> bool:
    """The mailbox of bounces cannot be read, or ("") it can. When trouble began is kept. False if
    all that was known."""
    known = find_box_trouble(session)
    if reason == (known.reason if known else ""):
        return False
    since = (known.since if known else None) or now
    if reason:
        save_setting(session, BOX_TROUBLE, {"reason": reason, "since": since.isoformat()}, now)
    else:
        drop_setting(session, BOX_TROUBLE)
    return True


def _read(session: Session, key: str) -> Outage | None:
    trouble = find_setting(session, key)
    if trouble is None:
        return None
    return Outage(str(trouble["reason"]), datetime.fromisoformat(str(trouble["since"])))


def find_restore(session: Session) -> Outage | None:
    """The database was put back to a backup, as it was at `since`, and nobody has said yet what
    was sent after that: no newsletter leaves."""
    as_of = find_setting(session, RESTORED)
    return Outage("", datetime.fromisoformat(str(as_of))) if as_of else None
