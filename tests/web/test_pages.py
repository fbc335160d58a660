"""Every page in a real browser: nobody is shut out, nothing is broken, nothing sticks out."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser
from werkzeug.test import TestResponse

from mailer.i18n import get_language
from tests.browser import Tab, open_tab
from tests.web.world import World, is_desk, serve

# Flask-Compress leaves the files it sends to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO name='.*/static/"
    ":pytest.PytestUnraisableExceptionWarning"
)

LARGEST_PAGE = 100 * 1024
NARROW, PHONE, WIDE = 320, 390, 1280


@dataclass(frozen=True)
class Findings:
    """What is wrong with each page, by its path; all four are empty when all is well."""

    barriers: dict[str, list[str]]
    complaints: dict[str, list[str]]
    overhangs: dict[str, int]
    languages: dict[str, str]


NOTHING = Findings({}, {}, {}, {})


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    with serve(world.desk) as address:
        yield address


def sign_in(tab: Tab, world: World, role: str) -> None:
    """As if they had: who really does it too often is taken for a guesser."""
    cookie = {"name": "desk", "value": world.browse(role).cookie, "url": f"{tab.base_url}/desk"}
    tab.page.context.add_cookies([cookie])


def examine(tab: Tab, paths: list[str], *, width: int, language: str) -> Findings:
    """Open each page; look for barriers at the usual width, for overhang at `width`."""
    found = Findings({}, {}, {}, {})
    for path in paths:
        tab.complaints.clear()
        tab.resize(WIDE)
        tab.go(path)
        if barriers := tab.list_barriers():
            found.barriers[path] = barriers
        tab.resize(width)
        if overhang := tab.measure_overhang():
            found.overhangs[path] = overhang
        spoken = tab.page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
        if spoken != [language, get_language(language).dir]:
            found.languages[path] = " ".join(spoken)
        if tab.complaints:
            found.complaints[path] = list(tab.complaints)
    return found


def list_pages(world: World, language: str = "en", role: str = "admin") -> list[str]:
    """Every page of our own that the role may see: no file, no letter, no way in."""
    client = world.browse(role).client
    paths = [*world.list_paths(lang=language), *world.list_states()]
    answers = {
        path: client.get(path, follow_redirects=path in world.list_states()) for path in paths
    }
    return [path for path, answer in answers.items() if _is_page(answer)]


def _is_page(answer: TestResponse) -> bool:
    is_letter = "sandbox" in answer.headers["Content-Security-Policy"]
    is_whole = answer.mimetype == "text/html" and "<html" in answer.text
    return answer.status_code == 200 and is_whole and not is_letter


def test_every_page_is_light(world: World) -> None:
    client = world.browse("admin").client

    sizes = {path: len(client.get(path).data) for path in list_pages(world)}

    assert len(sizes) > 60
    assert {path: size for path, size in sizes.items() if size > LARGEST_PAGE} == {}


@pytest.mark.parametrize(
    ("language", "scheme"),
    [("en", "light"), ("en", "dark"), ("cs", "light"), ("uk", "dark"), ("ar", "light")],
)
def test_public_pages_shut_nobody_out(
    chromium: Browser, world: World, address: str, language: str, scheme: str
) -> None:
    paths = [path for path in list_pages(world, language) if path.startswith(f"/{language}/")]

    with open_tab(chromium, address, color_scheme=scheme) as tab:
        found = examine(tab, paths, width=NARROW, language=language)

    assert len(paths) == 11
    assert found == NOTHING


@pytest.mark.parametrize(("language", "scheme"), [("en", "dark"), ("cs", "light"), ("ar", "dark")])
def test_personal_pages_shut_nobody_out(
    chromium: Browser, world: World, address: str, language: str, scheme: str
) -> None:
    rooms = [
        path for path in list_pages(world) if path.startswith(("/u/", "/p/", "/c/", "/a/", "/d/"))
    ]
    paths = [f"{path}?lang={language}" for path in rooms]

    with open_tab(chromium, address, color_scheme=scheme) as tab:
        found = examine(tab, paths, width=NARROW, language=language)

    assert len(paths) == 5
    assert found == NOTHING


def test_doors_of_the_desk_and_the_inbox_shut_nobody_out(
    chromium: Browser, world: World, address: str
) -> None:
    rooms = ("/inbox", "/desk/password/", "/desk/forgotten")
    paths = [path for path in list_pages(world) if path.startswith(rooms)]

    with open_tab(chromium, address) as tab:
        found = examine(tab, [*paths, "/desk/sign-in"], width=NARROW, language="en")

    assert len(paths) == 4
    assert found == NOTHING


@pytest.mark.parametrize(
    ("role", "language", "scheme"),
    [("admin", "en", "light"), ("admin", "en", "dark"), ("sender", "ar", "light")],
)
def test_desk_shuts_nobody_out(
    chromium: Browser, world: World, address: str, role: str, language: str, scheme: str
) -> None:
    paths = [path for path in list_pages(world, role=role) if is_desk(path)]

    with open_tab(chromium, address, color_scheme=scheme) as tab:
        sign_in(tab, world, role)
        found = examine(tab, paths, width=PHONE, language=language)

    assert len(paths) > 40
    assert found == NOTHING
