"""Projects as a public page may name them: published ones only, in the reader's language."""

import re

from sqlalchemy.orm import Session

from mailer.domain.content import Visibility
from mailer.domain.texts import Texts
from mailer.message.facts import Facts, said
from mailer.storage.languages import get_fallback
from mailer.storage.projects import Project, find_project_by_slug
from mailer.storage.texts import load_texts
from mailer.web.parts import words
from mailer.web.public.language import SlugConverter, reading


def find_public_project(session: Session, slug: str) -> Project | None:
    """The published project of that address; `slug` may be anything a visitor sends."""
    if not re.fullmatch(SlugConverter.regex, slug):
        return None
    project = find_project_by_slug(session, slug)
    return project if project and project.visibility is Visibility.PUBLISHED else None


def tell_project(session: Session, project: Project, *fields: str) -> dict[str, Facts]:
    """Texts of a project by field, as `facts.said` gives them."""
    texts = load_texts(session, "project", [project.id]).get(project.id, {})
    fallback, wanted, lang = get_fallback(session), reading(), words().lang
    return {field: said(texts.get(field, Texts()).pick(wanted, fallback), lang) for field in fields}


def name_project(session: Session, project: Project) -> Facts:
    return tell_project(session, project, "title")["title"]
