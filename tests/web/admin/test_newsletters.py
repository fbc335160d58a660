"""Newsletters at the desk: the list, a letter from its name to its words, the preview."""

from datetime import datetime, timedelta

import pytest

from mailer.domain.delivery import DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.domain.when import When
from mailer.storage.newsletters import find_variant, get_newsletter
from mailer.usecases import newsletters
from tests.usecases.edits import ANNA
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
    fill,
    say,
    settle,
    start,
)
from tests.web.pages import Page, read_form

IN_THREE_WEEKS = When.at(datetime(2026, 12, 14, 17, 30))


def test_empty_list_offers_a_first_letter(desk: Desk) -> None:
    writer, viewer = desk.sign_in("editor"), desk.sign_in("viewer")

    assert "Write a letter" in writer.read(ROOT)
    assert "Write a letter" not in viewer.read(ROOT)


def test_list_says_how_each_stands(desk: Desk) -> None:
    add_readers(desk, en=4)
    for number in range(3):
        add_draft(desk)
        change(desk, number + 1, lambda _s, n: setattr(n, "title", f"Letter {n.id}"))
    start(desk, 1)
    settle(desk, 1, DeliveryState.ACCEPTED)
    approve(desk, 2)

    page = say(desk.sign_in("viewer").read(ROOT))

    # What is being sent shows how far it is; the newest stands first.
    first, second, third = (page.index(f"Letter {number}") for number in (3, 2, 1))
    assert first < second < third
    assert "changed Thu 26 Nov 2026, 09:00 Draft" in page
    assert "leaves Thu 26 Nov 2026, 09:20 Approved" in page
    assert "began Thu 26 Nov 2026, 09:10 · 4 people Being sent 25 %" in page


def test_list_is_read_page_by_page(desk: Desk) -> None:
    for _ in range(31):
        add_draft(desk)
    browser = desk.sign_in("viewer")

    page = browser.read(ROOT)
    older = browser.read(f"{ROOT}?before=2")

    assert page.count('class="letters-row"') == 30
    assert f'href="{ROOT}?before=2"' in page
    assert older.count('class="letters-row"') == 1


def test_list_asks_as_many_questions_for_three_as_for_one(desk: Desk) -> None:
    add_readers(desk, en=2)
    browser = desk.sign_in("viewer")
    start(desk, add_draft(desk))
    for_one = count_queries(desk, browser, ROOT)
    start(desk, add_draft(desk))
    add_issue(desk)

    assert count_queries(desk, browser, ROOT) == for_one


def test_letter_is_named_and_then_written(desk: Desk) -> None:
    browser = desk.sign_in("editor")

    made = browser.post(f"{ROOT}/new", {"title": " Room   change ", "topics": ["events"]})
    typed = {"in_cs-subject": "Jiná\nmístnost", "in_cs-body": "Ahoj,\r\n\r\njdeme jinam.\r\n"}
    saved = browser.client.post(f"{ROOT}/1", data=fill(browser, f"{ROOT}/1", typed))

    assert (made.status_code, made.location) == (303, f"{ROOT}/1")
    assert (saved.status_code, saved.location) == (303, f"{ROOT}/1")
    with desk.sessions() as session:
        letter = get_newsletter(session, 1)
        czech = find_variant(letter, "cs")
        assert czech is not None
        assert (letter.title, letter.topics) == ("Room change", ("events",))
        assert (czech.subject, czech.body) == ("Jiná místnost", "Ahoj,\n\njdeme jinam.")


def test_letter_needs_a_name(desk: Desk) -> None:
    answer = desk.sign_in("editor").post(f"{ROOT}/new", {"title": "  "})

    assert answer.status_code == 422
    assert 'href="#title"' in answer.text


def test_too_long_a_subject_is_shown_beside_its_field_and_nothing_is_lost(desk: Desk) -> None:
    add_draft(desk)
    browser = desk.sign_in("editor")
    typed = {"in_uk-subject": "x" * 201, "in_uk-body": "Typed words"}

    answer = browser.client.post(f"{ROOT}/1", data=fill(browser, f"{ROOT}/1", typed))

    assert answer.status_code == 422
    assert {"in_uk-subject"} == Page(answer.text).anchors - {"content"}
    assert "Typed words" in answer.text
    with desk.sessions() as session:
        variant = find_variant(get_newsletter(session, 1), "uk")
        assert variant is not None
        assert variant.body == ""


def test_on_to_the_check_saves_first(desk: Desk) -> None:
    add_draft(desk)
    browser = desk.sign_in("editor")
    form = fill(browser, f"{ROOT}/1", {"title": "New name", "action": "check"})

    answer = browser.client.post(f"{ROOT}/1", data=form)

    assert answer.location == f"{ROOT}/1/check"
    with desk.sessions() as session:
        assert get_newsletter(session, 1).title == "New name"


