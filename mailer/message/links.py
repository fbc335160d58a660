"""Signed links: what a reader may do without a password. Stores nothing and reads no clock.

Reader links (unsubscribe, preferences) stand in every letter and never expire. Timed links
(confirm, change of address, invitation to the desk) expire and carry a `jti` that the caller
redeems once. Each purpose has its own salt, and every parameter is inside the signature.
"""

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from itsdangerous import BadData, Signer, TimestampSigner, URLSafeTimedSerializer

from mailer.domain.errors import BadLink, ExpiredLink
from mailer.message.slots import TOKEN_LENGTH

UNSUBSCRIBE_PATH = "/u/"

SKEW = timedelta(minutes=5)
"""How far in the future a token may lie: the clock may have been set back since (NTP)."""

LONGEST = 4096
"""Characters of a timed token; a longer one is refused unread."""


class Purpose(StrEnum):
    """What a timed link is for. A token of one purpose does not open another."""

    CONFIRM = "confirm"
    ADDRESS_CHANGE = "address_change"
    DESK_INVITE = "desk_invite"
    DATA = "data"


LIFETIMES: Mapping[Purpose, timedelta] = {
    Purpose.CONFIRM: timedelta(days=7),
    Purpose.ADDRESS_CHANGE: timedelta(days=7),
    Purpose.DESK_INVITE: timedelta(hours=48),
    Purpose.DATA: timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class ReaderLink:
    """Whose link it is and which delivery carried it; 0 when no delivery did."""

    subscriber: UUID
    delivery_id: int


@dataclass(frozen=True, slots=True)
class TimedLink:
    """What was signed. Redeem by `jti`, never by the token's text: a signature has several
    spellings that all verify (its last character, a trailing `=`)."""

    subject: str | int
    extra: Mapping[str, str]
    jti: str
    issued_at: datetime


class Links:
    """Makes and reads all signed links. `secret_keys` go from the oldest to the newest: the
    newest signs, all of them verify."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        # A str is a Sequence[str] too: each of its letters would be a key that verifies.
        if isinstance(secret_keys, str):
            raise TypeError("secret_keys is a list of keys, not one key")
        self._keys = list(secret_keys)
        self._unsubscribe = _ReaderSigner(self._keys, "unsubscribe")
        self._preferences = _ReaderSigner(self._keys, "preferences")

    def unsubscribe_token(self, subscriber: UUID, delivery_id: int = 0) -> str:
        """76 URL-safe characters that never expire. The same parameters give the same token."""
        return self._unsubscribe.sign(subscriber, delivery_id)

    def preferences_token(self, subscriber: UUID, delivery_id: int = 0) -> str:
        """76 URL-safe characters that never expire. The same parameters give the same token."""
        return self._preferences.sign(subscriber, delivery_id)

    def read_unsubscribe(self, token: str) -> ReaderLink:
        """What `unsubscribe_token` signed; BadLink for anything else."""
        return self._unsubscribe.read(token)

    def read_preferences(self, token: str) -> ReaderLink:
        """What `preferences_token` signed; BadLink for anything else."""
        return self._preferences.read(token)

    def make(
        self,
        purpose: Purpose,
        subject: str | int,
        extra: Mapping[str, str],
        now: datetime,
        jti: str,
    ) -> str:
        """A timed token about `subject`, issued at `now` (aware).

        `jti` is new for each token: `secrets.token_urlsafe(12)`. ValueError when `extra` makes
        the token longer than LONGEST.
        """
        payload = {"subject": subject, "extra": dict(extra), "jti": jti}
        token = self._serializer(purpose, now).dumps(payload)
        if len(token) > LONGEST:
            raise ValueError(f"A link of {len(token)} characters is too long to be followed.")
        return token

    def read(self, purpose: Purpose, token: str, now: datetime) -> TimedLink:
        """What `make` signed for this purpose. Whether its `jti` was used is for the caller.

        ExpiredLink when it is older than the purpose's lifetime, BadLink for anything else.
        """
        payload, issued_at = self._load(purpose, token, now)
        if now - issued_at > LIFETIMES[purpose]:
            raise ExpiredLink
        return TimedLink(payload["subject"], payload["extra"], payload["jti"], issued_at)

    def form_token(self, now: datetime) -> str:
        """Stands in the sign-up form to tell how long somebody took to fill it in."""
        return self._serializer("form", now).dumps("")

    def read_form_token(self, token: str, now: datetime) -> timedelta:
        """The form's age in whole seconds, from -SKEW up; how old is too old is for the caller.

        BadLink for anything that `form_token` did not make.
        """
        _, issued_at = self._load("form", token, now)
        return now.replace(microsecond=0) - issued_at

    def _load(self, salt: str, token: str, now: datetime) -> tuple[Any, datetime]:
        if len(token) > LONGEST or not token.isascii():
            raise BadLink
        try:
            payload, issued_at = self._serializer(salt, now).loads(token, return_timestamp=True)
        except BadData:
            raise BadLink from None
        if issued_at - now > SKEW:
            raise BadLink
        return payload, issued_at

    def _serializer(self, salt: str, now: datetime) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._keys,
            salt=_salt(salt),
            signer=_MomentSigner,
            signer_kwargs={
                "key_derivation": "hmac",
                "digest_method": sha256,
                "moment": int(now.timestamp()),
            },
        )


class _ReaderSigner:
    """Signs as itsdangerous.Signer does, with its key derived once instead of per token: a
    letter to 100 000 readers asks for 200 000 tokens. Reading is rare and left to itsdangerous."""

    _PAYLOAD = struct.Struct(">16sq")

    def __init__(self, keys: list[str], purpose: str) -> None:
        self._signer = Signer(
            keys, salt=_salt(purpose), key_derivation="hmac", digest_method=sha256
        )
        self._mac = hmac.new(self._signer.derive_key(), digestmod=sha256)

    def sign(self, subscriber: UUID, delivery_id: int) -> str:
        payload = urlsafe_b64encode(self._PAYLOAD.pack(subscriber.bytes, delivery_id))
        mac = self._mac.copy()
        mac.update(payload)
        return f"{payload.decode()}.{urlsafe_b64encode(mac.digest()).decode().rstrip('=')}"

    def read(self, token: str) -> ReaderLink:
        if len(token) != TOKEN_LENGTH or not token.isascii():
            raise BadLink
        try:
            payload = self._signer.unsign(token)
        except BadData:
            raise BadLink from None
        subscriber, delivery_id = self._PAYLOAD.unpack(urlsafe_b64decode(payload))
        return ReaderLink(UUID(bytes=subscriber), delivery_id)


class _MomentSigner(TimestampSigner):
    """A TimestampSigner that is told the time."""

    def __init__(self, *args: Any, moment: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._moment = moment

    def get_timestamp(self) -> int:
        return self._moment


def _salt(purpose: str) -> str:
    return f"mailer.links.{purpose}"
