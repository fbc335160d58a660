"""Which sender the configuration asks for: a line for each provider that can carry mail."""

from collections.abc import Callable, Mapping

from mailer.config import Config
from mailer.providers.base import Sender
from mailer.providers.brevo import BrevoSender
from mailer.providers.memory import MemorySender
from mailer.providers.smtp import SmtpSender
from mailer.sections.mail import Smtp


def build_sender(config: Config) -> Sender:
    """A new sender for `mail.provider`. It connects when the first mail is sent, not before.

    Each one is for one thread; a second connection is a second sender.
    """
    return _BUILDERS[config.mail.provider](config)


def _inbox_sender(config: Config) -> Sender:
    """Mail to the inbox takes the same road as real mail, so that a demo shows the real thing."""
    here = Smtp(host=config.inbox.host, port=config.inbox.port, security="none")
    return SmtpSender(here, name="inbox")


_BUILDERS: Mapping[str, Callable[[Config], Sender]] = {
    "smtp": lambda config: SmtpSender(config.smtp),
    "brevo": lambda config: BrevoSender(config.brevo),
    "inbox": _inbox_sender,
    "memory": lambda _: MemorySender(),
}
