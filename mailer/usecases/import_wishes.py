"""Understands the words in which a list of people names languages and topics.

Only what this service offers is understood; a word for anything else is passed over in silence,
since the person then gets what the coordinator chose for everybody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from babel import Locale
from sqlalchemy.orm import Session

from mailer.domain.spelling import fold
from mailer.i18n import INTERFACE, get_language
from mailer.storage.languages import list_content_languages
from mailer.storage.topics import list_topics

# People write the country for its language. `uk` stays Ukrainian: that is its code.
_COUNTRIES = {"cz": "cs", "ua": "uk", "gb": "en", "us": "en", "vn": "vi"}
_TELLING = 3
"""So many letters of a language's name tell it apart: “česky” and “čeština”, “rusky”, “ruština”."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`languages`: codes by code and by the beginning of each name. `topics`: public slugs by
    slug and by name, in the order of the list."""

    languages: Mapping[str, str]
    topics: Mapping[str, str]

    def read_languages(self, words: Iterable[str]) -> tuple[str, ...]:
        """The codes of the content languages among `words`, each once, in their order."""
        codes = (self._find_language(fold(word)) for word in words)
        return tuple(dict.fromkeys(code for code in codes if code))

    def read_topics(self, words: Iterable[str]) -> tuple[str, ...]:
        """The slugs of the topics among `words`, in the order of the list."""
        wanted = {self.topics.get(fold(word)) for word in words}
        return tuple(slug for slug in dict.fromkeys(self.topics.values()) if slug in wanted)

    def _find_language(self, word: str) -> str | None:
        base = word.replace("_", "-").partition("-")[0]
        known = self.languages.get(_COUNTRIES.get(base, base))
        return known or (self.languages.get(word[:_TELLING]) if len(word) > _TELLING else None)


def load_vocabulary(session: Session) -> Vocabulary:
    """What can be understood at this moment."""
    topics: dict[str, str] = {}
    for topic, names in list_topics(session, public_only=True):
        for name in (topic.slug, *(text.text for text in names.by_lang.values())):
            topics.setdefault(fold(name), topic.slug)
    return Vocabulary(_name_languages(list_content_languages(session)), topics)


def _name_languages(codes: Iterable[str]) -> dict[str, str]:
    beginnings: dict[str, set[str]] = {}
    for code in codes:
        beginnings.setdefault(fold(code), set()).add(code)
        for name in _list_names(code):
            beginnings.setdefault(fold(name)[:_TELLING], set()).add(code)
    # What could mean two languages means none.
    return {word: found.pop() for word, found in beginnings.items() if len(found) == 1}


def _list_names(code: str) -> list[str]:
    locale = Locale.parse(code, sep="-")
    return [get_language(code).endonym, *(str(locale.get_language_name(one)) for one in INTERFACE)]
