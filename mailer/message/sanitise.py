"""Makes text from people fit for a letter: no invisible controls, no markup that can act.

Two walls stand here; escaping by the templates is the third. It refuses to correct anyone's words.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import nh3
from markupsafe import Markup

# C0 (but not tab and newline), DEL and C1: Gmail cuts a letter short that holds one of them.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Bidirectional overrides can make an address read as another one; lone surrogates have no bytes.
_DECEIVERS = re.compile(r"[\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile(r"\r\n?|[\u2028\u2029]")

LINK_SCHEMES = frozenset({"http", "https", "mailto"})
_TAGS = {
    "a",
    "blockquote",
    "br",
    "em",
    "h2",
    "h3",
    "hr",
    "li",
    "ol",
    "p",
    "strong",
    "ul",
}
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style"},
    attributes={"a": {"href"}, "ol": {"start"}},
    url_schemes=set(LINK_SCHEMES),
    link_rel=None,
)


def clean(text: str) -> str:
    """`text` without control characters; line ends of any kind become newlines."""
    return _DECEIVERS.sub("", _CONTROLS.sub("", _BREAKS.sub("\n", text)))


def clean_line(text: str) -> str:
    """`text` on one line, each run of white space a single space: for subjects and titles."""
    return " ".join(clean(text).split())


def clean_values(value: Any) -> Any:
    """The same mapping, sequence or text with every text in it cleaned; other values as they are.

    Markup is left alone: it was cleaned and sanitised before it became Markup.
    """
    if isinstance(value, str):
        return value if isinstance(value, Markup) else clean(value)
    if isinstance(value, Mapping):
        return {key: clean_values(part) for key, part in value.items()}
    if isinstance(value, Sequence):
        return [clean_values(part) for part in value]
    return value


def is_safe_link(url: str) -> bool:
    """Whether a link may stand in a letter: a web or mail address with a scheme of its own."""
    scheme, colon, rest = url.strip().partition(":")
    return bool(colon and rest) and scheme.lower() in LINK_SCHEMES


def is_web_address(text: str) -> bool:
    """Whether a text begins as the address of a page does: http or https, and a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def sanitise(html: str) -> str:
    """The HTML of a coordinator's text with all that could act or fetch taken out."""
    return _CLEANER.clean(html)