def test_two_who_write_at_once_see_each_others_words(desk: Desk) -> None:
    add_draft(desk, en="Old text")
    anna, ben = desk.sign_in("editor"), desk.sign_in("sender")
    annas = fill(anna, f"{ROOT}/1", {"in_en-body": "Words of Anna"})
    typed = {"in_en-body": "Words of Ben", "in_vi-body": "Chỉ mình Ben viết"}
    bens = fill(ben, f"{ROOT}/1", typed)
    desk.wait(minutes=1)

    bens_answer = ben.client.post(f"{ROOT}/1", data=bens)
    annas_answer = anna.client.post(f"{ROOT}/1", data=annas)

    assert (bens_answer.status_code, annas_answer.status_code) == (303, 409)
    page = say(annas_answer.text)
    assert "sender@example.org saved on Thu 26 Nov 2026, 09:01, Prague time" in page
    assert "Words of Anna" in page
    assert "Saved now: Words of Ben" in page
    assert "Saved now: Chỉ mình Ben viết" in page


def test_saving_once_more_puts_ones_own_words_in_place(desk: Desk) -> None:
    add_draft(desk, en="Old text")
    anna, ben = desk.sign_in("editor"), desk.sign_in("sender")
    annas = fill(anna, f"{ROOT}/1", {"in_en-body": "Words of Anna"})
    desk.wait(minutes=1)
    ben.client.post(f"{ROOT}/1", data=fill(ben, f"{ROOT}/1", {"in_en-body": "Words of Ben"}))
    conflict = anna.client.post(f"{ROOT}/1", data=annas)

    again = anna.client.post(f"{ROOT}/1", data=read_form(conflict.text, "seen"))

    assert (conflict.status_code, again.status_code) == (409, 303)
    with desk.sessions() as session:
        variant = find_variant(get_newsletter(session, 1), "en")
        assert variant is not None
        assert variant.body == "Words of Anna"


def test_words_typed_while_it_was_approved_are_shown_and_not_saved(desk: Desk) -> None:
    add_draft(desk, en="Old text")
    browser = desk.sign_in("editor")
    form = fill(browser, f"{ROOT}/1", {"in_en-body": "Too late"})
    approve(desk, 1)

    answer = browser.client.post(f"{ROOT}/1", data=form)

    assert answer.status_code == 409
    assert "Too late" in answer.text
    with desk.sessions() as session:
        variant = find_variant(get_newsletter(session, 1), "en")
        assert variant is not None
        assert variant.body == "Old text"


def test_next_digest_is_drafted_once(desk: Desk) -> None:
    browser = desk.sign_in("editor")

    answers = [
        browser.post(f"{ROOT}/digest", {"plan": "weekly"}, page=ROOT).location for _ in range(2)
    ]

    assert answers == [f"{ROOT}/1", f"{ROOT}/1"]


def test_unknown_plan_has_no_digest(desk: Desk) -> None:
    answer = desk.sign_in("editor").post(f"{ROOT}/digest", {"plan": "none"}, page=ROOT)

    assert answer.status_code == 404


def test_draft_of_a_digest_shows_items_languages_and_proposed_subjects(desk: Desk) -> None:
    add_readers(desk, en=2, cs=1, uk=1)
    add_event(desk, "Prague 7 meetup")
    add_issue(desk)

    page = desk.sign_in("editor").read(f"{ROOT}/1")

    said = say(page)
    assert "4 readers: English 2, Čeština 1, Українська 1" in said
    assert "Planned for Thu 3 Dec 2026, 09:00, Prague time" in said
    assert "Prague 7 meetup" in said
    assert 'title="Čeština: ready"' in page
    assert 'title="Українська: missing"' in page
    # Nobody reads Arabic here, so nobody misses it.
    assert 'title="العربية: missing"' not in page
    assert 'placeholder="Setkání"' in page
    assert 'placeholder="Prague 7 meetup"' in page


def test_viewer_looks_at_a_draft_and_cannot_write(desk: Desk) -> None:
    add_draft(desk)
    browser = desk.sign_in("viewer")

    page = browser.read(f"{ROOT}/1")
    answer = browser.post(f"{ROOT}/1", {"title": "Mine"}, page="/desk/account")

    assert 'name="title"' not in page
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("state", "path"),
    [
        (NewsletterState.SCHEDULED, "progress"),
        (NewsletterState.PREPARING, "progress"),
        (NewsletterState.SENDING, "progress"),
        (NewsletterState.PAUSED, "progress"),
        (NewsletterState.SENT, "report"),
        (NewsletterState.CANCELLED, "report"),
        (NewsletterState.SKIPPED_EMPTY, "report"),
        (NewsletterState.MISSED, "report"),
    ],
)
def test_a_newsletter_opens_where_it_stands(desk: Desk, state: NewsletterState, path: str) -> None:
    add_draft(desk)
    change(desk, 1, lambda _s, n: setattr(n, "state", state))
    browser = desk.sign_in("viewer")

    answer = browser.get(f"{ROOT}/1")

    assert (answer.status_code, answer.location) == (302, f"{ROOT}/1/{path}")
    browser.read(f"{ROOT}/1/{path}")


