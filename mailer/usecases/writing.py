"""Writes the mails that one person asked for: confirmation, links, notices to coordinators.

A queued row says which mail and about what; the words and the signed link are made here, right
before it leaves, so no finished token ever lies in the database.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from jinja2 import TemplateError
from sqlalchemy.orm import Session

from mailer.domain.digest import Digest, count_cards
from mailer.domain.errors import Refused
from mailer.domain.newsletter import NewsletterState
from mailer.message.links import LIFETIMES, Links, Purpose
from mailer.message.render import Renderer
from mailer.message.values import Frame, Rendered
from mailer.storage.deliveries import Claim
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.storage.settings import get_association
from mailer.usecases.editions import (
    Copy,
    Letter,
    open_edition,
    typical_reader,
    write_letter,
)
from mailer.usecases.passwords import link_path

TEST_MARK = "[TEST] "

Values = Mapping[str, Any]


class LetterWriter:
    """Renders a claimed transactional delivery."""

    def __init__(self, renderer: Renderer, links: Links) -> None:
        self._renderer, self._links = renderer, links
        self._values: dict[str, Callable[[Session, Claim, datetime], Values]] = {
            "confirm": self._confirm,
            "already": self._nothing,
            "preferences": self._nothing,
            "data": self._data,
            "address_change": self._address_change,
            "draft_ready": self._draft_ready,
            "account": self._account,
        }

    def write(self, session: Session, claim: Claim, now: datetime) -> Rendered:
        """The letter in words. ValueError for a mail nobody knows or that cannot be written."""
        if claim.template == "test":
            return self._test(session, claim, now)
        if claim.template not in self._values:
            raise ValueError(f"There is no mail called {claim.template!r}.")
        values = self._values[claim.template](session, claim, now)
        frame = Frame(association=get_association(session), language=claim.language)
        try:
            return self._renderer.transactional(claim.template, claim.language, frame, **values)
        except TemplateError as error:  # an operator's own template may be broken
            raise ValueError(f"The template of {claim.template!r} fails: {error}") from error

    def _nothing(self, _session: Session, _claim: Claim, _now: datetime) -> Values:
        return {}

    def _confirm(self, _session: Session, claim: Claim, now: datetime) -> Values:
        return self._timed("/c/", Purpose.CONFIRM, claim, now)

    def _address_change(self, _session: Session, claim: Claim, now: datetime) -> Values:
        return self._timed("/a/", Purpose.ADDRESS_CHANGE, claim, now)

    def _data(self, _session: Session, claim: Claim, now: datetime) -> Values:
        return self._timed("/d/", Purpose.DATA, claim, now)

    def _timed(self, path: str, purpose: Purpose, claim: Claim, now: datetime) -> Values:
        context = dict(claim.context)
        jti = str(context.pop("jti"))
        extra = {key: str(value) for key, value in context.items()}
        token = self._links.make(purpose, str(claim.reader_id), extra, now, jti)
        return {
            "confirm_url": f"{self._renderer.base_url}{path}{token}",
            "expires_days": LIFETIMES[purpose].days,
        }

    def _account(self, _session: Session, claim: Claim, now: datetime) -> Values:
        path = link_path(self._links, claim.context, now)
        return {
            "url": f"{self._renderer.base_url}{path}",
            "purpose": claim.context["purpose"],
            "hours": int(claim.context["hours"]),
        }

    def _draft_ready(self, session: Session, claim: Claim, now: datetime) -> Values:
        newsletter = get_newsletter(session, int(claim.context["newsletter_id"]))
        if newsletter.plan is None or newsletter.send_at is None:
            raise Refused("Only an issue of a plan is announced to coordinators.")
        letter = self._sample(session, newsletter, claim.language, now)
        digest = letter.digest if letter and letter.digest else Digest(claim.language, ())
        return {
            "plan_name": newsletter.plan.name,
            "send_at": newsletter.send_at,
            "tz": newsletter.plan.tz,
            "needs_approval": newsletter.state == NewsletterState.DRAFT,
            "readers": int(claim.context["readers"]),
            "review_url": f"{self._renderer.base_url}/desk/newsletters/{newsletter.id}",
            **count_cards(digest),
        }

    def _test(self, session: Session, claim: Claim, now: datetime) -> Rendered:
        newsletter = get_newsletter(session, int(claim.context["newsletter_id"]))
        letter = self._sample(session, newsletter, str(claim.context["lang"]), now)
        if letter is None:
            raise Refused("This newsletter has nothing to say in that language yet.")
        return replace(letter.rendered, subject=TEST_MARK + letter.rendered.subject)

    def _sample(
        self, session: Session, newsletter: Newsletter, lang: str, now: datetime
    ) -> Letter | None:
        edition = open_edition(session, newsletter, self._renderer, now)
        return write_letter(edition, typical_reader(edition, lang), Copy.TEST)
