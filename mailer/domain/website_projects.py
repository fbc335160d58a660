"""Reads the project sections of a pasted page: headings, durations, organisations, and the text.

A heading that was lost on the way is asked for, at most proposed; no word of the text is changed.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailer.domain.dates import read_dates
from mailer.domain.datewords import is_all_date_words
from mailer.domain.spelling import fold
from mailer.domain.website_organisations import (
    PARTICIPANT,
    PARTNER,
    ReadOrganisation,
    find_lists,
    find_organisations,
    has_others,
    split_names,
)
from mailer.domain.when import When

_LONGEST_HEADING = 120
_MOST_HEADING_WORDS = 16
_DURATION = "duration"
# What stands after a label: the duration, or organisations in that role.
_LABELS = {
    _DURATION: re.compile(
        r"(?:project |implementation )?(?:duration|dates?|period)|duration of the project"
    ),
    PARTICIPANT: re.compile(r"participating organi[sz]ations?|participants"),
    PARTNER: re.compile(r"(?:project )?partner(?: organi[sz]ation)?s?"),
}
# Such a sentence introduces a project by its subject, so it opens one whose heading was lost.
_OPENING = re.compile(
    r"(?:led|run|funded|financed|co-financed|coordinated|implemented|organi[sz]ed) by "
)
_ABOUT = re.compile(r"(?:this|the|our) project ")
_ROLE_WORDS = re.compile(r"\b(?:in co-?operation|in collaboration|in partnership) with |\w+ed by ")
_NAMED_PROJECT = re.compile(r"\b([^\W\d_a-z]\w+) project\b")
_ARTICLES = frozenset({"A", "An", "The", "This", "That", "Our", "Each", "Every"})
_OUTCOME = re.compile(r"\boutcomes?\b", re.IGNORECASE)
_FINANCED_WITHIN = re.compile(r"\b(?:co-?)?(?:financed|funded) within [^.,;]{1,100}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReadProject:
    """A project as the page tells it. `title` is None when its heading is missing."""

    position: int
    title: str | None
    proposed_title: str | None
    raw_duration: str
    when: When
    body: str
    organisations: tuple[ReadOrganisation, ...] = ()
    and_others: bool = False
    past: bool = False
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Draft:
    """The lines of one project, sorted by what they are, while they are read."""

    title: str | None = None
    labelled: dict[str, list[str]] = field(default_factory=lambda: {key: [] for key in _LABELS})
    paragraphs: list[str] = field(default_factory=list)

    @property
    def durations(self) -> list[str]:
        return self.labelled[_DURATION]

    @property
    def lists(self) -> list[tuple[str, str]]:
        """Each list of organisations with the role that its label gives them."""
        roles = (PARTICIPANT, PARTNER)
        return [(role, names) for role in roles for names in self.labelled[role]]

    @property
    def is_empty(self) -> bool:
        return not (self.title or self.paragraphs or any(self.labelled.values()))


def read_projects(lines: Sequence[str], *, is_past: bool, start: int = 1) -> list[ReadProject]:
    """The projects of one section, numbered from `start`. `lines` are tidied."""
    drafts = _sort([line for line in lines if line])
    return [_project(at, draft, is_past=is_past) for at, draft in enumerate(drafts, start)]


def _sort(lines: Sequence[str]) -> list[_Draft]:
    drafts = [_Draft()]
    awaited: list[str] | None = None
    for line in lines:
        label, value = _split_label(line)
        if awaited is not None and label is None:
            awaited.append(line)
            awaited = None
            continue
        if _begins_project(line, drafts[-1]) and not drafts[-1].is_empty:
            drafts.append(_Draft())
        awaited = _put(drafts[-1], line, label, value)
    return [draft for draft in drafts if not draft.is_empty]


def _put(draft: _Draft, line: str, label: str | None, value: str) -> list[str] | None:
    """Files a line; a label without a value returns the list that the next line belongs to."""
    if label is None:
        if draft.is_empty and _is_heading(line):
            draft.title = line
        else:
            draft.paragraphs.append(line)
        return None
    if not value:
        return draft.labelled[label]
    draft.labelled[label].append(value)
    return None


def _split_label(line: str) -> tuple[str | None, str]:
    """Which label a line begins with, if any, and what stands after its colon."""
    name, _, value = line.partition(":")
    folded = fold(name)
    label = next((key for key, pattern in _LABELS.items() if pattern.fullmatch(folded)), None)
    return label, value.strip()


def _begins_project(line: str, draft: _Draft) -> bool:
    if _is_heading(line):
        return True
    return bool(draft.durations) and _OPENING.match(fold(line)) is not None


def _is_heading(line: str) -> bool:
    """A short line that is no sentence, no label, no date and says nothing about "this project"."""
    if len(line) > _LONGEST_HEADING or len(line.split()) > _MOST_HEADING_WORDS:
        return False
    if line.endswith((".", "!", "?", ":", ";", ",")) or not line[0].isalnum() or line[0].islower():
        return False
    folded = fold(line)
    if _ABOUT.match(folded) or _ROLE_WORDS.search(folded) or is_all_date_words(line):
        return False
    return _split_label(line)[0] is None


def _project(position: int, draft: _Draft, *, is_past: bool) -> ReadProject:
    raw = draft.durations[0] if draft.durations else ""
    reading = read_dates(raw)
    text = " ".join(draft.paragraphs)
    project = ReadProject(
        position=position,
        title=draft.title,
        proposed_title=None if draft.title else _propose_title(text),
        raw_duration=raw,
        when=reading.when,
        body="\n\n".join(draft.paragraphs),
        organisations=_organisations(draft),
        and_others=any(has_others(names) for _, names in _lists(draft)),
        past=is_past,
    )
    return replace(project, notes=(*reading.notes, *_notes(project, draft)))


def _organisations(draft: _Draft) -> tuple[ReadOrganisation, ...]:
    listed = [one for role, names in draft.lists for one in split_names(names, role)]
    told = [one for paragraph in draft.paragraphs for one in find_organisations(paragraph)]
    unique = {(fold(one.name), one.role): one for one in reversed([*listed, *told])}
    return tuple(reversed(unique.values()))


def _lists(draft: _Draft) -> Iterator[tuple[str, str]]:
    """Every list of organisations, from a label or from the prose."""
    yield from draft.lists
    for paragraph in draft.paragraphs:
        yield from find_lists(paragraph)


def _propose_title(text: str) -> str | None:
    """The name that most often stands before the word "project", if there is one."""
    names = Counter(
        name for name in _NAMED_PROJECT.findall(text) if name[0].isupper() and name not in _ARTICLES
    )
    return names.most_common(1)[0][0] if names else None


def _notes(project: ReadProject, draft: _Draft) -> Iterator[str]:
    if project.title is None:
        yield "The heading is missing: please give the title."
    if not draft.durations:
        yield "Undated: the page gives no duration."
    for extra in draft.durations[1:]:
        yield f"There is a second duration, {extra}: maybe these are two projects."
    if project.and_others:
        yield "The list of organisations is open: it ends with “and others”."
    roles = {organisation.role for organisation in project.organisations}
    if PARTNER in roles and "funder" not in roles:
        yield "The text names a partner but not who pays: add the funder if there is one."
    if match := _FINANCED_WITHIN.search(project.body):
        yield f"Check the funder: “{match[0]}”."
    for paragraph in draft.paragraphs:
        if _OUTCOME.search(paragraph):
            yield f"An outcome is told: “{paragraph}”"