def test_preview_shows_the_letter_cut_off_from_the_desk(desk: Desk) -> None:
    add_draft(desk, en="Good news <script>alert(1)</script> **today**.")
    browser = desk.sign_in("viewer")

    page = browser.read(f"{ROOT}/1/preview")
    letter = browser.get(f"{ROOT}/1/letter?variant=en")

    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert f'src="{ROOT}/1/letter?variant=en&amp;reader=regular"' in page
    assert "Good news" in say(page)
    assert "frame-src 'self'" in browser.get(f"{ROOT}/1/preview").headers["Content-Security-Policy"]
    policy = letter.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "<strong>today</strong>" in letter.text
    assert "<script" not in letter.text
    assert "do not work in it" in letter.text


def test_preview_of_an_unwritten_language_shows_what_its_readers_get(desk: Desk) -> None:
    add_draft(desk, en="In English.", cs="Česky.")
    browser = desk.sign_in("viewer")

    found = [
        "In English." in browser.read(f"{ROOT}/1/letter?variant={lang}")
        for lang in ("en", "cs", "uk")
    ]

    assert found == [True, False, True]


def test_preview_of_a_digest_differs_for_who_read_the_last_one(desk: Desk) -> None:
    add_readers(desk, en=1)
    add_event(desk, "Prague 7 meetup", when=IN_THREE_WEEKS)
    start(desk, add_issue(desk))
    settle(desk, 1, DeliveryState.ACCEPTED)
    add_issue(desk)
    browser = desk.sign_in("viewer")

    regular = browser.read(f"{ROOT}/2/preview?variant=en&reader=regular")
    newcomer = browser.read(f"{ROOT}/2/preview?variant=en&reader=newcomer")

    # Who knows the event is reminded in one line; a newcomer gets the whole card.
    assert ("Prague 7 meetup" in regular, "Language:" in regular) == (True, False)
    assert ("Prague 7 meetup" in newcomer, "Language:" in newcomer) == (True, True)


def test_preview_of_what_was_sent_is_the_copy_that_was_kept(desk: Desk) -> None:
    add_readers(desk, en=1, ar=1)
    start(desk, add_draft(desk, en="As it was sent.", ar="مرحبا"))
    settle(desk, 1, DeliveryState.ACCEPTED, DeliveryState.ACCEPTED)
    change(desk, 1, lambda _s, n: setattr(n.variants[0], "body", "Changed by hand."))
    browser = desk.sign_in("viewer")

    english = browser.read(f"{ROOT}/1/letter?variant=en")
    arabic = browser.read(f"{ROOT}/1/letter?variant=ar")

    assert "As it was sent." in english
    # Pages are not offered in Arabic, so there is no public copy: its readers' own is shown.
    assert "مرحبا" in arabic


def test_preview_of_a_sent_digest_shows_what_readers_of_russian_got(desk: Desk) -> None:
    add_readers(desk, en=1, ru=1)
    add_event(desk, "Prague 7 meetup", IN_THREE_WEEKS)
    issue = add_issue(desk)
    start(desk, issue)

    letter = desk.sign_in("viewer").read(f"{ROOT}/{issue}/letter?variant=ru")

    # The service does not speak Russian: the words around the items are English.
    assert ('<html lang="en"' in letter, "Prague 7 meetup" in letter) == (True, True)


@pytest.mark.parametrize("path", ["preview?variant=xx", "letter?variant=../etc"])
def test_no_preview_in_a_language_that_is_not_there(desk: Desk, path: str) -> None:
    add_draft(desk)

    assert desk.sign_in("viewer").get(f"{ROOT}/1/{path}").status_code == 404


def test_names_of_newsletters_are_only_words(desk: Desk) -> None:
    with desk.sessions() as session:
        newsletters.new_letter(session, "<b>bold</b> {{ 7*7 }}", (), ANNA, desk.now)
    browser = desk.sign_in()

    for path in (ROOT, f"{ROOT}/1", f"{ROOT}/1/check", f"{ROOT}/1/preview", "/desk/"):
        page = browser.read(path)
        assert "<b>bold" not in page
        assert "49" not in say(page).replace("2026", "")


def test_a_draft_nobody_touched_for_a_month_still_opens(desk: Desk) -> None:
    add_issue(desk)
    desk.now += timedelta(days=31)

    page = say(desk.sign_in("editor").read(f"{ROOT}/1"))

    assert "Nothing new to tell." in page
