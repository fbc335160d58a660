"""Every mistake the service can name. Each class writes its own sentence and carries its facts.

MailerError
├── Refused              what was asked is not allowed now; the sentence says what to do instead
│   ├── NotReadyToSend     blockers stand between the newsletter and its readers
│   ├── WrongState         the newsletter, subscriber or delivery is past that point
│   └── NotPermitted       the person's role does not reach that far
├── Invalid              what was typed cannot be used; names the field
│   └── InvalidAddress     an e-mail address that cannot or must not be mailed
├── NotFound             no such row
├── NotNow               nothing is wrong with what was asked, and the machine cannot do it just now
├── Unreadable           what a provider reports is not in the form it promised
├── BadLink              a signed link that does not hold
│   └── ExpiredLink        it held once; a new one can be asked for
└── TooMany              a limit that protects people from unwanted mail

(`config.Misconfigured` stands apart: it is raised before there is a service at all.)

Edges map them once: `web/errors.py` to HTTP codes, `cli.py` to exit codes.
"""

from collections.abc import Sequence


class MailerError(Exception):
    """A mistake a person can act on. Its text is a whole sentence, fit to be shown."""


class Refused(MailerError):
    """What was asked is not allowed now."""


class NotReadyToSend(Refused):
    def __init__(self, blockers: Sequence[str]) -> None:
        self.blockers = tuple(blockers)
        super().__init__("This newsletter cannot be sent yet: " + " ".join(self.blockers))


class WrongState(Refused):
    """`advice` is a sentence that says what can be done instead."""

    def __init__(self, thing: str, state: str, wanted: str, advice: str) -> None:
        self.thing, self.state, self.wanted = thing, state, wanted
        super().__init__(f"The {thing} is {state}, so it cannot be {wanted}. {advice}")


class NotPermitted(Refused):
    def __init__(self, permission: str) -> None:
        self.permission = permission
        super().__init__(
            f"Your role does not include “{permission}”. Ask an administrator to do it, or to "
            "change your role."
        )


class Invalid(MailerError):
    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        super().__init__(sentence)


class InvalidAddress(Invalid):
    def __init__(self, sentence: str) -> None:
        super().__init__("email", sentence)


class NotFound(MailerError):
    def __init__(self, thing: str, which: object) -> None:
        self.thing, self.which = thing, which
        super().__init__(f"There is no {thing} “{which}”.")


class NotNow(MailerError):
    """The same may be asked again, and nothing else needs to change."""


class Unreadable(MailerError):
    """Nothing of the report is taken, so that it can be sent again."""


class BadLink(MailerError):
    def __init__(
        self, sentence: str = "This link is not complete. Open it again from the e-mail."
    ) -> None:
        super().__init__(sentence)


class ExpiredLink(BadLink):
    def __init__(self) -> None:
        super().__init__("This link is too old. Ask for a new one below.")


class TooMany(MailerError):
    """A limit was reached; the sentence says when to try again."""
