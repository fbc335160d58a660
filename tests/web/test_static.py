"""Files served as they are: the vendored ones unchanged, ours pointing at things that exist."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
STATIC = ROOT / "mailer" / "web" / "static"
PAGES = ROOT / "templates" / "pages"
VENDORED = sorted(
    str(file.relative_to(ROOT))
    for folder in (STATIC / "vendor", ROOT / "tests" / "vendor")
    for file in folder.rglob("*")
    if file.suffix in (".css", ".js")
)


def listed() -> dict[str, str]:
    """File and check sum of each row of THIRD_PARTY.md."""
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", text, re.MULTILINE))


def test_every_vendored_file_is_listed() -> None:
    assert sorted(listed()) == VENDORED


@pytest.mark.parametrize("path", VENDORED)
def test_vendored_file_is_what_the_list_says(path: str) -> None:
    content = (ROOT / path).read_bytes()

    assert sha256(content).hexdigest() == listed()[path]
    assert b"sourceMappingURL" not in content


@pytest.mark.parametrize("folder", sorted(path.name for path in (STATIC / "vendor").iterdir()))
def test_vendored_folder_carries_its_licence(folder: str) -> None:
    assert "WARRANT" in (STATIC / "vendor" / folder / "LICENSE").read_text(encoding="utf-8")


def test_no_style_sheet_loads_anything() -> None:
    loading = [
        str(sheet.relative_to(ROOT))
        for sheet in STATIC.rglob("*.css")
        if re.search(r"@import|url\((?![\"']?data:)", sheet.read_text(encoding="utf-8"))
    ]

    assert loading == []


def test_every_icon_that_pages_name_is_drawn() -> None:
    drawn = set(re.findall(r'id="([^"]+)"', (STATIC / "icons.svg").read_text(encoding="utf-8")))
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES.rglob("*.html"))
    named = re.findall(r'icon\("([^"]+)"\)', pages) + re.findall(r', "(\w+)", here\)', pages)

    assert sorted(set(named) - drawn) == []
