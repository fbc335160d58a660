"""The desk's words for newsletters: states, kinds, what became of mails, what is in the log.

Texts are marked here and translated where they are shown; a tone is the colour of a badge.
"""

from collections.abc import Mapping
from datetime import timedelta

from babel.dates import format_timedelta

from mailer.domain.coverage import Cover
from mailer.domain.newsletter import NewsletterKind, NewsletterState
from mailer.domain.pausing import CALLED_SPAM, REFUSED_IN_A_ROW, REFUSED_LATELY
from mailer.domain.progress import Group
from mailer.i18n import get_locale
from mailer.message.vocabulary import N_
from mailer.usecases.checks import Verdict
from mailer.usecases.drafts import Share

STATES: Mapping[NewsletterState, tuple[str, str]] = {
    NewsletterState.DRAFT: (N_("Draft"), "yellow"),
    NewsletterState.SCHEDULED: (N_("Approved"), "blue"),
    NewsletterState.PREPARING: (N_("Being prepared"), "blue"),
    NewsletterState.SENDING: (N_("Being sent"), "blue"),
    NewsletterState.PAUSED: (N_("Paused"), "red"),
    NewsletterState.SENT: (N_("Sent"), "green"),
    NewsletterState.CANCELLED: (N_("Cancelled"), "grey"),
    NewsletterState.SKIPPED_EMPTY: (N_("Not sent: nothing new"), "grey"),
    NewsletterState.MISSED: (N_("Missed"), "red"),
}

KINDS: Mapping[NewsletterKind, str] = {
    NewsletterKind.LETTER: N_("Letter"),
    NewsletterKind.DIGEST: N_("Digest"),
    NewsletterKind.NOTICE: N_("Notice of a change"),
    NewsletterKind.CORRECTION: N_("Correction"),
}

GROUPS: Mapping[Group, tuple[str, str, str]] = {
    Group.ACCEPTED: (
        N_("accepted"),
        "green",
        N_("Your mail provider, or the readers' mail server, took it."),
    ),
    Group.BOUNCED: (N_("bounced"), "red", N_("It came back or was refused. The list says why.")),
    Group.COMPLAINED: (N_("marked as spam"), "red", N_("They get nothing more from us.")),
    Group.WAITING: (N_("waiting"), "blue", N_("Their turn comes soon.")),
    Group.LATER: (N_("put off"), "yellow", N_("The server asked us to come back later.")),
    Group.UNKNOWN: (N_("unknown"), "yellow", N_("The answer was lost: they may have it or not.")),
    Group.SUPPRESSED: (N_("left out"), "grey", N_("They left or must not be mailed any more.")),
    Group.EXPIRED: (N_("too late"), "red", N_("It did not get through in time.")),
    Group.CANCELLED: (N_("cancelled"), "grey", N_("It was stopped before it left.")),
    Group.SKIPPED: (N_("nothing new"), "grey", N_("Their letter would have been empty.")),
}
"""The word for a group, its tone, and what it means."""

SERVER_STATES: Mapping[str, str] = {
    "accepted": N_("accepted"),
    "retry": N_("put off"),
    "refused": N_("refused"),
    "unknown": N_("unknown"),
    "seen": N_("unknown"),
    "unbuildable": N_("could not be written"),
}
"""What an attempt came to."""

COVERS: Mapping[Cover, tuple[str, str, str]] = {
    Cover.SOURCE: ("✓", N_("ready"), "green"),
    Cover.REVIEWED: ("✓", N_("ready"), "green"),
    Cover.OUTDATED: ("~", N_("outdated"), "yellow"),
    Cover.DRAFT: ("~", N_("not checked yet"), "yellow"),
    Cover.MACHINE: ("~", N_("not checked yet"), "yellow"),
    Cover.MISSING: ("–", N_("missing"), "grey"),
}
"""A sign to see, a word to hear, and a tone."""

SHARES: Mapping[Share, str] = {
    Share.EVERYONE: "",
    Share.REMINDER: N_("a short reminder; new readers get it all"),
    Share.NEWCOMERS: N_("for new readers only"),
    Share.REGULARS: N_("not for new readers"),
}

VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.GOOD: (N_("Good"), "green"),
    Verdict.WARNS: (N_("Look at this"), "yellow"),
    Verdict.BLOCKS: (N_("Must be mended"), "red"),
}

ACTIONS = (
    N_("newsletter created"),
    N_("newsletter edited"),
    N_("newsletter approved"),
    N_("newsletter stopped"),
    N_("newsletter paused"),
    N_("newsletter resumed"),
    N_("newsletter cancelled"),
    N_("newsletter missed"),
    N_("newsletter started"),
    N_("newsletter sent"),
    N_("failed mails tried again"),
    N_("unknown mails left alone"),
    N_("test sent"),
    N_("digest drafted"),
    N_("audience written down"),
    N_("restore noticed"),
    N_("restore confirmed"),
    N_("clock"),
    N_("command line"),
)
"""What the log says about newsletters, and who may say it besides people."""

REASONS = (
    N_("Too many mails were refused one after another: %(number)s."),
    N_("Too many mails were refused: %(number)s of the last %(all)s."),
    N_("Too many readers reported it as spam: %(number)s of %(all)s."),
    N_("The mail server cannot take this letter. It may be too big."),
    N_("It could not be prepared for sending."),
    N_("Nothing new for anybody."),
    N_("Its time passed while the service was not running."),
    N_("nothing new"),
    N_("left or suppressed"),
    N_("paused"),
    N_("too late"),
    N_("erased"),
)
"""Why a newsletter or a mail stands as it does, in the words that the ledger keeps; what pauses a
newsletter by itself as in `domain/pausing`."""


REPORTED: Mapping[str, str] = {
    "abuse": N_("The reader marked it as spam in their mail program."),
}
"""Whole answers that are codes (RFC 5965: feedback types), in words."""

_LOOK_AT_REFUSED = N_("Look at the list of those refused, then press Go on.")
LOOKS: Mapping[str, tuple[Group, str]] = {
    REFUSED_IN_A_ROW: (Group.BOUNCED, _LOOK_AT_REFUSED),
    REFUSED_LATELY: (Group.BOUNCED, _LOOK_AT_REFUSED),
    CALLED_SPAM: (Group.COMPLAINED, N_("Look at the list of those who reported it, then decide.")),
}
"""What to look at before a newsletter goes on that was paused for that reason."""


def how_long(duration: timedelta, lang: str) -> str:
    """A length of time as people say it: "12 minutes", "less than a minute" is 1 minute."""
    at_least = max(duration, timedelta(minutes=1))
    return format_timedelta(at_least, granularity="minute", threshold=1.5, locale=get_locale(lang))
