"""The report: every number opens its list, nobody's address is shown, a funder gets sums."""

import csv
import io

import pytest

from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.feedback import Feedback, FeedbackKind
from mailer.storage.deliveries import Attempt
from mailer.storage.subscribers import Subscriber
from mailer.usecases import feedback, sending
from tests.letters import GRACE
from tests.web.desk import Desk
from tests.web.newsletters import (
    ROOT,
    add_draft,
    add_readers,
    change,
    count_queries,
    say,
    settle,
    start,
)

REPORT = f"{ROOT}/1/report"
RECIPIENTS = f"{REPORT}/recipients"
S = DeliveryState


def send(desk: Desk, *states: DeliveryState, **languages: int) -> None:
    """A letter in English and Czech, its mails as given."""
    add_readers(desk, **languages)
    start(desk, add_draft(desk, en="Hello.", cs="Dobrý den."))
    settle(desk, 1, *states)


def answer(desk: Desk, place: int, code: int, text: str, outcome: str = "refused") -> None:
    """What a server said about one mail."""
    with desk.sessions() as session:
        mail = session.merge(desk.mails()[place])
        mail.last_code, mail.last_text = code, text
        session.add(
            Attempt(delivery_id=mail.id, at=desk.now, outcome=outcome, code=code, text=text)
        )


def test_report_accounts_for_everybody(desk: Desk) -> None:
    send(desk, S.ACCEPTED, S.ACCEPTED, S.REJECTED, S.ACCEPTED, en=3, cs=2)

    page = say(desk.sign_in("viewer").read(REPORT))

    assert "Everyone is accounted for: 5 = 3 accepted + 1 bounced + 1 waiting" in page
    assert "English 3" in page
    assert "Čeština 2" in page
    assert "can be tried again" not in page


def test_report_admits_when_the_sums_do_not_add_up(desk: Desk) -> None:
    send(desk, S.ACCEPTED, en=1)
    change(desk, 1, lambda _s, n: setattr(n, "audience_count", 3))

    page = say(desk.sign_in("viewer").read(REPORT))

    assert "The sums do not add up: 3 people, but 1 mails." in page


def test_report_offers_to_mend_what_failed(desk: Desk) -> None:
    send(desk, S.ACCEPTED, S.REJECTED, S.EXPIRED, S.UNKNOWN, en=4)
    with desk.sessions() as session:
        session.merge(desk.mails()[3]).next_at = desk.now + GRACE

    page = desk.sign_in("sender").read(REPORT)

    assert "3 mails can be tried again." in say(page)
    assert f'action="{ROOT}/1/retry"' in page
    assert f'action="{ROOT}/1/leave"' in page


def test_report_counts_who_left_within_a_week(desk: Desk) -> None:
    send(desk, S.ACCEPTED, S.ACCEPTED, en=2)
    with desk.sessions() as session:
        session.get_one(Subscriber, 1).left_at = desk.now + GRACE
    desk.wait(days=9)

    page = say(desk.sign_in("viewer").read(REPORT))

    assert "1 left They unsubscribed within a week after it." in page


def test_report_links_the_copies_that_everybody_can_read(desk: Desk) -> None:
    send(desk, S.ACCEPTED, S.ACCEPTED, en=1, cs=1)
    browser = desk.sign_in("viewer")

    page = browser.read(REPORT)
    links = [part.split('"')[0] for part in page.split('href="') if "/archive/" in part[:20]]

    assert [link.split("/archive/")[0] for link in links] == ["/en", "/cs"]
    assert [browser.get(link).status_code for link in links] == [200, 200]


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_copies_stay_when_the_rest_does_not_leave(desk: Desk, verb: str) -> None:
    send(desk, S.ACCEPTED, en=1, cs=1)
    change(desk, 1, lambda s, n: getattr(sending, verb)(s, n, "anna", desk.now))
    browser = desk.sign_in("viewer")

    page = browser.read(REPORT)
    links = [part.split('"')[0] for part in page.split('href="') if "/archive/" in part[:20]]

    assert [browser.get(link).status_code for link in links] == [200, 200]


