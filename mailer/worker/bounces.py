"""Looks into the mailbox of bounces every minute and hands on what can be believed. Leaves every
mail where it is."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice

import structlog

from mailer.clock import Clock
from mailer.domain.feedback import Feedback
from mailer.providers.bounces import Identify, read_bounce
from mailer.providers.mailbox import Mailbox, MailboxDown, MailWithheld, open_mailbox
from mailer.sections.mail import Bounces
from mailer.storage import bounce_box
from mailer.storage.bounce_box import Place
from mailer.storage.db import TURN_SECONDS, Sessions
from mailer.usecases import feedback, outages

MOST_AT_ONCE = 500
"""Mails per look: the others wait for the next minute, as bounces can."""

MOST_REFUSALS = 10
"""Looks, a minute apart, at each of which the server does not give out the same mail: then those
behind it have waited for it long enough, if the server gives out any of them."""

log = structlog.get_logger()


def read_safely(message: bytes, identify: Identify, clock: Clock) -> Feedback | None:
    """As `read_bounce`; but a mail at which it stumbles is put aside, for the next one waits."""
    try:
        return read_bounce(message, identify, clock())
    except Exception:
        log.exception("a mail that came back cannot be read")
        return None


@dataclass(frozen=True, slots=True)
class BounceReader:
    """Reads the box that `config` names. Any number of processes may have one. `refusals` counts
    how often a mail could not be had."""

    sessions: Sessions
    config: Bounces
    identify: Identify
    clock: Clock
    refusals: Counter[Place] = field(default_factory=Counter, compare=False)

    def look(self, stopping: threading.Event) -> None:
        """Read what came since the last look, until `stopping`. Trouble with the box is noted
        down and ends only this look."""
        try:
            with open_mailbox(self.config) as mailbox:
                self._read(mailbox, stopping)
        except MailboxDown as down:
            if self._note_trouble(str(down)):
                log.warning("bounce box cannot be read", reason=str(down))
        else:
            self._note_trouble("")

    def _read(self, mailbox: Mailbox, stopping: threading.Event) -> None:
        kept = self._begin()
        # Renumbered mails are read again from the first on: what is known changes nothing.
        place = kept if kept.validity == mailbox.validity else Place(mailbox.validity)
        taken = ignored = 0
        fault: MailboxDown | None = None
        for uid in islice(_list_mails(mailbox, place.uid), MOST_AT_ONCE):
            if stopping.is_set():
                break
            here = replace(place, uid=uid)
            try:
                mail = mailbox.read(uid)
            except MailboxDown as down:
                fault = down
                place = here if self._gives_up(here, down) else place
                break
            found = read_safely(mail, self.identify, self.clock)
            place = here
            taken, ignored = taken + bool(found), ignored + (not found)
            if found:
                if not self._save(kept, place, found):
                    return
                kept = place
                stopping.wait(TURN_SECONDS)
        if place != kept:
            self._save(kept, place, None)
        if taken or ignored:
            log.info("bounce box read", taken=taken, ignored=ignored)
        if fault:
            raise fault

    def _gives_up(self, here: Place, down: MailboxDown) -> bool:
        """Whether a mail that could not be had is stepped over: it keeps the others waiting."""
        if not isinstance(down, MailWithheld):
            return False
        self.refusals[here] += 1
        if self.refusals[here] < MOST_REFUSALS or not self._gives_out_another(here):
            return False
        del self.refusals[here]
        log.error("a mail in the bounce box is left out", uid=here.uid, reason=str(down))
        return True

    def _gives_out_another(self, here: Place) -> bool:
        """Whether a mail behind can be had; else the server refuses us, as when an account has
        fetched too much. Asks for the next one, and at each further look for the one after that:
        several may be damaged."""
        try:
            # The server may have hung up on the connection there is.
            with open_mailbox(self.config) as mailbox:
                behind = list(islice(_list_mails(mailbox, here.uid), MOST_REFUSALS))
                if mailbox.validity != here.validity or not behind:
                    return False
                turn = self.refusals[here] - MOST_REFUSALS
                return bool(mailbox.read(behind[turn % len(behind)]))
        except MailboxDown:
            return False

    def _begin(self) -> Place:
        with self.sessions() as session:
            place = bounce_box.find_place(session, self._name)
            if place is None:
                bounce_box.begin(session, self._name)
            return place or Place()

    def _save(self, kept: Place, reached: Place, found: Feedback | None) -> bool:
        """What one mail says, and that it was read. False: another process was faster."""
        with self.sessions() as session:
            is_ours = bounce_box.move_on(session, self._name, kept, reached)
            if is_ours and found:
                feedback.take(session, found, self.clock())
        return is_ours

    def _note_trouble(self, reason: str) -> bool:
        with self.sessions() as session:
            return outages.note_box_trouble(session, reason, self.clock())

    @property
    def _name(self) -> str:
        config = self.config
        return sha256(f"{config.username}@{config.imap_host}/{config.folder}".encode()).hexdigest()


def _list_mails(mailbox: Mailbox, uid: int) -> Iterator[int]:
    while uid < mailbox.next_uid - 1:
        mails, uid = mailbox.list_above(uid)
        yield from mails
