"""Newsletters that were sent, as the public may see them: a list, and the way to each."""

from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from sqlalchemy.orm import Session

from mailer.i18n import get_language
from mailer.storage.languages import get_fallback
from mailer.storage.newsletters import Variant, list_archive
from mailer.web.public.language import reading


@dataclass(frozen=True, slots=True)
class Issue:
    subject: str
    lang: str
    dir: str
    sent_at: datetime | None
    url: str


def list_issues(session: Session, *, limit: int) -> tuple[Issue, ...]:
    """The newest public copies in the page's language, or in the first one that has any."""
    for lang in dict.fromkeys((*reading(), get_fallback(session))):
        variants = list_archive(session, lang, limit=limit)
        if variants:
            return tuple(_describe(variant) for variant in variants)
    return ()


def _describe(variant: Variant) -> Issue:
    newsletter = variant.newsletter
    return Issue(
        subject=variant.subject or newsletter.title,
        lang=variant.lang,
        dir=get_language(variant.lang).dir,
        sent_at=newsletter.started_at,
        url=url_for("public.archive.show", lang=variant.lang, slug=newsletter.slug),
    )