def test_languages_lead_to_their_lists(desk: Desk) -> None:
    send(desk, S.ACCEPTED, S.ACCEPTED, en=1, cs=1)
    link = f'href="{RECIPIENTS}?language=cs"'

    found = {role: link in desk.sign_in(role).read(REPORT) for role in ("sender", "viewer")}

    assert found == {"sender": True, "viewer": False}


def test_arabic_dates_have_an_arabic_comma(desk: Desk) -> None:
    send(desk, S.ACCEPTED, en=1)
    sender = desk.user("sender")
    with desk.sessions() as session:
        session.merge(sender).language = "ar"

    page = say(desk.sign_in("sender").read(REPORT))

    assert "26 نوفمبر 2026، 09:10" in page


@pytest.mark.parametrize(
    ("state", "stays"), [(SubscriberState.CONFIRMED, True), (SubscriberState.BOUNCED, False)]
)
def test_page_of_a_reader_says_whether_a_bounce_ended_it(
    desk: Desk, state: SubscriberState, stays: bool
) -> None:
    send(desk, S.BOUNCED, en=1)
    with desk.sessions() as session:
        session.get_one(Subscriber, 1).state = state

    page = say(desk.sign_in("sender").read("/desk/subscribers/1"))

    assert ("The person stays a reader" in page) is stays


def test_complaint_is_told_in_words(desk: Desk) -> None:
    send(desk, S.COMPLAINED, en=1)
    with desk.sessions() as session:
        session.merge(desk.mails()[0]).last_text = "abuse"
    browser = desk.sign_in("sender")

    pages = [browser.read(RECIPIENTS), browser.read("/desk/subscribers/1")]

    words = "The reader marked it as spam in their mail program."
    assert [(words in page, "abuse" in page) for page in pages] == [(True, False), (True, False)]


def test_report_tells_who_did_what(desk: Desk) -> None:
    send(desk, S.ACCEPTED, en=1)

    page = say(desk.sign_in("viewer").read(REPORT))

    assert "Thu 26 Nov 2026, 09:00 newsletter approved anna@example.org" in page
    assert "Thu 26 Nov 2026, 09:10 newsletter sent clock" in page


def test_report_of_what_was_discarded_says_that_nobody_got_it(desk: Desk) -> None:
    add_draft(desk)
    change(desk, 1, lambda s, n: sending.cancel(s, n, "anna@example.org", desk.now))

    assert "Nobody got this newsletter." in desk.sign_in("viewer").read(REPORT)


def test_numbers_lead_to_lists_for_those_who_may_see_people(desk: Desk) -> None:
    send(desk, S.ACCEPTED, S.REJECTED, en=2)
    link = f'href="{RECIPIENTS}?group=bounced"'

    found = {role: link in desk.sign_in(role).read(REPORT) for role in ("sender", "viewer")}

    assert found == {"sender": True, "viewer": False}


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_lists_of_people_are_closed_to_others(desk: Desk, role: str) -> None:
    send(desk, S.ACCEPTED, en=1)

    assert desk.sign_in(role).get(RECIPIENTS).status_code == 403


def test_list_says_what_came_back_and_hides_addresses(desk: Desk) -> None:
    """A7: the words are a stranger's."""
    send(desk, S.ACCEPTED, S.ACCEPTED, S.ACCEPTED, en=3)
    words = "550 <EN0@example.org> <script>alert(1)</script>"
    kinds = (FeedbackKind.HARD_BOUNCE, FeedbackKind.COMPLAINT)
    with desk.sessions() as session:
        said = [
            Feedback("brevo", kind, kind, desk.now, mail.id, status="5.1.1", text=words)
            for kind, mail in zip(kinds, desk.mails(), strict=False)
        ]
        for one in said:
            feedback.take(session, one, desk.now)
    browser = desk.sign_in()

    report = say(browser.read(REPORT))
    page = browser.read(f"{RECIPIENTS}?group=bounced")
    complained = say(browser.read(f"{RECIPIENTS}?group=complained"))

    assert "3 = 1 accepted + 1 bounced + 1 marked as spam" in report
    assert "5.1.1 550 <e***@example.org> <script>alert(1)</script>" in say(page)
    assert "<script>alert" not in page
    assert "e***@example.org marked as spam" in complained


