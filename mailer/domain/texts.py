"""Translatable text and the choice of language, field by field. Knows no table and no screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class TextState(StrEnum):
    """How far a text in one language has come. Only `source` and `reviewed` are mailed."""

    SOURCE = "source"
    DRAFT = "draft"
    MACHINE = "machine"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    state: TextState
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """A text as one reader gets it. `is_fallback`: not a language they asked for."""

    text: str
    lang: str
    is_fallback: bool = False

    def __bool__(self) -> bool:
        return bool(self.text)


@dataclass(frozen=True, slots=True)
class Texts:
    """One field in every language it exists in, by BCP 47 code."""

    source_lang: str = "en"
    by_lang: Mapping[str, Text] = field(default_factory=dict)

    def pick(self, wanted: Sequence[str], fallback: str) -> Chosen:
        """The text for a reader of `wanted` languages, best first (rule R10).

        The first text fit to be mailed in one of them, else in `fallback`, else in the source
        language; an empty Chosen when there is none at all.
        """
        for lang in (*wanted, fallback, self.source_lang):
            text = self.by_lang.get(lang)
            if text and text.text and text.state in (TextState.SOURCE, TextState.REVIEWED):
                return Chosen(text.text, lang, lang not in wanted)
        return Chosen("", self.source_lang)

    def source(self) -> str:
        """The text as first written, whatever else there is."""
        text = self.by_lang.get(self.source_lang)
        return text.text if text else ""
