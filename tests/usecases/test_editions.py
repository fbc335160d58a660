"""The letter of one kind of reader: its language, what is written around a digest, its size."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from mailer.domain.association import Association
from mailer.domain.compose import ledger_entries
from mailer.domain.content import Event, Snapshot, Spoken, Venue
from mailer.domain.content import Session as Sitting
from mailer.domain.digest import Digest, Reader, Run
from mailer.domain.newsletter import NewsletterKind
from mailer.domain.texts import Text, Texts, TextState
from mailer.domain.when import When
from mailer.message.lint import SIZE_BLOCK, SIZE_WARN, lint, wire_size
from mailer.message.render import Renderer
from mailer.storage.newsletters import Variant
from mailer.usecases.editions import Edition, Letter, open_edition, write_letter
from mailer.usecases.setup import set_up
from tests.letters import BASE_URL, add_letter

NOW = datetime.fromisoformat("2027-05-06T07:00:00+00:00")
RENDERER = Renderer(BASE_URL)


def open_digest(*events: Event, **notes: str) -> Edition:
    """An issue of these events with a note per language."""
    variants = {
        lang: Variant(lang=lang, subject="", preheader="", body="")
        for lang in ["en", "cs", "uk", "ru"]
    }
    for lang, note in notes.items():
        variants[lang].body = note
    return Edition(
        kind=NewsletterKind.DIGEST,
        slug="may",
        run=Run(NOW, NOW + timedelta(days=7)),
        snapshot=Snapshot(NOW, events=events),
        variants=variants,
        association=Association("MigAct", address="Street 1, Praha"),
        renderer=RENDERER,
        all_topics=frozenset(),
        public_languages=("en", "cs", "uk"),
    )


def make_event(number: int, sittings: int = 1, summary: str = "") -> Event:
    """An event of tomorrow, or a course that begins tomorrow."""
    start = datetime(2027, 5, 7, 9, number)
    return Event(
        number,
        f"event-{number}",
        say(f"Event {number}"),
        tuple(
            Sitting(
                When.at(start + timedelta(weeks=week)),
                Venue(say("Integrační centrum Praha"), "Žitná 1574/51", "Praha 1"),
                spoken=(Spoken("cs"), Spoken("uk")),
            )
            for week in range(sittings)
        ),
        summary=say(summary),
    )


def say(text: str) -> Texts:
    return Texts("en", {"en": Text(text, TextState.SOURCE)})


def read(edition: Edition, *languages: str) -> tuple[Letter, Digest]:
    letter = write_letter(edition, Reader(languages[0], languages, frozenset()))
    assert letter
    assert letter.digest
    return letter, letter.digest


@pytest.mark.parametrize(
    ("languages", "written_in"),
    [
        (("cs",), "cs"),
        (("ru",), "en"),
        (("ru", "uk"), "uk"),
        (("vi", "sk", "cs", "uk"), "cs"),
        (("cs-CZ",), "cs"),
    ],
)
def test_a_digest_is_in_the_first_language_of_its_reader_that_the_service_speaks(
    languages: tuple[str, ...], written_in: str
) -> None:
    letter, _ = read(open_digest(make_event(1)), *languages)

    assert (letter.language, letter.rendered.lang) == (languages[0], written_in)
    assert f"{BASE_URL}/{written_in}/archive/may" in letter.rendered.text
    assert lint(letter.rendered, is_bulk=True) == []


@pytest.mark.parametrize(
    ("notes", "languages", "start"),
    [
        ({"en": "Closed", "cs": "Zavřeno"}, ("cs",), "Zavřeno"),
        ({"en": "Closed", "cs": "Zavřeno"}, ("ru", "cs"), "Zavřeno"),
        ({"en": "Closed"}, ("cs",), "(anglicky)\n\nClosed"),
        ({"cs": "Zavřeno"}, ("en",), "(in Czech)\n\nZavřeno"),
        ({}, ("en",), "Coming up"),
    ],
)
def test_the_note_comes_in_the_best_language_that_it_exists_in(
    notes: dict[str, str], languages: tuple[str, ...], start: str
) -> None:
    letter, _ = read(open_digest(make_event(1), **notes), *languages)

    before_content = f"{BASE_URL}/{letter.rendered.lang}/archive/may\n"
    assert letter.rendered.text.split(before_content)[1].lstrip().startswith(start)


def test_a_course_of_a_year_leaves_room_for_the_rest_of_the_letter() -> None:
    letter, digest = read(open_digest(*(make_event(number, 52) for number in range(1, 4))), "cs")

    assert len(digest.cards()) == 3
    assert wire_size(letter.rendered.html) < SIZE_WARN


def test_what_makes_a_digest_too_long_is_left_to_the_calendar_and_not_told() -> None:
    edition = open_digest(*(make_event(number, 1, "many words " * 1500) for number in range(1, 13)))

    letter, digest = read(edition, "en")

    assert wire_size(letter.rendered.html) <= SIZE_BLOCK
    assert [entry.key.id for entry in ledger_entries(digest)] == [1, 2, 3, 4]
    assert "and 8 more in the calendar" in letter.rendered.text


def test_one_endless_card_is_still_written_for_the_check_to_refuse() -> None:
    edition = open_digest(*(make_event(number, 1, "words " * 20_000) for number in (1, 2)))

    letter, digest = read(edition, "en")

    assert len(digest.cards()) == 1
    assert [fault.rule for fault in lint(letter.rendered, is_bulk=True)] == ["size-block"]


@pytest.mark.parametrize(
    ("languages", "language", "around"),
    [
        (("ru", "uk"), "ru", "Ви отримали"),
        (("ru",), "ru", "You get this e-mail"),
        (("vi", "cs"), "cs", "Tento e-mail"),
    ],
)
def test_a_letter_in_a_language_that_the_service_does_not_speak(
    session: Session, now: datetime, languages: tuple[str, ...], language: str, around: str
) -> None:
    set_up(session, None, now)
    newsletter = add_letter(session, now, cs="Dobrý den všem.", ru="Здравствуйте все.")
    edition = open_edition(session, newsletter, RENDERER, now)

    letter = write_letter(edition, Reader(languages[0], languages, frozenset()))

    assert letter
    assert (letter.language, letter.rendered.lang) == (language, language)
    assert around in letter.rendered.text