def test_list_says_how_each_mail_stands_and_hides_addresses(desk: Desk) -> None:
    send(desk, S.ACCEPTED, S.REJECTED, en=2)
    answer(desk, 1, 550, "5.1.1 <EN1@example.org>: <script>no such user</script>")

    page = desk.sign_in("sender").read(f"{RECIPIENTS}?group=bounced")

    said = say(page)
    assert "e***@example.org bounced English" in said
    assert "550 5.1.1 <e***@example.org>: <script>no such user</script>" in said
    assert "en1@example.org" not in page.lower()
    assert "<script>no" not in page
    assert page.count('class="recipient"') == 1
    assert "Thu 26 Nov 2026, 09:10 refused 550 5.1.1" in said


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("", 4),
        ("group=accepted", 2),
        ("group=bounced", 1),
        ("group=waiting", 1),
        ("language=cs", 1),
        ("group=accepted&language=cs", 0),
        ("group=nonsense", 4),
        ("after=3", 1),
        ("after=99999999999999999999", 4),
    ],
)
def test_list_is_narrowed(desk: Desk, query: str, number: int) -> None:
    send(desk, S.ACCEPTED, S.ACCEPTED, S.REJECTED, en=3, cs=1)

    page = desk.sign_in("sender").read(f"{RECIPIENTS}?{query}")

    assert page.count('class="recipient"') == number


def test_list_is_read_page_by_page(desk: Desk) -> None:
    send(desk, en=51)
    browser = desk.sign_in("sender")

    page = browser.read(f"{RECIPIENTS}?group=waiting&language=en")

    assert page.count('class="recipient"') == 50
    more = f"{RECIPIENTS}?group=waiting&amp;language=en&amp;after=50"
    assert f'href="{more}"' in page
    assert browser.read(more.replace("&amp;", "&")).count('class="recipient"') == 1


def test_list_asks_as_many_questions_for_three_as_for_one(desk: Desk) -> None:
    send(desk, S.REJECTED, S.REJECTED, S.REJECTED, en=3)
    for place in range(3):
        answer(desk, place, 550, "no such user")
    browser = desk.sign_in("sender")

    for_one = count_queries(desk, browser, f"{RECIPIENTS}?after=2")

    assert count_queries(desk, browser, RECIPIENTS) == for_one


def test_erased_person_stays_a_number(desk: Desk) -> None:
    send(desk, S.ACCEPTED, en=1)
    with desk.sessions() as session:
        session.merge(desk.mails()[0]).address = ""

    assert "erased accepted English" in say(desk.sign_in("sender").read(RECIPIENTS))


def test_funder_gets_sums_and_no_address(desk: Desk) -> None:
    send(desk, S.ACCEPTED, S.ACCEPTED, S.REJECTED, en=2, cs=1)
    change(desk, 1, lambda _s, n: setattr(n, "title", "=HYPERLINK(1)"))

    file = desk.sign_in("viewer").get(f"{REPORT}.csv")

    assert file.mimetype == "text/csv"
    assert file.headers["Content-Disposition"] == 'attachment; filename="newsletter-1.csv"'
    assert "@" not in file.text
    assert list(csv.reader(io.StringIO(file.text.removeprefix("\ufeff")))) == [
        ["Newsletter", "'=HYPERLINK(1)"],
        ["Kind", "Letter"],
        ["State", "Sent"],
        ["Sending began (Prague time)", "Thu 26 Nov 2026, 09:10"],
        ["Sending ended (Prague time)", "Thu 26 Nov 2026, 09:10"],
        ["People it was meant for", "3"],
        ["accepted", "2"],
        ["bounced", "1"],
        ["People by language: English", "2"],
        ["People by language: Čeština", "1"],
    ]


@pytest.mark.parametrize("page", ["", "/check", "/preview", "/letter", "/progress", "/report"])
def test_no_page_for_a_newsletter_that_is_not_there(desk: Desk, page: str) -> None:
    assert desk.sign_in("viewer").get(f"{ROOT}/7{page}").status_code == 404
