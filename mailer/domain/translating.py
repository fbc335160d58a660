"""How far a thing has come in each language, for the marks in a coordinator's list."""

from collections.abc import Sequence
from enum import StrEnum

from mailer.domain.texts import Text, Texts, TextState


class Progress(StrEnum):
    """ready: all of it fit to be mailed and up to date. missing: not a word. begun: between."""

    READY = "ready"
    BEGUN = "begun"
    MISSING = "missing"


def progress(fields: Sequence[Texts], lang: str) -> Progress:
    """How far `fields` are in a language. The first counts always, others once written at all."""
    counted = [texts for place, texts in enumerate(fields) if place == 0 or texts.source()]
    found = [texts.by_lang.get(lang) for texts in counted]
    if not any(text and text.text for text in found):
        return Progress.MISSING
    return Progress.READY if all(map(_is_ready, found)) else Progress.BEGUN


def _is_ready(text: Text | None) -> bool:
    if text is None or not text.text or text.outdated:
        return False
    return text.state in (TextState.SOURCE, TextState.REVIEWED)
