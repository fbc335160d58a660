"""The first page of the desk: what is next, what waits, what was last."""

from datetime import timedelta

import pytest

from mailer.domain.consent import Cadence
from mailer.domain.delivery import DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.domain.when import When
from mailer.storage.events import Event
from mailer.storage.imports import Finding, FindingState, WebsiteImport
from mailer.storage.plans import get_plan
from mailer.storage.settings import save_setting
from mailer.usecases import restores, sending
from mailer.usecases.outages import PROVIDER_TROUBLE, WORKER_TICK
from tests.people import add_subscriber
from tests.usecases.edits import EVENING
from tests.web.desk import Desk
from tests.web.newsletters import (
    ROOT,
    add_draft,
    add_event,
    add_issue,
    add_readers,
    approve,
    change,
    count_queries,
    say,
    settle,
    start,
)


def read(desk: Desk, role: str = "sender") -> str:
    return say(desk.sign_in(role).read("/desk/"))


def test_before_the_draft_it_says_when_there_will_be_one(desk: Desk) -> None:
    add_readers(desk, en=2, cs=1)

    page = read(desk)

    assert "Next: Weekly digest Thu 3 Dec 2026, 09:00 Prague time" in page
    assert "The draft is made on Wed 2 Dec 2026, 16:00." in page
    assert "3 readers: English 2, Čeština 1 Make the draft now" in page
    assert "Nothing has been sent yet." in page


def test_the_draft_is_summed_up(desk: Desk) -> None:
    add_readers(desk, en=1, cs=1, uk=1)
    add_event(desk, "Prague 7 meetup")
    add_issue(desk)

    page = desk.sign_in("sender").read("/desk/")

    assert "Next: Weekly digest Draft Thu 3 Dec 2026, 09:00" in say(page)
    assert "The draft is ready: 1 event." in say(page)
    assert "Українська: 1 text of the next digest is missing" in say(page)
    # Czech is there, and nobody reads Arabic.
    assert "Čeština: " not in say(page)
    assert "العربية" not in page
    assert f'href="{ROOT}/1#contents"' in page


def test_a_draft_with_nothing_new_says_so(desk: Desk) -> None:
    add_issue(desk)

    assert "The draft is ready, but there is nothing new to tell." in read(desk)


def test_a_draft_that_was_forgotten_says_so(desk: Desk) -> None:
    add_issue(desk)
    desk.wait(days=8)

    page = read(desk)

    assert "Next: Weekly digest Draft Thu 3 Dec 2026, 09:00" in page
    assert "Its time has passed, and nobody has approved it." in page


def test_an_approved_digest_can_be_opened(desk: Desk) -> None:
    add_readers(desk, en=1)
    approve(desk, add_issue(desk))

    page = desk.sign_in("sender").read("/desk/")

    assert "Weekly digest Approved" in say(page)
    assert f'href="{ROOT}/1">Open<' in page


def test_a_plan_out_of_use_has_no_card(desk: Desk) -> None:
    with desk.sessions() as session:
        get_plan(session, "weekly").is_active = False

    assert "Weekly digest" not in read(desk)


def test_last_sent_shows_its_sums(desk: Desk) -> None:
    add_readers(desk, en=3)
    start(desk, add_draft(desk))
    settle(desk, 1, DeliveryState.ACCEPTED, DeliveryState.ACCEPTED, DeliveryState.REJECTED)

    page = read(desk)

    assert "Last sent Hello Thu 26 Nov 2026, 09:10, Prague time 2 accepted 1 bounced" in page


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_last_sent_may_have_been_stopped_half_way(desk: Desk, verb: str) -> None:
    add_readers(desk, en=2)
    start(desk, add_draft(desk))
    settle(desk, 1, DeliveryState.ACCEPTED)
    change(desk, 1, lambda s, n: getattr(sending, verb)(s, n, "anna", desk.now))

    page = read(desk)

    assert "Nothing has been sent yet." not in page
    assert "Thu 26 Nov 2026, 09:10, Prague time 1 accepted" in page


def test_nothing_to_do_is_said_too(desk: Desk) -> None:
    assert "Nothing waits for you." in read(desk)


def test_events_without_a_date_wait(desk: Desk) -> None:
    add_event(desk, "Meetup", EVENING)
    with desk.sessions() as session:
        event = session.get_one(Event, 1)
        event.sessions[0].when = When.unknown("in May")

    assert "1 event has no date" in read(desk)


def test_open_findings_wait(desk: Desk) -> None:
    with desk.sessions() as session:
        source = WebsiteImport(name="a", digest="b", raw="c", imported_at=desk.now)
        for place, state in enumerate((FindingState.OPEN, FindingState.OPEN, FindingState.CLEAR)):
            source.findings.append(
                Finding(kind="milestone", position=place, reading={}, state=state)
            )
        session.add(source)

    assert "2 things we read on your website wait for your answer" in read(desk)


