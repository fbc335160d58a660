"""Turns finished mails into the fields that Brevo's POST /v3/smtp/email takes. Sends nothing.

Brevo builds the message anew: it sets its own Message-ID and Date, signs with its own DKIM key
and uses its own return path. Ours travels as X-Mailin-custom, which its webhooks give back.
"""

import base64
import html
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from itertools import groupby
from typing import Any

from mailer.providers.base import Mail

_KEY_SPACE = uuid.UUID("5b0c6f0e-3f5e-4d1b-9a3d-0d6f3f7c2a41")

# What every version overrides. A neutral text: if Brevo ever ignored a version's own body,
# nobody would read a letter with somebody else's links in it.
_PLACEHOLDER = "<html><body><p>&nbsp;</p></body></html>"

_KEPT_HEADERS = frozenset(
    {"auto-submitted", "feedback-id", "importance", "in-reply-to", "precedence", "references"}
)

# Brevo fills `{{ }}` and `{% %}` like a template. Ours are finished: a subscriber's name must not
# be rendered a second time.
_TEMPLATE_MARK = re.compile(r"\{(?=[{%#])")


class UnusableError(ValueError):
    """The mail lacks what Brevo insists on; the text says what."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail as Brevo sees it: `version` differs per person, the rest is common to a request."""

    mail: Mail
    sender: dict[str, str]
    version: dict[str, Any]
    attachments: tuple[dict[str, str], ...]


def read_letter(mail: Mail) -> Letter:
    """Take a finished message apart. Raises UnusableError."""
    message = BytesParser(EmailMessage, policy=SMTP).parsebytes(mail.content)
    try:
        sender = _addresses(message, "From")
        version = _version(mail, message)
        attachments = tuple(_attachment(part) for part in message.iter_attachments())
    except (MessageError, LookupError, UnicodeError) as error:
        raise UnusableError(f"The message cannot be read ({error}).") from error
    if not sender:
        raise UnusableError("The message has no From address.")
    return Letter(mail, sender[0], version, attachments)


def requests_of(letters: Sequence[Letter], most: int) -> Iterator[list[Letter]]:
    """Split into what one request can carry: one sender, `most` letters, attachments alone.

    Brevo takes the sender and attachments per request, everything else per version.
    """
    for (_, has_attachments), group in groupby(letters, _common):
        alike, size = list(group), 1 if has_attachments else most
        for start in range(0, len(alike), size):
            yield alike[start : start + size]


def body_of(letters: Sequence[Letter]) -> bytes:
    """The JSON for one request. One letter goes without `messageVersions`, which have a far lower
    rate limit (100 requests a minute)."""
    first = letters[0]
    fields: dict[str, Any] = {"sender": first.sender}
    if first.attachments:
        fields["attachment"] = first.attachments
    if len(letters) == 1:
        fields |= first.version
        fields["headers"] = first.version["headers"] | _idempotency(letters)
    else:
        fields["subject"], fields["htmlContent"] = first.version["subject"], _PLACEHOLDER
        fields["headers"] = _idempotency(letters)
        fields["messageVersions"] = [letter.version for letter in letters]
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")


def _idempotency(letters: Sequence[Letter]) -> dict[str, str]:
    """Brevo's key belongs to a request and must be a UUID: the same mails give the same one."""
    keys = sorted(letter.mail.idempotency_key or str(letter.mail.key) for letter in letters)
    return {"idempotencyKey": str(uuid.uuid5(_KEY_SPACE, "\n".join(keys)))}


def _common(letter: Letter) -> tuple[list[tuple[str, str]], bool]:
    return sorted(letter.sender.items()), bool(letter.attachments)


def _version(mail: Mail, message: EmailMessage) -> dict[str, Any]:
    text, page = _part(message, "plain"), _part(message, "html")
    version: dict[str, Any] = {
        "to": [{"email": mail.recipient}],
        "subject": _inert(str(message["Subject"] or "")),
        # Brevo refuses a mail without an HTML part.
        "htmlContent": _inert(page or f"<pre>{html.escape(text)}</pre>"),
        "headers": _headers(message),
    }
    if text:
        version["textContent"] = _inert(text)
    if reply_to := _addresses(message, "Reply-To"):
        version["replyTo"] = reply_to[0]
    return version


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part else ""


def _addresses(message: EmailMessage, header: str) -> list[dict[str, str]]:
    found: tuple[Address, ...] = getattr(message[header], "addresses", ())
    return [_named(address) for address in found if address.addr_spec]


def _named(address: Address) -> dict[str, str]:
    name = address.display_name
    if not name:
        return {"email": address.addr_spec}
    if not name.isascii() and re.search(r'[()<>\[\]:;@\\,."]', name):
        # Brevo drops a name that has both letters beyond ASCII and a comma or full stop, such as
        # "Přátelé, z. s."; encoded beforehand it arrives (found by django-anymail).
        name = Header(name, "utf-8", maxlinelen=10_000).encode()
    return {"email": address.addr_spec, "name": name}


def _headers(message: EmailMessage) -> dict[str, str]:
    kept = {name: _bare(name, str(value)) for name, value in message.items() if _is_kept(name)}
    kept["X-Mailin-custom"] = str(message["Message-ID"] or "")
    # Brevo passes other letters on as raw bytes, and receivers refuse such mail.
    return {name: value for name, value in kept.items() if value and value.isascii()}


def _is_kept(name: str) -> bool:
    return name.lower().startswith(("list-", "x-")) or name.lower() in _KEPT_HEADERS


def _bare(name: str, value: str) -> str:
    if name.lower() == "list-id" and not value.isascii():
        return value[value.rfind("<") :]
    return value


def _attachment(part: EmailMessage) -> dict[str, str]:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        raise UnusableError("The message has an attachment that is not a file.")
    name = part.get_filename() or "attachment.txt"
    return {"name": name, "content": base64.b64encode(content).decode()}


def _inert(text: str) -> str:
    return _TEMPLATE_MARK.sub("{ ", text)
