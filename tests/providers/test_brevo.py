"""The Brevo sender against a stub of its API: what becomes of a batch for every answer."""

import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from mailer import clock
from mailer.providers import brevo
from mailer.providers.base import Fate, Mail, Outcome
from mailer.providers.brevo import BrevoSender
from mailer.sections.mail import Brevo
from tests.providers.mails import a_mail
from tests.providers.works import Commit, FakeWork, hand_over, try_to_hand_over
from tests.sinks import BrevoAnswer, BrevoStub, brevo_stub, free_port, make_certificate

NOW = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
CONTENT = b"From: MigAct <news@example.org>\r\nSubject: Hi\r\n\r\nWe meet on Friday.\r\n"

# As Brevo words them.
BAD_RECIPIENT = BrevoAnswer(
    400, {"code": "invalid_parameter", "message": "email is not valid in to"}
)
BAD_VERSION = BrevoAnswer(
    400, {"code": "invalid_parameter", "message": "to is not valid in messageVersions"}
)
WRONG_KEY = BrevoAnswer(401, {"code": "unauthorized", "message": "Key not found"})
NO_CREDITS = BrevoAnswer(402, {"code": "not_enough_credits", "message": "Not enough credits"})
NOT_ACTIVE = BrevoAnswer(403, {"code": "permission_denied", "message": "Account not activated"})
VALIDATING = BrevoAnswer(400, {"code": "account_under_validation", "message": "Please wait"})
SEEN = BrevoAnswer(400, {"code": "duplicate_parameter", "message": "idempotencyKey is used"})
TOO_FAST = BrevoAnswer(429, {"code": "too_many_requests", "message": "Slow down"})


@pytest.fixture
def stub() -> Iterator[BrevoStub]:
    with brevo_stub() as server:
        yield server


@pytest.fixture
def sender(stub: BrevoStub) -> Iterator[BrevoSender]:
    with closing(sender_to(stub.url)) as ready:
        yield ready


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brevo, "REPEAT_AFTER", 0.01)


def sender_to(url: str, batch_size: int = 50) -> BrevoSender:
    key = SecretStr("xkeysib-secret")
    config = Brevo(api_key=key, base_url=url, batch_size=batch_size, timeout_seconds=0.4)
    return BrevoSender(config, clock.fixed(NOW))


def several(count: int) -> list[Mail]:
    return [
        a_mail(key, f"reader{key}@example.org", CONTENT, idempotency_key=f"d{key}")
        for key in range(1, count + 1)
    ]


def fates(outcomes: list[Outcome]) -> list[tuple[int, Fate, int]]:
    return [(outcome.key, outcome.fate, outcome.code) for outcome in outcomes]


def test_batch_goes_out_in_one_request(stub: BrevoStub, sender: BrevoSender) -> None:

    work = hand_over(sender, several(3))

    assert work.outcomes == [
        Outcome(
            key,
            Fate.ACCEPTED,
            "request",
            201,
            provider_message_id=f"<2026112209150{key}.1@smtp-relay.mailin.fr>",
        )
        for key in (1, 2, 3)
    ]
    assert work.asked == [[1, 2, 3]]
    assert [len(post["messageVersions"]) for post in stub.posts()] == [3]


def test_single_mail_goes_out_plain(stub: BrevoStub, sender: BrevoSender) -> None:
    work = hand_over(sender, several(1))

    assert fates(work.outcomes) == [(1, Fate.ACCEPTED, 201)]
    assert work.outcomes[0].provider_message_id == "<20261122091500.1@smtp-relay.mailin.fr>"
    assert stub.posts()[0]["to"] == [{"email": "reader1@example.org"}]


