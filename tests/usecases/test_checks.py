"""What the check page says before anything can be sent."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from mailer.domain.association import Association
from mailer.domain.consent import SubscriberState
from mailer.domain.errors import NotReadyToSend
from mailer.message.render import Renderer
from mailer.storage.newsletters import Newsletter
from mailer.storage.settings import save_association
from mailer.usecases import newsletters
from mailer.usecases.checks import Check, Verdict, check_newsletter, require_ready
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


def look(session: Session, letter: Newsletter, now: datetime) -> Check:
    return check_newsletter(session, letter, Renderer(), BASE_URL, now)


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
