"""What stands between a newsletter and its readers: blockers that stop it, warnings that do not.

Shown in words on the check page before anybody can press "send"; asked again by `approvals` when
they do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median_high
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from mailer.domain.association import Association
from mailer.domain.errors import NotReadyToSend
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.i18n import Words
from mailer.message.fault import Level
from mailer.message.lint import lint
from mailer.message.render import Renderer
from mailer.message.vocabulary import N_
from mailer.storage import audiences
from mailer.storage.audiences import LeftOut
from mailer.storage.newsletters import Newsletter, list_sent
from mailer.usecases.editions import (
    Edition,
    Letter,
    list_written,
    open_edition,
    typical_reader,
    write_letter,
)
from mailer.usecases.newsletters import fingerprint

ENGLISH = Words("en")
QUIET_HOURS = range(8, 20)
UNUSUAL = 2.0
MUCH_MORE = 1.5
"""From this many times the usual audience on, a person types the number before it is sent."""

TOO_SOON = timedelta(hours=24)
USUAL_OF = 5


class Verdict(StrEnum):
    """A blocker must be mended before anything can be sent; a warning is for a person to weigh."""

    GOOD = "good"
    WARNS = "warns"
    BLOCKS = "blocks"


class Mend(StrEnum):
    """Where a person goes to mend what a row says."""

    NOWHERE = ""
    TEXT = "text"
    ITEMS = "items"
    READERS = "readers"
    SENDER = "sender"
    MOMENT = "moment"
    TEST = "test"


_VERDICTS = {Level.WARN: Verdict.WARNS, Level.BLOCK: Verdict.BLOCKS}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the check page.

    `message` is one of the catalogue's, `values` its facts, `detail` a fact in no language,
    `lang` the version it is about and `mend` where to go.
    """

    verdict: Verdict
    message: str
    lang: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""
    mend: Mend = Mend.NOWHERE

    def sentence(self, words: Words) -> str:
        """The line in the coordinator's language."""
        return words.say(self.message, **self.values)


@dataclass(frozen=True, slots=True)
class Check:
    """Everything the check page says. `readers` is the audience by language, `usual` how many
    got the last newsletters (0 before the first), `seen` the version that was looked at."""

    readers: Mapping[str, int]
    left_out: LeftOut
    fallbacks: Mapping[str, int]
    letters: Mapping[str, Letter]
    rows: Sequence[Row]
    usual: int
    seen: str

    @property
    def audience(self) -> int:
        return sum(self.readers.values())

    @property
    def needs_number(self) -> bool:
        """Whether so many more than usual would get it that a slip is likely."""
        return 0 < self.usual * MUCH_MORE < self.audience

    @property
    def blockers(self) -> tuple[str, ...]:
        said = [row.sentence(ENGLISH) for row in self.rows if row.verdict == Verdict.BLOCKS]
        return tuple(dict.fromkeys(said))


def check_newsletter(
    session: Session, newsletter: Newsletter, renderer: Renderer, now: datetime
) -> Check:
    """Look at the newsletter as its readers in each language would get it at its time."""
    edition = open_edition(session, newsletter, renderer, now)
    readers = audiences.count_audience(session, newsletter, now)
    letters = {
        lang: letter
        for lang in readers
        if (letter := write_letter(edition, typical_reader(edition, lang)))
    }
    fallbacks = {lang: count_fallbacks(letter) for lang, letter in letters.items()}
    seen = fingerprint(session, newsletter, now)
    # In the same rhythm: weekly and monthly readers are other people.
    sent = list_sent(session, newsletter.plan_id, USUAL_OF)
    rows = [
        *_check_readers(newsletter, readers, letters),
        *_check_sender(edition.association),
        *_check_letters(_list_versions(edition, letters)),
        *_check_words(edition, readers),
        *_check_languages(fallbacks, readers),
        *_check_moment(newsletter, readers, edition, sent, now),
        *_check_test(newsletter, seen),
    ]
    return Check(
        readers=readers,
        left_out=audiences.count_left_out(session, newsletter, now),
        fallbacks=fallbacks,
        letters=letters,
        rows=rows,
        usual=_count_usual(sent),
        seen=seen,
    )


def _count_usual(sent: Sequence[Newsletter]) -> int:
    return median_high([found.audience_count or 0 for found in sent] or [0])


def require_ready(check: Check) -> None:
    """Raise NotReadyToSend with every blocker unless there is none."""
    if check.blockers:
        raise NotReadyToSend(check.blockers)


def count_fallbacks(letter: Letter) -> int:
    """How many items of a letter are not in one of its reader's languages."""
    if letter.digest is None:
        return 0
    return sum(card.title.is_fallback for card in letter.digest.cards())


