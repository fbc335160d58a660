"""Collects the words of pages, mails and code, and merges them into the catalogues.

A word that is gone leaves the catalogue; a new one comes in empty, and the tests stay red until
somebody has translated it. Nothing is guessed: there are no fuzzy entries.
"""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
LANGUAGES = ("cs", "uk", "ar")
KEYWORDS = {"_": None, "N_": None, "say": None, "ngettext": (1, 2), "plural": (1, 2)}
PLACES = (
    # `say` is what one server says to another there.
    ("mailer", [("providers/**.py", "ignore"), ("**.py", "python")]),
    ("templates", [("**.html", "jinja2"), ("**.txt", "jinja2")]),
)


def collect() -> Catalog:
    """Every translatable text of the project, with the files it stands in."""
    catalog = Catalog(fuzzy=False)
    for folder, methods in PLACES:
        found = extract_from_dir(ROOT / folder, methods, keywords=KEYWORDS)
        for name, _line, message, _comments, _context in sorted(found, key=str):
            # Without line numbers: they would change with every edit of a file.
            catalog.add(message, locations=[(f"{folder}/{name}", None)])
    return catalog


def path_of(lang: str) -> Path:
    return ROOT / "mailer" / "translations" / lang / "LC_MESSAGES" / "messages.po"


def merge(template: Catalog, lang: str) -> Catalog:
    """The catalogue of a language with exactly the template's messages."""
    path = path_of(lang)
    old = read_po(path.open("rb"), locale=lang) if path.exists() else Catalog(locale=lang)
    merged = Catalog(locale=lang, fuzzy=False, project="mailer")
    for message in template:
        if not message.id:
            continue
        known = old.get(message.id)
        string = known.string if known and not known.fuzzy else ""
        merged.add(message.id, string, locations=message.locations)
    return merged


def is_whole(string: str | tuple[str, ...] | list[str]) -> bool:
    """Whether a translation says something in each of its plural forms."""
    return bool(string) if isinstance(string, str) else bool(string) and all(string)


def main() -> None:
    template = collect()
    for lang in LANGUAGES:
        path = path_of(lang)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalog = merge(template, lang)
        with path.open("wb") as stream:
            write_po(stream, catalog, sort_output=True, include_lineno=False, omit_header=False)
        empty = sum(1 for message in catalog if message.id and not is_whole(message.string))
        print(f"{lang}: {len(catalog)} texts, {empty} to translate")


if __name__ == "__main__":
    main()
