"""From a claimed delivery to the bytes that leave. Letters of newsletters are cut once per
cohort and spliced per person; mail that one person asked for is rendered for that person."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from mailer.i18n import SOURCE
from mailer.message.headers import date_value, message_id, return_path
from mailer.message.links import Links
from mailer.message.splice import Cut, cut
from mailer.message.values import Envelope, Person, Rendered
from mailer.providers.base import Mail
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Claim
from mailer.storage.languages import list_interface_languages
from mailer.storage.newsletters import get_cohort
from mailer.storage.settings import get_association
from mailer.usecases.writing import LetterWriter

CUTS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Sending:
    """Who mail comes from and what its ids are signed with. `secret` never changes: bounces of
    old mail must still be recognised. They go to `bounce_address`, or with `has_verp` to one made
    of it for each mail."""

    from_address: str
    reply_to: str
    unsubscribe_address: str
    base_url: str
    secret: bytes
    bounce_address: str
    has_verp: bool = False

    @property
    def domain(self) -> str:
        return self.from_address.rpartition("@")[2]


class Builder:
    """Builds mails for the engine; keeps the cuts of the cohorts it met last."""

    def __init__(
        self, reading: Sessions, sending: Sending, links: Links, letters: LetterWriter
    ) -> None:
        self._reading = reading
        self._sending, self._links, self._letters = sending, links, letters
        self._second, self._spelt = 0, ""
        self._cuts: OrderedDict[int | None, Cut] = OrderedDict()

    def build(self, claim: Claim, now: datetime) -> Mail:
        """The mail of `claim`, the same Message-ID at every attempt. Raises ValueError or a
        MailerError when this one mail cannot be built."""
        letter = self._find_cut(claim) or self._open_cut(claim, now)
        person, sender = self._person(claim, now), self._sending.bounce_address
        if self._sending.has_verp:
            sender = return_path(sender, person.message_id)
        return Mail(
            key=claim.id,
            sender=sender,
            recipient=claim.address,
            content=letter.splice(person),
            idempotency_key=f"delivery-{claim.id}",
            is_smooth=letter.is_smooth,
        )

    def forget(self) -> None:
        """Keep no cut: a database that was put back to a backup gives the numbers of cohorts out
        again."""
        self._cuts.clear()

    def _find_cut(self, claim: Claim) -> Cut | None:
        if claim.cohort_id not in self._cuts:
            return None
        self._cuts.move_to_end(claim.cohort_id)
        return self._cuts[claim.cohort_id]

    def _open_cut(self, claim: Claim, now: datetime) -> Cut:
        with self._reading() as session:
            if claim.cohort_id is None:
                rendered = self._letters.write(session, claim, now)
                return self._cut(session, rendered, is_bulk=False)
            cohort = get_cohort(session, claim.cohort_id)
            rendered = Rendered(
                cohort.subject, cohort.preheader, cohort.html, cohort.text, cohort.language
            )
            letter = self._cuts[claim.cohort_id] = self._cut(session, rendered, is_bulk=True)
        if len(self._cuts) > CUTS_KEPT:
            self._cuts.popitem(last=False)
        return letter

    def _cut(self, session: Session, rendered: Rendered, *, is_bulk: bool) -> Cut:
        association, sending = get_association(session), self._sending
        pages = f"{sending.base_url}/{_choose_pages(session, rendered.lang)}"
        envelope = Envelope(
            from_name=association.name,
            from_address=sending.from_address,
            subject=rendered.subject,
            language=rendered.lang,
            list_name=association.name,
            list_domain=sending.domain,
            reply_to=sending.reply_to,
            is_bulk=is_bulk,
            archive_url=f"{pages}/archive",
            help_url=f"{pages}/link",
        )
        return cut(
            rendered,
            envelope,
            base_url=sending.base_url,
            unsubscribe_address=sending.unsubscribe_address,
        )

    def _person(self, claim: Claim, now: datetime) -> Person:
        sending = self._sending
        reader, links = claim.reader_id, self._links
        return Person(
            address=claim.address,
            message_id=message_id(claim.id, sending.secret, sending.domain),
            date=self._date(now),
            unsubscribe_token=links.unsubscribe_token(reader, claim.id) if reader else "",
            preferences_token=links.preferences_token(reader, claim.id) if reader else "",
        )

    def _date(self, now: datetime) -> str:
        # A thousand mails leave within a second, and spelling the date takes longer than a splice.
        second = int(now.timestamp())
        if second != self._second:
            self._second, self._spelt = second, date_value(now)
        return self._spelt


def _choose_pages(session: Session, lang: str) -> str:
    """The language of the pages that a letter in `lang` leads to; English ones always exist."""
    return lang if lang in list_interface_languages(session) else SOURCE
