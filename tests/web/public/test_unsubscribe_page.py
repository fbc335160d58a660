"""Leaving: one button for people, one POST for mail programs, nothing for scanners."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from mailer.domain.consent import Cadence, ConsentAction, SubscriberState
from mailer.storage.consents import Consent
from mailer.storage.subscribers import Subscriber
from mailer.usecases import personal_data
from tests.web.public.visitor import Site, count

ADDRESS = "anna@example.org"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = (
    '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
)


def test_scanners_looking_at_the_link_change_nothing(site: Site, reader: Subscriber) -> None:
    path = site.path_to("u", reader)

    codes = [site.browser.open(path, method=name).status_code for name in ("GET", "HEAD")]

    assert codes == [200, 200]
    assert site.find(ADDRESS).state is SubscriberState.CONFIRMED


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (URLENCODED, "List-Unsubscribe=One-Click"),
        (URLENCODED + "; charset=utf-8", "List-Unsubscribe=One-Click"),
        ("multipart/form-data; boundary=b", MULTIPART),
    ],
)
def test_one_click_unsubscribes_without_a_redirect(
    site: Site, reader: Subscriber, kind: str, body: str
) -> None:
    path = site.path_to("u", reader)

    answers = [site.browser.post(path, data=body, content_type=kind) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.headers.get("Set-Cookie") for answer in answers] == [None, None]
    assert site.find(ADDRESS).state is SubscriberState.UNSUBSCRIBED
    with site.sessions() as session:
        proof = session.scalars(select(Consent)).one()
        assert (proof.action, proof.source) == (ConsentAction.WITHDRAWN, "one click")


def test_one_click_works_from_anywhere(site: Site, reader: Subscriber) -> None:
    answer = site.post(
        site.path_to("u", reader),
        {"List-Unsubscribe": "One-Click"},
        **{"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 200
    assert site.find(ADDRESS).state is SubscriberState.UNSUBSCRIBED


def test_one_click_notes_which_letter_it_came_from(site: Site, reader: Subscriber) -> None:
    token = site.links.unsubscribe_token(reader.public_id, 42)

    site.post(f"/u/{token}", {"List-Unsubscribe": "One-Click"})

    with site.sessions() as session:
        assert session.scalars(select(Consent.evidence)).all() == ["delivery 42"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (URLENCODED, ""),
        (URLENCODED, "List-Unsubscribe=Two-Clicks"),
        (URLENCODED, "list-unsubscribe=One-Click"),
        (URLENCODED, "action=remove"),
        (URLENCODED, "action=less&less=topic:%00"),
        (URLENCODED, "action=less&less=everything"),
        ("text/plain", "List-Unsubscribe=One-Click"),
        ("application/json", '{"List-Unsubscribe": "One-Click"}'),
        ("multipart/form-data; boundary=other", MULTIPART),
        ("", "List-Unsubscribe=One-Click"),
    ],
)
def test_a_wrong_body_is_refused_without_effect(
    site: Site, reader: Subscriber, kind: str, body: str
) -> None:
    answer = site.browser.post(site.path_to("u", reader), data=body, content_type=kind)

    assert answer.status_code == 400
    with site.sessions() as session:
        assert count(session, Consent) == 0
    assert site.find(ADDRESS).state is SubscriberState.CONFIRMED


def test_one_click_at_once_from_many_sides_has_one_effect(site: Site, reader: Subscriber) -> None:
    path = site.path_to("u", reader)

    def click(_: int) -> int:
        with site.app.test_client() as browser:
            return browser.post(path, data={"List-Unsubscribe": "One-Click"}).status_code

    with ThreadPoolExecutor(10) as threads:
        codes = list(threads.map(click, range(10)))

    assert codes == [200] * 10
    with site.sessions() as session:
        assert count(session, Consent) == 1


def test_button_unsubscribes_and_can_be_undone(site: Site, reader: Subscriber) -> None:
    path = site.path_to("u", reader)

    pressed = site.post(path, {"action": "leave"})
    left = site.find(ADDRESS).state
    page = site.read(pressed.headers["Location"] + "?lang=en")
    undone = site.post(path, {"action": "undo"})

    assert (pressed.status_code, left) == (303, SubscriberState.UNSUBSCRIBED)
    assert "You are unsubscribed" in page
    assert 'value="undo"' in page
    assert "done=back" in undone.headers["Location"]
    assert site.find(ADDRESS).state is SubscriberState.CONFIRMED


def test_undo_is_gone_after_an_hour(site: Site, reader: Subscriber) -> None:
    path = site.path_to("u", reader)
    site.post(path, {"action": "leave"})
    site.wait(hours=1, seconds=1)

    page, answer = site.read(path), site.post(path, {"action": "undo"})

    assert ('value="undo"' in page, answer.status_code) == (False, 409)
    assert site.find(ADDRESS).state is SubscriberState.UNSUBSCRIBED


@pytest.mark.parametrize(
    ("wish", "done", "after"),
    [
        ("monthly", "monthly", (Cadence.MONTHLY, False, ("events", "trainings"))),
        ("pause", "pause", (Cadence.WEEKLY, True, ("events", "trainings"))),
        ("topic:trainings", "topic", (Cadence.WEEKLY, False, ("trainings",))),
    ],
)
def test_less_instead(
    site: Site, reader: Subscriber, wish: str, done: str, after: tuple[Cadence, bool, tuple[str]]
) -> None:
    with site.sessions() as session:
        session.get_one(Subscriber, reader.id).topics = ("events", "trainings")
    path = site.path_to("u", reader)

    answer = site.post(path, {"action": "less", "less": wish})

    row = site.find(ADDRESS)
    assert answer.headers["Location"] == f"{path}?done={done}"
    assert (row.cadence, row.paused_until is not None, row.topics) == after
    assert row.state is SubscriberState.CONFIRMED


def test_link_of_someone_erased_still_works(site: Site, reader: Subscriber) -> None:
    path = site.path_to("u", reader)
    with site.sessions() as session:
        personal_data.erase(
            session, session.get_one(Subscriber, reader.id), who="test", now=site.now
        )

    page = site.get(path)
    clicked = site.post(path, {"List-Unsubscribe": "One-Click"})
    pressed = site.post(path, {"action": "leave"})

    assert (page.status_code, clicked.status_code, pressed.status_code) == (200, 200, 303)
    assert "You are unsubscribed" in page.text


def test_link_lives_for_years(site: Site, reader: Subscriber) -> None:
    path = site.path_to("u", reader)
    site.wait(days=3 * 365)

    assert site.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
