"""What can be chosen on public forms: languages by their own names, topics in the reader's."""

from typing import NamedTuple

from sqlalchemy.orm import Session

from mailer.i18n import get_language
from mailer.message.facts import Facts, said
from mailer.storage.languages import get_fallback, list_content_languages
from mailer.storage.topics import list_topics
from mailer.web.parts import words
from mailer.web.public.language import reading


class LanguageChoice(NamedTuple):
    code: str
    name: str
    dir: str


class TopicChoice(NamedTuple):
    """`name` is a text as `facts.said` gives it, with its language."""

    slug: str
    name: Facts


def list_languages(session: Session) -> tuple[LanguageChoice, ...]:
    """The languages one can read newsletters in."""
    known = (get_language(code) for code in list_content_languages(session))
    return tuple(LanguageChoice(one.code, one.endonym, one.dir) for one in known)


def list_topic_choices(session: Session) -> tuple[TopicChoice, ...]:
    """The topics open to everyone, in their order."""
    fallback, wanted = get_fallback(session), reading()
    return tuple(
        TopicChoice(topic.slug, said(names.pick(wanted, fallback), words().lang))
        for topic, names in list_topics(session, public_only=True)
    )