def test_requests_carry_the_key_and_nothing_from_the_environment(
    stub: BrevoStub, sender: BrevoSender, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password evil\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")

    hand_over(sender, several(1))

    seen = [(request.method, request.path) for request in stub.requests]
    assert seen == [("GET", "/v3/account"), ("POST", "/v3/smtp/email")]
    assert {request.headers["api-key"] for request in stub.requests} == {"xkeysib-secret"}
    assert [request.headers.get("Authorization") for request in stub.requests] == [None, None]


def test_batches_larger_than_agreed_are_split(stub: BrevoStub, sender: BrevoSender) -> None:

    work = hand_over(sender, several(51))

    assert work.fates == [Fate.ACCEPTED] * 51
    assert [len(keys) for keys in work.asked] == [50, 1]
    assert len(stub.posts()) == 2


def test_request_follows_its_verdict_and_no_later_batch_is_begun_before(
    stub: BrevoStub,
) -> None:
    posts: list[int] = []
    taken: list[int] = []

    def look(commit: Commit) -> None:
        posts.append(len(stub.posts()))
        taken.append(len(work.taken))

    work = FakeWork(several(4), during=look)
    with closing(sender_to(stub.url, batch_size=2)) as sender:
        sender.send(work)

    assert work.commits == [
        Commit([], [1, 2]),
        Commit([1, 2], []),
        Commit([], [3, 4]),
        Commit([3, 4], []),
    ]
    assert posts == [0, 1, 1, 2]
    assert taken == [2, 2, 4, 4]


def test_nothing_to_take_means_nothing_to_ask(stub: BrevoStub, sender: BrevoSender) -> None:
    work = hand_over(sender, [])

    assert work.commits == []
    assert stub.requests == []


def test_held_mails_are_not_in_the_request(stub: BrevoStub, sender: BrevoSender) -> None:
    work = hand_over(sender, several(3), closed_for=[2])

    assert sorted(fates(work.outcomes)) == [
        (1, Fate.ACCEPTED, 201),
        (2, Fate.HELD, 0),
        (3, Fate.ACCEPTED, 201),
    ]
    versions = stub.posts()[0]["messageVersions"]
    assert [version["to"][0]["email"] for version in versions] == [
        "reader1@example.org",
        "reader3@example.org",
    ]


def test_closed_ledger_means_no_request(stub: BrevoStub, sender: BrevoSender) -> None:
    work = hand_over(sender, several(2), closed_for=[1, 2])

    assert fates(work.outcomes) == [(1, Fate.HELD, 0), (2, Fate.HELD, 0)]
    assert stub.posts() == []


def test_mail_that_brevo_cannot_take_does_not_stop_the_others(
    stub: BrevoStub, sender: BrevoSender
) -> None:
    nameless = a_mail(9, content=b"Subject: Hi\r\n\r\nHi\r\n")

    work = hand_over(sender, [nameless, *several(2)])

    words = "The message has no From address."
    assert work.outcomes[0] == Outcome(9, Fate.REFUSED, "request", 0, words)
    assert fates(work.outcomes[1:]) == [(1, Fate.ACCEPTED, 201), (2, Fate.ACCEPTED, 201)]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (BrevoAnswer(500, {"code": "internal", "message": "Oops"}), 500),
        (BrevoAnswer(502, b"<html>Bad gateway</html>"), 502),
        (BrevoAnswer(503, b""), 503),
        (BrevoAnswer(201, b"<html>queued</html>"), 201),
        (BrevoAnswer(201, b""), 201),
        (BrevoAnswer(201, b"[" * 100_000), 201),
        (BrevoAnswer(200, []), 200),
        (BrevoAnswer(201, {"messageIds": ["<1@x>"]}), 201),
        (BrevoAnswer(201, {"messageIds": ["<1@x>", None]}), 201),
        (BrevoAnswer(201, {"messageIds": "<1@x>"}), 201),
        (BrevoAnswer(201, {"messageId": "<1@x>"}), 201),
        (BrevoAnswer(202, {}), 202),
        (BrevoAnswer(201, {}, {"Content-Length": "500"}), 0),
        (BrevoAnswer(201, {"messageIds": ["<1@x>", "<2@x>"]}, delay=1), 0),
    ],
)
def test_answer_that_proves_nothing_twice_leaves_all_unknown(
    stub: BrevoStub, sender: BrevoSender, answer: BrevoAnswer, code: int
) -> None:
    """F22: among them a 500 with the mails accepted, and a 200 with a garbled body."""
    stub.answers.extend([answer, answer])

    work, down = try_to_hand_over(sender, several(2))

    assert fates(work.outcomes) == [(1, Fate.UNKNOWN, code), (2, Fate.UNKNOWN, code)]
    assert down is None
    assert len(stub.posts()) == 2


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "answer",
    [BrevoAnswer(500, b"Oops"), BrevoAnswer(201, b""), BrevoAnswer(201, {}, delay=1)],
)
def test_request_whose_answer_is_lost_is_sent_again_just_as_it_was(
    stub: BrevoStub, sender: BrevoSender, answer: BrevoAnswer, count: int
) -> None:
    """F21: with the same key for the same mails, so Brevo can tell that it is a repeat."""
    stub.answers.append(answer)

    work = hand_over(sender, several(count))

    assert work.fates == [Fate.ACCEPTED] * count
    assert work.asked == [list(range(1, count + 1))]
    first, second = stub.posts()
    assert first == second


