"""The values that pass between the rooms of this floor. No behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mailer.domain.association import Association


@dataclass(frozen=True, slots=True)
class Rendered:
    """A letter in words: what the reader sees. Personal links are still slots (see `slots`).

    `lang` is the language it is written in, which need not be the first of its reader.
    """

    subject: str
    preheader: str
    html: str
    text: str
    lang: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every letter: who sends it, in which language, and its public places.

    `view_url` is the web copy; `versions` maps each other language of the letter to its web copy.
    `is_test` marks a test send: personal links are inert. `is_public` marks the web copy: there
    is nobody to unsubscribe, so the footer offers the sign-up instead. `chrome` is the language
    of the service's own words around a letter in one that it does not speak.
    """

    association: Association
    language: str
    view_url: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    is_test: bool = False
    is_public: bool = False
    chrome: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The headers that are the same for every recipient of a letter.

    `list_domain` names the list in List-Id and ends every Message-ID.
    """

    from_name: str
    from_address: str
    subject: str
    language: str
    list_name: str
    list_domain: str
    reply_to: str = ""
    is_bulk: bool = True
    archive_url: str = ""
    help_url: str = ""


class Person(NamedTuple):
    """What differs from one recipient to the next. Tokens are of constant length, `date` and
    `message_id` too, so that the bytes of a cohort's letters differ in known places only."""

    address: str
    message_id: str
    date: str
    unsubscribe_token: str = ""
    preferences_token: str = ""
