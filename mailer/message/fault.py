"""What a check of a letter can say: a rule, how bad it is, and the fact. Checks nothing itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailer.message.vocabulary import N_


class Level(StrEnum):
    """BLOCK: the letter must not leave. WARN: a person should look."""

    BLOCK = "block"
    WARN = "warn"


_TEMPLATE = N_("The e-mail template is at fault. Tell the person who looks after the service.")

SENTENCES: Mapping[str, str] = {
    "alt": N_("A picture has no description."),
    "contrast": N_("A text is hard to see on its background."),
    "control-character": N_("There is an invisible character that must not be in a letter."),
    "font-size": N_("A text is too small."),
    "heading-order": N_("The headings are out of order."),
    "link-address": N_("A link is not complete. It must begin with https:// or mailto:."),
    "link-text": N_("A link does not say where it leads."),
    "placeholder": N_("A placeholder was left in the text."),
    "preheader-length": N_("The preview line should have 40 to 90 characters."),
    "preheader-repeats": N_("The preview line repeats the subject."),
    "preheader-empty": N_("There is no preview line."),
    "size-block": N_("The letter is too long: Gmail would cut it off. Take something out."),
    "size-warn": N_("The letter is long. Think about taking something out."),
    "subject-empty": N_("There is no subject."),
    "subject-long": N_("The subject is too long: 78 characters are the most."),
    "subject-shouts": N_("The subject shouts. Use small letters and no row of !!!."),
    "text-empty": N_("There is no text."),
    "text-line": N_("A line of the plain text is too long."),
    "text-misses": N_("Something is missing from the plain text."),
    "unsubscribe-missing": N_("The links to unsubscribe and to the choices are missing."),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """`detail` is the fact itself (a link, a text, a number), in no language of ours."""

    level: Level
    rule: str
    detail: str = ""

    @property
    def message(self) -> str:
        """What is wrong, for a person, as the catalogues know it; `detail` goes beside it."""
        return SENTENCES.get(self.rule, _TEMPLATE)


def block(rule: str, detail: object = "") -> Fault:
    return Fault(Level.BLOCK, rule, str(detail)[:200])


def warn(rule: str, detail: object = "") -> Fault:
    return Fault(Level.WARN, rule, str(detail)[:200])
