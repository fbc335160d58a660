"""A coordinator writes a letter in two languages, looks, tests, sends, reads what came of it."""

import re
from datetime import timedelta

from playwright.sync_api import Browser, expect

from mailer.demo.stage import COORDINATOR, Stage
from tests.browser import Tab
from tests.journeys.steps import approve, find_mail, sign_in, visit

CZECH_READER = "reader-10-cs@example.org"
ENGLISH_READER = "reader-01-en@example.org"


def write(anna: Tab, title: str, texts: dict[str, tuple[str, str]]) -> None:
    """A new letter, saved: subject and text per language."""
    anna.go("/desk/newsletters")
    anna.follow("New letter")
    anna.page.get_by_label("Name of this newsletter").fill(title)
    anna.press("Write it")
    for lang, (subject, text) in texts.items():
        version = anna.page.locator(f"#lang-{lang}")
        if version.get_attribute("open") is None:
            version.locator("summary").click()
        version.get_by_label("Subject").fill(subject)
        version.get_by_label("Text").fill(text)
    anna.press("Save")


def preview(anna: Tab, lang: str) -> str:
    """What a reader of that language would see."""
    anna.follow("Preview")
    anna.page.locator(f".choices-line [lang={lang}]").click()
    return anna.page.frame_locator("iframe.letter-frame").locator("body").inner_text()


def send_test(anna: Tab, *languages: str) -> None:
    anna.page.get_by_text("Send a test to your team").click()
    for language in ("English", "Čeština"):
        box = anna.page.locator("#test").get_by_role("checkbox", name=language)
        box.set_checked(language in languages)
    anna.press("Send the test")
    expect(anna.page.get_by_role("status")).to_have_text("2 test mails are on their way.")


def test_coordinator_writes_tests_and_sends_a_letter(stage: Stage, chromium: Browser) -> None:
    texts = {
        "en": ("We have moved", "Our new office is **open**.\n\nCome and see it."),
        "cs": ("Přestěhovali jsme se", "Naše nová kancelář je **otevřená**."),
    }
    with visit(chromium, stage) as anna:
        sign_in(anna, stage)
        write(anna, "Moving", texts)
        draft = anna.page.url.removeprefix(anna.base_url)
        seen = preview(anna, "cs")
        anna.go(draft)
        anna.press("Check and send")
        send_test(anna, "English", "Čeština")

        accounting = approve(anna)

        assert "Naše nová kancelář je otevřená." in seen
        assert accounting == "Everyone is accounted for: 24 = 24 accepted"
        for subject in ("[TEST] We have moved", "[TEST] Přestěhovali jsme se"):
            find_mail(anna, COORDINATOR, re.escape(subject))
        for reader, (subject, _) in {
            ENGLISH_READER: texts["en"],
            CZECH_READER: texts["cs"],
        }.items():
            find_mail(anna, reader, f"^\\s*{subject}")
        assert anna.complaints == []


def test_coordinator_stops_and_goes_on(stage: Stage, chromium: Browser) -> None:
    """A letter for later is stopped, becomes a draft again, and its words are still there."""
    day = (stage.parts.clock() + timedelta(days=7)).date()
    with visit(chromium, stage) as anna:
        sign_in(anna, stage)
        write(anna, "Later", {"en": ("Next year", "See you **then**.")})
        anna.press("Check and send")
        anna.page.get_by_role("radio", name=re.compile("^At another time")).check()
        anna.page.get_by_label("Day and time").fill(f"{day}T09:00")
        anna.press("Approve and send")
        expect(anna.page.locator(".countdown-moment")).to_contain_text("9:00, Prague time")

        anna.press("Stop")

        expect(anna.page.locator("#lang-en").get_by_label("Text")).to_have_value(
            "See you **then**."
        )
        assert anna.complaints == []
