"""What mail through SMTP is signed with."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr, field_validator

from mailer.sections.base import NOT_ASCII, Section, is_domain, is_host

RSA_BITS, LARGEST_RSA_BITS = 2048, 4096
"""What a key that signs mail may have: fewer are not trusted, more are not always read."""

_LONGEST_LABEL = 63


class Dkim(Section):
    """What mail through SMTP is signed with. Empty: whoever carries the mail signs it."""

    selector: str = ""
    domain: str = ""
    private_key: SecretStr = SecretStr("")
    ed25519_selector: str = ""
    ed25519_private_key: SecretStr = SecretStr("")

    @field_validator("selector", "ed25519_selector")
    @classmethod
    def _is_selector(cls, value: str) -> str:
        if value and not (is_host(value) and len(value) <= _LONGEST_LABEL):
            raise ValueError("expected letters, digits and hyphens such as news2027")
        return value.lower()

    @field_validator("domain")
    @classmethod
    def _is_domain(cls, value: str) -> str:
        if not value.isascii():
            raise ValueError(NOT_ASCII)
        if value and not is_domain(value):
            raise ValueError("expected a domain such as example.org")
        return value.lower()

    @field_validator("private_key")
    @classmethod
    def _is_rsa(cls, value: SecretStr) -> SecretStr:
        if pem := value.get_secret_value():
            read_rsa_key(pem)
        return value

    @field_validator("ed25519_private_key")
    @classmethod
    def _is_ed25519(cls, value: SecretStr) -> SecretStr:
        if pem := value.get_secret_value():
            read_ed25519_key(pem)
        return value


def read_rsa_key(pem: str) -> RSAPrivateKey:
    """Raises ValueError for a key that verifiers of mail need not take (RFC 8301, 3.2)."""
    key = _read_key(pem)
    if isinstance(key, RSAPrivateKey) and RSA_BITS <= key.key_size <= LARGEST_RSA_BITS:
        return key
    raise ValueError(f"expected an RSA key of {RSA_BITS} to {LARGEST_RSA_BITS} bits")


def read_ed25519_key(pem: str) -> Ed25519PrivateKey:
    """Raises ValueError for every other kind of key."""
    key = _read_key(pem)
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise ValueError("expected an Ed25519 key; this is one of another kind")


def _read_key(pem: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # A TypeError is how a password in the way is told.
        raise ValueError(
            "expected a private key in PEM without a password; `mailer dkim new` makes one"
        ) from None
