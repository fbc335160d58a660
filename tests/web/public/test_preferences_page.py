"""A subscriber's own page, and the page of their data."""

import pytest

from mailer.domain.consent import Cadence, SubscriberState
from mailer.storage.subscribers import Subscriber
from tests.web.public.visitor import Site

ADDRESS = "anna@example.org"


def save(site: Site, reader: Subscriber, **changes: object) -> int:
    values = {"action": "save", "languages": "cs", "topics": "events", "cadence": "weekly"}
    return site.post(site.path_to("p", reader), {**values, **changes}).status_code


def test_page_shows_the_choices_and_hides_the_address(site: Site, reader: Subscriber) -> None:
    page = site.read(site.path_to("p", reader) + "?lang=en")

    assert "<bdi>a***@example.org</bdi>" in page
    assert "anna" not in page
    assert 'value="events" checked' in page
    assert '<option value="cs" lang="cs" dir="ltr" selected>Čeština</option>' in page


def test_save_keeps_the_order_of_languages(site: Site, reader: Subscriber) -> None:
    code = save(
        site, reader, languages="uk", language_2="cs", language_3="", language_4="uk",
        topics=["trainings", "events"], cadence="monthly",
    )  # fmt: skip

    row = site.find(ADDRESS)
    assert (code, row.content_languages) == (303, ("uk", "cs"))
    assert (row.topics, row.cadence) == (("events", "trainings"), Cadence.MONTHLY)


@pytest.mark.parametrize(
    "changes",
    [
        {"topics": []},
        {"languages": ""},
        {"languages": "\x00"},
        {"action": "address", "email": "nobody"},
        {"action": "address", "email": "x" * 300_000},
        {"action": "pause", "until": "yesterday"},
        {"action": "pause", "until": "2026-11-26"},
        {"action": "pause", "until": "0001-01-01"},
        {"action": "pause", "until": "9999-12-31"},
        {"action": "pause"},
    ],
)
def test_mistakes_are_shown_beside_what_was_typed(
    site: Site, reader: Subscriber, changes: dict[str, object]
) -> None:
    code = save(site, reader, **changes)

    row = site.find(ADDRESS)
    assert code == 422
    assert (row.topics, row.content_languages, row.paused_until) == (
        ("events",),
        ("cs", "en"),
        None,
    )


@pytest.mark.parametrize("action", ["", "erase", "admin", "\x00"])
def test_unknown_actions_are_refused(site: Site, reader: Subscriber, action: str) -> None:
    assert save(site, reader, action=action) == 400


def test_pause_ends_on_the_day_named_in_prague(site: Site, reader: Subscriber) -> None:
    path = site.path_to("p", reader)

    site.post(path, {"action": "pause", "until": "2027-01-11"})
    row, page = site.find(ADDRESS), site.read(path + "?lang=en")
    site.post(path, {"action": "resume"})

    assert row.paused_until is not None
    assert row.paused_until.isoformat() == "2027-01-10T23:00:00+00:00"
    assert "No letters before Monday, 11 January 2027." in page
    assert site.find(ADDRESS).paused_until is None


def test_pause_for_a_month(site: Site, reader: Subscriber) -> None:
    site.post(site.path_to("p", reader), {"action": "pause_a_month"})

    row = site.find(ADDRESS)
    assert row.paused_until is not None
    assert (row.paused_until - site.now).days == 30


@pytest.mark.parametrize("known", [True, False])
def test_asking_for_a_new_address_answers_alike(
    site: Site, reader: Subscriber, newcomer: Subscriber, known: bool
) -> None:
    if known:
        with site.sessions() as session:
            session.get_one(Subscriber, newcomer.id).state = SubscriberState.CONFIRMED
    path = site.path_to("p", reader)

    answer = site.post(path, {"action": "address", "email": "bob@example.org"})

    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?done=asked")
    assert site.list_mails() == [("already" if known else "address_change", "bob@example.org")]


def test_old_link_opens_neither_data_nor_erasure(site: Site, reader: Subscriber) -> None:
    token = site.path_to("p", reader).split("/")[2]

    asked = site.post(f"/p/{token}", {"action": "data"})

    assert (asked.status_code, site.list_mails()) == (303, [("data", ADDRESS)])
    assert site.get(f"/d/{token}").status_code == 404
    assert site.get(f"/d/{token}/data.json").status_code == 404
    assert site.post(f"/d/{token}", {"action": "erase"}).status_code == 404


def test_data_link_gives_a_copy(site: Site, reader: Subscriber) -> None:
    answer = site.get(site.path_to("d", reader) + "/data.json")

    assert answer.get_json()["address"] == ADDRESS
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert answer.headers["Cache-Control"] == "no-store"


def test_data_link_erases_and_says_so_afterwards(site: Site, reader: Subscriber) -> None:
    path = site.path_to("d", reader)

    wrong = site.post(path, {"action": "look"})
    answers = [site.post(path, {"action": "erase"}).status_code for _ in range(2)]

    assert (wrong.status_code, answers) == (400, [303, 303])
    assert "Your data is deleted" in site.read(path)
    assert site.get(path + "/data.json").status_code == 404
    assert site.get(site.path_to("p", reader)).status_code == 404


def test_data_link_lives_for_a_day(site: Site, reader: Subscriber) -> None:
    path = site.path_to("d", reader)
    site.wait(days=1, seconds=1)

    codes = (
        site.get(path).status_code,
        site.get(path + "/data.json").status_code,
        site.post(path, {"action": "erase"}).status_code,
    )

    assert codes == (410, 410, 410)


@pytest.mark.parametrize(
    "state", [SubscriberState.UNSUBSCRIBED, SubscriberState.PENDING, SubscriberState.BOUNCED]
)
def test_page_of_someone_who_gets_nothing(
    site: Site, reader: Subscriber, state: SubscriberState
) -> None:
    with site.sessions() as session:
        session.get_one(Subscriber, reader.id).state = state

    page = site.read(site.path_to("p", reader) + "?lang=en")

    assert "No letters come to this address at the moment." in page
    assert 'value="save"' not in page
    assert save(site, reader) == 409
