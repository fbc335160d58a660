"""How far a thing has come in each language, for the marks in a coordinator's list."""

from collections.abc import Sequence
from enum import StrEnum

from mailer.domain.texts import Texts, TextState


class Progress(StrEnum):
    """ready: fit to be mailed and up to date. begun: a draft, or older than its source."""

    READY = "ready"
    BEGUN = "begun"
    MISSING = "missing"


_FROM_BEST = tuple(Progress)


def progress(fields: Sequence[Texts], lang: str) -> Progress:
    """The worst of `fields` in a language; the first counts always, others once written at all."""
    counted = [texts for place, texts in enumerate(fields) if place == 0 or texts.source()]
    return max((_of_one(texts, lang) for texts in counted), key=_FROM_BEST.index)


def _of_one(texts: Texts, lang: str) -> Progress:
    text = texts.by_lang.get(lang)
    if text is None or not text.text:
        return Progress.MISSING
    is_fit = text.state in (TextState.SOURCE, TextState.REVIEWED) and not text.outdated
    return Progress.READY if is_fit else Progress.BEGUN
