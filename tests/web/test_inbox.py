"""The demo's inbox as a page: everything can be looked at, and nothing in it can act."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from tests.mailbags import LETTER, keep
from tests.web.desk import Browser, open_desk

HOSTILE = (
    b"Subject: <script>alert(1)</script>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<html><head><title>x</title></head><body><script>alert(2)</script></body></html>\r\n"
)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


@pytest.fixture
def browser(sqlite_url: str, now: datetime, inbox: Path) -> Browser:
    return open_desk(sqlite_url, now, inbox=inbox).browse()


def subjects(page: str) -> list[str]:
    return re.findall(r'class="mails-subject"><bdi>([^<]*)<', page)


def test_empty_inbox_says_what_to_do(browser: Browser) -> None:
    assert "Sign up on the public pages" in browser.read("/inbox")


def test_mail_is_listed_with_its_recipient_and_moment(browser: Browser, inbox: Path) -> None:
    keep(inbox, LETTER, "jiri@example.org")

    page = browser.read("/inbox")

    assert subjects(page) == ["Setkání"]
    assert "to jiri@example.org" in page
    assert "Thu 26 Nov 2026, 09:00" in page


@pytest.mark.parametrize(
    ("to", "count"), [("", 2), ("ANN@", 1), ("bob", 1), (".org", 2), (" bob ", 1), ("eve", 0)]
)
def test_list_can_be_limited_to_one_recipient(
    browser: Browser, inbox: Path, to: str, count: int
) -> None:
    keep(inbox, recipient="ann@example.org")
    keep(inbox, recipient="bob@x.org")

    page = browser.client.get("/inbox", query_string={"to": to}).text

    assert len(subjects(page)) == count


def test_htmx_gets_the_list_alone(browser: Browser, inbox: Path) -> None:
    keep(inbox)

    page = browser.client.get("/inbox", headers={"HX-Request": "true"}).text

    assert len(subjects(page)) == 1
    assert "<html" not in page


def test_mail_is_shown_as_page_text_and_headers(browser: Browser, inbox: Path) -> None:
    name = keep(inbox)

    page = browser.read(f"/inbox/{name}")

    assert re.findall(r'<iframe[^>]*src="([^"]*)"', page) == [f"/inbox/{name}/html"]
    assert "Přijď!" in page
    assert '<a href="https://news.example.org/a?x=1&amp;y=2" dir="ltr">' in page
    assert "MIME-Version: 1.0" in page


def test_mail_s_own_page_can_run_no_script_and_opens_links_elsewhere(
    browser: Browser, inbox: Path
) -> None:
    name = keep(inbox, HOSTILE)

    answer = browser.get(f"/inbox/{name}/html")

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups ")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert '<head><base target="_blank"><title>' in answer.text


def test_stranger_s_markup_is_text_in_list_and_reader(browser: Browser, inbox: Path) -> None:
    name = keep(inbox, HOSTILE)

    pages = [browser.read("/inbox"), browser.read(f"/inbox/{name}")]

    assert [page.count("<script>alert") for page in pages] == [0, 0]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[0]


def test_download_is_the_mail_byte_for_byte(browser: Browser, inbox: Path) -> None:
    name = keep(inbox)

    answer = browser.get(f"/inbox/{name}/raw")

    assert answer.data == LETTER
    assert answer.mimetype == "message/rfc822"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mail.eml"'


@pytest.mark.parametrize("end", ["", "/html", "/raw"])
@pytest.mark.parametrize("name", ["nothing", "..%2f..%2fmailer.db", "%00"])
def test_mail_that_is_not_there_is_not_found(browser: Browser, name: str, end: str) -> None:
    assert browser.get(f"/inbox/{name}{end}").status_code == 404


def test_inbox_speaks_the_visitor_s_language(browser: Browser) -> None:
    assert '<html lang="ar" dir="rtl">' in browser.read("/inbox?lang=ar")


def test_inbox_sets_no_cookie(browser: Browser) -> None:
    assert browser.get("/inbox").headers.getlist("Set-Cookie") == []


def test_service_that_sends_real_mail_has_no_inbox(sqlite_url: str, now: datetime) -> None:
    assert open_desk(sqlite_url, now).browse().get("/inbox").status_code == 404


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200),
        ("192.168.1.7", 200),
        ("172.17.0.1", 200),
        ("fd00::1", 200),
        ("8.8.8.8", 404),
        ("2001:4860:4860::8888", 404),
    ],
)
def test_inbox_is_open_to_neighbours_only(
    browser: Browser, inbox: Path, address: str, status: int
) -> None:
    name = keep(inbox)
    paths = ["/inbox", f"/inbox/{name}", f"/inbox/{name}/html", f"/inbox/{name}/raw"]

    answers = [
        browser.client.get(path, environ_base={"REMOTE_ADDR": address}).status_code
        for path in paths
    ]

    assert answers == [status] * 4
