"""The audience is written down once and completely, however often the writing is interrupted."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from mailer.domain.consent import Cadence, SubscriberState
from mailer.domain.content import Spoken
from mailer.domain.delivery import DeliveryState
from mailer.domain.newsletter import LONGEST_LIFE, NewsletterState
from mailer.domain.portion import Portion
from mailer.domain.texts import TextState
from mailer.domain.when import When
from mailer.message.render import Renderer
from mailer.storage import claiming
from mailer.storage.db import TURN_SECONDS, Sessions, open_sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Cohort, ReaderKind, get_newsletter
from mailer.storage.plans import get_plan
from mailer.storage.subscribers import Subscriber
from mailer.storage.suppressions import Scope, suppress
from mailer.usecases import events, newsletters, preparing, sending
from mailer.usecases.editing import Wording, Wordings
from mailer.usecases.events import EventEdit, SessionEdit
from mailer.usecases.personal_data import erase
from mailer.usecases.plans import make_next_issue
from mailer.usecases.preparing import Preparation
from mailer.usecases.setup import set_up
from tests.letters import BASE_URL, WHO, add_letter, prepare, start_letter
from tests.people import add_people, add_subscriber

TWO = Portion(2, smallest=2, largest=2)


def add_event(
    sessions: Sessions, now: datetime, days: float, topic: str = "events", **titles: str
) -> None:
    """A published event that many days from now, its title per language, the first the source."""
    source = next(iter(titles))
    wordings = Wordings(
        source, {lang: Wording({"title": t}, TextState.REVIEWED) for lang, t in titles.items()}
    )
    start = (now + timedelta(days=days)).replace(tzinfo=None, minute=0)
    edit = EventEdit(
        wordings, [SessionEdit(When.at(start), spoken=(Spoken("cs"),))], topics=(topic,)
    )
    with sessions() as session:
        events.create(session, edit, who=WHO, now=now, publish=True)


def start_digest(sessions: Sessions, now: datetime) -> int:
    with sessions() as session:
        newsletter_id = begin_digest(session, now)
    prepare(sessions, newsletter_id, now)
    return newsletter_id


def begin_digest(session: Session, now: datetime) -> int:
    """A digest whose audience is about to be written down."""
    issue = make_next_issue(session, get_plan(session, "weekly"), WHO, now)
    newsletters.approve(session, issue, now, WHO, now, grace=timedelta())
    sending.start_due(session, now)
    return issue.id


def begin_letter(session: Session, now: datetime) -> int:
    """A letter whose audience is about to be written down."""
    letter = add_letter(session, now)
    newsletters.approve(session, letter, None, WHO, now, grace=timedelta())
    sending.start_due(session, now)
    return letter.id


class Died(Exception):
    """The process ended before its transaction did."""


def step_and_die(sessions: Sessions, newsletter_id: int, now: datetime) -> None:
    with sessions() as session:
        Preparation(newsletter_id, Renderer(BASE_URL), TWO).step(session, now)
        raise Died


def accept_all(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        for row in session.scalars(select(Delivery).where(Delivery.state == DeliveryState.QUEUED)):
            row.state = DeliveryState.ACCEPTED
        session.flush()
        sending.finish_done(session, now)


def test_everybody_is_written_once_across_interruptions(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 7, now)
        newsletter_id = begin_letter(session, now)

    for _ in range(3):  # three processes, each of which dies after one chunk of two
        with sessions() as session:
            Preparation(newsletter_id, Renderer(BASE_URL), TWO).step(session, now)
    prepare(sessions, newsletter_id, now, chunk=2)

    with sessions() as session:
        rows = session.scalars(select(Delivery.subscriber_id)).all()
        assert sorted(row for row in rows if row) == [1, 2, 3, 4, 5, 6, 7]
        assert get_newsletter(session, newsletter_id).audience_count == 7


def test_an_interrupted_chunk_leaves_nothing_behind(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 4, now)
        set_up(session, None, now)
    add_event(sessions, now, 3, en="Meeting")
    with sessions() as session:
        newsletter_id = begin_digest(session, now)

    with pytest.raises(Died):
        step_and_die(sessions, newsletter_id, now)
    prepare(sessions, newsletter_id, now, chunk=2)

    with sessions() as session:
        assert len(session.scalars(select(Delivery)).all()) == 4
        assert len(session.scalars(select(Cohort)).all()) == 1


def test_who_must_not_be_mailed_is_not_in_the_audience(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_subscriber(session, "in@example.org", now)
        add_subscriber(session, "pending@example.org", now, state=SubscriberState.PENDING)
        add_subscriber(session, "left@example.org", now, state=SubscriberState.UNSUBSCRIBED)
        add_subscriber(session, "paused@example.org", now, paused_until=now + timedelta(days=1))
        add_subscriber(session, "back@example.org", now, paused_until=now - timedelta(days=1))
        add_subscriber(session, "suppressed@example.org", now)
        suppress(session, "suppressed@example.org", Scope.NEWSLETTERS, "left", now)

    start_letter(sessions, now)

    with sessions() as session:
        addresses = session.scalars(select(Delivery.address).order_by(Delivery.address)).all()
    assert addresses == ["back@example.org", "in@example.org"]


def test_readers_with_equal_wishes_share_a_letter(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_subscriber(session, "a@example.org", now, language="cs")
        add_subscriber(session, "b@example.org", now, language="cs")
        add_subscriber(session, "c@example.org", now, language="cs", content_languages=("cs", "en"))
        add_subscriber(session, "d@example.org", now, language="uk")
    add_event(sessions, now, 3, en="Meeting", cs="Setkání")

    start_digest(sessions, now)

    with sessions() as session:
        by_address = dict(session.execute(select(Delivery.address, Delivery.cohort_id)).all())
        subjects = {row.id: row.subject for row in session.scalars(select(Cohort))}
    assert by_address["a@example.org"] == by_address["b@example.org"]
    assert len(set(by_address.values())) == 3
    assert "Setkání" in subjects[by_address["a@example.org"]]
    assert "Meeting" in subjects[by_address["d@example.org"]]


def test_a_digest_goes_to_readers_of_its_cadence(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_subscriber(session, "weekly@example.org", now)
        add_subscriber(session, "monthly@example.org", now, cadence=Cadence.MONTHLY)
    add_event(sessions, now, 3, en="Meeting")

    start_digest(sessions, now)

    with sessions() as session:
        assert session.scalars(select(Delivery.address)).all() == ["weekly@example.org"]


def test_who_has_nothing_to_read_is_skipped_and_not_in_the_audience(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_subscriber(session, "events@example.org", now)
        add_subscriber(session, "other@example.org", now, topics=("trainings",))
    add_event(sessions, now, 3, en="Meeting")

    newsletter_id = start_digest(sessions, now)

    with sessions() as session:
        states = dict(session.execute(select(Delivery.address, Delivery.state)).all())
        assert get_newsletter(session, newsletter_id).audience_count == 1
    assert states == {"events@example.org": "queued", "other@example.org": "skipped"}


def test_a_digest_that_is_empty_for_everybody_is_skipped(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_people(session, 2, now)

    newsletter_id = start_digest(sessions, now)

    with sessions() as session:
        newsletter = get_newsletter(session, newsletter_id)
        assert (newsletter.state, newsletter.audience_count) == (NewsletterState.SKIPPED_EMPTY, 0)


def test_what_arrived_is_not_told_again_and_newcomers_still_hear_of_it(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_subscriber(session, "old@example.org", now)
    add_event(sessions, now, 40, en="Far meeting")
    start_digest(sessions, now)
    accept_all(sessions, now)
    later = now + timedelta(days=7)
    with sessions() as session:
        add_subscriber(session, "new@example.org", later)

    newsletter_id = start_digest(sessions, later)

    with sessions() as session:
        rows = session.execute(
            select(Delivery.address, Delivery.state).where(Delivery.newsletter_id == newsletter_id)
        )
        assert dict(rows.all()) == {
            "old@example.org": "skipped",
            "new@example.org": "queued",
        }


def test_what_did_not_arrive_counts_as_not_told(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_subscriber(session, "old@example.org", now)
    add_event(sessions, now, 40, en="Far meeting")
    first = start_digest(sessions, now)
    with sessions() as session:
        sending.cancel(session, get_newsletter(session, first), WHO, now)
    later = now + timedelta(days=7)

    second = start_digest(sessions, later)

    with sessions() as session:
        query = select(Delivery.state).where(Delivery.newsletter_id == second)
        assert session.scalars(query).all() == [DeliveryState.QUEUED]


def test_a_meeting_cancelled_after_approval_does_not_go_out(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_people(session, 1, now)
    add_event(sessions, now, 3, en="Meeting that stays")
    add_event(sessions, now, 4, en="Meeting that is cancelled")
    with sessions() as session:
        issue = make_next_issue(session, get_plan(session, "weekly"), WHO, now)
        newsletters.approve(session, issue, now, WHO, now, grace=timedelta())
        newsletter_id = issue.id
    with sessions() as session:
        events.withdraw(session, 2, who=WHO, now=now)
    with sessions() as session:
        sending.start_due(session, now)
    prepare(sessions, newsletter_id, now)

    with sessions() as session:
        text = session.scalars(select(Cohort.text)).one()
    assert "Meeting that stays" in text
    assert "Meeting that is cancelled" not in text


def test_the_public_copy_carries_no_personal_link(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 1, now)
    newsletter_id = start_letter(sessions, now, en="Hello", cs="Dobrý den")

    with sessions() as session:
        variants = get_newsletter(session, newsletter_id).variants
        copies = {variant.lang: variant.html for variant in variants if variant.html}
    assert set(copies) == {"en", "cs"}
    assert not any("/u/" in html or "/p/" in html for html in copies.values())


def test_a_step_ends_after_a_few_new_letters(
    sessions: Sessions, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "LETTERS", Portion(1, smallest=1, largest=1))
    with sessions() as session:
        set_up(session, None, now)
        for number, lang in enumerate(("en", "en", "cs", "uk")):
            add_subscriber(session, f"{lang}{number}@example.org", now, language=lang)
    add_event(sessions, now, 3, en="Meeting")
    with sessions() as session:
        newsletter_id = begin_digest(session, now)
    preparation, written = Preparation(newsletter_id, Renderer(BASE_URL)), []

    for _ in range(3):
        with sessions() as session:
            preparation.step(session, now)
        with sessions() as session:
            written.append((count(session, Cohort), count(session, Delivery)))

    assert written == [(1, 0), (2, 0), (3, 4)]


def count(session: Session, table: type[Cohort] | type[Delivery]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_kinds_of_readers_are_forgotten_when_everybody_is_written(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        add_people(session, 3, now)
        newsletter_id = begin_letter(session, now)
    preparation, kinds = Preparation(newsletter_id, Renderer(BASE_URL)), []

    more = True
    while more:
        with sessions() as session:
            more = preparation.step(session, now)
            kinds.append(len(session.scalars(select(ReaderKind)).all()))

    assert (max(kinds), kinds[-1]) == (1, 0)


def test_a_plain_letter_is_the_same_whatever_its_readers_wish(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_subscriber(session, "a@example.org", now)
        add_subscriber(session, "b@example.org", now, topics=("trainings",))
        add_subscriber(session, "c@example.org", now, cadence=Cadence.MONTHLY)
    add_event(sessions, now, 3, en="Meeting")
    start_digest(sessions, now)
    accept_all(sessions, now)

    newsletter_id = start_letter(sessions, now)

    with sessions() as session:
        query = select(Delivery.cohort_id).where(Delivery.newsletter_id == newsletter_id)
        assert len(set(session.scalars(query))) == 1
        assert get_newsletter(session, newsletter_id).audience_count == 3


def test_readers_of_different_pasts_get_different_letters(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_people(session, 3, now)
    add_event(sessions, now, 40, en="First meeting")
    start_digest(sessions, now)
    with sessions() as session:
        session.get_one(Delivery, 2).state = DeliveryState.REJECTED
    accept_all(sessions, now)
    add_event(sessions, now, 41, en="Second meeting")

    newsletter_id = start_digest(sessions, now + timedelta(days=7))

    with sessions() as session:
        rows = session.execute(
            select(Delivery.address, Cohort.text)
            .join(Cohort, Cohort.id == Delivery.cohort_id)
            .where(Delivery.newsletter_id == newsletter_id)
        )
        texts = dict(rows.all())
    assert {address for address, text in texts.items() if "First meeting" in text} == {
        "reader0001@example.org"
    }
    assert all("Second meeting" in text for text in texts.values())


def test_who_has_an_event_tonight_gets_their_letter_first(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_subscriber(session, "some-day@example.org", now, topics=("trainings",))
        add_subscriber(session, "tomorrow@example.org", now, topics=("project-news",))
        add_subscriber(session, "tonight@example.org", now, topics=("events",))
    add_event(sessions, now, 30, "trainings", en="Training")
    add_event(sessions, now, 1.5, "project-news", en="Opening")
    add_event(sessions, now, 0.5, "events", en="Meeting")
    start_digest(sessions, now)
    claimed = []

    for _ in range(3):  # a slow sender takes one at a time
        with sessions() as session:
            claims = claiming.claim_newsletter(session, "worker", now, timedelta(minutes=15), 1)
            claimed += [claim.address for claim in claims]

    assert claimed == ["tonight@example.org", "tomorrow@example.org", "some-day@example.org"]


def test_a_letter_knows_until_when_it_is_urgent(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        set_up(session, None, now)
        add_people(session, 1, now)
    add_event(sessions, now, 30, en="Far meeting")
    add_event(sessions, now, 0.5, en="Meeting")

    start_digest(sessions, now)

    end_of_today = now.replace(hour=23, minute=0)  # midnight in Prague
    with sessions() as session:
        assert session.scalars(select(Cohort.urgent_until)).one() == end_of_today
        assert session.scalars(select(Delivery.next_at)).one() == end_of_today - LONGEST_LIFE


def test_nobody_is_written_down_while_they_are_erased(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        add_people(session, 2, now)
        newsletter_id = begin_letter(session, now)
    worker = threading.Thread(target=prepare, args=(sessions, newsletter_id, now), daemon=True)

    with sessions() as session:
        erase(session, session.get_one(Subscriber, 1), who=WHO, now=now)
        worker.start()
        worker.join(0.5)
        assert worker.is_alive()  # it waits for the erasing to be over
    worker.join(10)

    with sessions() as session:
        assert session.scalars(select(Delivery.subscriber_id)).all() == [2]


def test_steps_leave_one_writer_its_turn(database: Engine, now: datetime) -> None:
    sessions = open_sessions(database)
    with sessions() as session:
        add_people(session, 1, now)
        preparation = Preparation(begin_letter(session, now), Renderer(BASE_URL))
    with sessions() as session:
        preparation.step(session, now)

    pause = preparation.adapt(0.1)

    assert pause == (TURN_SECONDS if database.dialect.name == "sqlite" else 0.0)


@pytest.mark.parametrize(("took", "written"), [(60.0, 200), (0.0, 300)])
def test_a_step_takes_as_many_readers_as_it_has_time_for(
    sessions: Sessions, now: datetime, took: float, written: int
) -> None:
    readers = Portion(150, smallest=50, largest=1000)
    with sessions() as session:
        add_people(session, 300, now)
        newsletter_id = begin_letter(session, now)
    preparation = Preparation(newsletter_id, Renderer(BASE_URL), readers)
    for _ in range(2):  # the first step writes their letter, too
        with sessions() as session:
            preparation.step(session, now)

    preparation.adapt(took)
    with sessions() as session:
        preparation.step(session, now)

    with sessions() as session:
        assert count(session, Delivery) == written