@pytest.mark.parametrize(
    ("state", "words"),
    [(NewsletterState.PAUSED, "Paused: Hello"), (NewsletterState.MISSED, "Missed its time: Hello")],
)
def test_newsletters_that_stand_still_wait(desk: Desk, state: NewsletterState, words: str) -> None:
    add_draft(desk)
    change(desk, 1, lambda _s, n: setattr(n, "state", state))

    assert words in read(desk)


def test_what_was_missed_long_ago_waits_for_nobody(desk: Desk) -> None:
    add_draft(desk)
    change(desk, 1, lambda _s, n: setattr(n, "state", NewsletterState.MISSED))
    desk.wait(days=15)

    assert "Missed its time" not in read(desk)


def test_each_digest_has_a_card_with_readers_of_its_own(desk: Desk) -> None:
    add_readers(desk, en=2)
    with desk.sessions() as session:
        monthly = Cadence.MONTHLY
        add_subscriber(session, "m@example.org", desk.now, language="cs", cadence=monthly)

    page = read(desk)

    moment = "Thu 3 Dec 2026, 09:00 Prague time The draft is made on Wed 2 Dec 2026, 16:00."
    assert f"Next: Weekly digest {moment} 2 readers: English 2 Make the draft now" in page
    assert f"Next: Monthly digest {moment} 1 reader: Čeština 1 Make the draft now" in page


def test_trouble_is_told_with_its_reason_and_since_when(desk: Desk) -> None:
    with desk.sessions() as session:
        trouble = {"reason": "535 wrong password", "code": 535, "since": desk.now.isoformat()}
        save_setting(session, PROVIDER_TROUBLE, trouble, desk.now)

    page = read(desk)

    assert "The mail provider takes no mail at present." in page
    assert "Since Thu 26 Nov 2026, 09:00, Prague time. It said: 535 wrong password" in page


def test_restored_backup_is_told_with_how_old_it_is(desk: Desk) -> None:
    with desk.sessions() as session:
        restores.hold_back(session, desk.now - timedelta(hours=6), desk.now)

    page = read(desk)

    assert "A backup was restored, so no newsletter leaves." in page
    assert "Everything here is as it was on Thu 26 Nov 2026, 03:00, Prague time." in page


@pytest.mark.parametrize(("seconds", "is_told"), [(119, False), (121, True)])
def test_a_silent_worker_is_told(desk: Desk, seconds: int, is_told: bool) -> None:
    with desk.sessions() as session:
        save_setting(session, WORKER_TICK, desk.now.isoformat(), desk.now)
    desk.wait(seconds=seconds)

    assert ("The part that sends the mail is not running." in read(desk)) == is_told


def test_new_readers_are_counted_by_week(desk: Desk) -> None:
    with desk.sessions() as session:
        for name, days in (("a", 0), ("b", 3), ("c", 4), ("d", 60)):
            reader = add_subscriber(session, f"{name}@example.org", desk.now)
            reader.confirmed_at = desk.now - timedelta(days=days)

    page = read(desk)

    # It is a Thursday: three days ago was Monday of this week, four days ago Sunday of the last.
    assert "9 Nov 0 16 Nov 1 23 Nov 2" in page
    assert "5 Oct 0" in page


def test_writers_are_offered_what_they_may_add(desk: Desk) -> None:
    offers = {
        role: "/desk/events/new" in desk.sign_in(role).read("/desk/")
        for role in ("editor", "viewer")
    }

    assert offers == {"editor": True, "viewer": False}


def test_every_link_of_the_page_leads_somewhere(desk: Desk) -> None:
    add_readers(desk, en=1)
    add_event(desk, "Prague 7 meetup")
    start(desk, add_draft(desk))
    add_issue(desk)
    browser = desk.sign_in()
    page = browser.read("/desk/")
    paths = {part.split('"')[0] for part in page.split('href="')[1:]}

    pages = [path for path in paths if path[0] == "/" and not path.startswith("/static/")]
    lost = [path for path in pages if browser.get(path).status_code >= 400]

    assert lost == []


def test_page_asks_as_many_questions_for_many_readers_as_for_few(desk: Desk) -> None:
    add_readers(desk, en=1)
    add_event(desk, "Prague 7 meetup")
    add_issue(desk)
    browser = desk.sign_in()
    for_one = count_queries(desk, browser, "/desk/")
    add_readers(desk, cs=3)
    add_event(desk, "Second meetup")

    assert count_queries(desk, browser, "/desk/") == for_one


def test_desk_without_a_slash_is_the_same_page(desk: Desk) -> None:
    answer = desk.sign_in("viewer").get("/desk")

    assert (answer.status_code, answer.location) == (308, "http://localhost/desk/")


def test_digest_that_was_skipped_makes_room_for_the_next(desk: Desk) -> None:
    add_issue(desk)
    change(desk, 1, lambda s, n: sending.cancel(s, n, "anna@example.org", desk.now))

    assert "Next: Weekly digest Thu 10 Dec 2026, 09:00" in read(desk)
