"""Reads what Brevo's transactional webhooks say. Decides nothing and stores nothing.

They are not signed, so that their address has to be a secret. Brevo's `id` is that of the webhook,
not of the event. https://developers.brevo.com/docs/transactional-webhooks
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from mailer.domain.errors import Unreadable
from mailer.domain.feedback import Feedback, FeedbackKind
from mailer.providers.bounce_codes import find_status
from mailer.providers.words import tidy

LONGEST_ID = 200
LONGEST_ADDRESS = 254

_KINDS: Mapping[str, FeedbackKind] = {
    "delivered": FeedbackKind.DELIVERED,
    "deferred": FeedbackKind.DELAYED,
    "soft_bounce": FeedbackKind.SOFT_BOUNCE,  # Brevo has stopped trying: this mail is lost
    "hard_bounce": FeedbackKind.HARD_BOUNCE,
    "invalid_email": FeedbackKind.HARD_BOUNCE,
    "blocked": FeedbackKind.BLOCKED,
    "error": FeedbackKind.BLOCKED,
    "spam": FeedbackKind.COMPLAINT,
    "complaint": FeedbackKind.COMPLAINT,
    "unsubscribed": FeedbackKind.UNSUBSCRIBED,
    "unsubscribe": FeedbackKind.UNSUBSCRIBED,
}
"""Brevo's words, and ours. All others (request, opened, click …) are of no interest here."""

_NO_JSON = "This is not JSON, or not an event of Brevo's transactional webhooks."
_NO_EVENT = "An event has no name, no message-id or no time (ts_event)."

log = structlog.get_logger()


class BrevoHook:
    """A Hook. `identify` gives the delivery whose Message-ID, made by us, stands in a text."""

    name = "brevo"

    def __init__(self, identify: Callable[[str], int | None]) -> None:
        self._identify = identify

    def read(self, body: bytes) -> list[Feedback]:
        """See Hook. One event, or a list of them."""
        found = (self._read_event(event) for event in _parse(body))
        return [said for said in found if said]

    def _read_event(self, event: dict[str, Any]) -> Feedback | None:
        name = _read_text(event, "event")
        if not name:
            raise Unreadable(_NO_EVENT)
        kind = _KINDS.get(name)
        if kind is None:
            log.debug("event of Brevo ignored", name=name)
            return None
        ours, message_id = _read_text(event, "X-Mailin-custom"), _read_text(event, "message-id")
        delivery_id = self._identify(ours or message_id)
        if ours and delivery_id is None:
            log.info("event of Brevo about somebody else's mail ignored", name=name)
            return None
        return _say(event, kind, message_id, delivery_id)


def _say(
    event: dict[str, Any], kind: FeedbackKind, message_id: str, delivery_id: int | None
) -> Feedback:
    at, address = _read_moment(event), _read_text(event, "email")
    if not message_id or at is None:
        raise Unreadable(_NO_EVENT)
    text = _read_text(event, "reason")
    status = find_status(text)
    return Feedback(
        provider=BrevoHook.name,
        event_id=f"{event['event']}\n{message_id}\n{address.lower()}\n{at.isoformat()}",
        kind=_spare(kind, status),
        at=at,
        delivery_id=delivery_id,
        provider_message_id=message_id[:LONGEST_ID],
        address=address if len(address) <= LONGEST_ADDRESS else "",
        status=status,
        text=text,
    )


def _parse(body: bytes) -> list[dict[str, Any]]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable(_NO_JSON) from None
    events = said if isinstance(said, list) else [said]
    if not all(isinstance(event, dict) for event in events):
        raise Unreadable(_NO_JSON)
    return events


def _read_text(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    return tidy(value) if isinstance(value, str) else ""


def _read_moment(event: dict[str, Any]) -> datetime | None:
    seconds = event.get("ts_event", event.get("ts"))
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _spare(kind: FeedbackKind, status: str) -> FeedbackKind:
    """Who refuses for a policy (5.7.x) or a full mailbox (5.2.2) does not say that nobody is
    there."""
    if kind is not FeedbackKind.HARD_BOUNCE:
        return kind
    if status.startswith("5.7."):
        return FeedbackKind.BLOCKED
    return FeedbackKind.SOFT_BOUNCE if status == "5.2.2" else kind
