"""What the pages are made with, and how a view gets at it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from flask import current_app, g
from sqlalchemy.orm import Session

from mailer.clock import Clock
from mailer.config import Config
from mailer.domain.feedback import Feedback
from mailer.i18n import Words
from mailer.message.links import Links
from mailer.message.render import Renderer
from mailer.storage.db import Sessions


@dataclass(frozen=True, slots=True)
class HookParts:
    """A provider's reports come to an address that ends in `secret`; `read` turns the body of one
    into what it says, or raises Unreadable."""

    secret: str
    read: Callable[[bytes], list[Feedback]]


@dataclass(frozen=True, slots=True)
class WebParts:
    """`sessions` opens transactions that commit, `reading` ones that never do.

    `readiness` answers what `/readyz` asks: a sentence for each thing that is wrong. `hooks` has
    only the providers whose reports are expected.
    """

    config: Config
    sessions: Sessions
    reading: Sessions
    links: Links
    renderer: Renderer
    clock: Clock
    address_key: Callable[[str], str]
    readiness: Callable[[], list[str]]
    hooks: Mapping[str, HookParts] = field(default_factory=dict)


def parts() -> WebParts:
    """The parts of the running application."""
    return cast(WebParts, current_app.extensions["mailer"])


def session() -> Session:
    """The transaction of this request: it commits when the answer is ready, if the request may
    change anything at all (GET and HEAD never do)."""
    return cast(Session, g.session)


def now() -> datetime:
    """The moment of this request: the same for everything it does."""
    return cast(datetime, g.now)


def words() -> Words:
    """The service's words in the language of this page."""
    return cast(Words, g.words)


def _(message: str, **values: object) -> str:
    """`message` in the language of this page."""
    return words().say(message, **values)
