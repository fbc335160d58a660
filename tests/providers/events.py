"""What Brevo's transactional webhooks send, field by field as its documentation names them."""

from datetime import datetime
from typing import Any

from mailer.message.headers import message_id

SECRET = b"k" * 40
DOMAIN = "example.org"
THEIR_ID = "<202611260800.12345678901@smtp-relay.mailin.fr>"


def brevo_event(
    name: str,
    delivery_id: int,
    address: str,
    at: datetime,
    *,
    secret: bytes = SECRET,
    **fields: Any,
) -> dict[str, Any]:
    """An event about a mail of ours; `fields` are laid over it, None leaves one out."""
    seconds = int(at.timestamp())
    usual = {
        "event": name,
        "email": address,
        "id": 26224,
        "date": "2026-11-26 09:00:00",
        "ts": seconds,
        "message-id": THEIR_ID,
        "ts_event": seconds,
        "subject": "Hello",
        "X-Mailin-custom": message_id(delivery_id, secret, DOMAIN),
        "sending_ip": "192.0.2.25",
        "ts_epoch": seconds * 1000,
        "tags": [],
    }
    renamed = {key.replace("message_id", "message-id"): value for key, value in fields.items()}
    named = {("X-Mailin-custom" if key == "custom" else key): renamed[key] for key in renamed}
    return {key: value for key, value in {**usual, **named}.items() if value is not None}
