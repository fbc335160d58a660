"""What the service knows about one person: handing it out to them, and erasing it.

Both need a link that was mailed just for this: a newsletter can be forwarded.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from mailer.domain.errors import TooMany
from mailer.message.vocabulary import N_
from mailer.storage import audit, feedback, interventions
from mailer.storage.consents import list_consents
from mailer.storage.deliveries import count_queued, list_to
from mailer.storage.newsletters import hold_audiences
from mailer.storage.subscribers import Subscriber
from mailer.usecases import letters

LINKS_PER_DAY = 3
A_DAY = timedelta(days=1)

_ENOUGH = N_("We have sent you this link three times today. Look for it in your spam folder.")


def send_link(session: Session, subscriber: Subscriber, *, language: str, now: datetime) -> None:
    """Mail a link that opens the page with a copy of the data and the way to erase it.

    Raises TooMany after three a day.
    """
    if count_queued(session, subscriber.id, "data", now - A_DAY) >= LINKS_PER_DAY:
        raise TooMany(_ENOUGH)
    letters.queue(
        session,
        "data",
        subscriber=subscriber,
        language=language,
        context={"jti": letters.make_jti()},
        now=now,
        lives=A_DAY,
    )


def export(session: Session, subscriber: Subscriber) -> dict[str, Any]:
    """All that is stored about a person, ready for JSON; moments are ISO 8601 in UTC."""
    return {
        "address": subscriber.address,
        "state": subscriber.state,
        "languages": list(subscriber.content_languages),
        "topics": list(subscriber.topics),
        "how_often": subscriber.cadence,
        "paused_until": _say(subscriber.paused_until),
        "came_from": subscriber.source,
        "signed_up_at": _say(subscriber.created_at),
        "confirmed_at": _say(subscriber.confirmed_at),
        "left_at": _say(subscriber.left_at),
        "consents": _list_consents(session, subscriber),
        "mails": _list_mails(session, subscriber),
    }


def erase(session: Session, subscriber: Subscriber, *, who: str, now: datetime) -> None:
    """Delete a person: the row, the proof of consent, and their address in the ledger of mails.

    The keyed hash of an address that left or is dead stays where it is, so that nobody mails it
    by mistake; without the key it names nobody. So does, for thirty days, that of an address that
    was asked and never answered: nobody can have it flooded by signing it up again and again.
    """
    hold_audiences(session)
    is_stranger = subscriber.confirmed_at is None
    asked = letters.TO_STRANGERS if is_stranger else ("address_change",)
    feedback.forget(session, subscriber.id, subscriber.address_key, now)
    interventions.forget(session, subscriber.id, now, keys_of=asked)
    audit.record(session, who, "subscriber erased", now, thing="subscriber", thing_id=subscriber.id)
    session.delete(subscriber)
    session.flush()


def _list_consents(session: Session, subscriber: Subscriber) -> list[dict[str, Any]]:
    return [
        {
            "at": _say(consent.at),
            "what": consent.action,
            "where": consent.source,
            "wording": consent.wording,
            "language": consent.language,
            "topics": list(consent.topics),
            "ip": consent.ip,
            "evidence": consent.evidence,
        }
        for consent in list_consents(session, subscriber.id)
    ]


def _list_mails(session: Session, subscriber: Subscriber) -> list[dict[str, Any]]:
    came_back = _list_feedback(session, subscriber)
    return [
        {
            "at": _say(delivery.created_at),
            "to": delivery.address,
            "what": title or delivery.template,
            "language": delivery.language,
            "state": delivery.state,
            "came_back": came_back.get(delivery.id, []),
        }
        for delivery, title in reversed(list_to(session, subscriber.id))
    ]


def _list_feedback(session: Session, subscriber: Subscriber) -> dict[int, list[dict[str, Any]]]:
    """Delivery → what servers said about it later."""
    found: dict[int, list[dict[str, Any]]] = {}
    for kept in feedback.list_to(session, subscriber.id):
        said = {"at": _say(kept.at), "what": kept.kind, "words": kept.text}
        found.setdefault(kept.delivery_id or 0, []).append(said)
    return found


def _say(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
