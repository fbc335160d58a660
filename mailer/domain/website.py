"""Reads the text of an association's website, pasted as it is, into milestones and projects.

Pure reading: it proposes and flags, and refuses to guess silently, to correct a word, or to know
any one association. People decide about what it found.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mailer.domain.spelling import fold, tidy
from mailer.domain.website_order import check_order, describe_order
from mailer.domain.website_projects import ReadProject, read_projects
from mailer.domain.website_timeline import ReadMilestone, apply_doubts, read_timeline
from mailer.domain.website_titles import check_titles
from mailer.domain.when import When

MOST_CHARACTERS = 2_000_000
MOST_LINES = 50_000
_LONGEST_HEADING = 60


class UnreadableWebsite(ValueError):
    """Text that cannot be the text of a website; the message tells a person what to do."""


@dataclass(frozen=True, slots=True)
class Website:
    """`language` is the BCP 47 code of the language that the page says it is in, if it does."""

    milestones: tuple[ReadMilestone, ...] = ()
    projects: tuple[ReadProject, ...] = ()
    language: str | None = None
    notes: tuple[str, ...] = ()


class _Kind(Enum):
    TIMELINE = re.compile(r"(?:our |the )?(?:timeline|history|milestones)")
    CURRENT = re.compile(
        r"(?:our |the )?(?:current |ongoing |running |active )?projects?(?: (?:and|&) activities)?"
    )
    PAST = re.compile(
        r"(?:our |the )?(?:past|previous|former|finished|completed|closed) projects?"
        r"(?: (?:and|&) activities)?"
    )
    OTHER = re.compile(
        r"about(?: us)?|who we are|what we do|our mission|(?:our )?(?:team|news|blog)|our partners"
        r"|contacts?(?: us)?|get involved|follow us|support us|donate|newsletter"
    )


@dataclass(frozen=True, slots=True)
class _Section:
    kind: _Kind
    heading: str
    lines: tuple[str, ...]


# How a language switcher names the language that the page is shown in.
_LANGUAGES = {
    fold(label): code
    for label, code in (
        *(("English", "en"), ("English (UK)", "en-GB"), ("English (US)", "en-US")),
        *(("Čeština", "cs"), ("Česky", "cs"), ("Czech", "cs"), ("Slovenčina", "sk")),
        *(("Українська", "uk"), ("Ukrainian", "uk"), ("Русский", "ru"), ("Russian", "ru")),
        *(("Tiếng Việt", "vi"), ("Vietnamese", "vi"), ("العربية", "ar"), ("Arabic", "ar")),
        *(("Deutsch", "de"), ("Français", "fr"), ("Español", "es"), ("Polski", "pl")),
    )
}


def fold_name(name: str) -> str:
    """The form in which two spellings of an organisation's name are equal: InBáze is inbaze."""
    return fold(name)


def read_website(text: str) -> Website:
    """Everything found under the headings of a timeline and of projects, in the page's order.

    Any text gives a Website, at worst an empty one with a note. Raises UnreadableWebsite for
    what is no text at all, or more than a website holds.
    """
    _check_readable(text)
    lines, language, language_notes = _take_language([tidy(line) for line in text.splitlines()])
    before, sections = _cut(lines)
    milestones, timeline_notes = _read_timelines(sections)
    return Website(
        milestones=milestones,
        projects=_read_all_projects(sections),
        language=language,
        notes=(*_describe_unread(before, sections), *timeline_notes, *language_notes),
    )


def as_json(website: Website) -> dict[str, Any]:
    """The reading as plain values for `json.dumps`; days as ISO 8601 text, unknown ones None."""
    return {
        "language": website.language,
        "timeline": [_milestone_json(row) for row in website.milestones],
        "projects": [_project_json(project) for project in website.projects],
        "notes": list(website.notes),
    }


