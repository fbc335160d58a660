"""Reads one mail that came back: a delivery report (RFC 3464), a complaint (RFC 5965), or what odd
servers write instead. Believes only a mail that carries an id of ours whose signature holds."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parseaddr, parsedate_to_datetime

from flufl.bounce import all_failures

from mailer.domain.feedback import Feedback, FeedbackKind
from mailer.providers.bounce_codes import find_status, judge, judge_failure
from mailer.providers.words import tidy

PROVIDER = "mail"
LARGEST = 256 * 1024
"""Bytes of a mail that are looked at: a report says what it has to say before the copy."""

Identify = Callable[[str], int | None]
"""The delivery that an id in this text names, if the signature of one holds."""

_TALE = 32 * 1024
"""Bytes in which a server that knows no reports must have told what happened."""

_ASCII = bytes(sign if sign < ord("\x7f") else ord("?") for sign in range(256))
"""Of headers with other letters the library makes objects that flufl.bounce takes for text."""

# The standard library takes minutes over mails that were made to keep it busy: no honest one has
# as many parts, headers within headers, or parameters.
_TOO_MANY = {b"\n--": 1000, b"content-type": 50, b";": 20_000}

_OLDEST = timedelta(days=30)
_RECIPIENTS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_THREAD = ("In-Reply-To", "References")
_COPIES = ("message/rfc822", "text/rfc822-headers")
_SYSTEMS = ("mailer-daemon", "postmaster")
_COMPLAINTS = ("abuse", "fraud")
_COPY_BEGINS = re.compile(r"^-{3}", re.MULTILINE)

# From the best fate to the worst.
_FATES = (
    FeedbackKind.DELIVERED,
    FeedbackKind.DELAYED,
    FeedbackKind.SOFT_BOUNCE,
    FeedbackKind.BLOCKED,
    FeedbackKind.HARD_BOUNCE,
)

_Said = tuple[FeedbackKind, str, str]
"""Kind, status and the server's words."""


def read_bounce(message: bytes, identify: Identify, now: datetime) -> Feedback | None:
    """What a mail says about one of ours; None if nothing, or if that cannot be believed.

    No more than `LARGEST` bytes are read. Whose address it is about follows from the id alone,
    never from an address in the mail: anybody can write one there. A copy goes to one reader, so
    of several recipients (where their address leads on to) the best fate counts. Answers of people
    and of their machines (RFC 3834) are no bounces, nor is a report about a report.
    """
    mail = _parse(message[:LARGEST])
    if mail is None or identify(_get(mail, "Message-ID")) is not None:
        return None  # the second: a mail of ours itself, which goes round in circles
    copy = _find_copy(mail)
    if copy is not None and _is_answer(copy):
        return None
    said = _read(mail, message)
    delivery_id = identify(_list_ids(mail, copy)) if said else None
    if said is None or delivery_id is None:
        return None
    kind, status, text = said
    return Feedback(
        provider=PROVIDER,
        # A mail ends in one way once, however often and by whichever way that is said: a storm
        # of reports about one mail is a handful of rows.
        event_id=f"{delivery_id}-{kind}",
        kind=kind,
        at=_read_moment(mail, now),
        delivery_id=delivery_id,
        status=status,
        text=tidy(text),
    )


def _parse(message: bytes) -> Message | None:
    small = message.lower()
    if any(small.count(sign) > number for sign, number in _TOO_MANY.items()):
        return None
    try:
        return message_from_bytes(message)
    except (RecursionError, ValueError):  # messages within messages; parameters of 5000 digits
        return None


def _read(mail: Message, message: bytes) -> _Said | None:
    for part in _list_parts(mail):
        if part.get_content_type() == "message/delivery-status":
            said = list(_read_recipients(_list_parts(part)))
            return min(said, key=lambda each: _FATES.index(each[0]), default=None)
        if part.get_content_type() == "message/feedback-report":
            return _read_complaint(part)
    return _read_tale(mail, message)


def _read_recipients(blocks: Iterable[Message]) -> Iterator[_Said]:
    for block in blocks:
        words = _get(block, "Diagnostic-Code")
        status = find_status(_get(block, "Status"), words)
        kind = judge(_get(block, "Action"), status)
        if kind is FeedbackKind.HARD_BOUNCE and _leads_elsewhere(block):
            kind = FeedbackKind.SOFT_BOUNCE
        if kind:
            yield kind, status, words.partition(";")[2] or words


def _leads_elsewhere(block: Message) -> bool:
    """Whether the address that failed is one that the reader's own forwards to."""
    first, final = (
        _get(block, name).partition(";")[2].strip(" <>").lower()
        for name in ("Original-Recipient", "Final-Recipient")
    )
    return bool(first and final and first != final)


def _read_complaint(part: Message) -> _Said | None:
    report = next(iter(_list_parts(part)), part)
    said = _get(report, "Feedback-Type").strip().lower()
    return (FeedbackKind.COMPLAINT, "", said) if said in _COMPLAINTS else None


def _read_tale(mail: Message, message: bytes) -> _Said | None:
    """What a server without reports tells. A machine that answers for its owner uses the owner's
    name; only the mail system itself calls itself so."""
    writer = parseaddr(_get(mail, "From"))[1].partition("@")[0].lower()
    if writer not in _SYSTEMS:
        return None
    head = _parse(message[:_TALE].translate(_ASCII))
    waiting, failed = all_failures(head) if head else ((), ())
    tale = _COPY_BEGINS.split(_get_text(mail), maxsplit=1)[0]
    status = find_status(tale)
    if failed:
        return judge_failure(status), status, tale
    return (FeedbackKind.DELAYED, status, tale) if waiting else None


def _list_ids(mail: Message, copy: Message | None) -> str:
    """All that may hold an id of ours, the surest first."""
    found = [_get(mail, name) for name in _RECIPIENTS]
    if copy is None:
        found.append(_get_text(mail))  # it may end with the copy, as text
    else:
        found.append(_get(copy, "Message-ID"))
    found += [_get(mail, name) for name in _THREAD]
    return "\n".join(found)


def _find_copy(mail: Message) -> Message | None:
    """The headers of the mail that came back, as a report carries them."""
    for part in _list_parts(mail):
        kind = part.get_content_type()
        if kind == "message/rfc822":
            return next(iter(_list_parts(part)), None)
        if kind in _COPIES:
            return BytesHeaderParser().parsebytes(_get_bytes(part))
    return None


def _is_answer(copy: Message) -> bool:
    """Whether what came back was itself a report or an automatic answer."""
    answers = _get(copy, "Auto-Submitted").strip().lower().startswith("auto-replied")
    return answers or copy.get_content_type() == "multipart/report"


def _read_moment(mail: Message, now: datetime) -> datetime:
    """When the mail says that it was written, if that can be true."""
    try:
        written = parsedate_to_datetime(_get(mail, "Date"))
        at = (written if written.tzinfo else written.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return now
    return at if now - _OLDEST <= at <= now else now


def _list_parts(part: Message) -> list[Message]:
    inner = part.get_payload()
    return [each for each in inner if isinstance(each, Message)] if isinstance(inner, list) else []


def _get(part: Message, name: str) -> str:
    """All headers of that name, a line each."""
    return "\n".join(str(value) for value in part.get_all(name, ()))


def _get_text(mail: Message) -> str:
    """The first text of the mail, or all that it is."""
    first = next((part for part in mail.walk() if part.get_content_maintype() == "text"), mail)
    return _get_bytes(first).decode("utf-8", "replace")


def _get_bytes(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
