"""While a newsletter is on its way: the countdown, how far it is, and every button."""

from datetime import timedelta

import pytest

from mailer.domain.delivery import DeliveryState
from mailer.domain.newsletter import GRACE, NewsletterState
from mailer.storage import audit
from mailer.storage.settings import save_setting
from mailer.usecases import newsletters
from mailer.usecases.outages import PROVIDER_TROUBLE, WORKER_TICK
from tests.web.desk import Desk
from tests.web.newsletters import (
    ROOT,
    add_draft,
    add_readers,
    approve,
    change,
    read_state,
    say,
    settle,
    start,
)

PROGRESS = f"{ROOT}/1/progress"
S = DeliveryState


def say_alive(desk: Desk) -> None:
    with desk.sessions() as session:
        save_setting(session, WORKER_TICK, desk.now.isoformat(), desk.now)


def send(desk: Desk, *states: DeliveryState, readers: int = 4) -> None:
    """A letter to so many readers that is being sent, the first mails as given."""
    add_readers(desk, en=readers)
    start(desk, add_draft(desk))
    settle(desk, 1, *states)
    say_alive(desk)


def test_grace_counts_down_and_can_be_stopped(desk: Desk) -> None:
    add_readers(desk, en=1, cs=2)
    approve(desk, add_draft(desk))
    desk.wait(seconds=2)
    browser = desk.sign_in("sender")

    page = say(browser.read(PROGRESS))
    answer = browser.post(f"{ROOT}/1/stop", page=PROGRESS)

    assert "Sending starts in 9:58 Thu 26 Nov 2026, 09:10, Prague time" in page
    assert "It goes to 3 people: Čeština 2, English 1." in page
    assert (answer.status_code, answer.location) == (303, f"{ROOT}/1")
    assert read_state(desk, 1) == "draft"


def test_far_away_there_is_a_date_and_no_countdown(desk: Desk) -> None:
    add_draft(desk)
    later = desk.now + timedelta(days=2)
    change(desk, 1, lambda s, n: newsletters.approve(s, n, later, "anna", desk.now))

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert "Sending starts on Sat 28 Nov 2026, 09:00, Prague time" in page


def test_progress_counts_everybody_and_guesses_the_rest(desk: Desk) -> None:
    send(desk, S.ACCEPTED, S.ACCEPTED, S.REJECTED, S.DEFERRED, readers=10)
    desk.wait(minutes=1)
    say_alive(desk)

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert "3 of 10 done" in page
    assert "2 accepted 1 bounced 6 waiting 1 put off" in page
    # Three in a minute, six to go.
    assert "About 2 minutes to go" in page
    assert "is not running" not in page


def test_fragment_is_enough_as_long_as_the_state_is_the_same(desk: Desk) -> None:
    send(desk)
    browser = desk.sign_in("viewer")

    same = browser.get(f"{PROGRESS}/now?state=sending")
    other = browser.get(f"{PROGRESS}/now?state=scheduled")

    assert "<html" not in same.text
    assert "HX-Refresh" not in same.headers
    assert other.headers["HX-Refresh"] == "true"


def test_pause_names_who_did_it_and_resume_goes_on(desk: Desk) -> None:
    send(desk)
    browser = desk.sign_in("sender")

    browser.post(f"{ROOT}/1/pause", page=PROGRESS)
    paused, page = read_state(desk, 1), say(browser.read(PROGRESS))
    browser.post(f"{ROOT}/1/resume", page=PROGRESS)

    assert (paused, read_state(desk, 1)) == ("paused", "sending")
    assert "Paused by sender@example.org on Thu 26 Nov 2026, 09:10, Prague time." in page


def test_reason_of_a_pause_is_shown(desk: Desk) -> None:
    send(desk)
    change(
        desk, 1, lambda s, n: newsletters.pause(s, n, "clock", desk.now, "Too many bounces <b>.")
    )

    page = desk.sign_in("viewer").read(PROGRESS)

    assert "Too many bounces &lt;b&gt;." in page


def test_trouble_with_the_provider_is_told_in_its_words(desk: Desk) -> None:
    send(desk)
    with desk.sessions() as session:
        trouble = {"reason": "421 <too busy>", "code": 421, "since": desk.now.isoformat()}
        save_setting(session, PROVIDER_TROUBLE, trouble, desk.now)

    page = desk.sign_in("viewer").read(PROGRESS)

    assert "421 &lt;too busy&gt;" in page


def test_silence_of_the_worker_is_told(desk: Desk) -> None:
    send(desk)
    desk.wait(minutes=3)

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert "The part that sends the mail is not running." in page
    assert "It was last heard of on Thu 26 Nov 2026, 09:10, Prague time." in page