@pytest.mark.parametrize(
    ("answer", "fate", "code"),
    [
        (SEEN, Fate.SEEN, 400),
        (WRONG_KEY, Fate.UNKNOWN, 503),
        (TOO_FAST, Fate.UNKNOWN, 503),
        (BAD_VERSION, Fate.UNKNOWN, 503),
    ],
)
def test_repeat_proves_nothing_but_that_mails_were_taken(
    stub: BrevoStub, sender: BrevoSender, answer: BrevoAnswer, fate: Fate, code: int
) -> None:
    """F21: whatever is refused now, the first request may have been read."""
    stub.answers.extend([BrevoAnswer(503, b""), answer])

    work, down = try_to_hand_over(sender, several(2))

    assert fates(work.outcomes) == [(1, fate, code), (2, fate, code)]
    assert down is None


def test_request_is_not_sent_again_when_its_verdict_is_too_old(
    stub: BrevoStub, sender: BrevoSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may have left meanwhile, and by the first request they get nothing."""
    monkeypatch.setattr(brevo, "VERDICT_HOLDS", 0.3)
    stub.answers.append(BrevoAnswer(201, {}, delay=1))

    work, _ = try_to_hand_over(sender, several(2))

    assert work.fates == [Fate.UNKNOWN] * 2
    assert len(stub.posts()) == 1


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (WRONG_KEY, "Brevo answered 401: unauthorized Key not found"),
        (NO_CREDITS, "Brevo answered 402: not_enough_credits Not enough credits"),
        (NOT_ACTIVE, "Brevo answered 403: permission_denied Account not activated"),
        (VALIDATING, "Brevo answered 400: account_under_validation Please wait"),
        (TOO_FAST, "Brevo answered 429: too_many_requests Slow down"),
        (BrevoAnswer(404, b"<html>"), "Brevo answered 404: HTTP 404"),
        (
            BrevoAnswer(302, b"", {"Location": "http://127.0.0.1:1/v3/smtp/email"}),
            "Brevo answered 302: HTTP 302",
        ),
    ],
)
def test_door_closed_after_the_verdict_refuses_nobody(
    stub: BrevoStub, sender: BrevoSender, answer: BrevoAnswer, text: str
) -> None:
    """F23: 401 and 403 among them."""
    stub.answers.append(answer)

    work, down = try_to_hand_over(sender, several(2))

    assert fates(work.outcomes) == [(1, Fate.HELD, answer.status), (2, Fate.HELD, answer.status)]
    assert down is not None
    assert (down.text, down.code) == (text, answer.status)


def test_rate_limit_keeps_the_order_and_spends_nobodys_attempt(stub: BrevoStub) -> None:
    """F20: what was turned away goes out after the wait, in its old order."""
    fine = BrevoAnswer(201, {"messageIds": ["<1@x>", "<2@x>"]})
    stub.answers.extend([fine, BrevoAnswer(429, TOO_FAST.body, {"Retry-After": "30"})])
    with closing(sender_to(stub.url, batch_size=2)) as sender:
        first, down = try_to_hand_over(sender, several(6))
        waiting = [mail for mail in several(6) if mail.key > 2]
        second = hand_over(sender, waiting)

    assert down is not None
    assert down.retry_at == NOW + timedelta(seconds=30)
    assert first.fates == [Fate.ACCEPTED, Fate.ACCEPTED, Fate.HELD, Fate.HELD]
    assert first.commits[-1] == Commit([3, 4], [])
    assert first.left == [5, 6]
    assert second.fates == [Fate.ACCEPTED] * 4
    sent = [
        version["to"][0]["email"] for post in stub.posts() for version in post["messageVersions"]
    ]
    assert sent == [f"reader{key}@example.org" for key in (1, 2, 3, 4, 3, 4, 5, 6)]


def test_request_that_brevo_has_seen_before_is_not_sent_again(
    stub: BrevoStub, sender: BrevoSender
) -> None:
    """F21: after a crash, say. The first one came in, and nobody says how it ended."""
    stub.answers.append(SEEN)

    work, down = try_to_hand_over(sender, several(2))

    assert fates(work.outcomes) == [(1, Fate.SEEN, 400), (2, Fate.SEEN, 400)]
    assert down is None
    assert len(stub.posts()) == 1


@pytest.mark.parametrize(
    "answer", [WRONG_KEY, NOT_ACTIVE, TOO_FAST, BrevoAnswer(503, b"down"), BrevoAnswer(302, b"")]
)
def test_door_closed_before_the_verdict_spends_nobodys_attempt(
    stub: BrevoStub, sender: BrevoSender, answer: BrevoAnswer
) -> None:
    """F23."""
    stub.account = answer

    work, down = try_to_hand_over(sender, several(2))

    assert work.outcomes == []
    assert down is not None
    assert down.code == answer.status
    assert work.asked == []


def test_service_is_proven_once_while_all_is_well(stub: BrevoStub, sender: BrevoSender) -> None:
    for _ in range(3):
        hand_over(sender, several(2))

    assert [request.method for request in stub.requests] == ["GET", "POST", "POST", "POST"]


@pytest.mark.parametrize("fault", [BrevoAnswer(503, b""), BrevoAnswer(201, {}, delay=1)])
def test_outage_makes_one_batch_unknown_and_no_more(
    stub: BrevoStub, sender: BrevoSender, fault: BrevoAnswer
) -> None:
    stub.answers.extend([fault, fault])

    work, _ = try_to_hand_over(sender, several(2))
    stub.account = BrevoAnswer(503, b"")
    later, down = try_to_hand_over(sender, several(2))

    assert work.fates == [Fate.UNKNOWN] * 2
    assert later.commits == []
    assert down is not None
    assert work.asked == [[1, 2]]
    assert later.asked == []


def test_service_that_keeps_mails_to_itself_is_down(stub: BrevoStub, sender: BrevoSender) -> None:
    """F22: the account is in order, and still every mail ends unknown."""
    stub.answers.extend([BrevoAnswer(503, b"")] * 8)

    work, down = try_to_hand_over(sender, several(200))
    later, still_down = try_to_hand_over(sender, several(200))

    assert down is not None
    assert still_down is not None
    assert [len(keys) for keys in work.asked] == [50, 50]
    assert [len(keys) for keys in later.asked] == [1]


def test_sender_recovers_with_the_service(stub: BrevoStub, sender: BrevoSender) -> None:
    stub.answers.append(WRONG_KEY)

    _, down = try_to_hand_over(sender, several(2))
    work, none = try_to_hand_over(sender, several(2))

    assert down is not None
    assert none is None
    assert work.fates == [Fate.ACCEPTED] * 2


@pytest.mark.parametrize(
    ("headers", "retry_at"),
    [
        ({"Retry-After": "30"}, NOW + timedelta(seconds=30)),
        ({"Retry-After": "Sun, 22 Nov 2026 09:20:00 GMT"}, NOW + timedelta(minutes=5)),
        ({"Retry-After": "Sun, 22 Nov 2026 09:20:00 -0000"}, NOW + timedelta(minutes=5)),
        ({"x-sib-ratelimit-reset": "7"}, NOW + timedelta(seconds=7)),
        ({"Retry-After": "9", "x-sib-ratelimit-reset": "7"}, NOW + timedelta(seconds=9)),
        ({"Retry-After": "99999999999999"}, NOW + timedelta(days=1)),
        ({"Retry-After": "Sat, 22 Nov 2036 09:20:00 GMT"}, NOW + timedelta(days=1)),
        ({"Retry-After": "Sat, 21 Nov 2026 09:20:00 GMT"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_provider_says_when_to_come_back(
    stub: BrevoStub, sender: BrevoSender, headers: dict[str, str], retry_at: datetime | None
) -> None:
    stub.answers.append(BrevoAnswer(429, TOO_FAST.body, headers))

    _, down = try_to_hand_over(sender, several(2))

    assert down is not None
    assert down.retry_at == retry_at


@pytest.mark.parametrize("status", [400, 413, 422])
def test_single_mail_that_brevo_rejects_is_refused(
    stub: BrevoStub, sender: BrevoSender, status: int
) -> None:
    stub.answers.append(BrevoAnswer(status, BAD_RECIPIENT.body))

    work = hand_over(sender, several(1))

    words = "invalid_parameter email is not valid in to"
    assert work.outcomes == [Outcome(1, Fate.REFUSED, "request", status, words)]


def test_one_bad_address_does_not_cost_the_others_their_mail(
    stub: BrevoStub, sender: BrevoSender
) -> None:
    fine = BrevoAnswer(201, {"messageId": "<1@x>"})
    stub.answers.extend([BAD_VERSION, fine, BAD_RECIPIENT, fine])

    work = hand_over(sender, several(3))

    assert fates(work.outcomes) == [
        (1, Fate.ACCEPTED, 201),
        (2, Fate.REFUSED, 400),
        (3, Fate.ACCEPTED, 201),
    ]
    assert work.asked == [[1, 2, 3]]
    keys = {post["headers"]["idempotencyKey"] for post in stub.posts()}
    assert len(keys) == 4


def test_door_closed_amid_single_mails_leaves_the_rest_for_later(
    stub: BrevoStub, sender: BrevoSender
) -> None:
    fine = BrevoAnswer(201, {"messageId": "<1@x>"})
    stub.answers.extend([BAD_VERSION, fine, TOO_FAST])

    work, down = try_to_hand_over(sender, several(4))

    assert fates(work.outcomes) == [
        (1, Fate.ACCEPTED, 201),
        (2, Fate.HELD, 429),
        (3, Fate.HELD, 0),
        (4, Fate.HELD, 0),
    ]
    assert down is not None
    assert down.code == 429


def test_silence_amid_single_mails_leaves_the_rest_for_later(
    stub: BrevoStub, sender: BrevoSender
) -> None:
    """Each of two mails is asked about twice; those after them have their verdict already."""
    stub.answers.extend([BAD_VERSION, *[BrevoAnswer(503, b"")] * 4])

    work, down = try_to_hand_over(sender, several(5))

    assert fates(work.outcomes) == [
        (1, Fate.UNKNOWN, 503),
        (2, Fate.UNKNOWN, 503),
        (3, Fate.HELD, 0),
        (4, Fate.HELD, 0),
        (5, Fate.HELD, 0),
    ]
    assert work.passed == [1, 2, 3, 4, 5]
    assert down is not None
    assert down.text.startswith("Brevo does not say what becomes of mails")


def test_unreachable_service_spends_nobodys_attempt() -> None:
    with closing(sender_to(f"http://127.0.0.1:{free_port()}")) as sender:
        work, down = try_to_hand_over(sender, several(2))

    assert work.outcomes == []
    assert down is not None
    assert down.text.startswith("Brevo cannot be reached: ConnectionError")
    assert work.asked == []


def test_service_gone_between_proof_and_mail_took_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brevo, "IDLE_SECONDS", -1)
    with brevo_stub() as stub:
        sender = sender_to(stub.url)
        hand_over(sender, several(1))
    with closing(sender):
        work, down = try_to_hand_over(sender, several(2))

    assert fates(work.outcomes) == [(1, Fate.HELD, 0), (2, Fate.HELD, 0)]
    assert down is not None
    assert down.text.startswith("Brevo cannot be reached: ConnectionError")


@pytest.mark.parametrize("url", ["not-an-address", "http://", "http://[::1", "ftp://example.org"])
def test_useless_address_is_the_providers_fault(url: str) -> None:
    # Reading the configuration refuses such an address; the sender must not lose mail by it either.
    config = Brevo(api_key=SecretStr("xkeysib-secret")).model_copy(update={"base_url": url})
    with closing(BrevoSender(config)) as sender:
        work, down = try_to_hand_over(sender, several(1))

    assert work.outcomes == []
    assert down is not None


@pytest.mark.parametrize("key", ["", "klíč"])
def test_missing_key_is_said_before_anything_is_asked(stub: BrevoStub, key: str) -> None:
    config = Brevo(api_key=SecretStr(key), base_url=stub.url)
    with closing(BrevoSender(config)) as sender:
        work, down = try_to_hand_over(sender, several(1))

    assert work.outcomes == []
    assert down is not None
    assert down.text == "brevo.api_key is missing. Brevo makes one under SMTP & API."
    assert stub.requests == []


def test_untrusted_certificate_spends_nobodys_attempt(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with brevo_stub() as server, closing(secured(server, certificate.server_context())) as sender:
        work, down = try_to_hand_over(sender, several(1))

    assert work.outcomes == []
    assert down is not None
    assert work.asked == []


def secured(server: ThreadingHTTPServer, context: ssl.SSLContext) -> BrevoSender:
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return sender_to(f"https://localhost:{server.server_address[1]}")


def test_idle_connection_is_not_trusted(
    stub: BrevoStub, sender: BrevoSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brevo, "IDLE_SECONDS", -1)

    works = [hand_over(sender, several(1)), hand_over(sender, several(1))]

    assert [work.fates for work in works] == [[Fate.ACCEPTED], [Fate.ACCEPTED]]
    assert stub.connections == 3


def test_connection_is_kept_between_requests(stub: BrevoStub, sender: BrevoSender) -> None:
    for _ in range(2):
        hand_over(sender, several(1))

    assert stub.connections == 1


def test_key_never_appears_in_what_is_said(stub: BrevoStub, sender: BrevoSender) -> None:
    stub.answers.append(WRONG_KEY)

    work, down = try_to_hand_over(sender, several(1))

    assert "xkeysib-secret" not in f"{work.outcomes!r} {down!r} {down and down.text}"


def test_request_that_comes_too_late_after_its_verdict_is_not_made(
    stub: BrevoStub, sender: BrevoSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F30."""
    monkeypatch.setattr(brevo, "VERDICT_HOLDS", 0.02)
    work = FakeWork(several(2), during=lambda _: time.sleep(0.04))

    sender.send(work)

    assert fates(work.outcomes) == [(1, Fate.HELD, 0), (2, Fate.HELD, 0)]
    assert stub.posts() == []


def test_single_mails_whose_turn_comes_too_late_ask_again(
    stub: BrevoStub, sender: BrevoSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brevo, "VERDICT_HOLDS", 0.15)
    stub.answers.extend([BAD_VERSION, BrevoAnswer(201, {"messageId": "<1@x>"}, delay=0.2)])

    work = hand_over(sender, several(3))

    assert fates(work.outcomes) == [
        (1, Fate.ACCEPTED, 201),
        (2, Fate.HELD, 0),
        (3, Fate.HELD, 0),
    ]
    assert len(stub.posts()) == 2
