"""Why no mail leaves at present, if there is a reason: read from what the worker notes down."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.storage.settings import find_setting

PROVIDER_TROUBLE = "provider_trouble"
WORKER_TICK = "worker_tick"
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
    trouble = find_setting(session, PROVIDER_TROUBLE)
    if trouble is None:
        return None
    return Outage(str(trouble["reason"]), datetime.fromisoformat(str(trouble["since"])))
