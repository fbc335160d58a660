"""The desk's words for subscribers: states, proofs of consent, mails, imports.

Texts are marked here and translated where they are shown; a tone is the colour of a badge.
"""

from collections.abc import Mapping

from mailer.domain.consent import Cadence, ConsentAction, SignUpStep, SubscriberState
from mailer.domain.imports import Fate
from mailer.message.vocabulary import N_
from mailer.storage.consents import Consent
from mailer.usecases.subscriber_import import Mode
from mailer.web.parts import _

STATES: Mapping[SubscriberState, tuple[str, str]] = {
    SubscriberState.CONFIRMED: (N_("Reader"), "green"),
    SubscriberState.PENDING: (N_("Unconfirmed"), "yellow"),
    SubscriberState.UNSUBSCRIBED: (N_("Left"), "grey"),
    SubscriberState.BOUNCED: (N_("Dead address"), "red"),
    SubscriberState.COMPLAINED: (N_("Complained"), "red"),
}

CADENCES: Mapping[Cadence, str] = {
    Cadence.WEEKLY: N_("Every week"),
    Cadence.MONTHLY: N_("Once a month"),
}

_CONSENTS: Mapping[ConsentAction, str] = {
    ConsentAction.REQUESTED: N_("Asked for the newsletter"),
    ConsentAction.CONFIRMED: N_("Confirmed it by the link in a mail"),
    ConsentAction.CHANGED: N_("Changed what they get"),
    ConsentAction.WITHDRAWN: N_("Left"),
    ConsentAction.RESTORED: N_("Took leaving back"),
    ConsentAction.IMPORTED: N_("Came with an import: had agreed elsewhere"),
}
_PUT_FORWARD = N_("A coordinator put them forward")

MAILS: Mapping[str, str] = {
    "confirm": N_("Question whether they want the newsletter"),
    "already": N_("Note that they are a reader already"),
    "preferences": N_("Link to their own page"),
    "address_change": N_("Question about their new address"),
    "data": N_("Link to a copy of their data"),
}

STEPS: Mapping[SignUpStep, str] = {
    SignUpStep.CONFIRM: N_("A mail is on its way. They join by pressing the button in it."),
    SignUpStep.ALREADY: N_("This person is a reader already. Nothing was changed or sent."),
    SignUpStep.NOTHING: N_(
        "No mail was sent: this address was asked a short while ago, or it must not be mailed."
    ),
}

FATES: Mapping[Fate, tuple[str, str]] = {
    Fate.NEW: (N_("New"), N_("Nobody here has seen these addresses before.")),
    Fate.ALREADY: (N_("Readers already"), N_("They stay as they are.")),
    Fate.PENDING: (N_("Asked before"), N_("They have not answered yet and stay as they are.")),
    Fate.LEFT: (N_("Left before"), N_("They stay out.")),
    Fate.BOUNCED: (N_("Dead address or complaint"), N_("They stay out.")),
    Fate.GONE: (N_("Left where the list comes from"), N_("They stay out.")),
    Fate.DOUBLE: (N_("More than once in the list"), N_("They are counted once.")),
}
INVALID = (N_("Lines we cannot use"), N_("Nobody is added by them."))

MODES: Mapping[str, str] = {
    Mode.ASK: N_("Each person was asked to confirm."),
    Mode.CONFIRMED: N_("They had confirmed elsewhere and joined at once."),
}

ACTIONS = (
    N_("subscriber added"),
    N_("subscriber unsubscribed"),
    N_("subscriber erased"),
    N_("subscribers exported"),
    N_("address shown"),
    N_("subscriber import begun"),
    N_("subscribers imported"),
    N_("subscriber import undone"),
    N_("sign-up not answered"),
)
"""What the log says about subscribers."""

_PLACES: Mapping[str, str] = {
    "form": N_("sign-up form"),
    "confirmation link": N_("link in the question"),
    "preferences link": N_("their own page"),
    "new address link": N_("link sent to the new address"),
    "unsubscribe link": N_("link to unsubscribe"),
    "one click": N_("unsubscribe button of their mail program"),
    "provider": N_("unsubscribe link of the mail provider"),
    "desk": N_("a coordinator"),
    "demonstration": N_("demonstration"),
}


def say_consent(consent: Consent) -> str:
    """What somebody agreed to or took back, in the language of the page."""
    is_theirs = consent.source != "desk" and not consent.source.startswith("import:")
    if consent.action is ConsentAction.REQUESTED and not is_theirs:
        return _(_PUT_FORWARD)
    return _(_CONSENTS[consent.action])


def say_place(source: str) -> str:
    """Where somebody came from, or did something, in the language of the page."""
    name, _colon, rest = source.partition(":")
    if name == "import" and rest:
        return _("import %(number)s", number=rest)
    if name == "project" and rest:
        return _("page of the project “%(project)s”", project=rest)
    return _(_PLACES[source]) if source in _PLACES else source
