"""A new installation: `mailer init` prints a code, and whoever has it becomes the administrator."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Tab, open_tab
from tests.service import Installation, install, run_service
from tests.sinks import free_port

PASSWORD = "three quiet green boats"


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[Installation]:
    port = free_port()
    sections = {
        "site": {"base_url": f"http://127.0.0.1:{port}"},
        "web": {"port": port},
        "database": {"url": f"sqlite:///{tmp_path / 'mailer.db'}"},
        "mail": {"provider": "inbox"},
        "inbox": {"port": free_port(), "directory": str(tmp_path / "inbox")},
    }
    with install(tmp_path, **sections) as installation:
        yield installation


def init(installation: Installation) -> str:
    """What `mailer init` prints."""
    command = [sys.executable, "-m", "mailer", "--config", str(installation.config), "init"]
    return subprocess.run(
        [*command, "--name", "MigAct"], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def find_codes(printed: str) -> list[str]:
    return re.findall(r"with the code (\S+)", printed)


def set_up(tab: Tab, code: str) -> None:
    tab.page.get_by_label("code").fill(code)
    tab.page.get_by_label("name").fill("Anna")
    tab.page.get_by_label("E-mail address").fill("anna@example.org")
    tab.page.get_by_label("Password").first.fill(PASSWORD)
    tab.press("Set up and sign in")


def test_first_comer_with_the_code_becomes_administrator(
    new_service: Installation, chromium: Browser
) -> None:
    printed = init(new_service)
    [code] = find_codes(printed)
    with run_service(new_service), open_tab(chromium, new_service.url) as tab:
        tab.go("/desk/")
        tab.expect_heading("Set up this desk")
        set_up(tab, "AAAA-AAAA-AAAA-AAAA")
        expect(tab.page.get_by_role("alert")).to_be_visible()
        set_up(tab, code)
        tab.expect_heading("Dashboard")
        tab.go("/desk/users")
        expect(tab.page.locator("main")).to_contain_text("anna@example.org")

        again = init(new_service)
        with open_tab(chromium, new_service.url) as stranger:
            stranger.go("/desk/setup")
            stranger.expect_heading("Sign in")

    assert find_codes(again) == []
    # The browser's console counts the wrong code as a mistake of the page.
    assert [complaint.partition(" (")[0] for complaint in tab.complaints] == [
        "Failed to load resource: the server responded with a status of 403"
    ]
