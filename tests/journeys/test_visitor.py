"""A visitor signs up, reads, and leaves, with a coordinator who knows nothing of it."""

import re

import pytest
from playwright.sync_api import Browser, expect

from mailer.demo.content import add_late_event
from mailer.demo.stage import Stage
from tests.browser import Tab
from tests.journeys.steps import (
    CZECH,
    count_mails,
    find_link,
    find_mail,
    send_digest,
    sign_in,
    sign_up_in_czech,
    visit,
)

READERS = 24
"""How many the example content begins with."""


def confirm(visitor: Tab, email: str) -> None:
    find_mail(visitor, email, CZECH("Please confirm: news from %(name)s", name="MigAct"))
    visitor.go(find_link(visitor, "c"))
    visitor.press(CZECH("Yes, subscribe me"))
    visitor.expect_heading(CZECH("You are in"))


def leave(visitor: Tab) -> None:
    """From the open mail, by the link at its end."""
    visitor.go(find_link(visitor, "u"))
    visitor.press(CZECH("Unsubscribe from everything"))
    visitor.expect_heading(CZECH("You are unsubscribed"))


def test_visitor_gets_one_digest_and_leaves(stage: Stage, chromium: Browser) -> None:
    jana = "jana@example.org"
    with visit(chromium, stage, locale="cs-CZ") as visitor, visit(chromium, stage) as anna:
        sign_up_in_czech(visitor, jana)
        confirm(visitor, jana)
        sign_in(anna, stage)

        first = send_digest(anna)

        find_mail(visitor, jana, "Hlasujte")
        letter = visitor.page.frame_locator("iframe.mail-frame")
        expect(letter.locator("html")).to_have_attribute("lang", "cs")
        leave(visitor)
        with stage.parts.sessions() as session:
            add_late_event(session, stage.parts.clock())

        second = send_digest(anna)

        assert first == f"Everyone is accounted for: {READERS + 1} = {READERS + 1} accepted"
        assert second == f"Everyone is accounted for: {READERS} = {READERS} accepted"
        assert count_mails(visitor, jana) == 2
        assert (visitor.complaints, anna.complaints) == ([], [])


@pytest.mark.parametrize("has_script", [True, False])
def test_visitor_needs_no_script(stage: Stage, chromium: Browser, has_script: bool) -> None:
    petr = f"petr-{has_script}@example.org".lower()
    with visit(chromium, stage, locale="cs-CZ", java_script_enabled=has_script) as visitor:
        sign_up_in_czech(visitor, petr)
        confirm(visitor, petr)
        visitor.follow(CZECH("Change my choices"))
        visitor.page.get_by_role("radio", name=CZECH("Once a month")).check()
        visitor.press(CZECH("Save"))
        expect(visitor.page.get_by_role("status")).to_be_visible()
        visitor.follow(CZECH("Unsubscribe from everything"))
        visitor.press(CZECH("Unsubscribe from everything"))
        visitor.expect_heading(CZECH("You are unsubscribed"))
        visitor.press(CZECH("This was a mistake: undo"))
        expect(
            visitor.page.get_by_text(CZECH("You are subscribed again, as before."))
        ).to_be_visible()
        visitor.press(CZECH("Unsubscribe from everything"))
        visitor.expect_heading(CZECH("You are unsubscribed"))

        assert visitor.page.context.cookies() == []
        assert visitor.complaints == []


def test_visitor_who_mistypes_keeps_what_was_typed(stage: Stage, chromium: Browser) -> None:
    with visit(chromium, stage, locale="cs-CZ", java_script_enabled=False) as visitor:
        visitor.go("/cs/")
        visitor.page.get_by_label(CZECH("E-mail address")).fill("jana@example")
        visitor.page.get_by_role("radio", name=CZECH("Once a month")).check()
        visitor.page.wait_for_timeout(2_100)
        visitor.press(CZECH("Send me a confirmation"))

        field = visitor.page.get_by_label(CZECH("E-mail address"))
        expect(field).to_have_value("jana@example")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(visitor.page.get_by_role("radio", name=CZECH("Once a month"))).to_be_checked()
        assert visitor.page.locator(f"a[href='#{field.get_attribute('id')}']").count() == 1
        assert re.search(r"/cs/subscribe$", visitor.page.url)
