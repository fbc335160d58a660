"""Writes the mails that one person asked for: confirmation, links, notices to coordinators.

A queued row says which mail and about what; the words and the signed link are made here, right
before it leaves, so no finished token ever lies in the database.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from mailer.message.links import LIFETIMES, Links, Purpose
from mailer.message.render import Renderer
from mailer.message.values import Frame, Rendered
from mailer.storage.deliveries import Claim
from mailer.storage.newsletters import get_newsletter
from mailer.storage.settings import get_association
from mailer.usecases.editions import Copy, open_edition, typical_reader, write_letter

Values = Mapping[str, Any]


class LetterWriter:
    """Renders a claimed transactional delivery."""

    def __init__(self, renderer: Renderer, links: Links, base_url: str) -> None:
        self._renderer, self._links, self._base_url = renderer, links, base_url
        self._values: dict[str, Callable[[Session, Claim, datetime], Values]] = {
            "confirm": self._confirm,
            "already": self._reader_links,
            "preferences": self._reader_links,
            "data": self._data,
            "address_change": self._address_change,
            "draft_ready": self._draft_ready,
            "account": self._account,
        }

    def write(self, session: Session, claim: Claim, now: datetime) -> Rendered:
        """The letter in words. Raises ValueError for a template nobody knows."""
        if claim.template == "test":
            return self._test(session, claim, now)
        if claim.template not in self._values:
            raise ValueError(f"There is no mail called {claim.template!r}.")
        values = self._values[claim.template](session, claim, now)
        frame = Frame(
            association=get_association(session), language=claim.language, base_url=self._base_url
        )
        return self._renderer.transactional(claim.template, frame, **values)

    def _confirm(self, session: Session, claim: Claim, now: datetime) -> Values:
        return {
            "confirm_url": self._timed("/c/", Purpose.CONFIRM, claim, now),
            "days": LIFETIMES[Purpose.CONFIRM].days,
        }
