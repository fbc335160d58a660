"""Turns a letter's content into what a reader sees: subject, preview line, HTML and plain text.

Templates get plain values only, and those of an operator run apart (`press`). It decides nothing
about who gets a letter, and leaves the personal links as slots.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from css_inline import CSSInliner
from markupsafe import Markup

from mailer.domain.digest import Digest
from mailer.domain.texts import Chosen
from mailer.domain.when import DEFAULT_TZ
from mailer.i18n import SOURCE, get_language, interface_for
from mailer.message.dates import moment_words
from mailer.message.facts import Setting, digest_facts, language_links, said
from mailer.message.markdown import read_markdown
from mailer.message.plain import lay_out
from mailer.message.press import Press
from mailer.message.proposal import PREHEADER_LENGTHS, propose_preheader, propose_subject, shorten
from mailer.message.sanitise import clean_line, clean_values, is_safe_link
from mailer.message.slots import PREFERENCES, UNSUBSCRIBE
from mailer.message.templates import open_templates
from mailer.message.values import Frame, Rendered

TRANSACTIONAL = frozenset(
    {"confirm", "already", "preferences", "data", "address_change", "draft_ready", "account"}
)
NO_NOTE = Chosen("", SOURCE)


class Renderer:
    """Renders every kind of letter. One may serve many threads.

    `base_url` begins the links to the service's own pages, here and in what use-cases hand in.
    `overrides` is an operator's folder: a template there stands in for ours of the same name. All
    are then written by a process of their own, which raises Refused for one that takes too much.
    """

    def __init__(self, base_url: str, overrides: Path | None = None) -> None:
        self.base_url = base_url
        self._write: Callable[[str, Mapping[str, Any]], str]
        if overrides:
            self._write = Press(overrides).render
        else:
            templates = open_templates()
            self._write = lambda name, context: templates.get_template(name).render(context)

    def digest(
        self,
        digest: Digest,
        frame: Frame,
        *,
        subject: str = "",
        preheader: str = "",
        note: Chosen = NO_NOTE,
        tz: str,
        now: datetime | None = None,
    ) -> Rendered:
        """A reader's digest, in the interface language nearest to the frame's.

        An empty subject or preheader is proposed from the content. `note` is Markdown and stands
        on top; a fallback is labelled with its language. `now` is when the letter leaves: days
        that have begun then read "until …".
        """
        lang = interface_for(frame.language)
        facts = digest_facts(digest, Setting(lang, self.base_url, tz, now))
        values = facts | {
            "headline": subject or propose_subject(digest, lang, frame.association.name),
            "preview": preheader or propose_preheader(digest, lang, tz),
            "note": said(note, lang) | _markdown(note.text),
        }
        return self._render("digest", replace(frame, language=lang), values)

    def letter(self, markdown: str, subject: str, preheader: str, frame: Frame) -> Rendered:
        """A coordinator's letter in any language; what stands around it is in the nearest one
        that the service speaks. An empty preheader is made from the first words."""
        body = _markdown(markdown)
        preview = preheader or shorten(body["lead"], PREHEADER_LENGTHS[1])
        return self._render(
            "letter", frame, {"headline": subject, "preview": preview, "body": body}
        )

    def transactional(
        self, kind: str, language: str, frame: Frame, *, tz: str = DEFAULT_TZ, **values: Any
    ) -> Rendered:
        """A letter that someone's own step set off; it has no web copy.

        Each kind has its values in docs/emails.md; a missing one raises UndefinedError. Aware
        moments are written by the clock of `tz`.
        """
        if kind not in TRANSACTIONAL:
            raise ValueError(f"There is no letter of the kind “{kind}”.")
        lang = interface_for(language)
        said = {
            name: moment_words(value, tz, lang) if isinstance(value, datetime) else value
            for name, value in values.items()
        }
        return self._render(kind, replace(frame, language=lang, view_url="", versions={}), said)

    def _render(self, kind: str, frame: Frame, values: Mapping[str, Any]) -> Rendered:
        context = clean_values({"base_url": self.base_url, **_surroundings(frame), **values})
        subject = clean_line(self._write(f"{kind}/subject.txt", context))
        preheader = clean_line(self._write(f"{kind}/preheader.txt", context))
        context |= {"subject": subject, "preheader": preheader}
        html = self._write(f"{kind}/body.html", context)
        text = self._write(f"{kind}/body.txt", context)
        return Rendered(
            subject, preheader, self._inline(html, context), lay_out(text), context["lang"]
        )

    def _inline(self, html: str, context: Mapping[str, Any]) -> str:
        """The style sheet put into every tag: many mail programs drop it from the head."""
        css = self._write("partials/inline.css", context)
        inliner = CSSInliner(
            inline_style_tags=False,
            keep_style_tags=True,
            load_remote_stylesheets=False,
            extra_css=css,
            minify_css=True,
        )
        return inliner.inline(re.sub(r"\s*\n\s*", "\n", html))


def _surroundings(frame: Frame) -> dict[str, Any]:
    """What stands around every letter, as plain values."""
    language = get_language(frame.language)
    chrome = get_language(interface_for(frame.chrome or frame.language))
    sender = asdict(frame.association) | {"signature": frame.association.signature()}
    website = frame.association.website
    return {
        "lang": language.code,
        "dir": language.dir,
        "chrome": {"lang": chrome.code, "dir": chrome.dir},
        "sender": sender | {"website": website if is_safe_link(website) else ""},
        "view_url": "" if frame.is_public else frame.view_url,
        "versions": language_links(frame.versions, frame.language),
        "is_test": frame.is_test,
        "is_public": frame.is_public,
        "unsubscribe_token": UNSUBSCRIBE,
        "preferences_token": PREFERENCES,
    }


def _markdown(source: str) -> dict[str, str]:
    read = read_markdown(source)
    # Sanitised two walls deep; everything else in a template is escaped.
    return {"html": Markup(read.html), "text": read.text, "lead": read.lead}  # noqa: S704
