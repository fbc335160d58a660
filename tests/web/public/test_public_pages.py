"""What holds for every public page: no cookie, no script of others, light, readable, complete."""

import re
from datetime import date
from pathlib import Path

import pytest

from mailer.domain.content import Visibility
from mailer.domain.texts import TextState
from mailer.domain.when import When
from mailer.i18n import INTERFACE
from mailer.storage.projects import Project
from mailer.storage.settings import get_association, save_association
from mailer.storage.subscribers import Subscriber
from mailer.storage.texts import save_text
from mailer.web import app
from tests.web.public.test_archive_pages import add_issue
from tests.web.public.test_event_pages import add_event
from tests.web.public.visitor import Site

PAGES = (
    "/en/",
    "/en/subscribe",
    "/en/check-inbox",
    "/en/link",
    "/en/link-sent",
    "/en/events",
    "/en/events/voice",
    "/en/archive",
    "/en/archive/first",
    "/en/projects/city-for-all",
    "/en/privacy",
    "/en/nothing-here",
    "/c/broken",
)
ROOMS = ("u", "p", "c", "a", "d")
LIGHT = 100 * 1024
STATIC = Path(app.__file__).parent / "static"


def add_project(site: Site) -> None:
    with site.sessions() as session:
        project = Project(
            slug="city-for-all",
            period=When.on(date(2026, 5, 1), date(2027, 12, 31)),
            visibility=Visibility.PUBLISHED,
            created_at=site.now,
            changed_at=site.now,
        )
        session.add(project)
        session.flush()
        for lang, title in (("en", "City for All"), ("cs", "Město pro všechny")):
            state = TextState.SOURCE if lang == "en" else TextState.REVIEWED
            save_text(session, "project", project.id, "title", lang, title, state, site.now)


@pytest.fixture
def full_site(site: Site) -> Site:
    """A site with one of everything."""
    add_project(site)
    add_event(site)
    add_issue(site, en="News", cs="Zprávy")
    return site


def list_pages(site: Site, reader: Subscriber) -> list[str]:
    return [*PAGES, *(site.path_to(room, reader) for room in ROOMS)]


def test_pages_set_no_cookie_and_load_nothing_from_elsewhere(
    full_site: Site, reader: Subscriber
) -> None:
    for path in list_pages(full_site, reader):
        answer = full_site.get(path)

        loaded = re.findall(r'(?:src|<link[^>]*href|action)="([^"]*)"', answer.text)
        elsewhere = [url for url in loaded if not url.startswith(("/", "http://localhost/"))]
        assert (path, elsewhere, answer.headers.get("Set-Cookie")) == (path, [], None)


def test_pages_need_no_inline_style_or_script(full_site: Site, reader: Subscriber) -> None:
    for path in list_pages(full_site, reader):
        page = full_site.get(path).text

        scripts = re.findall(r"<script(?! type=\"application/ld\+json\")", page)
        assert (path, scripts, " style=" in page, " onclick" in page) == (path, [], False, False)


def test_pages_weigh_little(full_site: Site, reader: Subscriber) -> None:
    styles = ("vendor/pico/pico.min.css", "public.css")
    weight = sum((STATIC / name).stat().st_size for name in styles)

    for path in list_pages(full_site, reader):
        page = full_site.get(path).data
        assert weight + len(page) < LIGHT, path


def test_pages_have_one_heading_and_name_their_language(
    full_site: Site, reader: Subscriber
) -> None:
    for path in list_pages(full_site, reader):
        page = full_site.get(path + "?lang=en").text

        assert (path, page.count("<h1"), page.count('<html lang="en" dir="ltr">')) == (path, 1, 1)
        assert page.count('<main id="content"') == 1


def test_pages_label_every_field(full_site: Site, reader: Subscriber) -> None:
    for path in list_pages(full_site, reader):
        page = full_site.get(path).text

        named = set(re.findall(r'<label for="([^"]+)"', page))
        fields = re.findall(r'<(?:select|input type="(?:email|date)") id="([^"]+)"', page)
        assert (path, [field for field in fields if field not in named]) == (path, [])


@pytest.mark.parametrize("lang", INTERFACE)
def test_pages_are_there_in_every_language(full_site: Site, lang: str) -> None:
    direction = "rtl" if lang == "ar" else "ltr"
    for path in PAGES:
        if path.startswith("/en/") and path != "/en/nothing-here":
            page = full_site.read(path.replace("/en/", f"/{lang}/"))
            assert f'<html lang="{lang}" dir="{direction}">' in page


def test_language_links_keep_the_page(full_site: Site) -> None:
    page = full_site.read("/en/subscribe?project=city-for-all&topic=events&junk=1")

    links = re.findall(r'<li><a href="([^"]+)" lang="(?:en|cs|uk)"', page)
    assert links == [
        f"/{lang}/subscribe?project=city-for-all&amp;topic=events" for lang in ("en", "cs", "uk")
    ]


def test_lost_pages_speak_the_language_of_their_address(full_site: Site) -> None:
    answer = full_site.get("/uk/nothing")

    assert (answer.status_code, '<html lang="uk"' in answer.text) == (404, True)


@pytest.mark.parametrize("path", ["/xx/", "/EN/", "/e/", "/en-US-x-1/", "/%00/", "/%ED%A0%80/"])
def test_unknown_languages_are_not_found(site: Site, path: str) -> None:
    assert site.get(path).status_code == 404


def test_content_language_without_words_of_its_own_uses_english_words(full_site: Site) -> None:
    page = full_site.read("/ru/events")

    assert '<html lang="en"' in page
    assert 'href="/ru/events/voice"' in page


def test_lost_files_are_lost_politely(site: Site) -> None:
    assert site.get("/static/nothing.css").status_code == 404


def test_token_pages_stay_out_of_sight(site: Site, reader: Subscriber) -> None:
    for room in ROOMS:
        answer = site.get(site.path_to(room, reader))

        headers = ("X-Robots-Tag", "Referrer-Policy", "Cache-Control")
        assert [answer.headers[name] for name in headers] == [
            "noindex, nofollow", "no-referrer", "no-store",
        ]  # fmt: skip
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert '<meta name="robots" content="noindex, nofollow">' in answer.text


def test_project_page_leads_to_its_news(full_site: Site) -> None:
    page = full_site.read("/cs/projects/city-for-all")

    assert "<h1>Město pro všechny</h1>" in page
    assert 'href="/cs/subscribe?project=city-for-all"' in page


def test_privacy_names_who_is_responsible(site: Site) -> None:
    page = site.read("/en/privacy")

    assert "MigAct z.s., IČO 123, Prague" in page
    assert "deleted after 7 days" in page


def test_robots_and_security_files(site: Site) -> None:
    robots, security = site.read("/robots.txt"), site.read("/.well-known/security.txt")

    assert "Disallow: /desk/\n" in robots
    assert security == (
        "Contact: mailto:hello@example.org\n"
        "Expires: 2027-11-26T00:00:00Z\n"
        "Canonical: http://localhost/.well-known/security.txt\n"
    )


def test_security_file_needs_a_contact(site: Site) -> None:
    with site.sessions() as session:
        nobody = get_association(session).__class__(name="MigAct")
        save_association(session, nobody, site.now)

    assert site.get("/.well-known/security.txt").status_code == 404
