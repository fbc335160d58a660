"""One mail at which the server hangs up must not hold up everybody else's."""

import pytest

from mailer.providers.base import Fate, ProviderDown
from mailer.providers.smtp import SmtpSender
from mailer.sections import Smtp
from tests.providers.mails import RecordingGate, a_mail
from tests.sinks import DROP, scripted_smtp


def open_sender(port: int) -> SmtpSender:
    return SmtpSender(Smtp(host="127.0.0.1", port=port, security="none", reply_seconds=2))


@pytest.mark.parametrize("answer", ["421 4.3.2 not now", DROP])
def test_the_same_mail_steps_aside_the_second_time(answer: str) -> None:
    with scripted_smtp({"RCPT": answer}) as server:
        sender = open_sender(server.port)

        with pytest.raises(ProviderDown):
            list(sender.send([a_mail(1)], RecordingGate()))
        outcomes = list(sender.send([a_mail(1)], RecordingGate()))
        with pytest.raises(ProviderDown):
            list(sender.send([a_mail(2)], RecordingGate()))
        sender.close()

    assert [outcome.fate for outcome in outcomes] == [Fate.RETRY]
