"""While a newsletter is on its way: the countdown, how far it is, and every button."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from mailer.domain.delivery import DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.domain.pausing import REFUSED_IN_A_ROW, SENTENCES, Reason
from mailer.domain.urgency import due_from
from mailer.domain.when import When
from mailer.sections.mail import Throttle
from mailer.storage import audit, throttles
from mailer.storage.deliveries import Delivery
from mailer.storage.settings import save_setting
from mailer.usecases import newsletters, restores, sending
from mailer.usecases.forecasts import get_limits, note_pace
from mailer.usecases.outages import PROVIDER_TROUBLE, WORKER_TICK
from mailer.web.admin.newsletter_words import REASONS
from tests.letters import GRACE
from tests.web.desk import Desk
from tests.web.newsletters import (
    ROOT,
    add_draft,
    add_event,
    add_issue,
    add_readers,
    approve,
    bury,
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


def look_on(desk: Desk) -> None:
    """The worker notes how far it is."""
    with desk.sessions() as session:
        note_pace(session, desk.now)


def limit(desk: Desk, **limits: object) -> None:
    """The operator sets limits and starts the service anew."""
    parts = desk.app.extensions["mailer"]
    config = parts.config.model_copy(update={"throttle": Throttle.model_validate(limits)})
    desk.app.extensions["mailer"] = replace(parts, config=config)


def use(desk: Desk, number: int, **limits: object) -> None:
    """So many mails leave now, counted against those limits."""
    section = Throttle.model_validate(limits)
    mails = dict.fromkeys(range(number), "reader@example.org")
    with desk.sessions() as session:
        throttles.book(session, get_limits(section, "smtp"), mails, desk.now)


def hurry(desk: Desk, **until: float) -> None:
    """Something in every letter is over so long from now."""
    with desk.sessions() as session:
        session.execute(
            update(Delivery).values(next_at=due_from(desk.now + timedelta(**until), desk.now))
        )


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
    change(desk, 1, lambda s, n: newsletters.approve(s, n, later, "anna", desk.now, grace=GRACE))

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert "Sending starts on Sat 28 Nov 2026, 09:00, Prague time" in page


def test_progress_counts_everybody_and_guesses_the_rest(desk: Desk) -> None:
    send(desk, readers=10)
    look_on(desk)
    settle(desk, 1, S.ACCEPTED, S.ACCEPTED, S.REJECTED, S.DEFERRED)
    desk.wait(minutes=1)
    say_alive(desk)

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert "3 of 10 done" in page
    assert "2 accepted 1 bounced 6 waiting 1 put off" in page
    # Three in a minute, six to go.
    assert "About 2 minutes to go" in page
    assert "is not running" not in page


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"per_minute": 2}, "At your 2 per minute the last mail leaves on Thu 26 Nov 2026, 09:14"),
        ({"per_hour": 2}, "At your 2 per hour the last mail leaves on Thu 26 Nov 2026, 13:10"),
        ({"per_day": 3}, "At your 3 per day the last mail leaves on Sun 29 Nov 2026, 09:10"),
        ({"per_second": 1}, "About 1 minute to go."),
        (
            {"warm_up": [4, 5]},
            "By your warm-up plan the last mail leaves on Sat 28 Nov 2026, 09:10",
        ),
        (
            {"domains": {"example.org": "5/hour"}},
            "At your limit for example.org (5 per hour) the last mail leaves on Thu 26 Nov",
        ),
    ],
)
def test_limits_tell_when_the_last_mail_leaves(
    desk: Desk, limits: dict[str, object], sentence: str
) -> None:
    limit(desk, **limits)
    send(desk, readers=10)

    assert sentence in say(desk.sign_in("viewer").read(PROGRESS))


def test_limits_in_force_are_listed(desk: Desk) -> None:
    limits = {"per_minute": 30, "per_day": 10_000, "warm_up": [4, 5_000]}
    limit(desk, **limits, domains={"gmail.com": "20/minute", "*": "100/hour"})
    use(desk, 4, **limits)
    desk.wait(days=1)
    send(desk, readers=10)

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert (
        "Limits in force 30 per minute 10,000 per day day 2 of the warm-up: 5,000 today "
        "gmail.com: 20 per minute every other domain: 100 per hour"
    ) in page


def test_a_limit_that_is_used_up_is_told(desk: Desk) -> None:
    limit(desk, per_day=10)
    send(desk, readers=10)
    use(desk, 9, per_day=10)

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert "Sending goes on by itself on Fri 27 Nov 2026, 09:10, Prague time." in page


def test_readers_who_would_get_it_too_late_are_counted(desk: Desk) -> None:
    limit(desk, per_hour=3)
    send(desk, readers=10)
    hurry(desk, hours=2.5)

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert "1 reader gets this letter after something in it is over." in page


def test_a_digest_knows_what_in_it_is_over_tomorrow(desk: Desk) -> None:
    limit(desk, per_day=2)
    add_readers(desk, en=6)
    tomorrow = When.at(datetime(2026, 11, 27, 18, 0), datetime(2026, 11, 27, 20, 0))
    add_event(desk, "Prague 7 meetup", tomorrow)
    add_issue(desk)
    change(desk, 1, lambda _s, n: setattr(n, "send_at", None))
    start(desk, 1)

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert "2 readers get this letter after something in it is over." in page


def test_mails_that_cannot_leave_in_time_are_counted(desk: Desk) -> None:
    limit(desk, per_day=1)
    send(desk, readers=10)

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert "At this rate 5 mails cannot leave before this newsletter is too old." in page
    assert "the last mail leaves" not in page


def test_without_limits_nothing_is_said_of_them(desk: Desk) -> None:
    send(desk)

    assert "Limits in force" not in desk.sign_in("viewer").read(PROGRESS)


def test_every_number_leads_to_its_list_for_whoever_may_see_people(desk: Desk) -> None:
    send(desk, S.ACCEPTED, S.REJECTED)

    for role, is_shown in (("sender", True), ("viewer", False)):
        page = desk.sign_in(role).read(PROGRESS)
        for group in ("accepted", "bounced", "waiting"):
            assert (f"{ROOT}/1/report/recipients?group={group}" in page) is is_shown


def test_page_looks_again_by_itself_without_scripts(desk: Desk) -> None:
    send(desk)

    page = desk.sign_in("viewer").read(PROGRESS)

    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in page


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


def test_reason_of_a_pause_stands_first(desk: Desk) -> None:
    send(desk)
    change(desk, 1, lambda s, n: sending.pause(s, n, "clock", desk.now, "Too many bounces <b>."))

    page = desk.sign_in("viewer").read(PROGRESS)

    assert "Too many bounces <b>. Paused by clock on Thu 26 Nov 2026, 09:10" in say(page)
    assert page.index("Too many bounces &lt;b&gt;.") < page.index("0 of 4 done")


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "en",
            "Too many mails were refused one after another: 12. It said: 550 5.7.1 <b>no</b> ",
        ),
        (
            "cs",
            "Příliš mnoho e-mailů za sebou bylo odmítnuto: 12. Odpověď zněla: 550 5.7.1 <b>no</b> ",
        ),
    ],
)
def test_pause_by_itself_is_explained_in_the_language_of_the_page(
    desk: Desk, lang: str, words: str
) -> None:
    send(desk)
    reason = Reason(REFUSED_IN_A_ROW, {"number": 12}, "550 5.7.1 <b>no</b>")
    sender = desk.user("sender")
    with desk.sessions() as session:
        sending.pause_by_itself(session, 1, reason.sentence, desk.now, reason.facts)
        session.merge(sender).language = lang
    browser = desk.sign_in("sender")

    pages = [browser.read(path) for path in (PROGRESS, f"{ROOT}/1/report", "/desk/")]

    assert words in say(pages[0])
    quoted = '<q lang="en" dir="auto">550 5.7.1 &lt;b&gt;no&lt;/b&gt;</q>'
    assert [quoted in page for page in pages] == [True, True, True]
    link = f'href="{ROOT}/1/report/recipients?group=bounced">'
    assert [page.count(link) >= 1 for page in pages] == [True, True, False]


def test_every_reason_of_a_pause_has_words() -> None:
    assert set(SENTENCES) - set(REASONS) == set()


@pytest.mark.parametrize(
    ("code", "minutes", "words"),
    [
        (421, 0, "you need to do nothing"),
        (535, 0, "Tell the person who looks after the service."),
        (421, 31, "Tell the person who looks after the service."),
    ],
)
def test_trouble_that_needs_a_person_says_so(
    desk: Desk, code: int, minutes: int, words: str
) -> None:
    send(desk)
    with desk.sessions() as session:
        since = desk.now - timedelta(minutes=minutes)
        trouble = {"reason": "no", "code": code, "since": since.isoformat()}
        save_setting(session, PROVIDER_TROUBLE, trouble, desk.now)

    assert words in say(desk.sign_in("viewer").read(PROGRESS))


def test_nobody_guesses_an_end_while_there_is_trouble(desk: Desk) -> None:
    limit(desk, per_minute=2)
    send(desk, readers=10)
    with desk.sessions() as session:
        trouble = {"reason": "no", "code": 421, "since": desk.now.isoformat()}
        save_setting(session, PROVIDER_TROUBLE, trouble, desk.now)

    assert "the last mail leaves" not in desk.sign_in("viewer").read(PROGRESS)


@pytest.mark.parametrize(
    ("is_paused", "used", "words"),
    [
        (False, 0, "tried again from Thu 26 Nov 2026, 10:10 on"),
        (False, 10, "tried again from Fri 27 Nov 2026, 09:10 on"),
        (True, 0, None),
    ],
)
def test_next_try_is_when_it_can_be(
    desk: Desk, is_paused: bool, used: int, words: str | None
) -> None:
    limit(desk, per_day=10)
    send(desk, S.DEFERRED, S.UNKNOWN)
    with desk.sessions() as session:
        for mail, minutes in zip(desk.mails(), (60, 5), strict=False):
            session.merge(mail).next_at = desk.now + timedelta(minutes=minutes)
    if used:
        use(desk, used, per_day=10)
    if is_paused:
        change(desk, 1, lambda s, n: sending.pause(s, n, "anna", desk.now))

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert (words in page) if words else ("are tried again from" not in page)


def test_cancel_tells_what_was_lost_from_what_has_not_left(desk: Desk) -> None:
    send(desk, S.UNKNOWN, S.ACCEPTED)
    with desk.sessions() as session:
        session.merge(desk.mails()[0]).next_at = desk.now + GRACE

    question = say(desk.sign_in("sender").read(f"{ROOT}/1/cancel"))

    assert "2 mails have not left yet." in question
    assert "1 more, whose answer was lost, is not sent a second time." in question


def test_trouble_with_the_provider_is_told_in_its_words(desk: Desk) -> None:
    send(desk)
    with desk.sessions() as session:
        trouble = {"reason": "421 <too busy>", "code": 421, "since": desk.now.isoformat()}
        save_setting(session, PROVIDER_TROUBLE, trouble, desk.now)

    page = desk.sign_in("viewer").read(PROGRESS)

    assert "421 &lt;too busy&gt;" in page


def test_what_is_paused_is_not_said_to_go_on_by_itself(desk: Desk) -> None:
    limit(desk, per_day=10)
    send(desk, readers=10)
    use(desk, 9, per_day=10)
    change(desk, 1, lambda s, n: sending.pause(s, n, "anna", desk.now))
    with desk.sessions() as session:
        trouble = {"reason": "421 too busy", "code": 421, "since": desk.now.isoformat()}
        save_setting(session, PROVIDER_TROUBLE, trouble, desk.now)

    page = say(desk.sign_in("viewer").read(PROGRESS))

    assert "421 too busy" in page
    assert "you need to do nothing" not in page
    assert "by itself" not in page


def test_newsletter_is_not_resumed_while_nobody_knows_what_was_sent(desk: Desk) -> None:
    """F45."""
    send(desk)
    with desk.sessions() as session:
        restores.hold_back(session, desk.now, desk.now)
    visitor = desk.sign_in("sender")

    page = say(visitor.read(PROGRESS))
    answer = visitor.post(f"{ROOT}/1/resume", page=PROGRESS)

    assert "A backup was restored, so no newsletter leaves." in page
    assert answer.status_code == 409


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


def test_retry_leaves_dead_addresses_alone(desk: Desk) -> None:
    """Tried again, they were refused again, and ten in a row paused the newsletter."""
    send(desk, *[S.REJECTED] * 20, readers=20)
    bury(desk, *range(20))
    browser = desk.sign_in("sender")

    report = browser.read(f"{ROOT}/1/report")
    listed = say(browser.read(f"{ROOT}/1/report/recipients?group=bounced"))
    browser.post(f"{ROOT}/1/retry", page="/desk/account")

    assert f"{ROOT}/1/retry" not in report
    assert "None of these can be tried again." in listed
    assert {mail.state for mail in desk.mails()} == {S.REJECTED}
    assert read_state(desk, 1) == "sent"


def test_retry_and_leave_keep_to_the_language_of_the_list(desk: Desk) -> None:
    add_readers(desk, en=2, cs=2)
    start(desk, add_draft(desk, en="Hello.", cs="Dobrý den."))
    settle(desk, 1, S.EXPIRED, S.UNKNOWN, S.EXPIRED, S.UNKNOWN)
    with desk.sessions() as session:
        for mail in desk.mails():
            if mail.state == S.UNKNOWN:
                session.merge(mail).next_at = desk.now + GRACE
    browser = desk.sign_in("sender")
    lists = f"{ROOT}/1/report/recipients"

    expired = browser.read(f"{lists}?group=expired&language=cs")
    unknown = say(browser.read(f"{lists}?group=unknown&language=cs"))
    browser.post(f"{ROOT}/1/retry", {"state": "expired", "language": "cs"}, page=lists)
    browser.post(f"{ROOT}/1/leave", {"language": "cs"}, page=lists)

    assert '<input type="hidden" name="language" value="cs">' in expired
    assert "1 mail can be tried again. Where the answer was lost, readers may get two" in unknown
    assert "Try all of these again Leave those of unknown fate" in unknown
    states = {mail.address: (mail.state, mail.next_at is not None) for mail in desk.mails()}
    assert states == {
        "en0@example.org": (S.EXPIRED, False),
        "en1@example.org": (S.UNKNOWN, True),
        "cs0@example.org": (S.QUEUED, True),
        "cs1@example.org": (S.UNKNOWN, False),
    }


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
        sending.start_due(session, desk.now)
    browser = desk.sign_in("sender")

    page = browser.read(f"{ROOT}/1/report")
    browser.post(f"{ROOT}/1/stop", page=f"{ROOT}/1/report")

    assert "Its time passed while the service was not running." in page
    assert read_state(desk, 1) == "draft"
