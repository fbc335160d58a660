"""Why no mail leaves at present, or no bounces come back, if there is a reason: what the worker
notes down, and how that is read."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.storage.accounts import find_oldest_due, is_anything_open
from mailer.storage.settings import Setting, drop_setting, find_setting, save_setting

PROVIDER_TROUBLE = "provider_trouble"
BOX_TROUBLE = "bounce_box_trouble"
WORKER_TICK = "worker_tick"
RESTORED = "restored"
"""The settings in which the worker notes these."""

SILENT_AFTER = timedelta(minutes=2)
MAIL_WAITS_TOO_LONG = timedelta(minutes=15)
BOX_SHUT_TOO_LONG = timedelta(hours=1)

SIGN_IN_REFUSED = frozenset({401, 402, 403, 530, 534, 535, 538})
"""HTTP and SMTP (RFC 4954): a wrong password or key, an account that is closed or not paid for."""

SENDER_REFUSED = frozenset({550, 551, 553, 554})
"""SMTP, before any reader is named: it takes nothing from our address, or from this machine."""

PATIENCE = timedelta(minutes=30)
"""What has not passed by then does not look as if it would: a wrong name, a certificate."""

STALE_AFTER = timedelta(minutes=20)
"""As long as there is mail the worker tries again, and notes anew, within 15 minutes."""


@dataclass(frozen=True, slots=True)
class Outage:
    """`reason` is the provider's own words; empty when the worker itself is silent. `since` is
    None when the worker was never heard of. `needs_person`: it will not pass by itself."""

    reason: str
    since: datetime | None
    needs_person: bool = False


def list_problems(session: Session, now: datetime, *, reads_box: bool) -> list[str]:
    """What keeps the service from being ready, a sentence each. `reads_box`: there is a mailbox of
    bounces to be read."""
    problems = []
    oldest = find_oldest_due(session, now)
    box = find_box_trouble(session) if reads_box else None
    if find_silence(session, now):
        problems.append("The worker has not been heard of for two minutes. Is it running?")
    if oldest and now - oldest > MAIL_WAITS_TOO_LONG:
        problems.append(f"Mail has been waiting to leave since {oldest:%Y-%m-%d %H:%M} UTC.")
    if box and box.since and now - box.since > BOX_SHUT_TOO_LONG:
        problems.append(
            f"Bounces cannot be read since {box.since:%Y-%m-%d %H:%M} UTC. "
            "`mailer doctor` says why."
        )
    return problems


def find_silence(session: Session, now: datetime) -> Outage | None:
    """The worker gives no sign of life: nothing at all happens by itself."""
    tick = find_setting(session, WORKER_TICK)
    if tick is None:
        return Outage("", None)
    heard_at = datetime.fromisoformat(str(tick))
    return Outage("", heard_at) if now - heard_at > SILENT_AFTER else None


def find_trouble(session: Session, now: datetime) -> Outage | None:
    """The provider takes no mail; the worker tries again by itself. What was noted a while ago
    says nothing any more once no mail is left to try it with."""
    noted = session.get(Setting, PROVIDER_TROUBLE)
    if noted is None:
        return None
    if now - noted.changed_at > STALE_AFTER and not is_anything_open(session):
        return None
    reason, code = str(noted.value["reason"]), noted.value.get("code", 0)
    since = datetime.fromisoformat(str(noted.value["since"]))
    is_for_good = code in SIGN_IN_REFUSED | SENDER_REFUSED
    return Outage(reason, since, is_for_good or now - since > PATIENCE)


def note_trouble(session: Session, reason: str, code: int, now: datetime) -> None:
    """The provider takes no mail. When trouble began is kept."""
    since = (find_setting(session, PROVIDER_TROUBLE) or {}).get("since", now.isoformat())
    trouble = {"reason": reason, "code": code, "since": since}
    save_setting(session, PROVIDER_TROUBLE, trouble, now)


def end_trouble(session: Session) -> None:
    """The provider takes mail again."""
    drop_setting(session, PROVIDER_TROUBLE)


def find_box_trouble(session: Session) -> Outage | None:
    """The mailbox of bounces cannot be read; the worker tries again by itself."""
    noted = find_setting(session, BOX_TROUBLE)
    if noted is None:
        return None
    return Outage(str(noted["reason"]), datetime.fromisoformat(str(noted["since"])))


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


def find_restore(session: Session) -> Outage | None:
    """The database was put back to a backup, as it was at `since`, and nobody has said yet what
    was sent after that: no newsletter leaves."""
    as_of = find_setting(session, RESTORED)
    return Outage("", datetime.fromisoformat(str(as_of))) if as_of else None
