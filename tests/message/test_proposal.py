"""The subject and the preview line that nobody had to write."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from mailer.domain.content import (
    Attendance,
    DeadlineKind,
    ItemKey,
    ItemKind,
    Registration,
    Status,
    UpdateKind,
)
from mailer.domain.digest import (
    Card,
    DeadlineCard,
    Digest,
    EventCard,
    Role,
    Section,
    SectionKind,
    Sitting,
    UpdateCard,
)
from mailer.domain.texts import Chosen
from mailer.domain.when import When
from mailer.message.proposal import propose_preheader, propose_subject, shorten
from tests.message.samples import LANGUAGES, TZ, at, digest_for

NOTHING = Chosen("", "en")


def event(title: str, day: int = 9, role: Role = Role.NEW) -> EventCard:
    is_off = role is Role.CANCELLED
    return EventCard(
        key=ItemKey(ItemKind.EVENT, day),
        revision=1,
        role=role,
        slug="x",
        title=Chosen(title, "en"),
        summary=NOTHING,
        sittings=(Sitting(at(day, "18:00"), None, (), Status.SCHEDULED),),
        status=Status.CANCELLED if is_off else Status.SCHEDULED,
        attendance=Attendance.IN_PERSON,
        online_url="",
        registration=Registration.NONE,
        registration_url="",
        is_free=True,
        has_refreshments=False,
    )


def vote(title: str, day: int = 8, closes: When | None = None) -> DeadlineCard:
    closes = closes or at(day, "12:00")
    key = ItemKey(ItemKind.DEADLINE, day)
    return DeadlineCard(
        key, 1, Role.NEW, DeadlineKind.VOTE, Chosen(title, "en"), NOTHING, closes, ""
    )


def news(title: str) -> UpdateCard:
    published_at = datetime(2027, 5, 1, tzinfo=UTC)
    key = ItemKey(ItemKind.UPDATE, 1)
    return UpdateCard(
        key, 1, Role.NEW, UpdateKind.NEWS, Chosen(title, "en"), NOTHING, "", published_at
    )


def digest(*cards: Card) -> Digest:
    return Digest("en", (Section(SectionKind.THIS_WEEK, cards),) if cards else ())


@pytest.mark.parametrize(
    ("cards", "subject"),
    [
        ((), "News from MigAct"),
        ((event("Prague 7 meetup"),), "Prague 7 meetup"),
        ((event("Prague 7 meetup"), vote("City Hall vote")), "Prague 7 meetup, City Hall vote"),
        (
            (event("Prague 7 meetup"), vote("City Hall vote"), *map(event, "abc", (1, 2, 3))),
            "Prague 7 meetup, City Hall vote + 3 more",
        ),
        (
            (event("Your City, Your Voice: follow-up session"), vote("City Hall vote")),
            "Your City, Your Voice, City Hall vote",
        ),
        (
            (event("A long evening about housing and rents"), vote("City Hall vote")),
            "A long evening about housing and rents + 1 more",
        ),
        (
            (event("Prague 7 meetup", role=Role.CANCELLED), vote("City Hall vote")),
            "Cancelled: Prague 7 meetup, City Hall vote",
        ),
    ],
)
def test_propose_subject_names_what_is_inside(cards: tuple[Card, ...], subject: str) -> None:
    assert propose_subject(digest(*cards), "en", "MigAct") == subject


@pytest.mark.parametrize(
    ("cards", "preheader"),
    [
        (
            (event("a"), event("b", 10), vote("c"), news("d")),
            "2 events, 1 deadline and 1 update. Vote: by Sat 8 May, 12:00.",
        ),
        (
            (event("a"), event("b", 7), event("c", 8, Role.CANCELLED)),
            "1 change and 2 events. The first: Fri 7 May, 18:00.",
        ),
        (
            (event("x" * 9),),
            "1 event. The first: Sun 9 May, 18:00. You will find all times and places inside.",
        ),
        ((news("d"),), "1 update. You will find all the details inside this letter."),
    ],
)
def test_propose_preheader_counts_and_names_the_next_moment(
    cards: tuple[Card, ...], preheader: str
) -> None:
    assert propose_preheader(digest(*cards), "en", TZ) == preheader


def test_propose_preheader_names_the_deadline_that_closes_first() -> None:
    begins_first = vote("a", 1, When.on(date(2027, 5, 1), date(2027, 5, 31)))
    closes_first = vote("b", 2, When.on(date(2027, 5, 10)))

    preheader = propose_preheader(digest(begins_first, closes_first), "en", TZ)

    expected = "2 deadlines. Vote: by Mon 10 May. You will find all the details inside this letter."
    assert preheader == expected


@pytest.mark.parametrize("lang", LANGUAGES)
def test_proposals_keep_their_lengths_in_every_language(lang: str) -> None:
    week = digest_for(lang)

    subject, preheader = propose_subject(week, lang, "MigAct"), propose_preheader(week, lang, TZ)

    assert (len(subject) <= 50, 40 <= len(preheader) <= 90) == (True, True)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("card", [news("d"), vote("v"), event("a")])
def test_propose_preheader_is_long_enough_for_a_single_card(lang: str, card: Card) -> None:
    preheader = propose_preheader(digest(card), lang, TZ)

    assert 40 <= len(preheader) <= 90


def test_propose_subject_bounds_a_title_without_a_space() -> None:
    subject = propose_subject(digest(event("x" * 10_000), vote("y" * 10_000)), "en", "MigAct")

    assert subject == f"{'x' * 40}… + 1 more"


@pytest.mark.parametrize(
    ("text", "length", "short"),
    [
        ("short enough", 12, "short enough"),
        ("Your City, Your Voice: follow-up", 25, "Your City, Your Voice"),
        ("MigAct Meetups - Prague 7 networking", 20, "MigAct Meetups"),
        ("An evening about housing, rents", 26, "An evening about housing…"),
        ("Nejneobhospodařovávatelnějšími slovy", 10, "Nejneobho…"),
    ],
)
def test_shorten_cuts_at_a_joint_or_between_words(text: str, length: int, short: str) -> None:
    assert shorten(text, length) == short


def test_propose_preheader_leaves_an_approximate_date_out() -> None:
    summer, first_of_june = When.in_season("summer", 2027), When.on(date(2027, 6, 1))
    sittings = tuple(Sitting(when, None, (), Status.SCHEDULED) for when in (summer, first_of_june))
    approximate = replace(event("a"), sittings=sittings)

    preheader = propose_preheader(digest(approximate), "en", TZ)

    assert preheader == (
        "1 event. The first: Tue 1 Jun. You will find all times and places inside."
    )
