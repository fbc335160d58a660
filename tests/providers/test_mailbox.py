"""The box that bounces come back to, on a real server: what is read of it, and that all of it
stays as it was."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from mailer.providers import mailbox
from mailer.providers.bounces import LARGEST
from mailer.providers.mailbox import MailboxDown, MailWithheld, open_mailbox
from mailer.sections.mail import Bounces
from tests.mailboxes import Dovecot, silent_imap
from tests.sinks import free_port

MAIL = b"Subject: Hello\r\n\r\nGood news.\r\n"


@pytest.fixture
def owner() -> str:
    """Somebody whose box nobody has looked into yet."""
    return uuid4().hex


def read_all(config: Bounces, above: int = 0) -> list[bytes]:
    with open_mailbox(config) as box:
        mails, until = box.list_above(above)
        assert until == max(above, box.next_uid - 1)
        return [box.read(uid) for uid in mails]


def configure(dovecot: Dovecot, owner: str, **others: object) -> Bounces:
    return Bounces.model_validate(dovecot.section(owner, **others))


def test_mails_are_read_from_the_first_on_and_above_a_number(dovecot: Dovecot, owner: str) -> None:
    mails = [b"Subject: %d\r\n\r\nHello\r\n" % number for number in range(3)]
    dovecot.put(owner, *mails)

    everything, rest, nothing = (read_all(configure(dovecot, owner), above) for above in (0, 2, 3))

    assert (everything, rest, nothing) == (mails, mails[2:], [])


def test_box_stays_as_it_was(dovecot: Dovecot, owner: str) -> None:
    """Others may keep their mail there: nothing is marked as seen, nothing is gone."""
    dovecot.put(owner, MAIL, MAIL)

    read_all(configure(dovecot, owner))

    assert dovecot.list_flags(owner) == [b"1 (UID 1 FLAGS ())", b"2 (UID 2 FLAGS ())"]


def test_only_the_beginning_of_a_big_mail_is_fetched(dovecot: Dovecot, owner: str) -> None:
    big = MAIL + b"x\r\n" * LARGEST
    dovecot.put(owner, big)

    assert read_all(configure(dovecot, owner)) == [big[:LARGEST]]


def test_mail_that_somebody_deleted_meanwhile_is_empty(dovecot: Dovecot, owner: str) -> None:
    dovecot.put(owner, MAIL)

    with open_mailbox(configure(dovecot, owner)) as box:
        assert box.read(7) == b""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.chmod(0), "Internal error"),  # it says no
        (lambda file: file.write_bytes(b"cut"), "EOF"),  # it hangs up
    ],
    ids=["unreadable", "broken"],
)
def test_mail_that_the_server_cannot_read_is_told_from_a_box_that_is_shut(
    dovecot: Dovecot, owner: str, damage: Callable[[Path], object], said: str
) -> None:
    dovecot.put(owner, MAIL, b"Subject: Broken\r\n\r\nHello\r\n" * 9)
    config = configure(dovecot, owner)
    assert len(read_all(config)) == 2
    damage(dovecot.find_file(owner, b"Broken"))

    with open_mailbox(config) as box, pytest.raises(MailWithheld, match=said):
        box.read(2)
    with open_mailbox(config) as box:
        assert box.read(1) == MAIL


def test_silence_is_no_answer_about_a_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "TIMEOUT", 0.3)
    with (
        silent_imap() as section,
        open_mailbox(Bounces.model_validate(section)) as box,
        pytest.raises(MailboxDown) as down,
    ):
        box.read(1)

    assert type(down.value) is MailboxDown


def test_long_box_is_listed_stretch_by_stretch(
    dovecot: Dovecot, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "_STRETCH", 2)
    dovecot.put(owner, *[MAIL] * 5)

    with open_mailbox(configure(dovecot, owner)) as box:
        steps = [box.list_above(uid) for uid in (0, 2, 4, 5)]

    assert steps == [([1, 2], 2), ([3, 4], 4), ([5], 5), ([], 5)]


@pytest.mark.parametrize("security", ["starttls", "none"])
def test_box_is_opened_by_its_other_door_too(dovecot: Dovecot, owner: str, security: str) -> None:
    dovecot.put(owner, MAIL)
    config = configure(dovecot, owner, imap_port=dovecot.port, imap_security=security)

    assert read_all(config) == [MAIL]


def test_folder_may_have_any_name(dovecot: Dovecot, owner: str) -> None:
    folder = 'What "came" back'
    with dovecot.sign_in(owner) as server:
        server.create('"What \\"came\\" back"')
        server.append('"What \\"came\\" back"', "", "", MAIL)

    assert read_all(configure(dovecot, owner, folder=folder)) == [MAIL]


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"password": "wrong"}, "[AUTHENTICATIONFAILED] Authentication failed."),
        ({"folder": "None"}, "Mailbox doesn't exist: None"),
        ({"imap_host": "127.0.0.1"}, "certificate verify failed: IP address mismatch"),
        ({"imap_port": free_port()}, "Connection refused"),
    ],
    ids=["password", "folder", "certificate", "port"],
)
def test_box_that_does_not_open_says_why(
    dovecot: Dovecot, owner: str, others: dict[str, object], words: str
) -> None:
    with pytest.raises(MailboxDown) as down, open_mailbox(configure(dovecot, owner, **others)):
        pass

    assert words in str(down.value)
    assert "\n" not in str(down.value)
