"""The house checks itself: what the layout promises, held by reading the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from mailer import i18n
from scripts import messages
from tests.message.samples import KINDS, PARTS

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "mailer").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.*"))


def walk(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_room_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_imported_inside_a_function(path: Path) -> None:
    functions = [
        node for node in walk(path) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    hidden = [
        inner.lineno
        for function in functions
        for inner in ast.walk(function)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert hidden == []


def test_only_one_place_commits() -> None:
    commits = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in walk(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
        # A sender hands its outcomes in; it is the engine's work that writes them down.
        and ast.unparse(node.func.value).removeprefix("self._") != "work"
    ]

    assert commits == ["mailer/storage/db.py"]


def test_no_use_case_writes_sql() -> None:
    """Statements are storage's. A use-case names a session and what it raises, no more."""
    writers = [
        path.name
        for path in (ROOT / "mailer" / "usecases").glob("*.py")
        for node in walk(path)
        if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy"
    ]

    assert writers == []


def test_only_the_clock_reads_the_wall_clock() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in walk(path)
        if isinstance(node, ast.Attribute)
        and node.attr in ("now", "utcnow", "today")
        and isinstance(node.value, ast.Name)
        and node.value.id in ("datetime", "date")
    }

    assert readers == {"mailer/clock.py"}


def test_no_template_switches_escaping_off() -> None:
    """Only a literal in the template itself may be called safe."""
    marked = [
        str(path.relative_to(ROOT))
        for path in TEMPLATES
        if re.search(r"(?<!\" )\|\s*safe\b|autoescape\s+false", path.read_text(encoding="utf-8"))
    ]

    assert marked == []


def test_no_page_has_inline_script_or_style() -> None:
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)(?![^>]*ld\+json)|<[^>{]*\s(style|on[a-z]+)=|<style"
    )
    marked = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "templates" / "pages").rglob("*.html")
        if inline.search(path.read_text(encoding="utf-8"))
    ]

    assert marked == []


def test_no_text_installs_a_package_of_the_same_name() -> None:
    """What is called `mailer` on PyPI is a stranger's; ours is installed from its folder."""
    texts = [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *(ROOT / "docs").glob("*.md"), *SOURCES]
    strange = re.compile(r"pip\s+install\s+(-\S+\s+)*['\"]?mailer\b")

    assert [
        str(path.relative_to(ROOT))
        for path in texts
        if strange.search(path.read_text(encoding="utf-8"))
    ] == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_mail_has_all_its_parts(kind: str) -> None:
    folder = ROOT / "templates" / "emails" / kind

    assert sorted(path.name for path in folder.iterdir()) == sorted(PARTS)


@pytest.mark.parametrize("lang", [lang for lang in i18n.INTERFACE if lang != i18n.SOURCE])
def test_every_language_has_every_text(lang: str) -> None:
    with messages.path_of(lang).open("rb") as stream:
        catalog = read_po(stream, locale=lang)
    wanted = {_key(message.id) for message in messages.collect() if message.id}

    texts = {_key(message.id): message for message in catalog if message.id}
    missing = [key for key in wanted if not _is_whole(texts.get(key))]
    fuzzy = [key for key, message in texts.items() if message.fuzzy]

    assert sorted(missing) == []
    assert fuzzy == []


@pytest.mark.parametrize("lang", [lang for lang in i18n.INTERFACE if lang != i18n.SOURCE])
def test_translations_keep_their_slots(lang: str) -> None:
    with messages.path_of(lang).open("rb") as stream:
        catalog = read_po(stream, locale=lang)

    broken = [
        message.id
        for message in catalog
        if message.id and message.string and not _slots_fit(message.id, message.string)
    ]

    assert broken == []


def _key(message_id: str | tuple[str, ...] | list[str]) -> str:
    return message_id if isinstance(message_id, str) else message_id[0]


def _is_whole(message: object) -> bool:
    return messages.is_whole(getattr(message, "string", ""))


def _slots_fit(source: str | tuple[str, ...], target: str | tuple[str, ...]) -> bool:
    slot = re.compile(r"%\(\w+\)[sd]")
    allowed = set(slot.findall(source if isinstance(source, str) else " ".join(source)))
    if isinstance(source, str):
        return set(slot.findall(str(target))) == allowed
    # "one day" needs no number, so a plural form may leave a slot out; it may not invent one.
    return all(set(slot.findall(form)) <= allowed for form in target)