def test_cancel_asks_first_and_then_lets_nobody_else_get_it(desk: Desk) -> None:
    send(desk, S.ACCEPTED)
    browser = desk.sign_in("sender")

    question = say(browser.read(f"{ROOT}/1/cancel"))
    before = read_state(desk, 1)
    answer = browser.post(f"{ROOT}/1/cancel")

    assert "3 mails have not left yet." in question
    assert (before, read_state(desk, 1)) == ("sending", "cancelled")
    assert answer.location == f"{ROOT}/1"
    assert "Cancelled. 3 mails did not leave." in browser.read(f"{ROOT}/1/report")


def test_what_is_sent_cannot_be_cancelled(desk: Desk) -> None:
    send(desk, S.ACCEPTED, readers=1)

    assert desk.sign_in("sender").get(f"{ROOT}/1/cancel").status_code == 409


@pytest.mark.parametrize(
    ("values", "queued"),
    [
        ({}, [S.QUEUED, S.QUEUED, S.QUEUED, S.ACCEPTED]),
        ({"state": "rejected"}, [S.QUEUED, S.UNKNOWN, S.EXPIRED, S.ACCEPTED]),
        ({"state": ["unknown", "expired"]}, [S.REJECTED, S.QUEUED, S.QUEUED, S.ACCEPTED]),
    ],
)
def test_retry_queues_what_failed(
    desk: Desk, values: dict[str, object], queued: list[DeliveryState]
) -> None:
    send(desk, S.REJECTED, S.UNKNOWN, S.EXPIRED, S.ACCEPTED)
    browser = desk.sign_in("sender")

    answer = browser.post(f"{ROOT}/1/retry", values, page=f"{ROOT}/1/report")

    assert answer.location == f"{ROOT}/1/report"
    assert [mail.state for mail in desk.mails()] == queued
    assert read_state(desk, 1) == "sending"


def test_retry_never_repeats_what_was_accepted(desk: Desk) -> None:
    send(desk, S.ACCEPTED, readers=1)
    browser = desk.sign_in("sender")

    answer = browser.post(f"{ROOT}/1/retry", {"state": "accepted"}, page="/desk/account")

    assert answer.status_code == 409
    assert [mail.state for mail in desk.mails()] == [S.ACCEPTED]


def test_leave_calls_the_resend_off(desk: Desk) -> None:
    send(desk, S.UNKNOWN, S.ACCEPTED, readers=2)
    with desk.sessions() as session:
        mail = session.merge(desk.mails()[0])
        mail.next_at = desk.now + GRACE
    browser = desk.sign_in("sender")

    browser.post(f"{ROOT}/1/leave", page=f"{ROOT}/1/report")

    first = desk.mails()[0]
    assert (first.state, first.next_at) == (S.UNKNOWN, None)


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        (NewsletterState.SENDING, "stop"),
        (NewsletterState.DRAFT, "pause"),
        (NewsletterState.SENDING, "resume"),
        (NewsletterState.DRAFT, "retry"),
    ],
)
def test_a_button_that_comes_too_late_changes_nothing(
    desk: Desk, state: NewsletterState, verb: str
) -> None:
    add_draft(desk)
    change(desk, 1, lambda _s, n: setattr(n, "state", state))
    browser = desk.sign_in("sender")

    answer = browser.post(f"{ROOT}/1/{verb}", page="/desk/account")

    assert (answer.status_code, read_state(desk, 1)) == (409, state.value)


@pytest.mark.parametrize("verb", ["stop", "pause", "resume", "cancel", "retry", "leave"])
def test_editor_cannot_press_any_button(desk: Desk, verb: str) -> None:
    send(desk, S.UNKNOWN, S.REJECTED)
    browser = desk.sign_in("editor")

    page = browser.read(PROGRESS)
    answer = browser.post(f"{ROOT}/1/{verb}", page="/desk/account")

    assert f"{ROOT}/1/{verb}" not in page
    assert (answer.status_code, read_state(desk, 1)) == (403, "sending")


def test_every_button_leaves_a_line_in_the_log(desk: Desk) -> None:
    send(desk, S.UNKNOWN, S.REJECTED)
    browser = desk.sign_in("sender")

    for verb in ("pause", "resume", "retry", "leave", "cancel"):
        browser.post(f"{ROOT}/1/{verb}", page=f"{ROOT}/1/report")

    with desk.sessions() as session:
        entries = audit.list_about(session, "newsletter", 1)
        assert [entry.action for entry in entries if entry.who == "sender@example.org"] == [
            "newsletter paused",
            "newsletter resumed",
            "failed mails tried again",
            "unknown mails left alone",
            "newsletter cancelled",
        ]


def test_missed_newsletter_becomes_a_draft_again(desk: Desk) -> None:
    approve(desk, add_draft(desk))
    desk.wait(days=4)
    with desk.sessions() as session:
        newsletters.start_due(session, desk.now)
    browser = desk.sign_in("sender")

    page = browser.read(f"{ROOT}/1/report")
    browser.post(f"{ROOT}/1/stop", page=f"{ROOT}/1/report")

    assert "Its time passed while the service was not running." in page
    assert read_state(desk, 1) == "draft"
