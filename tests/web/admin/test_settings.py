"""What administrators set: who sends, which languages, when the digests come round."""

from datetime import time

import pytest

from mailer.domain.association import Association
from mailer.storage.languages import get_fallback, list_content_languages, list_interface_languages
from mailer.storage.plans import Plan, get_plan
from mailer.storage.settings import get_association
from tests.web.desk import Desk

ASSOCIATION = {
    "name": "MigAct",
    "legal_name": "MigAct z.s.",
    "registration_no": "00000000",
    "address": "Dlouhá 1, Praha 1",
    "contact_email": "Hello@Example.org",
    "website": "https://example.org/en",
    "about": "We bring people together.",
}
PLAN = {
    "name": "Weekly digest",
    "cadence": "weekly",
    "weekday": "3",
    "at": "09:00",
    "draft_lead_hours": "17",
    "is_active": "y",
}


def read_plan(desk: Desk) -> Plan:
    with desk.sessions() as session:
        return get_plan(session, "weekly")


def test_overview_says_when_the_next_digest_leaves(desk: Desk) -> None:
    page = desk.sign_in().read("/desk/settings")

    assert "Next: Thu 26 Nov 2026, 09:00" not in page  # that moment is now, and not in the future
    assert "Next: Thu 3 Dec 2026, 09:00, Prague time." in page
    assert "The draft is made on Wed 2 Dec 2026, 16:00." in page


def test_association_is_kept_tidy(desk: Desk) -> None:
    browser = desk.sign_in()

    answer = browser.post("/desk/settings/association", ASSOCIATION | {"name": "  Mig\r\n Act "})

    with desk.sessions() as session:
        association = get_association(session)
    assert (answer.status_code, answer.location) == (303, "/desk/settings")
    tidied = {"name": "Mig Act", "contact_email": "Hello@example.org"}
    assert association == Association(**ASSOCIATION | tidied)


def test_association_of_which_half_was_posted_is_empty_there(desk: Desk) -> None:
    desk.sign_in().post("/desk/settings/association", {"name": "MigAct"})

    with desk.sessions() as session:
        assert get_association(session) == Association("MigAct")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 201),
        ("address", "x" * 201),
        ("about", "x" * 1001),
        ("contact_email", "nobody"),
        ("contact_email", "=cmd@example.org"),
        ("website", "example.org"),
        ("website", "javascript:alert(1)"),
        ("website", "http://["),
        ("website", "ftp://example.org"),
    ],
)
def test_association_that_cannot_be_used_is_shown_again_as_typed(
    desk: Desk, field: str, value: str
) -> None:
    browser = desk.sign_in()

    answer = browser.post("/desk/settings/association", ASSOCIATION | {field: value})

    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert "We bring people together." in answer.text or field == "about"
    with desk.sessions() as session:
        assert get_association(session) == Association(name="MigAct")


def language_form(*codes: str, content: str, interface: str, **more: str) -> dict[str, object]:
    return {
        "code": list(codes),
        "content": content.split(),
        "interface": interface.split(),
        **more,
    }


@pytest.mark.parametrize(
    ("more", "content"),
    [
        ({}, ("en", "cs", "uk")),
        ({"move": "down en"}, ("cs", "en", "uk")),
        ({"move": "up uk"}, ("en", "uk", "cs")),
        ({"move": "up en"}, ("en", "cs", "uk")),
        ({"move": "sideways en"}, ("en", "cs", "uk")),
        ({"move": "up xx"}, ("en", "cs", "uk")),
        ({"add": "sk"}, ("en", "cs", "uk", "sk")),
        ({"add": ""}, ("en", "cs", "uk")),
    ],
)
def test_languages_are_ordered_added_and_ticked(
    desk: Desk, more: dict[str, str], content: tuple[str, ...]
) -> None:
    form = language_form(
        "en", "cs", "uk", "ru", "vi", "ar", content="en cs uk", interface="cs", **more
    )

    answer = desk.sign_in().post("/desk/settings/languages", form)

    with desk.sessions() as session:
        assert list_content_languages(session) == content
        assert list_interface_languages(session) == ("cs",)
        assert get_fallback(session) == content[0]
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"content": []}, "At least one language must stay for texts."),
        ({"interface": []}, "At least one language must stay for pages."),
        ({"interface": ["ru"]}, "At least one language must stay for pages."),
        ({"add": "xx"}, "Choose one of the languages in the list."),
        ({"add": "<b>"}, "Choose one of the languages in the list."),
    ],
)
def test_languages_that_cannot_be_used_change_nothing(
    desk: Desk, change: dict[str, object], sentence: str
) -> None:
    form = language_form("en", "cs", "uk", "ru", "vi", "ar", content="en", interface="en")

    answer = desk.sign_in().post("/desk/settings/languages", form | change)

    assert answer.status_code == 422
    assert sentence in answer.text
    with desk.sessions() as session:
        assert list_content_languages(session) == ("en", "cs", "uk", "ru", "vi", "ar")


def test_languages_left_out_of_the_form_stay_at_the_end(desk: Desk) -> None:
    form = language_form("ar", "xx", "ar", content="ar en", interface="en")

    desk.sign_in().post("/desk/settings/languages", form)

    with desk.sessions() as session:
        assert list_content_languages(session) == ("ar", "en")


def test_plan_is_changed_and_shown_as_it_is(desk: Desk) -> None:
    browser = desk.sign_in()
    change = {"cadence": "monthly", "weekday": "0", "at": "18:30", "draft_lead_hours": "48"}

    answer = browser.post("/desk/settings/plans/weekly", PLAN | change | {"is_automatic": "y"})

    plan = read_plan(desk)
    page = browser.read("/desk/settings/plans/weekly")
    assert answer.status_code == 303
    assert (plan.cadence, plan.weekday, plan.at) == ("monthly", 0, time(18, 30))
    assert (plan.draft_lead_hours, plan.is_automatic, plan.is_active) == (48, True, True)
    assert "Next: Mon 7 Dec 2026, 18:30" in page
    assert '<option selected value="monthly">' in page
    assert page.count(" checked ") == 2


def test_plan_moved_to_a_time_that_has_passed_makes_up_for_nothing(desk: Desk) -> None:
    browser = desk.sign_in()

    browser.post("/desk/settings/plans/weekly", PLAN | {"weekday": "2"})

    assert read_plan(desk).last_period == "2026-11-26"


def test_plan_out_of_use_has_no_next_sending(desk: Desk) -> None:
    browser = desk.sign_in()
    form = {key: value for key, value in PLAN.items() if key != "is_active"}

    browser.post("/desk/settings/plans/weekly", form)

    assert not read_plan(desk).is_active
    assert browser.read("/desk/settings").count("Next:") == 1  # the monthly digest's


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "  "),
        ("cadence", "daily"),
        ("weekday", "7"),
        ("weekday", "x"),
        ("at", "25:00"),
        ("at", ""),
        ("draft_lead_hours", "-1"),
        ("draft_lead_hours", "168"),
        ("draft_lead_hours", "soon"),
    ],
)
def test_plan_that_cannot_be_used_names_the_field(desk: Desk, field: str, value: str) -> None:
    answer = desk.sign_in().post("/desk/settings/plans/weekly", PLAN | {field: value})

    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert read_plan(desk).at == time(9)


def test_plan_that_is_not_there_is_not_found(desk: Desk) -> None:
    answer = desk.sign_in().get("/desk/settings/plans/daily")

    assert answer.status_code == 404
