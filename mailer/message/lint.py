"""Holds a rendered letter against the rules that a machine can check, before anyone receives it.

The check page of the desk and the tests ask here. It mends nothing and knows no network: whether
a link is alive is for others.
"""

import base64
import quopri
import re
from collections.abc import Iterator

from mailer.i18n import get_language
from mailer.message.fault import Fault, block, warn
from mailer.message.lint_markup import RULES, Page
from mailer.message.markup import Element, read_markup
from mailer.message.slots import PREFERENCES, UNSUBSCRIBE
from mailer.message.values import Rendered

SUBJECT_LIMIT = 78
PREHEADER_LENGTHS = range(40, 91)
SIZE_WARN, SIZE_BLOCK = 70_000, 95_000
LINE_LIMIT = 78
SHOUT_LENGTH = 10  # shorter ones may well be an abbreviation

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{%|lorem ipsum", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def lint(rendered: Rendered, *, is_bulk: bool) -> list[Fault]:
    """What is wrong with a letter, worst first; an empty list lets it go.

    `is_bulk` asks for the footer that the law wants under newsletters. Texts in other languages
    than the letter's own may stand inside.
    """
    root = read_markup(rendered.html)
    page = Page(root, rendered.html, rendered.subject, get_language(rendered.lang))
    faults = [
        *_subject(rendered.subject),
        *_preheader(rendered),
        *_controls(rendered),
        *_size(rendered.html),
        *_lines(rendered.text),
        *_parity(root, rendered.text),
        *_placeholders(rendered),
        *(_footer(rendered) if is_bulk else ()),
        *(fault for rule in RULES for fault in rule(page)),
    ]
    return sorted(dict.fromkeys(faults), key=lambda fault: fault.level)


def wire_size(html: str) -> int:
    """How many bytes the HTML counts for a mail program that measures at its worst.

    The transfer encoding is the smaller of the two possible; some programs count it, some do not.
    """
    body = html.encode("utf-8", "replace")
    encoded = (quopri.encodestring(body), base64.encodebytes(body))
    return max(len(body), min(len(form) + form.count(b"\n") for form in encoded))


def _subject(subject: str) -> Iterator[Fault]:
    if not subject.strip():
        yield block("subject-empty")
    if len(subject) > SUBJECT_LIMIT:
        yield warn("subject-long", len(subject))
    is_loud = len(subject) >= SHOUT_LENGTH and subject.upper() == subject != subject.lower()
    if "!!" in subject or is_loud:
        yield warn("subject-shouts", subject)


def _preheader(rendered: Rendered) -> Iterator[Fault]:
    preheader, subject = _squeeze(rendered.preheader), _squeeze(rendered.subject)
    if not preheader:
        yield warn("preheader-empty")
        return
    if len(rendered.preheader) not in PREHEADER_LENGTHS:
        yield warn("preheader-length", len(rendered.preheader))
    if subject and (subject in preheader or preheader in subject):
        yield warn("preheader-repeats", rendered.preheader)


def _controls(rendered: Rendered) -> Iterator[Fault]:
    whole = rendered.subject + rendered.preheader + rendered.html + rendered.text
    for found in sorted(set(_CONTROLS.findall(whole))):
        yield block("control-character", f"U+{ord(found):04X}")
    if "\n" in rendered.subject or "\r" in rendered.subject:
        yield block("control-character", "subject")


def _size(html: str) -> Iterator[Fault]:
    size = wire_size(html)
    if size > SIZE_BLOCK:
        yield block("size-block", size)
    elif size > SIZE_WARN:
        yield warn("size-warn", size)


def _lines(text: str) -> Iterator[Fault]:
    if not text.strip():
        yield block("text-empty")
    for line in text.splitlines():
        if len(line) > LINE_LIMIT and "://" not in line and "mailto:" not in line:
            yield block("text-line", line)


def _parity(root: Element, text: str) -> Iterator[Fault]:
    """Whoever reads the plain text misses no link and no title."""
    for link in root.find_all("a"):
        if link.attrs.get("href", "").removeprefix("mailto:") not in text:
            yield block("text-misses", link.attrs.get("href", ""))
    squeezed = _squeeze(text)
    for heading in root.find_all("h1", "h2", "h3"):
        if _squeeze(heading.text()) not in squeezed:
            yield block("text-misses", heading.text())


def _placeholders(rendered: Rendered) -> Iterator[Fault]:
    for part in (rendered.subject, rendered.preheader, rendered.text):
        for found in _PLACEHOLDER.findall(part):
            yield block("placeholder", found)
    if re.search(r"\bTK\b", rendered.text):  # what editors write for "to come"
        yield block("placeholder", "TK")


def _footer(rendered: Rendered) -> Iterator[Fault]:
    for part in (rendered.html, rendered.text):
        if UNSUBSCRIBE not in part or PREFERENCES not in part:
            yield block("unsubscribe-missing")


def _squeeze(text: str) -> str:
    """`text` for comparing: no white space, which wrapping moves, and no case."""
    return _SPACE.sub("", text).casefold()
