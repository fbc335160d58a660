"""The browser of the tests sees what it is there to see."""

import pytest
from playwright.sync_api import Browser

from tests.browser import Tab, open_tab

HEAD = "<!doctype html><html lang='en'><head><title>A page</title></head><body><main>"


def show(tab: Tab, html: str) -> None:
    tab.page.set_content(f"{HEAD}<h1>A page</h1>{html}</main></body></html>")


@pytest.mark.parametrize(
    ("html", "barriers"),
    [
        ("<p>Hello</p>", []),
        ("<img src='data:,'>", ["image-alt"]),
        ("<input name='q'>", ["label"]),
        ("<button></button>", ["button-name"]),
        ("<p style='color:#bbb;background:#fff'>Hello</p>", ["color-contrast"]),
    ],
)
def test_browser_finds_what_shuts_people_out(
    chromium: Browser, html: str, barriers: list[str]
) -> None:
    with open_tab(chromium, "") as tab:
        show(tab, html)

        found = tab.list_barriers()

    assert [line.partition(":")[0] for line in found] == barriers


@pytest.mark.parametrize(("width", "overhang"), [(320, 180), (500, 0), (800, 0)])
def test_browser_measures_what_sticks_out(chromium: Browser, width: int, overhang: int) -> None:
    with open_tab(chromium, "") as tab:
        tab.resize(width)
        show(tab, "<style>body{margin:0}</style><div style='width:500px'>Hello</div>")

        found = tab.measure_overhang()

    assert found == overhang


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("console.error('oh')", "oh"),
        ("setTimeout(() => nobody.knows.this)", "nobody is not defined"),
        (
            'document.body.innerHTML = \'<img alt="" src="http://127.0.0.1:1/x">\'',
            "Failed to load resource: net::ERR_UNSAFE_PORT",
        ),
    ],
)
def test_browser_notes_what_a_page_complains_of(
    chromium: Browser, script: str, complaint: str
) -> None:
    with open_tab(chromium, "") as tab:
        show(tab, "")

        tab.page.evaluate(f"() => {{ {script} }}")
        tab.page.wait_for_timeout(300)

        assert [line.partition(" ({")[0] for line in tab.complaints] == [complaint]
