"""What Brevo's webhooks say, in our words; what they must not be able to say."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailer.domain.errors import Unreadable
from mailer.domain.feedback import Feedback, FeedbackKind
from mailer.message.headers import message_id, read_message_id
from mailer.providers.brevo_hook import BrevoHook
from tests.providers.events import DOMAIN, SECRET, THEIR_ID, brevo_event

AT = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
ANNA = "anna@example.org"
HOOK = BrevoHook(lambda text: read_message_id(text, SECRET))
K = FeedbackKind


def read(*events: Any) -> list[Feedback]:
    body = events[0] if len(events) == 1 else list(events)
    return HOOK.read(json.dumps(body).encode())


def test_bounce_is_read_whole() -> None:
    words = "550 5.1.1 The account does not exist [192.0.2.9]"

    said = read(brevo_event("hard_bounce", 7, ANNA, AT, reason=words))

    assert said == [
        Feedback(
            provider="brevo",
            event_id=f"hard_bounce\n{THEIR_ID}\n{ANNA}\n2026-11-26T08:00:00+00:00",
            kind=K.HARD_BOUNCE,
            at=AT,
            delivery_id=7,
            provider_message_id=THEIR_ID,
            address=ANNA,
            status="5.1.1",
            text=words,
        )
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("delivered", K.DELIVERED),
        ("deferred", K.DELAYED),
        ("soft_bounce", K.SOFT_BOUNCE),
        ("hard_bounce", K.HARD_BOUNCE),
        ("invalid_email", K.HARD_BOUNCE),
        ("blocked", K.BLOCKED),
        ("error", K.BLOCKED),
        ("spam", K.COMPLAINT),
        ("complaint", K.COMPLAINT),
        ("unsubscribed", K.UNSUBSCRIBED),
    ],
)
def test_their_words_become_ours(name: str, kind: FeedbackKind) -> None:
    said = read(brevo_event(name, 7, ANNA, AT))

    assert [one.kind for one in said] == [kind]


@pytest.mark.parametrize(
    "name",
    ["request", "opened", "unique_opened", "click", "proxy_open", "list_addition", "something new"],
)
def test_other_events_are_of_no_interest(name: str) -> None:
    assert read(brevo_event(name, 7, ANNA, AT)) == []


@pytest.mark.parametrize(
    ("words", "kind", "status"),
    [
        ("550 5.7.1 blocked by policy", K.BLOCKED, "5.7.1"),
        ("552 5.2.2 over quota", K.SOFT_BOUNCE, "5.2.2"),
        ("550-5.1.10 null MX", K.HARD_BOUNCE, "5.1.10"),
        ("550 no such user", K.HARD_BOUNCE, ""),
        ("refused by 5.7.10.11 for good", K.HARD_BOUNCE, ""),
        ("refused, see 15.7.1", K.HARD_BOUNCE, ""),
    ],
)
def test_a_policy_or_a_full_mailbox_is_no_dead_address(
    words: str, kind: FeedbackKind, status: str
) -> None:
    (said,) = read(brevo_event("hard_bounce", 7, ANNA, AT, reason=words))

    assert (said.kind, said.status) == (kind, status)


def test_the_same_event_has_the_same_id_and_another_one_has_not() -> None:
    event = brevo_event("soft_bounce", 7, ANNA, AT)
    later = brevo_event("soft_bounce", 7, ANNA, AT + timedelta(seconds=1))
    others = [
        brevo_event("hard_bounce", 7, ANNA, AT),
        brevo_event("soft_bounce", 7, ANNA, AT, message_id="<other@smtp-relay.mailin.fr>"),
        brevo_event("soft_bounce", 7, "eva@example.org", AT),
    ]

    ids = [one.event_id for one in read({**event, "id": 99}, event, later, *others)]

    assert ids[0] == ids[1]
    assert len(set(ids)) == 5


def test_mail_through_the_smtp_relay_is_known_by_its_own_id() -> None:
    event = brevo_event(
        "delivered", 7, ANNA, AT, custom=None, message_id=message_id(7, SECRET, DOMAIN)
    )

    assert [one.delivery_id for one in read(event)] == [7]


def test_mail_that_names_nobody_is_about_an_address_only() -> None:
    (said,) = read(brevo_event("spam", 7, ANNA, AT, custom=None))

    assert (said.delivery_id, said.address) == (None, ANNA)


@pytest.mark.parametrize(
    "custom",
    [
        message_id(7, b"another key", DOMAIN),
        message_id(7, SECRET, DOMAIN).replace("0007.", "0008."),
        '{"campaign": 12}',
    ],
)
def test_somebody_elses_mail_is_ignored(custom: str) -> None:
    assert read(brevo_event("hard_bounce", 7, ANNA, AT, custom=custom)) == []


def test_control_characters_and_length_are_tamed() -> None:
    event = brevo_event(
        "hard_bounce", 7, "a" * 300 + "@example.org", AT, reason="no\x00\r\n\u202esuch " + "x" * 999
    )

    (said,) = read({**event, "message-id": "<" + "x" * 400 + ">"})

    assert (said.text[:8], len(said.text)) == ("no such ", 500)
    assert (said.address, len(said.provider_message_id)) == ("", 200)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"7",
        b"null",
        b'["delivered"]',
        b"{}",
        b'{"event": 7}',
        b"[" * 100_000,
        b'{"event": ' + b"9" * 5000 + b"}",
        json.dumps(brevo_event("delivered", 7, ANNA, AT, message_id=None)).encode(),
        json.dumps(brevo_event("delivered", 7, ANNA, AT, ts_event=None, ts=None)).encode(),
        json.dumps(brevo_event("delivered", 7, ANNA, AT, ts_event="soon")).encode(),
        json.dumps(brevo_event("delivered", 7, ANNA, AT, ts_event=10**30)).encode(),
        json.dumps(brevo_event("delivered", 7, ANNA, AT, ts_event=True)).encode(),
        json.dumps([brevo_event("delivered", 7, ANNA, AT), {"event": ""}]).encode(),
    ],
)
def test_garbage_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(Unreadable):
        HOOK.read(body)
