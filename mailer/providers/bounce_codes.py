"""What the codes of a delivery report mean in our words (RFC 3463, RFC 3464). Only a code that
speaks about the address itself is a hard bounce: it ends a subscription at once."""

import re

from mailer.domain.feedback import FeedbackKind

_K = FeedbackKind

# The address leads on to others ("expanded"), or another system took over ("relayed").
_ACTIONS = {
    "delivered": _K.DELIVERED,
    "relayed": _K.DELIVERED,
    "expanded": _K.DELIVERED,
    "delayed": _K.DELAYED,
}
_FAILURES = ("failed", "failure", "error")
"""Some servers have words of their own for "failed"."""

_STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?!\.?\d)", re.ASCII)
_PERMANENT = "5"

# What the second figure of 5.x.x is about (RFC 3463, 3): the address and its mailbox; the system
# and the way to it, which may be mended; the talk, the letter and the rules, which are not the
# reader's doing. 0 says nothing, so it ends nothing.
_SUBJECTS = {
    "0": _K.SOFT_BOUNCE,
    "1": _K.HARD_BOUNCE,
    "2": _K.HARD_BOUNCE,
    "3": _K.SOFT_BOUNCE,
    "4": _K.SOFT_BOUNCE,
    "5": _K.BLOCKED,
    "6": _K.BLOCKED,
    "7": _K.BLOCKED,
}
_EXCEPTIONS = {
    "5.1.7": _K.BLOCKED,  # the sender's address
    "5.1.8": _K.BLOCKED,  # the sender's domain
    "5.2.2": _K.SOFT_BOUNCE,  # the mailbox is full
    "5.2.3": _K.BLOCKED,  # the letter is too long for it
    "5.3.4": _K.BLOCKED,  # the letter is too big for the system
}


def find_status(*texts: str) -> str:
    """The first enhanced status code in `texts` that says something, else the first at all (as
    5.0.0, which Exim writes before the words of the other server), else ""."""
    found = [status for text in texts for status in _STATUS.findall(text)]
    telling = (status for status in found if not status.endswith(".0.0"))
    return next(telling, found[0] if found else "")


def judge(action: str, status: str) -> FeedbackKind | None:
    """What became of the mail, by the Action of a report and a status code ("" if there is none).
    None: an Action that nobody knows."""
    word = action.strip().lower().split(maxsplit=1)[:1]
    if word and word[0].startswith(_FAILURES):
        return judge_failure(status)
    return _ACTIONS.get(word[0]) if word else None


def judge_failure(status: str) -> FeedbackKind:
    """What a mail that did not arrive says about its address, by the status code, if any."""
    if not status.startswith(_PERMANENT):
        return FeedbackKind.SOFT_BOUNCE
    subject = status.split(".")[1]
    return _EXCEPTIONS.get(status) or _SUBJECTS.get(subject, FeedbackKind.SOFT_BOUNCE)
