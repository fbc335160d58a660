"""A real browser for tests: Chromium, driven by Playwright. It notes what a page complains of."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from tests.parts import find_chromium

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 20_000
"""Milliseconds for a page or an element to come."""

expect.set_options(timeout=PATIENCE)

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
# Not into frames: letters are sandboxed there, and have checks of their own.
RUN_AXE = """() => axe.run(document, {iframes: false}).then(found => found.violations
  .filter(one => ['serious', 'critical'].includes(one.impact))
  .flatMap(one => one.nodes.map(node => one.id + ': ' + node.target + ' ' + node.html)))"""
OVERHANG = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Tab:
    """One page of the browser. `complaints` are its console errors, broken scripts, refusals by
    the content policy and answers of the server that say it is at fault."""

    page: Page
    base_url: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", self._note_response)

    def go(self, path: str) -> Response:
        answer = self.page.goto(f"{self.base_url}{path}")
        assert answer
        return answer

    def list_barriers(self) -> list[str]:
        """What axe calls a serious or critical barrier on the page as it stands."""
        self.page.evaluate(AXE)
        found: list[str] = self.page.evaluate(RUN_AXE)
        return found

    def measure_overhang(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate(OVERHANG))

    def resize(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": 800})

    def press(self, name: str) -> None:
        """Press the button of that name and wait for what comes of it."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def expect_heading(self, name: str) -> None:
        expect(self.page.get_by_role("heading", name=name, level=1)).to_be_visible()

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({json.dumps(message.location)})")

    def _note_response(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} {response.url}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the whole run; `open_tab` gives each test a profile of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def open_tab(browser: Browser, base_url: str, **options: Any) -> Iterator[Tab]:
    """A fresh profile with one page; `options` as for Playwright's `new_context`."""
    context = browser.new_context(**{"locale": "en-GB", **options})
    try:
        yield Tab(context.new_page(), base_url)
    finally:
        context.close()
