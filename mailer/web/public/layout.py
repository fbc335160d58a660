"""What stands around every public page: who is behind it, and the page in other languages."""

from dataclasses import dataclass

from flask import g

from mailer.domain.association import Association
from mailer.i18n import get_language
from mailer.message.vocabulary import read_in
from mailer.storage.settings import get_association
from mailer.web.parts import parts, session, words
from mailer.web.public.language import link_in, offered, suggest


@dataclass(frozen=True, slots=True)
class LanguageLink:
    """This page in one language, named in that language; `invitation` is a whole sentence."""

    code: str
    dir: str
    name: str
    invitation: str
    url: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Site:
    """`base_url` begins the addresses that search engines are told."""

    base_url: str
    association: Association
    languages: tuple[LanguageLink, ...]
    suggestion: LanguageLink | None


def get_site() -> Site | None:
    """The frame of this page; None for a request that has no database, such as a lost file."""
    if "session" not in g:
        return None
    links = tuple(_link(code) for code in offered())
    wanted = suggest()
    return Site(
        base_url=parts().config.site.base_url,
        association=get_association(session()),
        languages=links,
        suggestion=next((link for link in links if link.code == wanted), None),
    )


def _link(code: str) -> LanguageLink:
    language = get_language(code)
    return LanguageLink(
        code=code,
        dir=language.dir,
        name=language.endonym,
        invitation=read_in(code),
        url=link_in(code),
        is_here=code == words().lang,
    )
