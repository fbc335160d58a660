"""What people do on the pages, step by step, as they would say it. They see only what is shown."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser

from mailer.demo.stage import COORDINATOR, Stage
from mailer.i18n import Words
from tests.browser import Tab, open_tab

THINKING = 2_100
"""Milliseconds that a person needs for a form; who is faster than two seconds is a robot."""

CZECH = Words("cs").say
ARRIVES_WITHIN = 20


@contextmanager
def visit(chromium: Browser, stage: Stage, **options: object) -> Iterator[Tab]:
    """A person with a browser of their own, in front of the service."""
    with open_tab(chromium, stage.parts.config.site.base_url, **options) as tab:
        yield tab


def sign_up_in_czech(visitor: Tab, email: str) -> None:
    visitor.go("/cs/")
    visitor.page.get_by_label(CZECH("E-mail address")).fill(email)
    visitor.page.wait_for_timeout(THINKING)
    visitor.press(CZECH("Send me a confirmation"))
    visitor.expect_heading(CZECH("Check your e-mail"))


def find_mail(person: Tab, email: str, subject: str) -> None:
    """Open the newest mail to that address whose subject matches; it arrives within seconds."""
    pattern = re.compile(subject)
    for _ in range(ARRIVES_WITHIN * 2):
        person.go(f"/inbox?to={email}")
        found = person.page.locator(".mails-row", has_text=pattern)
        if found.count():
            found.first.click()
            return
        person.page.wait_for_timeout(500)
    raise TimeoutError(f"no mail “{subject}” to {email}")


def count_mails(person: Tab, email: str) -> int:
    person.go(f"/inbox?to={email}")
    return person.page.locator(".mails-row").count()


def find_link(person: Tab, room: str) -> str:
    """Where the mail that is open leads: its first link to that room, as a path."""
    links = person.page.locator(".mail-links a").all()
    addresses = [str(link.get_attribute("href")) for link in links]
    address = next(address for address in addresses if f"/{room}/" in address)
    return address.removeprefix(person.base_url)


def sign_in(coordinator: Tab, stage: Stage) -> None:
    coordinator.go("/desk/")
    coordinator.page.get_by_label("E-mail address").fill(COORDINATOR)
    coordinator.page.get_by_label("Password").first.fill(stage.password)
    coordinator.press("Sign in")
    coordinator.expect_heading("Dashboard")


def approve(coordinator: Tab) -> str:
    """From the check page to the end of the sending. Returns the sentence that accounts for all."""
    coordinator.page.get_by_role("radio", name=re.compile(r"^Now\.")).check()
    coordinator.press("Approve and send")
    # The progress page looks by itself every few seconds, and leads on when all is sent.
    coordinator.page.wait_for_url("**/report")
    return coordinator.page.locator(".accounting").inner_text()


def send_digest(coordinator: Tab) -> str:
    """Draft the weekly digest, look at it, send it. Returns the sentence that accounts for all."""
    coordinator.go("/desk/newsletters")
    coordinator.press("Draft now: Weekly digest")
    coordinator.press("Check and send")
    coordinator.expect_heading("Check and send")
    return approve(coordinator)
