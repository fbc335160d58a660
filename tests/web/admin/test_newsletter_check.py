"""Check and send: what the page says, a test to the team, the approval and its refusals."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mailer.domain.association import Association
from mailer.domain.delivery import DeliveryState
from mailer.domain.when import When
from mailer.sections.mail import Throttle
from mailer.storage.newsletters import get_newsletter
from mailer.storage.settings import save_association
from tests.letters import GRACE
from tests.people import add_subscriber
from tests.web.desk import Browser, Desk
from tests.web.newsletters import (
    ROOT,
    add_draft,
    add_event,
    add_issue,
    add_readers,
    approve,
    fill,
    read_state,
    say,
    settle,
    start,
)
from tests.web.pages import Page, read_form

CHECK = f"{ROOT}/1/check"
TOMORROW = When.at(datetime(2026, 11, 27, 18, 0), datetime(2026, 11, 27, 20, 0))


def send(browser: Browser, **typed: str) -> tuple[int, str]:
    """Press the button of the check page; the status, and where it leads or what it says."""
    form = read_form(browser.read(CHECK), "when")
    for name, value in typed.items():
        form[name] = value
    answer = browser.client.post(f"{ROOT}/1/approve", data=form)
    return answer.status_code, answer.location or say(answer.text)


def test_sentence_says_whom_it_reaches_and_who_is_left_out(desk: Desk) -> None:
    add_readers(desk, en=2, cs=1)
    with desk.sessions() as session:
        add_subscriber(
            session, "p@example.org", desk.now, paused_until=desk.now + GRACE, language="uk"
        )
    add_draft(desk, en="Hello.", cs="Dobrý den.")

    page = say(desk.sign_in("viewer").read(CHECK))

    assert "This goes to 3 people. English 2, Čeština 1." in page
    assert "Who does not get it 1 made a pause" in page


@pytest.mark.parametrize(
    ("lang", "words"), [("cs", "1 člověk si dal pauzu"), ("ar", "شخص واحد أوقفها مؤقتًا")]
)
def test_who_is_left_out_is_told_in_the_language_of_the_page(
    desk: Desk, lang: str, words: str
) -> None:
    sender = desk.user("sender")
    with desk.sessions() as session:
        add_subscriber(session, "p@example.org", desk.now, paused_until=desk.now + GRACE)
        session.merge(sender).language = lang
    add_draft(desk)

    assert words in say(desk.sign_in("sender").read(CHECK))


def test_rows_lead_to_where_they_are_mended(desk: Desk) -> None:
    add_readers(desk, en=1, uk=2)
    add_draft(desk, en="Hello.")
    browser = desk.sign_in("sender")

    page = browser.read(CHECK)

    assert "Українська: Not written in this language: 2 readers get it in another one." in say(page)
    assert f'href="{ROOT}/1?open=uk#lang-uk"' in page
    assert 'href="?open=test#test"' in page
    assert 'id="lang-uk" open' in browser.read(f"{ROOT}/1?open=uk")
    assert 'id="test" open' in browser.read(f"{CHECK}?open=test")


def test_what_blocks_stands_first_and_takes_the_button_away(desk: Desk) -> None:
    add_readers(desk, en=1)
    with desk.sessions() as session:
        save_association(session, Association("MigAct"), desk.now)
    add_draft(desk)
    browser = desk.sign_in("sender")
    token = browser.token(CHECK)

    page = browser.read(CHECK)
    answer = browser.client.post(
        f"{ROOT}/1/approve", data={"csrf_token": token, "when": "now", "seen": ""}
    )

    assert "What we looked at Must be mended: The sender's name and postal address" in say(page)
    assert "Approve and send" not in page
    assert (answer.status_code, read_state(desk, 1)) == (409, "draft")


def test_approval_starts_the_grace(desk: Desk) -> None:
    add_readers(desk, en=1)
    add_draft(desk)

    answer = send(desk.sign_in("sender"))

    assert answer == (303, f"{ROOT}/1/progress")
    with desk.sessions() as session:
        letter = get_newsletter(session, 1)
        assert (letter.state, letter.send_at) == ("scheduled", desk.now + GRACE)
        assert letter.approved_by == "sender@example.org"


def test_three_clicks_send_the_digest(desk: Desk) -> None:
    add_readers(desk, en=1)
    add_event(desk, "Prague 7 meetup")
    add_issue(desk)
    browser = desk.sign_in("sender")

    is_linked = f'class="btn btn-primary" href="{ROOT}/1">Review<' in browser.read("/desk/")
    form = fill(browser, f"{ROOT}/1", {"action": "check"})
    checked = browser.client.post(f"{ROOT}/1", data=form)
    sent = send(browser)

    assert (is_linked, checked.location) == (True, CHECK)
    assert sent == (303, f"{ROOT}/1/progress")
    with desk.sessions() as session:
        # At the time of its plan, unless something else is chosen.
        assert get_newsletter(session, 1).send_at == desk.now + timedelta(days=7)


def test_a_digest_without_news_for_some_says_so(desk: Desk) -> None:
    add_readers(desk, en=1)
    add_issue(desk)

    page = say(desk.sign_in("sender").read(CHECK))

    assert "English 1 (nothing new for them)." in page
    assert "There is nothing to say: the letter is empty for everybody. See the items" in page


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        pytest.param("", "Choose a day and a time.", id="nothing"),
        pytest.param("soon", "Choose a day and a time.", id="no time"),
        pytest.param("2026-11-26T08:59", "This time has passed.", id="a minute ago in Prague"),
        pytest.param("2027-02-01T09:00", "more than 60 days away", id="far away"),
    ],
)
def test_a_time_that_cannot_be_is_refused_beside_its_field(
    desk: Desk, typed: str, sentence: str
) -> None:
    add_readers(desk, en=1)
    add_draft(desk)
    browser = desk.sign_in("sender")
    form = read_form(browser.read(CHECK), "when")
    form["when"], form["send_at"] = "time", typed

    answer = browser.client.post(f"{ROOT}/1/approve", data=form)

    assert (answer.status_code, read_state(desk, 1)) == (422, "draft")
    assert sentence in answer.text
    assert "send_at" in Page(answer.text).anchors


def test_an_hour_that_the_clock_change_skips_is_refused(desk: Desk) -> None:
    add_readers(desk, en=1)
    desk.now = desk.now.replace(year=2027, month=3, day=1)
    add_draft(desk)

    status, said = send(desk.sign_in("sender"), when="time", send_at="2027-03-28T02:30")

    assert status == 422
    assert "The clocks change in that night" in said


def test_a_time_is_meant_in_prague(desk: Desk) -> None:
    add_readers(desk, en=1)
    add_draft(desk)

    send(desk.sign_in("sender"), when="time", send_at="2026-11-27T10:30")

    with desk.sessions() as session:
        send_at = get_newsletter(session, 1).send_at
        assert send_at is not None
        assert send_at.isoformat() == "2026-11-27T09:30:00+00:00"


def test_what_changed_since_it_was_looked_at_is_not_sent(desk: Desk) -> None:
    add_readers(desk, en=1)
    add_draft(desk)
    sender, editor = desk.sign_in("sender"), desk.sign_in("editor")
    form = read_form(sender.read(CHECK), "when")
    typed = fill(editor, f"{ROOT}/1", {"in_en-body": "Other words."})
    editor.client.post(f"{ROOT}/1", data=typed)

    answer = sender.client.post(f"{ROOT}/1/approve", data=form)

    assert (answer.status_code, read_state(desk, 1)) == (409, "draft")
    assert "was changed after you opened this page" in answer.text
    assert send(sender) == (303, f"{ROOT}/1/progress")


def test_many_more_readers_than_usual_ask_for_the_number(desk: Desk) -> None:
    add_readers(desk, en=2)
    start(desk, add_draft(desk))
    settle(desk, 1, DeliveryState.ACCEPTED, DeliveryState.ACCEPTED)
    add_readers(desk, cs=2)
    add_draft(desk)
    browser = desk.sign_in("sender")
    form = read_form(browser.read(f"{ROOT}/2/check"), "number")

    unasked = browser.client.post(f"{ROOT}/2/approve", data=form)
    form["number"] = "4"
    confirmed = browser.client.post(f"{ROOT}/2/approve", data=form)

    assert (unasked.status_code, confirmed.status_code) == (422, 303)
    assert "number" in Page(unasked.text).anchors


def test_test_goes_to_the_chosen_coordinators_in_the_chosen_languages(desk: Desk) -> None:
    add_draft(desk)
    browser = desk.sign_in("sender")
    form = read_form(browser.read(CHECK), "to")
    form.setlist("to", ["sender@example.org", "viewer@example.org"])
    form.setlist("languages", ["en", "cs"])

    answer = browser.client.post(f"{ROOT}/1/test", data=form)

    assert (answer.status_code, answer.location) == (303, CHECK)
    assert "4 test mails are on their way." in browser.read(CHECK)
    assert [(mail.template, mail.address, mail.language) for mail in desk.mails()] == [
        ("test", "sender@example.org", "en"),
        ("test", "sender@example.org", "cs"),
        ("test", "viewer@example.org", "en"),
        ("test", "viewer@example.org", "cs"),
    ]


def test_test_form_begins_with_oneself(desk: Desk) -> None:
    add_draft(desk)

    form = read_form(desk.sign_in("sender").read(CHECK), "to")

    assert (form.getlist("to"), form.getlist("languages")) == (["sender@example.org"], ["en"])


@pytest.mark.parametrize(
    "typed",
    [
        {"to": "stranger@example.org", "languages": "en"},
        {"languages": "en"},
        {"to": "sender@example.org", "languages": "xx"},
        {"to": "sender@example.org"},
    ],
)
def test_test_goes_to_nobody_else(desk: Desk, typed: dict[str, str]) -> None:
    add_draft(desk)
    browser = desk.sign_in("sender")

    answer = browser.post(f"{ROOT}/1/test", typed, page=CHECK)

    assert (answer.status_code, desk.mails()) == (422, [])


def test_only_a_draft_is_checked(desk: Desk) -> None:
    add_readers(desk, en=1)
    approve(desk, add_draft(desk))

    assert desk.sign_in("viewer").get(CHECK).location == f"{ROOT}/1"


@pytest.mark.parametrize("verb", ["test", "approve"])
def test_editor_cannot_send(desk: Desk, verb: str) -> None:
    add_readers(desk, en=1)
    add_draft(desk)
    browser = desk.sign_in("editor")

    page = browser.read(CHECK)
    answer = browser.post(f"{ROOT}/1/{verb}", {"when": "now"}, page=CHECK)

    assert "Approve and send" not in page
    assert (answer.status_code, read_state(desk, 1)) == (403, "draft")


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({}, ""),
        ({"per_second": 5}, ""),
        (
            {"per_hour": 2},
            "Good: By your limits the last mail leaves on Thu 26 Nov 2026, 11:10, Prague time.",
        ),
        (
            {"per_day": 2},
            "Readers who get it after something in it is over: 2. Choose a time",
        ),
        (
            {"per_day": 1},
            "Look at this: By your limits it is too old before all mail has left. Left over: 1.",
        ),
    ],
)
def test_limits_that_make_it_late_are_told_before_it_is_sent(
    desk: Desk, limits: dict[str, object], sentence: str
) -> None:
    parts = desk.app.extensions["mailer"]
    config = parts.config.model_copy(update={"throttle": Throttle.model_validate(limits)})
    desk.app.extensions["mailer"] = replace(parts, config=config)
    add_readers(desk, en=6)
    add_event(desk, "Prague 7 meetup", TOMORROW)
    add_issue(desk)
    with desk.sessions() as session:
        issue = get_newsletter(session, 1)
        issue.send_at, issue.expires_at = None, desk.now + timedelta(days=5)

    page = say(desk.sign_in("sender").read(CHECK))

    assert sentence in page
    assert ("By your limits" in page) is bool(sentence)
