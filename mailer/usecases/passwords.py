"""What makes a password good enough, how it is kept (argon2id, at the cost that OWASP advises),
and the mailed links by which one is set. Whoever sets one ends all sessions of that account."""

import hmac
import secrets
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy.orm import Session

from mailer.domain.errors import BadLink, ExpiredLink, Invalid
from mailer.message.links import LIFETIMES, Links, Purpose
from mailer.message.vocabulary import N_
from mailer.storage import audit
from mailer.storage.redemptions import redeem
from mailer.storage.users import User, find_user
from mailer.usecases import letters

SHORTEST, LONGEST, FEWEST_SIGNS = 12, 200, 5

MEMORY_KIB, ROUNDS, LANES = 19 * 1024, 2, 1

INVITE, RESET = "invite", "reset"
LINK_PATH = "/desk/password/"
RESET_LIVES = timedelta(hours=1)
INVITE_LIVES = LIFETIMES[Purpose.DESK_INVITE]

_TOO_SHORT = N_("Use at least 12 characters. Several words are fine.")
_TOO_LONG = N_("Use at most 200 characters.")
_TOO_PLAIN = N_("Use more than a few different characters.")
_LIKE_EMAIL = N_("Do not use your e-mail address as your password.")
_WRONG = N_("This is not your present password.")
_USED_LINK = N_("This link was used before. Sign in, or ask for a new link.")

_HASHER = PasswordHasher(time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=LANES)


def check_password(password: str, email: str) -> None:
    """Raise Invalid unless the password is long enough and not built from the address.

    Length is what protects; rules about digits and signs do not (NIST SP 800-63B, 3.1.1.2).
    """
    if len(password) < SHORTEST:
        raise Invalid("password", _TOO_SHORT)
    if len(password) > LONGEST:
        raise Invalid("password", _TOO_LONG)
    if len(set(password)) < FEWEST_SIGNS:
        raise Invalid("password", _TOO_PLAIN)
    if password.lower().startswith(email.lower().partition("@")[0]):
        raise Invalid("password", _LIKE_EMAIL)


def hash_password(password: str) -> str:
    """The password as it is stored."""
    return _HASHER.hash(_normalise(password))


def is_password(user: User, typed: str) -> bool:
    """Whether this is the user's password."""
    try:
        return _HASHER.verify(user.password or "", _normalise(typed))
    except (VerificationError, ValueError):
        return False


def change(session: Session, user: User, present: str, password: str, now: datetime) -> None:
    """Change one's own password. Raises Invalid with the field "present" or "password"."""
    if not is_password(user, present):
        raise Invalid("present", _WRONG)
    check_password(password, user.email)
    _store(session, user, password, now)


def ask_link(session: Session, email: str, now: datetime) -> None:
    """Mail a link, good for one hour, to set a new password by, if there is such an account.

    Nothing tells the asker whether there is: a log entry is written either way, so that both
    cases write and take their time.
    """
    found = find_user(session, email.strip())
    user = found if found and found.active else None
    if user:
        queue_link(session, user, RESET, now)
    user_id = user.id if user else None
    audit.record(
        session, "sign-in page", "password link asked for", now, thing="user", thing_id=user_id
    )


def queue_link(session: Session, user: User, purpose: str, now: datetime) -> None:
    """Queue the “account” mail. What it holds is no link yet: `link_path` signs one in time."""
    lives = INVITE_LIVES if purpose == INVITE else RESET_LIVES
    context: dict[str, str | int] = {
        "purpose": purpose,
        "user_id": user.id,
        "epoch": _hash_epoch(user),
        "jti": letters.make_jti(),
        "hours": int(lives.total_seconds()) // 3600,
    }
    letters.queue(
        session,
        "account",
        address=user.email,
        language=user.language,
        context=context,
        now=now,
        lives=lives,
    )


def link_path(links: Links, context: Mapping[str, Any], now: datetime) -> str:
    """The path of the link in an “account” mail, out of what `queue_link` put into its context."""
    extra = {"purpose": str(context["purpose"]), "epoch": str(context["epoch"])}
    token = links.make(
        Purpose.DESK_INVITE, int(context["user_id"]), extra, now, str(context["jti"])
    )
    return LINK_PATH + token


def find_link_owner(session: Session, links: Links, token: str, now: datetime) -> User:
    """Whose password the link may set. Changes nothing; raises BadLink or ExpiredLink.

    A link is dead as soon as the password or role has changed since it was asked for.
    """
    link = links.read(Purpose.DESK_INVITE, token, now)
    if link.extra.get("purpose") == RESET and now - link.issued_at > RESET_LIVES:
        raise ExpiredLink
    user = session.get(User, int(link.subject))
    if user is None or not user.active:
        raise BadLink
    if not hmac.compare_digest(link.extra.get("epoch", ""), _hash_epoch(user)):
        raise BadLink(_USED_LINK)
    return user


def set_by_link(session: Session, links: Links, token: str, password: str, now: datetime) -> User:
    """Set the password by a mailed link, once, however many come at the same time."""
    user = find_link_owner(session, links, token, now)
    check_password(password, user.email)
    if not redeem(session, links.read(Purpose.DESK_INVITE, token, now).jti, "password", now):
        raise BadLink(_USED_LINK)
    user.confirmed_at = user.confirmed_at or now
    _store(session, user, password, now)
    return user


def new_epoch(user: User) -> None:
    """End all sessions of the person and kill every password link mailed to them."""
    user.fs_uniquifier = make_epoch()


def make_epoch() -> str:
    """What a user's sessions are signed for."""
    return secrets.token_hex(32)


def _store(session: Session, user: User, password: str, now: datetime) -> None:
    user.password = hash_password(password)
    new_epoch(user)
    audit.record(session, user.email, "password changed", now, thing="user", thing_id=user.id)


def _hash_epoch(user: User) -> str:
    # The epoch itself opens sessions: it must not stand in a mail.
    return sha256(b"password link " + user.fs_uniquifier.encode()).hexdigest()[:32]


def _normalise(password: str) -> str:
    # Keyboards spell the same letter differently; the sign-in page does the same (NFKD).
    return unicodedata.normalize("NFKD", password)
