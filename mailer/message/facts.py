"""A digest as plain words: texts, numbers and links that the templates only have to lay out.

HTML and plain text are made from the same facts, so they cannot say different things. It refuses
to know markup, and gives away no object that a template could call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailer.domain.content import Attendance, Registration, Status
from mailer.domain.digest import (
    Acknowledgement,
    Card,
    DeadlineCard,
    Digest,
    EventCard,
    Place,
    Role,
    Section,
    SectionKind,
    Sitting,
    UpdateCard,
)
from mailer.domain.texts import Chosen
from mailer.domain.when import When
from mailer.i18n import Words, get_language
from mailer.message import vocabulary
from mailer.message.dates import (
    date_block,
    deadline_words,
    in_words,
    time_words,
    zone_words,
)
from mailer.message.sanitise import is_safe_link

Facts = dict[str, Any]

_OFF = (Status.CANCELLED, Status.POSTPONED)


@dataclass(frozen=True, slots=True)
class Setting:
    """For whom and where: an interface language, the public address, the reader's clock.

    `now` is when the letter leaves; without it, days that have begun are not told apart.
    """

    lang: str
    base_url: str
    tz: str
    now: datetime | None = None

    @property
    def words(self) -> Words:
        return Words(self.lang)

    def page(self, path: str) -> str:
        return f"{self.base_url}/{self.lang}/{path}"


def digest_facts(digest: Digest, setting: Setting) -> Facts:
    """Everything a digest says, in the order in which it says it."""
    sections = [_section(section, setting) for section in digest.sections]
    return {"sections": sections, "zone": zone_words(setting.tz, setting.lang)}


def said(chosen: Chosen, lang: str, *, beside: Chosen | None = None) -> Facts:
    """A text with what a reader of `lang` must know of its language.

    `is_foreign` asks for lang and dir on it; `tag` ("in English") is set on a fallback, unless the
    text `beside` it carries the same tag already.
    """
    text = " ".join(chosen.text.split())
    is_tagged = bool(text) and chosen.is_fallback and not (beside and beside.lang == chosen.lang)
    tag = vocabulary.in_language(chosen.lang, lang) if is_tagged else ""
    return {
        "text": text,
        "plain": f"{text} ({tag})" if tag else text,
        "tag": tag,
        "lang": chosen.lang,
        "dir": get_language(chosen.lang).dir,
        "is_foreign": bool(text) and chosen.lang.partition("-")[0] != lang,
    }


def _section(section: Section, setting: Setting) -> Facts:
    is_calendar = section.kind in (SectionKind.THIS_WEEK, SectionKind.ANNOUNCED)
    return {
        "title": setting.words.say(vocabulary.SECTIONS[section.kind]),
        "items": [_card(card, setting) for card in section.cards],
        "thanks": [_thanks(one, setting) for one in section.acknowledgements],
        "overflow": section.overflow,
        "calendar_url": setting.page("events") if is_calendar else "",
    }


def _thanks(one: Acknowledgement, setting: Setting) -> Facts:
    return {
        "project": said(one.project, setting.lang),
        "text": said(one.text, setting.lang),
    }


def _card(card: Card, setting: Setting) -> Facts:
    match card:
        case EventCard():
            return _event(card, setting)
        case DeadlineCard():
            return _deadline(card, setting)
        case UpdateCard():
            return _update(card, setting)


def _common(card: Card, setting: Setting) -> Facts:
    return {
        "title": said(card.title, setting.lang),
        "project": said(card.project, setting.lang) if card.project else None,
    }


def _event(card: EventCard, setting: Setting) -> Facts:
    is_off = _is_off(card)
    is_line = card.role in (Role.REMINDER, Role.SAVE_THE_DATE) and not is_off
    return _common(card, setting) | {
        "shape": "line" if is_line else "event",
        "badge": _badge(card, setting.words),
        "url": setting.page(f"events/{card.slug}"),
        "rows": [_row(card, sitting, setting) for sitting in card.sittings or _undated(card)],
        "more": _more(card, setting.words),
        "summary": said(card.summary, setting.lang, beside=card.title),
        "notes": [] if is_off else _notes(card, setting.words),
        "button": None if is_off else _button(card, setting.words),
        "links": [] if is_off else _links(card, setting),
    }


def _is_off(card: EventCard) -> bool:
    return card.status in _OFF or card.role is Role.CANCELLED


def _badge(card: EventCard, words: Words) -> str:
    word = vocabulary.STATUSES.get(card.status) or vocabulary.ROLES.get(card.role)
    return words.say(word) if word else ""


def _more(card: EventCard, words: Words) -> str:
    number = card.more_sittings
    return words.plural("and %(num)d more date", "and %(num)d more dates", number) if number else ""


def _undated(card: EventCard) -> tuple[Sitting, ...]:
    """What stands in for the sittings of an event that has none: that its date is not known."""
    return (Sitting(When.unknown(), None, (), card.status),)


def _row(card: EventCard, sitting: Sitting, setting: Setting) -> Facts:
    lang, status = setting.lang, vocabulary.STATUSES.get(sitting.status)
    is_apart = sitting.status is not card.status
    is_off = _is_off(card) or sitting.status in _OFF
    venue, address = _place(sitting.place, lang)
    return {
        "leaf": _leaf(sitting.when, lang),
        "time": time_words(sitting.when, lang, tz=setting.tz),
        "date": in_words(sitting.when, lang, tz=setting.tz, now=setting.now),
        "badge": setting.words.say(status) if status and is_apart else "",
        "is_off": is_off,
        "venue": venue,
        "address": address,
        "place": ", ".join(part for part in (venue["text"] if venue else "", address) if part),
        "spoken": [] if is_off else vocabulary.spoken_lines(sitting.spoken, lang),
    }


def _place(place: Place | None, lang: str) -> tuple[Facts | None, str]:
    """The name of the venue in its language, and where it is as people there write it."""
    if place is None:
        return None, ""
    address = ", ".join(part for part in (place.street, place.city, place.room) if part)
    return said(place.name, lang) if place.name else None, address


def _leaf(when: When, lang: str) -> Facts | None:
    block = date_block(when, lang)
    return {"weekday": block.weekday, "day": block.day, "month": block.month} if block else None


def _notes(card: EventCard, words: Words) -> list[str]:
    attendance = vocabulary.ATTENDANCES.get(card.attendance)
    notes = [words.say(attendance)] if attendance else []
    notes.append(words.say("Free entry") if card.is_free else words.say("Entry fee"))
    if card.has_refreshments:
        notes.append(words.say("Food and drinks"))
    return [*notes, words.say(vocabulary.REGISTRATIONS[card.registration])]


def _button(card: EventCard, words: Words) -> Facts | None:
    """The one thing to do about an event: register if that is asked for, else join online."""
    label = vocabulary.REGISTER.get(card.registration)
    if label and is_safe_link(card.registration_url):
        return {"label": words.say(label), "url": card.registration_url}
    return _online(card, words) if card.registration is Registration.NONE else None


def _online(card: EventCard, words: Words) -> Facts | None:
    is_online = card.attendance is not Attendance.IN_PERSON and is_safe_link(card.online_url)
    return {"label": words.say("Join online"), "url": card.online_url} if is_online else None


def _links(card: EventCard, setting: Setting) -> list[Facts]:
    words = setting.words
    online = _online(card, words)
    links = [online] if online and online != _button(card, words) else []
    if card.sittings and all(sitting.when.is_exact for sitting in card.sittings):
        calendar = setting.page(f"events/{card.slug}.ics")
        links.append({"label": words.say("Add to calendar"), "url": calendar})
    return links


def _deadline(card: DeadlineCard, setting: Setting) -> Facts:
    words, role = setting.words, vocabulary.ROLES.get(card.role)
    url = card.url if is_safe_link(card.url) else ""
    last = When.on(card.closes.ends_on) if card.closes.ends_on else card.closes
    return _common(card, setting) | {
        "shape": "deadline",
        "label": words.say(vocabulary.DEADLINES[card.kind]),
        "badge": words.say(role) if role else "",
        "leaf": _leaf(last, setting.lang) if card.closes.is_exact else None,
        "closes": deadline_words(card.closes, setting.lang),
        "summary": said(card.summary, setting.lang, beside=card.title),
        "button": {"label": words.say(vocabulary.ACT[card.kind]), "url": url} if url else None,
    }


def _update(card: UpdateCard, setting: Setting) -> Facts:
    return _common(card, setting) | {
        "shape": "update",
        "label": setting.words.say(vocabulary.UPDATES[card.kind]),
        "url": card.url if is_safe_link(card.url) else "",
        "summary": said(card.teaser, setting.lang, beside=card.title),
    }


def language_links(versions: Mapping[str, str], present: str) -> Sequence[Facts]:
    """The letter's other languages, each invited to in its own words."""
    return [
        {
            "lang": code,
            "dir": get_language(code).dir,
            "label": vocabulary.read_in(code),
            "url": url,
        }
        for code, url in versions.items()
        if code != present
    ]
