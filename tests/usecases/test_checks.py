"""What the check page says before anything can be sent."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from mailer.domain.association import Association
from mailer.domain.consent import SubscriberState
from mailer.domain.errors import NotReadyToSend
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.domain.texts import TextState
from mailer.domain.when import When
from mailer.message.render import Renderer
from mailer.storage.newsletters import Newsletter, make_slug
from mailer.storage.plans import get_plan
from mailer.storage.settings import save_association
from mailer.usecases import events, newsletters
from mailer.usecases.checks import Check, Verdict, check_newsletter, require_ready
from mailer.usecases.editing import Wording, Wordings
from mailer.usecases.events import EventEdit, SessionEdit
from mailer.usecases.plans import make_next_issue
from mailer.usecases.setup import set_up
from mailer.usecases.users import NewUser, add_user, ensure_roles
from tests.letters import BASE_URL, WHO, add_letter
from tests.people import add_subscriber

ASSOCIATION = Association("MigAct", "MigAct z.s.", "", "Example Street 1, Praha", "a@example.org")


def prepare(session: Session, now: datetime, **texts: str) -> Newsletter:
    letter = add_letter(session, now, **texts)
    save_association(session, ASSOCIATION, now)
    add_subscriber(session, "en@example.org", now)
    add_subscriber(session, "cs@example.org", now, language="cs")
    return letter


def prepare_digest(session: Session, now: datetime) -> Newsletter:
    """An issue with one meeting, for a reader of English and one of Czech."""
    set_up(session, None, now)
    wordings = Wordings(
        "en",
        {
            "en": Wording({"title": "Meeting"}, TextState.SOURCE),
            "cs": Wording({"title": "Setkání"}, TextState.REVIEWED),
        },
    )
    start = (now + timedelta(days=10)).replace(tzinfo=None, hour=18)
    meeting = EventEdit(wordings, [SessionEdit(When.at(start))], topics=("events",))
    events.create(session, meeting, who=WHO, now=now, publish=True)
    save_association(session, ASSOCIATION, now)
    add_subscriber(session, "en@example.org", now)
    add_subscriber(session, "cs@example.org", now, language="cs")
    return make_next_issue(session, get_plan(session, "weekly"), WHO, now)


def look(session: Session, letter: Newsletter, now: datetime) -> Check:
    return check_newsletter(session, letter, Renderer(BASE_URL), now)


def list_warnings(check: Check) -> list[str]:
    return [row.message for row in check.rows if row.verdict == Verdict.WARNS]


def test_a_good_letter_may_leave(session: Session, now: datetime) -> None:
    letter = prepare(session, now, en="Hello everybody.", cs="Dobrý den všem.")

    check = look(session, letter, now)

    assert check.blockers == ()
    assert check.readers == {"cs": 1, "en": 1}
    require_ready(check)


def test_without_readers_it_stays(session: Session, now: datetime) -> None:
    letter = add_letter(session, now)
    save_association(session, ASSOCIATION, now)

    check = look(session, letter, now)

    assert check.blockers == ("Nobody would get this newsletter: its audience is empty.",)
    with pytest.raises(NotReadyToSend):
        require_ready(check)


def test_an_empty_letter_stays(session: Session, now: datetime) -> None:
    letter = prepare(session, now, en="   ")

    check = look(session, letter, now)

    assert check.blockers == ("There is nothing to say: the letter is empty for everybody.",)


def test_a_sender_without_a_postal_address_stays(session: Session, now: datetime) -> None:
    letter = prepare(session, now)
    save_association(session, Association("MigAct"), now)

    check = look(session, letter, now)

    assert check.blockers == ("The sender's name and postal address are missing from the footer.",)


def test_a_forgotten_placeholder_stops_it(session: Session, now: datetime) -> None:
    letter = prepare(session, now, en="We meet at TK.")

    assert look(session, letter, now).blockers == ("A placeholder was left in the text.",)


def test_a_missing_language_is_told_with_its_number(session: Session, now: datetime) -> None:
    letter = prepare(session, now, en="Hello everybody.")

    rows = [row for row in look(session, letter, now).rows if row.lang == "cs"]

    assert [(row.verdict, row.values) for row in rows] == [(Verdict.WARNS, {"number": 1})]


@pytest.mark.parametrize("language", ["ru", "vi", "sk", "cs-CZ"])
def test_one_reader_of_a_language_that_the_service_does_not_speak_stops_no_digest(
    session: Session, now: datetime, language: str
) -> None:
    issue = prepare_digest(session, now)
    add_subscriber(session, "one@example.org", now, language=language)

    check = look(session, issue, now)

    assert check.blockers == ()
    assert check.letters[language].language == language


@pytest.mark.parametrize("languages", [("ru", "uk"), ("en",)])
def test_a_letter_without_a_subject_stays_whoever_reads_it(
    session: Session, now: datetime, languages: tuple[str, ...]
) -> None:
    letter = prepare(session, now, en="Hello everybody.", uk="Привіт усім.")
    add_subscriber(
        session, "x@example.org", now, language=languages[0], content_languages=languages
    )
    texts = {"uk": ("  ", "", "Привіт усім.")}
    newsletters.edit(session, letter, "Hello", (), texts, WHO, now)

    check = look(session, letter, now)

    assert check.blockers == ("There is no subject.",)
    assert [row.lang for row in check.rows if row.verdict == Verdict.BLOCKS] == ["uk"]


def test_a_letter_is_looked_at_once_in_each_language_it_is_written_in(
    session: Session, now: datetime
) -> None:
    letter = prepare(session, now, en="Hello everybody.", vi="Xin chào.")

    rows = look(session, letter, now).rows

    good = [row.lang for row in rows if row.message.startswith("Markup")]
    short = [row.lang for row in rows if row.message.startswith("The preview line should")]
    assert sorted({*good, *short}) == ["en", "vi"]


def test_a_note_and_a_subject_that_some_readers_cannot_read_are_told(
    session: Session, now: datetime
) -> None:
    issue = prepare_digest(session, now)
    note = {"en": ("Our subject", "", "The office is closed on Friday.")}
    newsletters.edit(session, issue, issue.title, (), note, WHO, now)

    check = look(session, issue, now)

    words = ("The note is not in", "There is no subject in")
    told = [(row.message, row.lang) for row in check.rows if row.message.startswith(words)]
    assert told == [
        ("The note is not in this language: %(number)d readers get it in another one.", "cs"),
        ("There is no subject in this language: %(number)d readers get a proposed one.", "cs"),
    ]
    assert "The office is closed on Friday." in check.letters["cs"].rendered.text
    assert check.blockers == ()


def test_a_digest_without_note_and_subject_is_worth_no_warning(
    session: Session, now: datetime
) -> None:
    issue = prepare_digest(session, now)

    warnings = list_warnings(look(session, issue, now))

    assert [text for text in warnings if "note" in text or "subject" in text] == []


def test_who_is_left_out_is_counted(session: Session, now: datetime) -> None:
    letter = prepare(session, now)
    add_subscriber(session, "p@example.org", now, paused_until=now + timedelta(days=1))
    add_subscriber(session, "b@example.org", now, state=SubscriberState.BOUNCED)
    add_subscriber(session, "w@example.org", now, state=SubscriberState.PENDING)

    left_out = look(session, letter, now).left_out

    assert (left_out.paused, left_out.bounced, left_out.unconfirmed) == (1, 1, 1)


def test_a_test_of_this_version_is_remembered_until_it_changes(
    session: Session, now: datetime
) -> None:
    letter = prepare(session, now)
    ensure_roles(session)
    add_user(session, NewUser("anna@example.org", "Anna", "sender"), None, WHO, now)
    untested = "No test of this version was sent yet."

    before = list_warnings(look(session, letter, now))
    newsletters.send_test(session, letter, ["anna@example.org"], ["en"], WHO, now)
    tested = list_warnings(look(session, letter, now))
    newsletters.edit(session, letter, "Hello", (), {"en": ("New", "", "New")}, WHO, now)
    changed = list_warnings(look(session, letter, now))

    assert [untested in warnings for warnings in (before, tested, changed)] == [True, False, True]


def test_the_middle_of_the_night_is_worth_a_warning(session: Session, now: datetime) -> None:
    letter = prepare(session, now)
    letter.send_at = now + timedelta(hours=15)

    warnings = list_warnings(look(session, letter, now))

    assert "It would leave at %(hour)d o'clock, outside 8 to 20." in warnings


def test_what_is_usual_for_a_plan_is_known_after_a_hundred_newsletters_of_others(
    session: Session, now: datetime
) -> None:
    issue = prepare_digest(session, now)
    add_sent(session, now, [10, 10, 10], issue.plan_id)
    add_sent(session, now, [500] * 100)

    check = look(session, issue, now)

    assert (check.usual, check.needs_number) == (10, False)
    assert "The last newsletter went to %(usual)d people, this one to %(number)d." in (
        list_warnings(check)
    )


@pytest.mark.parametrize(("audiences", "usual"), [([], 0), ([4], 4), ([900, 3, 9, 5, 1, 7], 5)])
def test_the_last_five_tell_what_is_usual(
    session: Session, now: datetime, audiences: list[int], usual: int
) -> None:
    letter = prepare(session, now)
    add_sent(session, now, audiences)

    assert look(session, letter, now).usual == usual


def add_sent(
    session: Session, now: datetime, audiences: list[int], plan_id: int | None = None
) -> None:
    """Newsletters that went out to so many, one after the other."""
    for audience in audiences:
        values = {"title": "Sent", "created_at": now, "changed_at": now}
        sent = Newsletter(slug=make_slug(), kind=NewsletterKind.LETTER, **values)
        sent.state, sent.audience_count, sent.plan_id = NewsletterState.SENT, audience, plan_id
        session.add(sent)
        session.flush()
