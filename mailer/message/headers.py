"""What stands above a letter: every header, spelt and folded as it goes over the wire.

The standard library is not asked to fold: some of its releases break a long To or
List-Unsubscribe into encoded words, and let an encoded word bring in a line end. Values that
could do such things are refused here.
"""

import hmac
import re
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from urllib.parse import quote

from mailer.message import slots
from mailer.message.links import UNSUBSCRIBE_PATH
from mailer.message.values import Envelope, Person

Headers = tuple[tuple[str, str], ...]
"""Names and values, the values folded with CRLF where they are long."""

EVERY = frozenset(
    {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Auto-Submitted",
        "Content-Language",
        "Reply-To",
    }
)
"""What a mail to one person may carry (confirmation, password)."""

BULK = EVERY | {
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Help",
    "List-Owner",
    "List-Post",
    "List-Archive",
    "Precedence",
    "X-Auto-Response-Suppress",
}
"""What a letter to many may carry (RFC 2369, 2919, 3834, 8058)."""

LONGEST = 900
"""Characters of a value before it is spelt: a line may have 998 (RFC 5322, 2.1.1)."""

LONGEST_ADDRESS = 254
"""Characters of an address: the path of 256 octets less its brackets (RFC 5321, 4.5.3.1.3)."""

_LINE = 78
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WORDS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")

# Stricter than RFC 5322: no quotes, comments or commas, which readers of mail take differently.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}")
_DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,253}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_URL = re.compile(r"(https?://|mailto:)[!-;=?-~]+")
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", re.ASCII)
_MESSAGE_ID = re.compile(r"<([0-9a-f]{16})\.([0-9a-f]{32})@([A-Za-z0-9.-]{1,253})>")
_MARK = re.compile(r"(?<![0-9a-f])([0-9a-f]{16})\.([0-9a-f]{32})(?![0-9a-f])")
_MARK_ENDS = 50
"""Where the mark of a Message-ID ends: it stands behind the `<` and has 49 characters."""


class UnsafeHeader(ValueError):
    """A header that must not be written; `header` names it."""

    def __init__(self, header: str, problem: str) -> None:
        self.header, self.problem = header, problem
        super().__init__(f"The header {header} cannot be written: {problem}.")


def message_id(delivery_id: int, secret: bytes, domain: str) -> str:
    """`<id in hex . keyed MAC @ domain>`: the same for every attempt at a delivery, of constant
    length, and nothing that a stranger could make up in a forged bounce."""
    mark = f"{delivery_id:016x}.{_message_mac(delivery_id, secret)}"
    return _matching(_MESSAGE_ID, "Message-ID", f"<{mark}@{domain}>")


def read_message_id(text: str, secret: bytes) -> int | None:
    """The delivery of the first mark in `text` (a Message-ID, a return path, a list of them) whose
    MAC holds; None if there is none. Letters may have changed their case on the way."""
    for number, mac in _MARK.findall(text.lower()):
        if hmac.compare_digest(mac, _message_mac(int(number, 16), secret)):
            return int(number, 16)
    return None


def return_path(address: str, message_id: str) -> str:
    """Where bounces of one mail go (VERP): `address` with the mark of its Message-ID behind a
    plus, so that a bounce without a copy of the mail still tells which one it was."""
    local, _, domain = address.partition("@")
    return f"{local}+{message_id[1:_MARK_ENDS]}@{domain}"


def date_value(now: datetime) -> str:
    """A Date header's value: 31 characters, in the time zone of `now` (aware)."""
    return _matching(_DATE, "Date", format_datetime(now))


def check_person(person: Person) -> None:
    """Hold what differs per recipient to its shape; raises UnsafeHeader.

    Only the header values: tokens are checked where a slot asks for them. An address outside
    ASCII is refused too: its domain belongs in A-labels, its local part cannot be mailed.
    """
    _address("To", person.address)
    _matching(_DATE, "Date", person.date)
    _matching(_MESSAGE_ID, "Message-ID", person.message_id)


def letter_headers(
    envelope: Envelope, person: Person, *, base_url: str, unsubscribe_address: str = ""
) -> Headers:
    """All headers but Content-*, in the order in which they are written, each once.

    `unsubscribe_address` receives what mail programs send for the mailto form; the sender's
    address does when it is empty. Raises UnsafeHeader, and ValueError for a bad token.
    """
    check_person(person)
    headers = _every(envelope, person)
    if envelope.is_bulk:
        headers |= _list(envelope)
        headers["List-Unsubscribe"] = _list_unsubscribe(
            base_url,
            _address("List-Unsubscribe", unsubscribe_address or envelope.from_address),
            slots.get_unsubscribe_token(person),
        )
    return tuple(headers.items())


