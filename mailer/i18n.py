"""Languages: which there are, how each is written, and the words of the service in each.

Catalogues are gettext `.po` files under `translations/`, read as they are at first use: there is
no compiled copy to go stale. Web pages and mail share them. Dates and numbers are Babel's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from gettext import NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import Any

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

SOURCE = "en"
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


@dataclass(frozen=True, slots=True)
class Language:
    """A language by BCP 47 code, named in itself: endonyms, never flags."""

    code: str
    endonym: str

    @property
    def dir(self) -> str:
        return "rtl" if self.code.split("-")[0] in RIGHT_TO_LEFT else "ltr"


KNOWN: Mapping[str, Language] = {
    language.code: language
    for language in (
        Language("en", "English"),
        Language("cs", "Čeština"),
        Language("uk", "Українська"),
        Language("ru", "Русский"),
        Language("vi", "Tiếng Việt"),
        Language("ar", "العربية"),
        Language("sk", "Slovenčina"),
        Language("de", "Deutsch"),
        Language("fr", "Français"),
        Language("es", "Español"),
        Language("pl", "Polski"),
        Language("ro", "Română"),
        Language("fa", "فارسی"),
        Language("tr", "Türkçe"),
        Language("zh", "中文"),
    )
}
"""Languages that content may be written in."""

INTERFACE = ("en", "cs", "uk", "ar")
"""Languages in which every word of the service itself exists (a test holds them complete)."""


def get_language(code: str) -> Language:
    """The language of that code; an unlisted one is named by its code."""
    return KNOWN.get(code) or Language(code, code)


def interface_for(code: str) -> str:
    """The interface language nearest to `code`: itself, its base, or the source language."""
    base = code.split("-", maxsplit=1)[0]
    return code if code in INTERFACE else base if base in INTERFACE else SOURCE


@cache
def load_catalogue(code: str) -> NullTranslations:
    """The words of the service in an interface language."""
    if code == SOURCE:
        return NullTranslations()
    po = files("mailer") / "translations" / code / "LC_MESSAGES" / "messages.po"
    compiled = BytesIO()
    with po.open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=code))
    compiled.seek(0)
    return Translations(compiled)


@cache
def get_locale(code: str) -> Locale:
    """Babel's locale for dates and numbers; `en` means British English, as in Prague."""
    return Locale.parse("en_GB" if code == "en" else code.replace("-", "_"))


@dataclass(frozen=True, slots=True)
class Words:
    """The service's words in one language: `words.say("Hello %(name)s", name=…)`."""

    lang: str

    def say(self, message: str, **values: Any) -> str:
        """The translation of `message` with `values` spliced in by `%(name)s`."""
        text = load_catalogue(interface_for(self.lang)).gettext(message)
        return text % values if values else text

    def choose(self, one: str, many: str, number: int) -> str:
        """The plural form for `number`, its slots still empty."""
        return load_catalogue(interface_for(self.lang)).ngettext(one, many, number)

    def plural(self, one: str, many: str, number: int, **values: Any) -> str:
        """The plural form for `number`, which is spliced in as `%(num)s`."""
        return self.choose(one, many, number) % {"num": number, **values}
