"""The subject and the preview line that a digest gets when nobody wrote one.

Both are proposals: a coordinator may replace them. It invents nothing that is not in the digest.
"""

import re
from collections.abc import Sequence

from mailer.domain.compose import propose_subject as choose_titles
from mailer.domain.content import Status
from mailer.domain.digest import Card, DeadlineCard, Digest, EventCard, Role, count_cards
from mailer.domain.eligibility import closing_order
from mailer.domain.texts import Chosen
from mailer.i18n import Words
from mailer.message.dates import deadline_words, in_words
from mailer.message.vocabulary import ACT, N_, list_words

SUBJECT_LENGTH = 50
PREHEADER_LENGTHS = 40, 90
_SHORTEST = 12

_JOINT = re.compile(r":\s|\s[–—-]\s")


def propose_subject(digest: Digest, lang: str, sender: str) -> str:
    """At most 50 characters: "Prague 7 meetup, City Hall vote + 3 more"."""
    words, chosen = Words(lang), choose_titles(digest)
    titles = [_headline(title, digest, words) for title in chosen.titles]
    if not titles:
        return shorten(words.say("News from %(name)s", name=sender), SUBJECT_LENGTH)
    if len(titles) == 1:
        return _with_more(titles[0], chosen.more, words)
    both = _with_pair(titles[0], titles[1], chosen.more, words)
    return both or _with_more(titles[0], chosen.more + 1, words)


def propose_preheader(digest: Digest, lang: str, tz: str) -> str:
    """40 to 90 characters: how much there is, and the nearest deadline or else the first event."""
    words, cards = Words(lang), digest.cards()
    shortest, longest = PREHEADER_LENGTHS
    counts = f"{list_words(_counts(digest, words), lang)}."
    date = _nearest(cards, lang, tz)
    line = f"{counts} {date}" if date and len(counts) + len(date) < longest else counts
    if len(line) < shortest:
        line = f"{line} {words.say(_promise(cards))}"
    return shorten(line, longest)


def shorten(text: str, length: int) -> str:
    """`text` in at most `length` characters, cut at a joint or between words, with "…"."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    head = _JOINT.split(text)[0]
    if _SHORTEST <= len(head) <= length:
        return head
    cut = text[: length - 1]
    splits_a_word = text[length - 1].isalnum() and " " in cut[length // 3 :]
    at_word = cut.rpartition(" ")[0] if splits_a_word else cut
    return at_word.rstrip(" ,.;:–—-") + "…"


def _headline(title: Chosen, digest: Digest, words: Words) -> str:
    """A title; one that is off says so, or the subject would invite people to it."""
    off = [card.title for card in digest.cards() if card.role is Role.CANCELLED]
    return words.say("Cancelled: %(title)s", title=title.text) if title in off else title.text


def _with_pair(first: str, second: str, more: int, words: Words) -> str:
    """Two titles and how many more, if they fit without losing a word, else nothing."""
    room = SUBJECT_LENGTH - len(_more(_pair("", "", words), more, words))
    one = shorten(first, max(room // 2, room - len(second)))
    other = shorten(second, room - len(one))
    is_whole = not one.endswith("…") and not other.endswith("…")
    return _more(_pair(one, other, words), more, words) if is_whole else ""


def _with_more(title: str, more: int, words: Words) -> str:
    room = SUBJECT_LENGTH - len(_more("", more, words))
    return _more(shorten(title, room), more, words)


def _pair(first: str, second: str, words: Words) -> str:
    return words.say("%(first)s, %(second)s", first=first, second=second)


def _more(titles: str, number: int, words: Words) -> str:
    if not number:
        return titles
    return words.plural(
        "%(titles)s + %(num)d more", "%(titles)s + %(num)d more", number, titles=titles
    )


def _counts(digest: Digest, words: Words) -> list[str]:
    counts = count_cards(digest)
    changes, events = counts["changes"], counts["events"]
    deadlines, updates = counts["deadlines"], counts["updates"]
    said = (
        words.plural("%(num)d change", "%(num)d changes", changes) if changes else "",
        words.plural("%(num)d event", "%(num)d events", events) if events else "",
        words.plural("%(num)d deadline", "%(num)d deadlines", deadlines) if deadlines else "",
        words.plural("%(num)d update", "%(num)d updates", updates) if updates else "",
    )
    return [part for part in said if part]


def _promise(cards: Sequence[Card]) -> str:
    """What there is to find inside: times and places only where something takes place."""
    if any(isinstance(card, EventCard) for card in cards):
        return N_("You will find all times and places inside.")
    return N_("You will find all the details inside this letter.")


def _nearest(cards: Sequence[Card], lang: str, tz: str) -> str:
    """The deadline that closes first, else the event that begins first, in words."""
    return _first_deadline(cards, lang) or _first_event(cards, lang, tz)


def _first_deadline(cards: Sequence[Card], lang: str) -> str:
    found = [card for card in cards if isinstance(card, DeadlineCard) and card.closes.is_exact]
    if not found:
        return ""
    words, first = Words(lang), min(found, key=lambda card: closing_order(card.closes))
    date = deadline_words(first.closes, lang, with_zone=False)
    return words.say("%(action)s: %(date)s.", action=words.say(ACT[first.kind]), date=date)


def _first_event(cards: Sequence[Card], lang: str, tz: str) -> str:
    events = [card for card in cards if isinstance(card, EventCard)]
    on = [card for card in events if card.status not in (Status.CANCELLED, Status.POSTPONED)]
    moments = [sitting.when for card in on for sitting in card.sittings if sitting.when.is_exact]
    if not moments:
        return ""
    soonest = min(moments, key=lambda when: when.sort_key)
    return Words(lang).say("The first: %(date)s.", date=in_words(soonest, lang, tz=tz))