def _every(envelope: Envelope, person: Person) -> dict[str, str]:
    sender = _address("From", envelope.from_address)
    headers = {
        "From": _named("From", envelope.from_name, sender),
        "To": person.address,
        "Subject": _text("Subject", envelope.subject),
        "Date": person.date,
        "Message-ID": person.message_id,
        "MIME-Version": "1.0",
        "Auto-Submitted": "auto-generated",
        "Content-Language": _matching(_LANGUAGE, "Content-Language", envelope.language),
    }
    if envelope.reply_to:
        headers["Reply-To"] = _address("Reply-To", envelope.reply_to)
    return headers


def _list(envelope: Envelope) -> dict[str, str]:
    owner = _address("List-Owner", envelope.reply_to or envelope.from_address)
    list_id = "newsletter." + _matching(_DOMAIN, "List-Id", envelope.list_domain)
    headers = {
        "List-Id": _named("List-Id", envelope.list_name, list_id),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Help": _link("List-Help", envelope.help_url or _mailto(owner, "help")),
        "List-Owner": _link("List-Owner", _mailto(owner)),
        "List-Post": "NO",
        "Precedence": "bulk",
        "X-Auto-Response-Suppress": "All",
    }
    if envelope.archive_url:
        headers["List-Archive"] = _link("List-Archive", envelope.archive_url)
    return headers


def _list_unsubscribe(base_url: str, address: str, token: str) -> str:
    page = _link("List-Unsubscribe", f"{base_url.rstrip('/')}{UNSUBSCRIBE_PATH}{token}")
    return f"{page},\r\n {_link('List-Unsubscribe', _mailto(address, f'unsubscribe {token}'))}"


def _mailto(address: str, subject: str = "") -> str:
    mailto = f"mailto:{quote(address, safe='@+')}"
    return f"{mailto}?subject={quote(subject)}" if subject else mailto


def _link(header: str, url: str) -> str:
    return f"<{_matching(_URL, header, url)}>"


def _named(header: str, name: str, target: str) -> str:
    """`name <target>`, on two lines when one is too short."""
    if not name:
        return f"<{target}>"
    phrase = _phrase(header, name)
    last_line = phrase.rpartition("\r\n")[2] if "\r\n" in phrase else f"{header}: {phrase}"
    gap = " " if len(last_line) + len(target) + 3 <= _LINE else "\r\n "
    return f"{phrase}{gap}<{target}>"


def _phrase(header: str, name: str) -> str:
    if not _is_plain(header, name):
        return _encoded(header, name)
    if _WORDS.fullmatch(name):
        return name
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"' if _is_plain(header, f'"{quoted}"') else _encoded(header, name)


def _text(header: str, value: str) -> str:
    return value if _is_plain(header, value) else _encoded(header, value)


def _is_plain(header: str, value: str) -> bool:
    """Whether every reader of mail takes `value`, written as it is, for what it is."""
    _guard(header, value)
    fits = len(header) + 2 + len(value) <= _LINE
    return fits and value.isascii() and value == value.strip() and "=?" not in value


def _encoded(header: str, value: str) -> str:
    """RFC 2047 words of UTF-8, safe in a phrase as well as in a subject."""
    return Header(value, "utf-8", maxlinelen=76, header_name=header).encode(linesep="\r\n")


def _address(header: str, value: str) -> str:
    if "=?" in value or len(value) > LONGEST_ADDRESS:
        raise UnsafeHeader(header, "not an e-mail address that can be mailed")
    return _matching(_ADDRESS, header, value)


def _matching(shape: re.Pattern[str], header: str, value: str) -> str:
    if len(value) <= LONGEST and shape.fullmatch(value):
        return value  # no shape has room for anything that the guard forbids
    _guard(header, value)
    raise UnsafeHeader(header, "its value has another shape than this header asks for")


def _guard(header: str, value: str) -> None:
    if not value:
        raise UnsafeHeader(header, "it would be empty")
    if len(value) > LONGEST:
        raise UnsafeHeader(header, f"it is longer than {LONGEST} characters")
    if _UNSAFE.search(value):
        raise UnsafeHeader(header, "it holds a line end or another control character")


def _message_mac(delivery_id: int, secret: bytes) -> str:
    # The name in front keeps this MAC apart from others made with the same secret.
    mac = hmac.digest(secret, b"message-id:%d" % delivery_id, "sha256")
    return mac[:16].hex()
