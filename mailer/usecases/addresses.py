"""Reads e-mail addresses: the one parser for every form, import and command.

Stricter than the library that knows the grammar, never laxer: what is legal but only seen in
attacks (option-like, encoded or source-routed addresses) is refused with a sentence of its own.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from email_validator import EmailNotValidError, validate_email

from mailer.domain.errors import InvalidAddress
from mailer.message.vocabulary import N_

LONGEST = 254
LONGEST_LOCAL = 64

# Full-width letters come from Asian keyboards. Other compatibility forms are left alone: folding
# “alice²” to “alice2” would write to somebody else.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3002: "."}
_ATOM = r"[A-Za-z0-9#$&'*+/=?^_~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")

_EMPTY = N_("Type your e-mail address.")
_TOO_LONG = N_("This address is too long to be an e-mail address.")
_HIDDEN = N_("There is a hidden character in this address. Type it again by hand.")
_NO_AT = N_("An e-mail address needs one @, as in name@example.org.")
_LOCAL_TOO_LONG = N_("The part before the @ is too long. It can have 64 characters.")
_ACCENTS = N_("The part before the @ can only have letters without accents.")
_BEGINNING = N_("An e-mail address cannot begin with “-” or “=”.")
_ENCODED = N_("An e-mail address cannot contain “=?”.")
_SIGNS = N_("There is a sign before the @ that we cannot write to. Check what you typed.")
_DOMAIN = N_("Check the part after the @. No mail can go to it as it is written.")


@dataclass(frozen=True, slots=True)
class Address:
    """`mailbox` is what mail goes to, its domain in ASCII (punycode). `key_text` is the same for
    every spelling of one address: compare and hash this, never the mailbox."""

    mailbox: str
    key_text: str


def read_address(text: str) -> Address:
    """What somebody typed, as an address that mail can go to.

    Asks no network. Raises InvalidAddress with the reason in plain words.
    """
    typed = unicodedata.normalize("NFC", text.strip().translate(_FULL_WIDTH))
    _check_whole(typed)
    local, _, domain = typed.partition("@")
    _check_local(local)
    mailbox = f"{local}@{_read_domain(local, domain)}"
    return Address(mailbox, mailbox.lower())


def make_address_key(secret: bytes) -> Callable[[str], str]:
    """The function that turns `key_text` into the 64 hex digits which stand for it in tables.

    Without `secret` nobody can tell which address a key belongs to, so it may be kept after the
    address itself was erased.
    """

    def address_key(key_text: str) -> str:
        return hmac.new(secret, b"mailer.address\0" + key_text.encode(), sha256).hexdigest()

    return address_key


def _check_whole(typed: str) -> None:
    if not typed:
        raise InvalidAddress(_EMPTY)
    if len(typed) > LONGEST:
        raise InvalidAddress(_TOO_LONG)
    if any(unicodedata.category(sign).startswith("C") for sign in typed):
        raise InvalidAddress(_HIDDEN)
    if typed.count("@") != 1 or typed.startswith("@"):
        raise InvalidAddress(_NO_AT)


def _check_local(local: str) -> None:
    if len(local) > LONGEST_LOCAL:
        raise InvalidAddress(_LOCAL_TOO_LONG)
    if local.startswith(("-", "=")):
        raise InvalidAddress(_BEGINNING)
    if "=?" in local:
        raise InvalidAddress(_ENCODED)
    if not local.isascii():
        raise InvalidAddress(_ACCENTS)
    if not _LOCAL.fullmatch(local):
        raise InvalidAddress(_SIGNS)


def _read_domain(local: str, domain: str) -> str:
    try:
        read = validate_email(f"{local}@{domain}", check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise InvalidAddress(_DOMAIN) from None
    return read.ascii_domain.lower()
