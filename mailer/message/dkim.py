"""Signs finished mail with DKIM (RFC 6376): whose it is, and that nobody changed it on its way.

Only for mail that leaves through SMTP as it was built. Brevo's interface takes a letter apart,
builds it anew and signs with a key of its own: a signature of ours would not hold there. Looks
nothing up, and verifies nothing.
"""

from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailer.sections.dkim import Dkim, read_ed25519_key, read_rsa_key

PrivateKey = RSAPrivateKey | Ed25519PrivateKey

SIGNED = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"reply-to",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-help",
    b"list-owner",
    b"list-post",
    b"list-archive",
    b"list-subscribe",
)
"""Signed once more than they occur, so even where they are missing: one that somebody adds, a
second From or a Reply-To to a copy that is sent round, breaks the signature (RFC 6376, 8.15)."""

# Servers may add one to a mail without it, and mean well.
_SIGNED_WHERE_PRESENT = b"content-transfer-encoding"

_LINE = 78
_FOLD = b"\r\n "
_LAYOUTS_KEPT = 64
# hashlib gives up the interpreter lock for longer pieces. Getting it back from a busy event loop
# costs a tenth of all signatures; one exchange per mail, for RSA, is enough.
_PIECE = 2047
_PADDING, _SHA256 = PKCS1v15(), SHA256()


@dataclass(frozen=True, slots=True)
class Key:
    """A private key and where its public half is published."""

    domain: str
    selector: str
    private: PrivateKey

    @property
    def record_name(self) -> str:
        """Where verifiers look for the TXT record (RFC 6376, 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """The TXT record's text, one piece (RFC 6376, 3.6.1; RFC 8463, 4)."""
        public = self.private.public_key()
        if isinstance(public, RSAPublicKey):
            der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return f"v=DKIM1; k=rsa; p={b64encode(der).decode()}"
        return f"v=DKIM1; k=ed25519; p={b64encode(public.public_bytes_raw()).decode()}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What letters with the same headers share: which lines are signed, in which order, under
    which names; and the names as `h=` lists them, folded."""

    lines: tuple[tuple[int, bytes], ...]
    listed: bytes


class Signer:
    """Signs with one key or with several. Nothing in it changes: threads may share it."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._seals = [_Seal(key) for key in keys]

    def sign(self, content: bytes) -> bytes:
        """The message with a DKIM-Signature header per key in front.

        `content` has CRLF line ends and no other CR or LF, as `build` makes it. The same content
        gives the same bytes. There is no time of signing (t=) in it: Date is signed and tells it,
        and a clock that is fast by minutes would make verifiers refuse every mail.
        """
        head, _, body = content.partition(b"\r\n\r\n")
        body_hash = b2a_base64(_hash(_canonical_body(body)), newline=False)
        fields = [line.partition(b":") for line in _unfold(head).split(b"\r\n")]
        layout = _lay_out(tuple([name for name, _, _ in fields]))
        signed = b"".join([name + fields[at][2].strip() + b"\r\n" for at, name in layout.lines])
        seals = [seal.press(signed, layout.listed, body_hash) for seal in self._seals]
        return b"".join([*seals, content])


class _Seal:
    """What one key writes on every mail, as far as it is always the same."""

    def __init__(self, key: Key) -> None:
        self._private = key.private
        algorithm = "rsa" if isinstance(key.private, RSAPrivateKey) else "ed25519"
        # Bodies as they are ("simple"): no line of ours ends in blanks or is long enough to be
        # broken, and merging the blanks of a 50 KB digest takes longer than the RSA signature.
        self._opening = (
            f"v=1; a={algorithm}-sha256; c=relaxed/simple;"
            f"\r\n d={key.domain};\r\n s={key.selector};\r\n h="
        ).encode("ascii")

    def press(self, signed: bytes, listed: bytes, body_hash: bytes) -> bytes:
        """The header. Its value has no run of blanks: unfolding alone makes it canonical."""
        value = b"%b%b;\r\n bh=%b;\r\n b=" % (self._opening, listed, body_hash)
        signature = self._sign(signed + b"dkim-signature:" + value.replace(_FOLD, b" "))
        return b"DKIM-Signature: %b%b\r\n" % (value, _fold(signature))

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self._private, RSAPrivateKey):
            return self._private.sign(data, _PADDING, _SHA256)
        return self._private.sign(sha256(data).digest())


def build_signer(settings: Dkim, from_address: str) -> Signer | None:
    """The signer for mail from `from_address`; None where whoever carries the mail signs it."""
    keys = list_keys(settings, from_address)
    return Signer(keys) if keys else None


def list_keys(settings: Dkim, from_address: str) -> list[Key]:
    """The configured keys: RSA, which every verifier knows, before Ed25519."""
    domain = find_domain(settings, from_address)
    keys = []
    if settings.selector:
        private = read_rsa_key(settings.private_key.get_secret_value())
        keys.append(Key(domain, settings.selector, private))
    if settings.ed25519_selector:
        second = read_ed25519_key(settings.ed25519_private_key.get_secret_value())
        keys.append(Key(domain, settings.ed25519_selector, second))
    return keys


def find_domain(settings: Dkim, from_address: str) -> str:
    """Whose name the signature carries. DMARC asks that the sender's address belongs to it."""
    return settings.domain or from_address.rpartition("@")[2].lower()


def _canonical_body(body: bytes) -> bytes:
    """What of a body is signed: all of it, with one line end last (RFC 6376, 3.4.3)."""
    return body.rstrip(b"\r\n") + b"\r\n"


def _hash(body: bytes) -> bytes:
    digest, view = sha256(), memoryview(body)
    for start in range(0, len(body), _PIECE):
        digest.update(view[start : start + _PIECE])
    return digest.digest()


def _unfold(head: bytes) -> bytes:
    """Every header on one line, its blanks merged (RFC 6376, 3.4.2)."""
    head = head.replace(_FOLD, b" ").replace(b"\r\n\t", b" ").replace(b"\t", b" ")
    while b"  " in head:
        head = head.replace(b"  ", b" ")
    return head


@lru_cache(_LAYOUTS_KEPT)
def _lay_out(names: tuple[bytes, ...]) -> Layout:
    """Of headers that occur twice the lower is signed first (RFC 6376, 5.4.2)."""
    lowered = [name.lower() for name in names]
    lines, listed = [], []
    for name in (*SIGNED, _SIGNED_WHERE_PRESENT):
        found = [at for at, present in enumerate(lowered) if present == name]
        lines += [(at, name + b":") for at in reversed(found)]
        listed += [name] * (len(found) + (name in SIGNED))
    return Layout(tuple(lines), _fold_names(listed))


def _fold_names(names: Sequence[bytes]) -> bytes:
    folded, room = names[0], _LINE - len(b" h=;") - len(names[0])
    for name in names[1:]:
        room -= len(name) + 1
        if room < 0:
            folded += b":" + _FOLD + name
            room = _LINE - len(b" ;") - len(name)
        else:
            folded += b":" + name
    return folded


def _fold(signature: bytes) -> bytes:
    text = b2a_base64(signature, newline=False)
    width = _LINE - len(b" b=")
    return _FOLD.join([text[at : at + width] for at in range(0, len(text), width)])
