"""Hands mail to Brevo's HTTP API, many in one request, and tells what became of each.

The gate comes before the request, since its body is one unit: the batch is the window in which a
crash leaves mails unknown. https://developers.brevo.com/reference/sendtransacemail
"""

import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import monotonic
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import NewConnectionError

from mailer import clock
from mailer.providers.base import Fate, Gate, Mail, Outcome, ProviderDown
from mailer.providers.brevo_letter import Letter, UnusableError, body_of, read_letter, requests_of
from mailer.providers.words import tidy
from mailer.sections import Brevo

IDLE_SECONDS = 20
LONGEST_WAIT = timedelta(days=1)

# Brevo's own words in the answer's "code".
_SEEN_BEFORE = frozenset({"duplicate_parameter", "duplicate_request"})
_ABOUT_THE_ACCOUNT = frozenset(
    {"account_under_validation", "not_enough_credits", "permission_denied", "unauthorized"}
)
# The statuses that may be one recipient's fault. Any other 4xx would meet every mail alike.
_ABOUT_A_MAIL = frozenset({400, 413, 422})


class _NotReachedError(Exception):
    """Nothing was sent: the connection could not be made."""


class _AnswerLostError(Exception):
    """The request may have arrived; there was no answer, or none that can be read."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str] = field(default_factory=CaseInsensitiveDict)
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        said = f"{self.fields.get('code') or ''} {self.fields.get('message') or ''}"
        return tidy(said) or f"HTTP {self.status}"

    @property
    def blames_a_mail(self) -> bool:
        return self.status in _ABOUT_A_MAIL and self.fields.get("code") not in _ABOUT_THE_ACCOUNT

    def message_ids(self, count: int) -> list[str]:
        """One id per mail, in their order; empty if the answer does not say."""
        several = self.fields.get("messageIds") or [self.fields.get("messageId")]
        if not isinstance(several, list):
            return []
        named = [each for each in several if isinstance(each, str)]
        return named if len(several) == len(named) == count else []


class BrevoSender:
    """A Sender over one HTTP session. Brevo sees nothing that the gate did not let pass."""

    name = "brevo"

    def __init__(self, config: Brevo, now: clock.Clock = clock.now) -> None:
        self.batch_size = config.batch_size
        self._config = config
        self._now = now
        self._is_proven = False
        self._last_used = monotonic()
        self._session = requests.Session()
        # No password from a netrc file, no proxy from the environment.
        self._session.trust_env = False
        self._session.headers["api-key"] = config.api_key.get_secret_value()
        self._session.headers["Accept"] = "application/json"

    def send(self, batch: Sequence[Mail], gate: Gate) -> Iterator[Outcome]:
        """See Sender. The gate is asked for all mails of one request at once.

        At the start and after each fault a harmless request (GET /v3/account) proves name lookup,
        TLS and the key, so that ProviderDown comes before the gate. Should Brevo close the door
        between that and the mails (401, 402, 403, 429 …), they are past the gate: Brevo says that
        it took nothing, so they are yielded RETRY, and only then ProviderDown is raised.
        """
        letters: list[Letter] = []
        for mail in batch:
            try:
                letters.append(read_letter(mail))
            except UnusableError as fault:
                yield Outcome(mail.key, Fate.REFUSED, "request", 0, tidy(str(fault)))
        for group in requests_of(letters, self.batch_size):
            yield from self._send_group(group, gate)

    def close(self) -> None:
        self._session.close()

    def _send_group(self, group: list[Letter], gate: Gate) -> Iterator[Outcome]:
        self._prove()
        open_keys = gate([letter.mail.key for letter in group])
        passed = [letter for letter in group if letter.mail.key in open_keys]
        for letter in group:
            if letter.mail.key not in open_keys:
                yield Outcome(letter.mail.key, Fate.HELD, "request")
        if passed:
            yield from self._hand_over(passed)

    def _prove(self) -> None:
        if self._is_proven:
            return
        key = self._config.api_key.get_secret_value()
        if not (key and key.isascii()):
            raise ProviderDown("brevo.api_key is missing. Brevo makes one under SMTP & API.")
        try:
            answer = self._ask("GET", "/v3/account")
        except (_NotReachedError, _AnswerLostError) as fault:
            raise ProviderDown(f"Brevo cannot be reached: {fault}") from fault
        if answer.status != HTTPStatus.OK:
            raise self._down(answer)
        self._is_proven = True

    def _hand_over(self, letters: list[Letter]) -> Iterator[Outcome]:
        try:
            answer = self._ask("POST", "/v3/smtp/email", body_of(letters))
        except _NotReachedError as fault:
            self._is_proven = False
            yield from _alike(letters, Fate.RETRY, 0, str(fault))
            raise ProviderDown(f"Brevo cannot be reached: {fault}") from fault
        except _AnswerLostError as fault:
            self._is_proven = False
            yield from _alike(letters, Fate.UNKNOWN, 0, str(fault))
            return
        yield from self._judge(answer, letters)

    def _judge(self, answer: _Answer, letters: list[Letter]) -> Iterator[Outcome]:
        if answer.status in range(200, 300):
            yield from _accepted(answer, letters)
        elif answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # Some were sent all the same. Prove the service again before the next request.
            self._is_proven = False
            yield from _alike(letters, Fate.UNKNOWN, answer.status, answer.words)
        elif answer.fields.get("code") in _SEEN_BEFORE:
            # An earlier request with this key came in. Brevo does not say how that one ended.
            yield from _alike(letters, Fate.UNKNOWN, answer.status, answer.words)
        elif not answer.blames_a_mail:
            self._is_proven = False
            yield from _alike(letters, Fate.RETRY, answer.status, answer.words)
            raise self._down(answer)
        elif len(letters) == 1:
            yield from _alike(letters, Fate.REFUSED, answer.status, answer.words)
        else:
            yield from self._one_by_one(letters)

    def _one_by_one(self, letters: list[Letter]) -> Iterator[Outcome]:
        """Brevo refuses a whole batch for one bad address and does not say which one it is."""
        waiting = list(letters)
        while waiting:
            try:
                yield from self._hand_over([waiting.pop(0)])
            except ProviderDown:
                yield from _alike(waiting, Fate.RETRY, 0, "Brevo closed the door before this mail.")
                raise

    def _ask(self, method: str, path: str, body: bytes | None = None) -> _Answer:
        if monotonic() - self._last_used > IDLE_SECONDS:
            # A kept connection that the other side dropped would make a whole batch unknown.
            self._session.close()
        try:
            response = self._session.request(
                method,
                self._config.base_url.rstrip("/") + path,
                data=body,
                headers={"Content-Type": "application/json"} if body else None,
                timeout=self._config.timeout_seconds,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            words = tidy(f"{type(error).__name__}: {error}")
            raise (_NotReachedError if _was_unsent(error) else _AnswerLostError)(words) from error
        finally:
            self._last_used = monotonic()
        return _Answer(response.status_code, response.headers, _fields(response.content))

    def _down(self, answer: _Answer) -> ProviderDown:
        return ProviderDown(
            f"Brevo answered {answer.status}: {answer.words}",
            answer.status,
            _retry_at(answer.headers, self._now()),
        )


def _accepted(answer: _Answer, letters: list[Letter]) -> Iterator[Outcome]:
    ids = answer.message_ids(len(letters))
    if not ids:
        words = "Brevo's answer does not name the mails it took."
        yield from _alike(letters, Fate.UNKNOWN, answer.status, words)
    for letter, name in zip(letters, ids, strict=False):
        yield Outcome(letter.mail.key, Fate.ACCEPTED, "request", answer.status, "", name)


def _alike(letters: Sequence[Letter], fate: Fate, code: int, text: str) -> Iterator[Outcome]:
    for letter in letters:
        yield Outcome(letter.mail.key, fate, "request", code, tidy(text))


def _fields(content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _was_unsent(error: requests.RequestException) -> bool:
    """Whether the request surely never left: no connection, no trusted certificate, a bad URL."""
    if isinstance(error, requests.ConnectTimeout | ValueError):
        return True
    reason: object = error
    while isinstance(reason, BaseException):
        if isinstance(reason, NewConnectionError | ssl.SSLCertVerificationError):
            return True
        inner = reason.args[0] if reason.args else None
        reason = getattr(reason, "reason", None) or inner
    return False


def _retry_at(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When Brevo wants to be asked again: Retry-After, or the seconds until its limit resets."""
    said = headers.get("Retry-After") or headers.get("x-sib-ratelimit-reset") or ""
    if said.strip().isdecimal():
        wait = timedelta(seconds=min(int(said), LONGEST_WAIT.total_seconds()))
        return now + wait
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(aware, now + LONGEST_WAIT) if aware > now else None