def _check_readable(text: str) -> None:
    if len(text) > MOST_CHARACTERS or len(text.splitlines()) > MOST_LINES:
        raise UnreadableWebsite("This is more text than a website page has. Paste less of it.")
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise UnreadableWebsite("This is not text. Copy the words of the page and paste them here.")


def _take_language(lines: list[str]) -> tuple[list[str], str | None, tuple[str, ...]]:
    """Cuts the labels of a language switcher off the end; a single one names the language."""
    labels: list[str] = []
    while lines and (not lines[-1] or fold(lines[-1]) in _LANGUAGES):
        if label := lines.pop():
            labels.append(label)
    if len(labels) > 1:
        return lines, None, (f"Which language is the page in? {', '.join(reversed(labels))}.",)
    return lines, _LANGUAGES[fold(labels[0])] if labels else None, ()


def _cut(lines: Sequence[str]) -> tuple[list[str], list[_Section]]:
    """The lines before the first heading, and the sections."""
    starts = [(at, kind) for at, line in enumerate(lines) if (kind := _find_kind(line))]
    cuts = [*(at for at, _ in starts), len(lines)]
    sections = [
        _Section(kind, lines[at], tuple(lines[at + 1 : end]))
        for (at, kind), end in zip(starts, cuts[1:], strict=True)
    ]
    return list(lines[: cuts[0]]), sections


def _find_kind(line: str) -> _Kind | None:
    if not line or len(line) > _LONGEST_HEADING:
        return None
    folded = fold(line).rstrip(":")
    return next((kind for kind in _Kind if kind.value.fullmatch(folded)), None)


def _read_timelines(
    sections: Sequence[_Section],
) -> tuple[tuple[ReadMilestone, ...], tuple[str, ...]]:
    lines = [line for one in sections if one.kind is _Kind.TIMELINE for line in (*one.lines, "")]
    prose = [line for one in sections if one.kind is not _Kind.TIMELINE for line in one.lines]
    rows, notes = read_timeline(lines)
    order = describe_order(rows)
    doubts = (*check_order(rows), *check_titles(rows, prose))
    return tuple(apply_doubts(rows, doubts)), (*notes, *order)


def _read_all_projects(sections: Sequence[_Section]) -> tuple[ReadProject, ...]:
    projects: list[ReadProject] = []
    for section in sections:
        if section.kind in (_Kind.CURRENT, _Kind.PAST):
            is_past = section.kind is _Kind.PAST
            projects += read_projects(section.lines, is_past=is_past, start=len(projects) + 1)
    return tuple(projects)


def _describe_unread(before: Sequence[str], sections: Sequence[_Section]) -> Iterator[str]:
    kinds = {section.kind for section in sections}
    if not kinds - {_Kind.OTHER}:
        yield "No heading such as “Timeline” or “Our projects” was found. Paste the headings too."
    elif any(before):
        yield "The text before the first heading was not read."
    for section in sections:
        if section.kind is _Kind.OTHER and any(section.lines):
            yield f"The part under “{section.heading}” was not read."


def _milestone_json(row: ReadMilestone) -> dict[str, Any]:
    return {
        "position": row.position,
        "title": row.title,
        "raw_date": row.raw_date,
        **_when_json(row.when),
        "notes": list(row.notes),
    }


def _project_json(project: ReadProject) -> dict[str, Any]:
    return {
        "position": project.position,
        "title": project.title,
        "proposed_title": project.proposed_title,
        "raw_duration": project.raw_duration,
        **_when_json(project.when),
        "organisations": [
            {"name": one.name, "role": one.role, "note": one.note} for one in project.organisations
        ],
        "past": project.past,
        "notes": list(project.notes),
    }


def _when_json(when: When) -> dict[str, str | None]:
    return {
        "precision": when.precision.value,
        "from": when.starts_on.isoformat() if when.starts_on else None,
        "to": when.ends_on.isoformat() if when.ends_on else None,
        "confidence": when.confidence.value,
    }