def _check_readers(
    newsletter: Newsletter, readers: Mapping[str, int], letters: Mapping[str, Letter]
) -> list[Row]:
    if not readers:
        message = N_("Nobody would get this newsletter: its audience is empty.")
        return [Row(Verdict.BLOCKS, message, mend=Mend.READERS)]
    if not letters:
        message = N_("There is nothing to say: the letter is empty for everybody.")
        mend = Mend.TEXT if newsletter.kind == NewsletterKind.LETTER else Mend.ITEMS
        return [Row(Verdict.BLOCKS, message, mend=mend)]
    rows = [Row(Verdict.GOOD, N_("There are readers, and there is something to tell them."))]
    for lang in readers:
        if lang not in letters:
            rows.append(
                Row(Verdict.WARNS, N_("Nothing new for these readers; they get no mail."), lang)
            )
        elif newsletter.kind == NewsletterKind.LETTER:
            rows.extend(_check_letter_language(letters[lang], lang, readers[lang]))
    return rows


def _check_sender(association: Association) -> list[Row]:
    """The law asks for both in every newsletter."""
    if association.name and association.address:
        return []
    message = N_("The sender's name and postal address are missing from the footer.")
    return [Row(Verdict.BLOCKS, message, mend=Mend.SENDER)]


def _check_letter_language(letter: Letter, lang: str, number: int) -> list[Row]:
    if letter.language == lang:
        return []
    message = N_("Not written in this language: %(number)d readers get it in another one.")
    return [Row(Verdict.WARNS, message, lang, {"number": number}, mend=Mend.TEXT)]


def _list_versions(edition: Edition, letters: Mapping[str, Letter]) -> Mapping[str, Letter]:
    """Every letter to look at. A plain one is looked at in each language it is written in: who
    reads none of the typical ones may still get it."""
    if edition.kind != NewsletterKind.LETTER:
        return letters
    written = [lang for lang in edition.variants if lang in list_written(edition)]
    found = ((lang, write_letter(edition, typical_reader(edition, lang))) for lang in written)
    return {lang: letter for lang, letter in found if letter}


def _check_letters(letters: Mapping[str, Letter]) -> list[Row]:
    rows = []
    for lang, letter in letters.items():
        found = [
            Row(_VERDICTS[fault.level], fault.message, lang, {}, fault.detail, Mend.TEXT)
            for fault in lint(letter.rendered, is_bulk=True)
        ]
        size = {"size": len(letter.rendered.html.encode()) // 1024 + 1}
        good = Row(Verdict.GOOD, N_("Markup, links and size (%(size)d KB) are good."), lang, size)
        rows.extend(found or [good])
    return rows


def _check_words(edition: Edition, readers: Mapping[str, int]) -> list[Row]:
    """What a coordinator wrote around a digest, but not for everybody."""
    if edition.kind == NewsletterKind.LETTER:
        return []
    titled = {lang for lang, variant in edition.variants.items() if variant.subject.strip()}
    note = N_("The note is not in this language: %(number)d readers get it in another one.")
    subject = N_("There is no subject in this language: %(number)d readers get a proposed one.")
    return [
        Row(Verdict.WARNS, message, lang, {"number": number}, mend=Mend.TEXT)
        for message, written in ((note, list_written(edition)), (subject, titled))
        for lang, number in readers.items()
        if written and lang not in written
    ]


def _check_languages(fallbacks: Mapping[str, int], readers: Mapping[str, int]) -> list[Row]:
    message = N_(
        "Items that are not in this language: %(items)d. Readers who get another: %(number)d."
    )
    return [
        Row(
            Verdict.WARNS,
            message,
            lang,
            {"items": items, "number": readers[lang]},
            mend=Mend.ITEMS,
        )
        for lang, items in fallbacks.items()
        if items
    ]


def _check_moment(
    newsletter: Newsletter,
    readers: Mapping[str, int],
    edition: Edition,
    sent: Sequence[Newsletter],
    now: datetime,
) -> list[Row]:
    rows = []
    hour = edition.run.send_at.astimezone(ZoneInfo(edition.run.tz)).hour
    if hour not in QUIET_HOURS:
        message = N_("It would leave at %(hour)d o'clock, outside 8 to 20.")
        rows.append(Row(Verdict.WARNS, message, "", {"hour": hour}, mend=Mend.MOMENT))
    if sent:
        rows.extend(_compare(sent[0], sum(readers.values()), now))
    if newsletter.state != NewsletterState.DRAFT:
        rows.append(Row(Verdict.BLOCKS, N_("It is no longer a draft.")))
    return rows


def _compare(last: Newsletter, number: int, now: datetime) -> list[Row]:
    rows = []
    usual = last.audience_count or 0
    if usual and not usual / UNUSUAL <= number <= usual * UNUSUAL:
        message = N_("The last newsletter went to %(usual)d people, this one to %(number)d.")
        rows.append(Row(Verdict.WARNS, message, "", {"usual": usual, "number": number}))
    if last.started_at and now - last.started_at < TOO_SOON:
        rows.append(Row(Verdict.WARNS, N_("Another newsletter was sent less than a day ago.")))
    return rows


def _check_test(newsletter: Newsletter, seen: str) -> list[Row]:
    if newsletter.tested_hash and newsletter.tested_hash == seen:
        return [Row(Verdict.GOOD, N_("This version was sent as a test."))]
    return [Row(Verdict.WARNS, N_("No test of this version was sent yet."), mend=Mend.TEST)]
