"""The headers of a mail say in which language it is written, not which one its reader prefers."""

from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser

import pytest

from mailer import clock
from mailer.boot import Parts
from mailer.config import load
from mailer.storage import claiming
from mailer.storage.accounts import count_by_language
from mailer.storage.db import Sessions
from mailer.usecases import letters
from mailer.usecases.setup import set_up
from tests.letters import BASE_URL, start_letter
from tests.people import add_subscriber
from tests.usecases.test_preparing import add_event, start_digest
from tests.worker.engines import KEY, ScriptedSender, run_round

READERS = {"cs": ("cs",), "ru": ("ru", "uk"), "vi": ("vi",)}


def add_readers(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        for lang, languages in READERS.items():
            address = f"{lang}@example.org"
            add_subscriber(session, address, now, language=lang, content_languages=languages)


def send(sessions: Sessions, now: datetime) -> dict[str, EmailMessage]:
    """What leaves in one round, by the first part of the reader's address."""
    sender = ScriptedSender()
    run_round(sessions, sender, now)
    return {
        mail.recipient.partition("@")[0]: message_from_bytes(mail.content, policy=policy.default)
        for mail in sender.sent
    }


def read_language(mail: EmailMessage) -> tuple[str, str, str]:
    return mail["Content-Language"], mail["List-Archive"] or "", mail["List-Help"] or ""


def places(lang: str) -> tuple[str, str]:
    return f"<{BASE_URL}/{lang}/archive>", f"<{BASE_URL}/{lang}/link>"


def test_digest_names_the_language_of_its_words(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        set_up(session, None, now)
    add_readers(sessions, now)
    add_event(sessions, now, 3, en="Meeting")

    newsletter_id = start_digest(sessions, now)

    found = {lang: read_language(mail) for lang, mail in send(sessions, now).items()}
    assert found == {
        "cs": ("cs", *places("cs")),
        "ru": ("uk", *places("uk")),
        "vi": ("en", *places("en")),
    }
    with sessions() as session:
        assert count_by_language(session, newsletter_id) == {"cs": 1, "ru": 1, "vi": 1}


def test_letter_names_its_own_language_and_pages_that_exist(
    sessions: Sessions, now: datetime
) -> None:
    add_readers(sessions, now)

    newsletter_id = start_letter(sessions, now, cs="Dobrý den", ru="Здравствуйте")

    found = {lang: read_language(mail) for lang, mail in send(sessions, now).items()}
    assert found == {
        "cs": ("cs", *places("cs")),
        "ru": ("ru", *places("en")),
        "vi": ("cs", *places("cs")),
    }
    with sessions() as session:
        assert count_by_language(session, newsletter_id) == {"cs": 1, "ru": 1, "vi": 1}


def test_mail_that_somebody_asked_for_names_the_language_of_its_words(
    sessions: Sessions, now: datetime
) -> None:
    with sessions() as session:
        for lang in READERS:
            reader = add_subscriber(session, f"{lang}@example.org", now, language=lang)
            letters.queue(
                session,
                "already",
                language=lang,
                context={},
                now=now,
                lives=timedelta(days=1),
                subscriber=reader,
            )

    found = {lang: mail["Content-Language"] for lang, mail in send(sessions, now).items()}

    assert found == {"cs": "cs", "ru": "en", "vi": "en"}


@pytest.mark.parametrize(
    ("bounces", "sender"),
    [
        ({}, "news@example.org"),
        ({"address": "bounces@example.net"}, "bounces@example.net"),
        ({"verp": True}, "news+{mark}@example.org"),
        ({"address": "bounces@example.net", "verp": True}, "bounces+{mark}@example.net"),
    ],
)
def test_envelope_says_where_a_bounce_goes(
    sqlite_url: str, now: datetime, bounces: dict[str, object], sender: str
) -> None:
    """And nothing about it stands in the mail: its reader sees who wrote it."""
    config = load(
        site={"secret_keys": [KEY]},
        database={"url": sqlite_url},
        mail={"from_address": "news@example.org"},
        bounces=bounces,
    )
    parts = Parts(config, clock.fixed(now))
    with parts.sessions() as session:
        add_subscriber(session, "eva@example.org", now)
    start_letter(parts.sessions, now)
    with parts.sessions() as session:
        (claim,) = claiming.claim_newsletter(session, "test", now, timedelta(minutes=15), 1)

    mail = parts.build_builder().build(claim, now)

    headers = BytesHeaderParser().parsebytes(mail.content)
    parts.database.dispose()
    mark = headers["Message-ID"].strip("<>").partition("@")[0]
    assert mail.sender == sender.format(mark=mark)
    assert (headers["From"], headers["Sender"]) == ("Newsletter <news@example.org>", None)
