"""What goes into MAIL and RCPT, which mails must not go there at all, and what a refusal of MAIL is
about. Pure; holds no socket.

A refusal from here carries the code a server would have used, but nothing was sent.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from mailer.providers.base import Fate, Mail, Outcome
from mailer.providers.bounce_codes import find_status

Extensions = Mapping[str, str]
"""What EHLO offered: upper-case keyword → its parameters."""

Commands = tuple[tuple[str, bytes], ...]
"""MAIL, RCPT and DATA as (phase, line)."""

LONGEST_LINE = 998  # RFC 5322 2.1.1, without CRLF
LONGEST_PATH = 254  # RFC 5321 4.5.3.1.3, without the angle brackets

_TOO_BIG = ("5.2.3", "5.3.4")
_NO_SUCH_PARAMETER = (504, 555)
_ABOUT_LETTERS = "5.6."  # RFC 3463 and RFC 6531: media, conversion, addresses beyond ASCII

# A line break would start a command of the attacker's choice, an angle bracket or a space would
# end the address and start parameters. Lone surrogates cannot be encoded.
_UNSAFE = re.compile("[\x00-\x20\x7f-\x9f<>\u2028\u2029\ud800-\udfff]")


def fault_of(mail: Mail) -> Outcome | None:
    """A refusal if no server may be given this mail, whatever it offers."""
    if mail.sender and not _is_safe_sender(mail.sender):
        return _refused(mail, "mail", 553, "The sender's address cannot be used in SMTP.")
    if not _is_safe(mail.recipient):
        return _refused(mail, "rcpt", 553, "The address cannot be used in SMTP.")
    if not (mail.is_smooth or _has_clean_lines(mail.content)):
        # A server that takes a bare line feed for a line break may see a second mail in the
        # first one (CVE-2023-51764): such content is never sent, not even repaired.
        return _refused(mail, "mail", 554, "The message has broken or over-long lines.")
    return None


def limit_of(mail: Mail, offered: Extensions) -> Outcome | None:
    """A refusal if this server cannot take the mail: too big, or an extension is missing.

    RFC 1870 (SIZE), RFC 6531 (SMTPUTF8), RFC 6152 (8BITMIME). Domains are expected as A-labels;
    a Unicode domain counts as an address that needs SMTPUTF8.
    """
    limit, size = offered.get("SIZE", ""), len(mail.content)
    if limit.isdecimal() and 0 < int(limit) < size:
        words = f"The message has {size} bytes; the server takes no more than {limit}."
        return Outcome(mail.key, Fate.UNFIT, "mail", 552, words)
    if _needs_utf8(mail) and "SMTPUTF8" not in offered:
        phase = "mail" if mail.recipient.isascii() else "rcpt"
        words = "The address needs SMTPUTF8, which the mail server does not offer."
        return _refused(mail, phase, 553, words)
    if _is_8bit(mail) and "8BITMIME" not in offered:
        words = "The message has 8-bit text, which the mail server does not take (no 8BITMIME)."
        return _refused(mail, "mail", 554, words)
    return None


def commands(mail: Mail, offered: Extensions) -> Commands:
    """For a mail that `fault_of` and `limit_of` let pass."""
    parameters = ""
    if "SIZE" in offered:
        parameters += f" SIZE={len(mail.content)}"
    if _is_8bit(mail):
        parameters += " BODY=8BITMIME"
    if _needs_utf8(mail):
        parameters += " SMTPUTF8"
    return (
        ("mail", mail_command(mail, parameters)),
        ("rcpt", f"RCPT TO:<{mail.recipient}>\r\n".encode()),
        ("data", b"DATA\r\n"),
    )


def mail_command(mail: Mail, parameters: str = "") -> bytes:
    """MAIL; without `parameters` it says nothing about the mail but its sender."""
    return f"MAIL FROM:<{mail.sender}>{parameters}\r\n".encode()


def fate_at_mail(mail: Mail, code: int, text: str) -> Fate | None:
    """What a refusal of MAIL means for this mail. None if the words do not tell: no reader has been
    named yet, so it may be about the sender's address or the server, and every other mail would
    fare the same. What the line says of the mail itself is its size (RFC 1870), and that it has
    letters beyond ASCII (RFC 6531, RFC 6152)."""
    status = find_status(text)
    if status in _TOO_BIG or (code, status) == (552, ""):
        return Fate.UNFIT
    is_unusual = _needs_utf8(mail) or _is_8bit(mail)
    if is_unusual and (code in _NO_SUCH_PARAMETER or status.startswith(_ABOUT_LETTERS)):
        return Fate.REFUSED
    return None


def stuffed(mail: Mail) -> bytes:
    """Its content with every leading dot doubled (RFC 5321 4.5.2)."""
    content = mail.content
    if mail.is_smooth:
        return content
    head = b"." if content.startswith(b".") else b""
    return head + content.replace(b"\r\n.", b"\r\n..")


def final_dot(content: bytes) -> bytes:
    """What ends `content`: its own last line break, if it has one, is the dot's first half."""
    return b".\r\n" if not content or content.endswith(b"\r\n") else b"\r\n.\r\n"


def _is_safe(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    fits = len(address.encode("utf-8", "replace")) <= LONGEST_PATH
    return bool(local and domain) and fits and not _UNSAFE.search(address)


_is_safe_sender = lru_cache(maxsize=8)(_is_safe)
"""Thousands of mails have one sender."""


def _has_clean_lines(content: bytes) -> bool:
    breaks = content.count(b"\r\n")
    if content.count(b"\r") != breaks or content.count(b"\n") != breaks or b"\0" in content:
        return False
    # From line break to the farthest one within reach: a few leaps instead of every line.
    start, end = 0, len(content)
    while end - start > LONGEST_LINE:
        leap = content.rfind(b"\r\n", start, start + LONGEST_LINE + 2)
        if leap < 0:
            return False
        start = leap + 2
    return True


def _is_8bit(mail: Mail) -> bool:
    return not (mail.is_smooth or mail.content.isascii())


def _needs_utf8(mail: Mail) -> bool:
    return not (mail.sender.isascii() and mail.recipient.isascii())


def _refused(mail: Mail, phase: str, code: int, text: str) -> Outcome:
    return Outcome(mail.key, Fate.REFUSED, phase, code, text)
