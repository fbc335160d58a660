"""What every edit of content has in common: texts in several languages, addresses, conflicts.

It knows no noun: events, deadlines, projects and updates each have a room of their own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import InstrumentedAttribute, Session

from mailer.domain.content import ItemKey
from mailer.domain.errors import Invalid, Refused
from mailer.domain.slugs import make_slug
from mailer.domain.spelling import tidy
from mailer.domain.texts import Texts, TextState
from mailer.message.sanitise import is_web_address
from mailer.message.vocabulary import N_
from mailer.storage.db import has_value
from mailer.storage.texts import load_texts, save_text

LONGEST = {"title": 150, "summary": 200, "teaser": 280, "funder_ack": 500}
"""The most characters that a text may have, by field; 20 000 for those that are not named."""

TOO_LONG = N_("This is too long. Please shorten it.")
STALE = N_(
    "Somebody else saved this while you were writing. What you typed is still here, but it is not "
    "saved. Look at the saved version, then save yours again if it should replace it."
)
LONGEST_TEXT = 20_000
LONGEST_LINK = 500
_ONE_LINE = frozenset({"title", "summary", "teaser"})
_MAILTO = re.compile(r"mailto:(?!//)[^?#]*@", re.IGNORECASE)
_CONTROLS = dict.fromkeys((*range(0x09), *range(0x0A, 0x20), *range(0x7F, 0xA0)))


@dataclass(frozen=True, slots=True)
class Wording:
    """The fields of a thing in one language, as a coordinator leaves them.

    `state` is of no account for the source language. `is_checked`: a person says that a
    translation still fits its source, although its words stay the same.
    """

    fields: Mapping[str, str]
    state: TextState = TextState.DRAFT
    is_checked: bool = False


@dataclass(frozen=True, slots=True)
class Wordings:
    """A thing's words: the source language, and a Wording for each language that was written in."""

    source_lang: str
    by_lang: Mapping[str, Wording] = field(default_factory=dict)

    def source(self, name: str) -> str:
        """A field as first written, cleaned; empty when it was left out."""
        wording = self.by_lang.get(self.source_lang)
        return clean(name, wording.fields.get(name, "")) if wording else ""


def clean(name: str, text: str) -> str:
    """A text as it is kept: without control characters, and a title on one line."""
    if name in _ONE_LINE:
        return tidy(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.translate(_CONTROLS).rstrip() for line in lines).strip()


def one_line(name: str, text: str, most: int) -> str:
    """A short plain fact, tidied; raises Invalid for the field `name` when it is too long."""
    fact = tidy(text)
    if len(fact) > most:
        raise Invalid(name, TOO_LONG)
    return fact


def check_wordings(wordings: Wordings) -> None:
    """Raise Invalid for a missing title and for texts that are too long.

    The field is named `title`, and in another language than the source `cs-title`.
    """
    if not wordings.source("title"):
        raise Invalid("title", N_("Give it a title."))
    for lang, wording in wordings.by_lang.items():
        for name, text in wording.fields.items():
            most = LONGEST.get(name, LONGEST_TEXT)
            if len(clean(name, text)) > most:
                where = name if lang == wordings.source_lang else f"{lang}-{name}"
                raise Invalid(where, TOO_LONG)


def save_wordings(session: Session, key: ItemKey, wordings: Wordings, now: datetime) -> None:
    """Write the texts that differ, the source language first: it outdates its translations.

    A translation that nobody touched keeps its mark, so saving a form does not vouch for it.
    """
    old = load_texts(session, key.kind, [key.id]).get(key.id, {})
    for lang in sorted(wordings.by_lang, key=lambda lang: lang != wordings.source_lang):
        wording = wordings.by_lang[lang]
        state = TextState.SOURCE if lang == wordings.source_lang else wording.state
        for name, text in wording.fields.items():
            cleaned = clean(name, text)
            if wording.is_checked or _differs(old.get(name), lang, cleaned, state):
                save_text(session, key.kind, key.id, name, lang, cleaned, state, now)


def _differs(texts: Texts | None, lang: str, text: str, state: TextState) -> bool:
    old = texts.by_lang.get(lang) if texts else None
    if old is None:
        return bool(text)
    return (old.text, old.state) != (text, state)


def copy_texts(session: Session, source: ItemKey, target: ItemKey, now: datetime) -> None:
    """Give `target` all texts of `source`. An outdated translation arrives as a draft: only a
    state says so there, since the copy begins a history of its own."""
    for name, texts in load_texts(session, source.kind, [source.id]).get(source.id, {}).items():
        for lang in sorted(texts.by_lang, key=lambda lang: lang != texts.source_lang):
            text = texts.by_lang[lang]
            state = TextState.DRAFT if text.outdated else text.state
            save_text(session, target.kind, target.id, name, lang, text.text, state, now)


def find_title(session: Session, key: ItemKey) -> str:
    """The title as first written; empty when there is none yet."""
    texts = load_texts(session, key.kind, [key.id]).get(key.id, {})
    return texts.get("title", Texts()).source()


def free_slug(
    session: Session, column: InstrumentedAttribute[str], title: str, fallback: str, own: str = ""
) -> str:
    """An address for `title` that no row of that table has; `own` is the row's own so far."""

    def is_taken(slug: str) -> bool:
        return slug != own and has_value(session, column, slug)

    return make_slug(title, fallback, is_taken)


def check_link(name: str, text: str) -> str:
    """`text` as a web or mail address, or empty; raises Invalid for the field `name`."""
    link = text.strip()
    if not link:
        return ""
    if len(link) > LONGEST_LINK:
        raise Invalid(name, TOO_LONG)
    if not _is_link(link):
        raise Invalid(name, N_("Write a whole address, such as https://example.org/register."))
    return link


def _is_link(link: str) -> bool:
    if any(sign.isspace() or not sign.isprintable() or sign in '<>"' for sign in link):
        return False
    return is_web_address(link) or bool(_MAILTO.match(link))


def check_revision(seen: int, current: int) -> None:
    """Raise Refused when somebody saved the thing after the form was opened."""
    if seen != current:
        raise Refused(STALE)
