"""Finds the organisations named in a project's text, each with the part it plays.

Names are copied as written; whether two spellings are one organisation is decided elsewhere.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

PARTICIPANT, PARTNER = "participant", "partner"
_ROLES = {
    "in cooperation with": PARTNER,
    "in co-operation with": PARTNER,
    "in collaboration with": PARTNER,
    "in partnership with": PARTNER,
    "together with": PARTNER,
    "led by": "lead",
    "coordinated by": "lead",
    "implemented by": "implementer",
    "run by": "implementer",
    "organised by": "organiser",
    "organized by": "organiser",
    "funded by": "funder",
    "financed by": "funder",
    "supported by": "funder",
}
_PHRASE = re.compile(rf"\b({'|'.join(map(re.escape, _ROLES))}) ", re.IGNORECASE)
_WORD_OF_NAME = r"[^\W\d_a-z][\w&'’-]*"
_TAKES_PART = re.compile(
    rf"\b({_WORD_OF_NAME}(?: {_WORD_OF_NAME}){{0,5}}) (?:has been|is|was) (?:a )?part of\b"
)
_LEGAL_FORM = re.compile(r"(?:z\. ?s|o\. ?s|a\. ?s|z\. ?ú|o\. ?p\. ?s|s\. ?r\. ?o|e\. ?V)\.")
_WORD = re.compile(rf"{_LEGAL_FORM.pattern}[,;]?|\S+")
_ENDS_IN_LEGAL_FORM = re.compile(rf"(?:^| ){_LEGAL_FORM.pattern}$")
_OTHERS = re.compile(r",? (?:and|&) (?:many )?others?\.?$|,? et al\.?$", re.IGNORECASE)
_REST = ("other", "others")
_SEPARATOR = re.compile(r"(?:,|;)(?: and)? | and | & ")
_INSIDE_NAMES = frozenset(("and", "&", "of", "for", "the", "in", "de", "la", "–", "-"))
# A list of names is a line, not a chapter: longer text is prose that only looks like names.
_LONGEST_LIST = 400
_MOST_PHRASES = 50


@dataclass(frozen=True, slots=True)
class ReadOrganisation:
    """`role` is a word of the glossary; `note` the long form of an abbreviated name."""

    name: str
    role: str
    note: str = ""


def find_organisations(paragraph: str) -> list[ReadOrganisation]:
    """The organisations that a paragraph of prose names after a phrase such as "led by"."""
    found = [one for role, names in find_lists(paragraph) for one in split_names(names, role)]
    subjects = (match[1] for match in _TAKES_PART.finditer(paragraph))
    found += [ReadOrganisation(name, PARTICIPANT) for name in subjects if _is_capitalised(name)]
    return list(dict.fromkeys(found))


def find_lists(paragraph: str) -> Iterator[tuple[str, str]]:
    """Each run of names that follows such a phrase, as written, with the role it gives."""
    for phrase in islice(_PHRASE.finditer(paragraph), _MOST_PHRASES):
        start, end = phrase.span()
        is_opening = start == 0 or paragraph[start - 2 : start] in (". ", "! ", "? ")
        names = _take_names(paragraph[end : end + _LONGEST_LIST], is_opening=is_opening)
        yield _ROLES[phrase[1].casefold()], names


def split_names(written: str, role: str) -> list[ReadOrganisation]:
    """The names in a list such as "A z.s., B and others", without the others."""
    names = _without_end(_OTHERS.sub("", written.strip()))
    pieces = (piece.strip() for piece in _SEPARATOR.split(names))
    return [_organisation(piece, role) for piece in pieces if piece]


def has_others(written: str) -> bool:
    """Whether the list says that it is not complete."""
    return _OTHERS.search(written.strip()) is not None


def _is_capitalised(name: str) -> bool:
    return all(word[0].isupper() for word in name.split())


def _organisation(written: str, role: str) -> ReadOrganisation:
    """A dash after an abbreviation introduces its long form, not another organisation."""
    whole = written.removeprefix("the ")
    name, *long_form = re.split(r" [–-] ", whole, maxsplit=1)
    is_abbreviation = " " not in name and sum(letter.isupper() for letter in name) > 1
    if long_form and is_abbreviation:
        return ReadOrganisation(name, role, long_form[0])
    return ReadOrganisation(whole, role)


def _without_end(names: str) -> str:
    return names if _ENDS_IN_LEGAL_FORM.search(names) else names.rstrip(".,;: ")


def _take_names(text: str, *, is_opening: bool) -> str:
    """The run of names at the start of `text`.

    It stops at the first word that belongs to no name and at the end of a sentence. After an
    opening ("Led by X, we ...") a comma ends the phrase; elsewhere it goes on with the list.
    """
    taken: list[str] = []
    for word in _WORD.findall(text):
        if not _may_be_in_name(word, taken):
            break
        taken.append(word)
        if _ends_list(word, is_opening=is_opening):
            break
    while taken and taken[-1].strip(",") in _INSIDE_NAMES:
        taken.pop()
    return " ".join(taken).rstrip(",;")


def _may_be_in_name(word: str, taken: Sequence[str]) -> bool:
    after_legal_form = bool(taken) and _LEGAL_FORM.fullmatch(taken[-1]) is not None
    if after_legal_form:
        return word in ("and", "&", "–", "-")
    is_legal_form = _LEGAL_FORM.match(word) is not None
    if taken and taken[-1] in ("and", "&") and word.strip(".,;") in _REST:
        return True
    return word[0].isupper() or word in _INSIDE_NAMES or is_legal_form


def _ends_list(word: str, *, is_opening: bool) -> bool:
    if word.endswith(",") and word.strip(",") not in _REST:
        return is_opening
    return word.endswith((".", ",", "!", "?", ";", ":")) and not _LEGAL_FORM.fullmatch(word)
