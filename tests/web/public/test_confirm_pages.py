"""The links in mails that ask for one press of a button: confirmation and a new address."""

import pytest
from sqlalchemy import select

from mailer.domain.consent import ConsentAction, SubscriberState
from mailer.storage.consents import Consent
from mailer.storage.redemptions import Redemption
from mailer.storage.subscribers import Subscriber
from mailer.usecases import personal_data, subscriptions
from tests.usecases.readers import TRACE
from tests.web.public.visitor import Site, count

ROOMS = ("a", "c", "d", "p", "u")


def test_scanners_looking_at_the_link_change_nothing(site: Site, newcomer: Subscriber) -> None:
    path = site.path_to("c", newcomer)

    codes = [site.browser.open(path, method=name).status_code for name in ("GET", "HEAD", "GET")]

    assert codes == [200, 200, 200]
    assert site.find("bob@example.org").state is SubscriberState.PENDING
    with site.sessions() as session:
        assert (count(session, Redemption), count(session, Consent)) == (0, 0)


def test_page_says_what_is_confirmed_and_hides_the_address(
    site: Site, newcomer: Subscriber
) -> None:
    answer = site.get(site.path_to("c", newcomer) + "?lang=en")

    assert "<bdi>b***@example.org</bdi>" in answer.text
    assert "<dd>Events</dd>" in answer.text
    assert "bob" not in answer.text
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_page_is_in_the_language_of_the_subscriber(site: Site, newcomer: Subscriber) -> None:
    path = site.path_to("c", newcomer)

    assert '<html lang="cs" dir="ltr">' in site.read(path)
    assert '<html lang="uk" dir="ltr">' in site.read(path + "?lang=uk")
    assert '<html lang="cs" dir="ltr">' in site.read(path + "?lang=ru")


def test_pressing_confirms_once_however_often(site: Site, newcomer: Subscriber) -> None:
    path = site.path_to("c", newcomer)

    answers = [site.post(path, {}) for _ in range(3)]
    welcome = site.read(path + "?lang=en")

    assert [answer.status_code for answer in answers] == [303, 303, 303]
    assert "You are in" in welcome
    assert "Thu, 3 Dec, 09:00 (Prague time)" in welcome.replace("Thu 3", "Thu, 3")
    with site.sessions() as session:
        assert session.scalars(select(Consent.action)).all() == [ConsentAction.CONFIRMED]


def test_link_with_another_spelling_of_its_signature_is_the_same_link(
    site: Site, newcomer: Subscriber
) -> None:
    path = site.path_to("c", newcomer)

    site.post(path, {})
    again = site.post(path + "=", {})

    assert again.status_code == 303
    with site.sessions() as session:
        assert count(session, Redemption) == 1


def test_link_is_too_old_after_a_week(site: Site, newcomer: Subscriber) -> None:
    path = site.path_to("c", newcomer)
    site.wait(days=7, seconds=1)

    looked, pressed = site.get(path), site.post(path, {})

    assert (looked.status_code, pressed.status_code) == (410, 410)
    assert "This link is too old" in looked.text
    assert '<a role="button" href="/en/subscribe">Sign up again</a>' in looked.text
    assert site.find("bob@example.org").state is SubscriberState.PENDING


def test_link_from_before_leaving_does_not_bring_back(site: Site, reader: Subscriber) -> None:
    path = site.path_to("c", reader)
    site.wait(minutes=5)
    site.post(site.path_to("u", reader), {"List-Unsubscribe": "One-Click"})

    answer = site.post(path, {})

    assert answer.status_code == 410
    assert site.find("anna@example.org").state is SubscriberState.UNSUBSCRIBED


@pytest.mark.parametrize("room", ROOMS)
def test_token_opens_only_the_page_it_was_made_for(
    site: Site, reader: Subscriber, room: str
) -> None:
    token = site.path_to(room, reader).split("/", 2)[2]

    codes = {other: site.get(f"/{other}/{token}").status_code for other in ROOMS}

    assert codes == {other: 200 if other == room else 404 for other in ROOMS}


@pytest.mark.parametrize("room", ROOMS)
def test_token_pages_survive_anything(site: Site, room: str) -> None:
    for token in ("x", "%00", "%ED%A0%80", "a.b.c", "А" * 76, "x" * 60_000):
        looked, sent = site.get(f"/{room}/{token}"), site.post(f"/{room}/{token}", {})

        assert (looked.status_code, sent.status_code) == (404, 404)
        assert "This link does not work" in looked.text


@pytest.mark.parametrize("room", ROOMS)
def test_token_pages_refuse_other_sites(site: Site, reader: Subscriber, room: str) -> None:
    path = site.path_to(room, reader)
    values: dict[str, object] = {"action": {"p": "pause_a_month", "d": "erase"}.get(room, "leave")}

    answer = site.post(path, values, Origin="https://evil.example")

    assert answer.status_code == 400
    assert site.find("anna@example.org").state is SubscriberState.CONFIRMED


def test_new_address_is_taken_when_its_button_is_pressed(site: Site, reader: Subscriber) -> None:
    path = site.path_to("a", reader)

    asked = site.read(path + "?lang=en")
    unchanged = site.find("anna@example.org")
    answers = [site.post(path, {}).status_code for _ in range(2)]

    assert ("<bdi>n***@example.org</bdi>" in asked, unchanged.id) == (True, reader.id)
    assert answers == [303, 303]
    assert site.find("new@example.org").id == reader.id
    assert "Your new address is set" in site.read(path + "?lang=en")


def test_links_of_someone_gone_say_so(site: Site, reader: Subscriber) -> None:
    confirm, address = site.path_to("c", reader), site.path_to("a", reader)
    with site.sessions() as session:
        row = session.get_one(Subscriber, reader.id)
        subscriptions.unsubscribe(session, row, trace=TRACE, now=site.now)
        left = site.path_to("a", reader)
        personal_data.erase(session, row, who="test", now=site.now)

    codes = [site.get(path).status_code for path in (confirm, address, left)]

    assert codes == [410, 410, 410]
