"""What the sections of the configuration share: names of hosts and addresses as they must be
written."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

LONGEST_LOCAL = 64
"""Characters of an address before its @ (RFC 5321, 4.5.3.1.1)."""

NOT_ASCII = "expected the name in ASCII letters, as the registrar keeps it: xn--…"

# What `message.headers` writes, and no dot where no mail server takes one.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST_ADDRESS = 254


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def is_host(name: str) -> bool:
    """Whether it is spelt as the name of a host."""
    return bool(_HOST.fullmatch(name))


def is_domain(name: str) -> bool:
    """Whether it is spelt as a domain below another."""
    return is_host(name) and "." in name


def read_address(value: str) -> str:
    """A plain address as it is; raises ValueError for any other."""
    local, _, domain = value.rpartition("@")
    if not domain.isascii():
        raise ValueError(NOT_ASCII)
    is_address = _LOCAL.fullmatch(local) and is_domain(domain)
    if not is_address or len(local) > LONGEST_LOCAL or len(value) > _LONGEST_ADDRESS:
        raise ValueError("expected a plain address such as news@example.org, without a name")
    if "=?" in value:
        raise ValueError("expected an address without “=?”, which mail programs take for a code")
    return value


def read_origin(value: str) -> str:
    """`scheme://host[:port]`: pages and links are made for the root of a host."""
    origin = value.rstrip("/")
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if not host.isascii():
        raise ValueError(NOT_ASCII)
    port = "" if parts.port is None else f":{parts.port}"
    written = f"[{host}]" if ":" in host else host
    is_spelt = is_host(host) or (":" in host and _is_ip(host))
    if parts.scheme not in ("http", "https") or not is_spelt:
        raise ValueError("expected an address such as https://news.example.org")
    if origin.lower() != f"{parts.scheme}://{written}{port}":
        raise ValueError("expected scheme, host and port only, as in https://news.example.org")
    return origin.lower()


def is_loopback(host: str) -> bool:
    """Whether it names this machine."""
    return host == "localhost" or (_is_ip(host) and ip_address(host).is_loopback)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
