"""The words for what a card says in codes: languages, statuses, places, registration, deadlines.

Words only: where they stand in a letter is the templates' business, dates have their own room.
"""

from collections.abc import Mapping, Sequence

from babel.lists import format_list

from mailer.domain.content import (
    Attendance,
    DeadlineKind,
    Registration,
    Spoken,
    SpokenRole,
    Status,
    UpdateKind,
)
from mailer.domain.digest import Role, SectionKind
from mailer.i18n import Words, get_language, get_locale, interface_for


def N_(message: str) -> str:  # noqa: N802  the name that message extractors look for
    """Marks a text for the translators; it is translated where it is used."""
    return message


DATE_UNKNOWN = N_("date not known yet")

SEASONS: Mapping[str, str] = {
    "spring": N_("spring %(year)s"),
    "summer": N_("summer %(year)s"),
    "autumn": N_("autumn %(year)s"),
    "winter": N_("winter %(year)s"),
}

SECTIONS: Mapping[SectionKind, str] = {
    SectionKind.CHANGES: N_("Changes and cancellations"),
    SectionKind.ACT_BY: N_("Deadlines"),
    SectionKind.THIS_WEEK: N_("Coming up"),
    SectionKind.ANNOUNCED: N_("New: later dates"),
    SectionKind.UPDATES: N_("Project news"),
    SectionKind.SAVE_THE_DATE: N_("Save the date"),
    SectionKind.ACKNOWLEDGEMENTS: N_("Who supports us"),
}

STATUSES: Mapping[Status, str] = {
    Status.TENTATIVE: N_("Not certain yet"),
    Status.RESCHEDULED: N_("New date"),
    Status.POSTPONED: N_("Postponed: we will tell you the new date"),
    Status.MOVED_ONLINE: N_("Now online"),
    Status.CANCELLED: N_("Cancelled"),
}
"""A scheduled event has nothing to say."""

ROLES: Mapping[Role, str] = {
    Role.CHANGED: N_("Changed"),
    Role.CANCELLED: N_("Cancelled"),
}

ATTENDANCES: Mapping[Attendance, str] = {
    Attendance.ONLINE: N_("Online"),
    Attendance.HYBRID: N_("Also online"),
}

REGISTRATIONS: Mapping[Registration, str] = {
    Registration.NONE: N_("No registration needed"),
    Registration.RECOMMENDED: N_("Please register"),
    Registration.REQUIRED: N_("Registration required"),
    Registration.WAITLIST: N_("Full: there is a waiting list"),
    Registration.FULL: N_("Fully booked"),
    Registration.CLOSED: N_("Registration closed"),
}

REGISTER: Mapping[Registration, str] = {
    Registration.RECOMMENDED: N_("Register"),
    Registration.REQUIRED: N_("Register"),
    Registration.WAITLIST: N_("Join the waiting list"),
}
"""What the button says; the other ways have none."""

DEADLINES: Mapping[DeadlineKind, str] = {
    DeadlineKind.VOTE: N_("Vote"),
    DeadlineKind.OPEN_CALL: N_("Open call"),
    DeadlineKind.REGISTRATION: N_("Registration"),
    DeadlineKind.APPLICATION: N_("Application"),
}

ACT: Mapping[DeadlineKind, str] = {
    DeadlineKind.VOTE: N_("Vote"),
    DeadlineKind.OPEN_CALL: N_("Take part"),
    DeadlineKind.REGISTRATION: N_("Register"),
    DeadlineKind.APPLICATION: N_("Apply"),
}

UPDATES: Mapping[UpdateKind, str] = {
    UpdateKind.NEWS: N_("News"),
    UpdateKind.MILESTONE: N_("Milestone"),
    UpdateKind.RESULT: N_("Result"),
    UpdateKind.DOCUMENT: N_("Document"),
    UpdateKind.CALL: N_("Open call"),
}

SPOKEN: Mapping[SpokenRole, str] = {
    SpokenRole.MAIN: N_("Language: %(languages)s"),
    SpokenRole.INTERPRETATION: N_("Interpretation: %(languages)s"),
    SpokenRole.MATERIALS: N_("Printed materials: %(languages)s"),
    SpokenRole.ON_REQUEST: N_("If you ask: %(languages)s"),
    SpokenRole.SIGN: N_("Sign language: %(languages)s"),
}

IN_LANGUAGE: Mapping[str, str] = {
    "en": N_("in English"),
    "cs": N_("in Czech"),
    "uk": N_("in Ukrainian"),
    "ru": N_("in Russian"),
    "vi": N_("in Vietnamese"),
    "ar": N_("in Arabic"),
    "sk": N_("in Slovak"),
    "de": N_("in German"),
    "fr": N_("in French"),
    "es": N_("in Spanish"),
    "pl": N_("in Polish"),
    "ro": N_("in Romanian"),
    "fa": N_("in Persian"),
    "tr": N_("in Turkish"),
    "zh": N_("in Chinese"),
}

READ_IN: Mapping[str, str] = {
    "en": "Read in English",
    "cs": "Číst česky",
    "uk": "Читати українською",
    "ru": "Читать по-русски",
    "vi": "Đọc bằng tiếng Việt",
    "ar": "اقرأ بالعربية",
    "sk": "Čítať po slovensky",
    "de": "Auf Deutsch lesen",
    "fr": "Lire en français",
    "es": "Leer en español",
    "pl": "Czytaj po polsku",
    "ro": "Citește în română",
    "fa": "به فارسی بخوانید",
    "tr": "Türkçe oku",
    "zh": "阅读中文版",
}
"""Each in its own language, like the endonyms: whoever looks for it must be able to read it."""


def language_name(code: str, lang: str) -> str:
    """A language as readers of `lang` call it: "Ukrainian"; its own name if CLDR has none."""
    names = get_locale(interface_for(lang)).languages
    base = code.partition("-")[0]
    return str(names.get(base) or get_language(code).endonym)


def in_language(code: str, lang: str) -> str:
    """The tag on a text that is not in the reader's language: "in English"."""
    words, base = Words(lang), code.partition("-")[0]
    if base in IN_LANGUAGE:
        return words.say(IN_LANGUAGE[base])
    return words.say("language: %(language)s", language=language_name(code, lang))


def read_in(code: str) -> str:
    """The invitation to read a letter in `code`, in that language; its own name if unlisted."""
    return READ_IN.get(code.partition("-")[0]) or get_language(code).endonym


def spoken_lines(spoken: Sequence[Spoken], lang: str) -> list[str]:
    """What is spoken, a line per role in a fixed order: "Language: Czech, English"."""
    words = Words(lang)
    lines = []
    for role, label in SPOKEN.items():
        names = [language_name(one.lang, lang) for one in spoken if one.role is role]
        if names:
            lines.append(words.say(label, languages=list_words(names, lang)))
    return lines


def list_words(parts: Sequence[str], lang: str) -> str:
    """The parts as one list, joined as the language joins: "Czech, English and Arabic"."""
    return format_list(list(parts), locale=get_locale(interface_for(lang)))
