"""Hands mail to Brevo's HTTP API, many in one request, and tells what became of each.

The verdict comes before the request, since its body is one unit: the batch is the window in which a
crash leaves mails unknown. https://developers.brevo.com/reference/sendtransacemail
"""

import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import takewhile
from time import monotonic, sleep
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import NewConnectionError

from mailer import clock
from mailer.providers.base import VERDICT_HOLDS, Fate, Mail, Outcome, ProviderDown, Work
from mailer.providers.brevo_letter import Letter, UnusableError, body_of, read_letter, requests_of
from mailer.providers.words import tidy
from mailer.sections.mail import Brevo

IDLE_SECONDS = 20
MOST_SILENCES = 2
"""Requests in a row whose fate is unknown, before no more mails are spent on finding out."""

REPEAT_AFTER = 0.5
"""Seconds until a request that was not answered is sent again, with the same key."""

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
    def is_yes(self) -> bool:
        return self.status in range(200, 300)

    @property
    def is_seen(self) -> bool:
        """An earlier request with this key came in. Brevo does not say how that one ended."""
        return self.fields.get("code") in _SEEN_BEFORE

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
    """A Sender over one HTTP session. Brevo sees nothing that the ledger did not let pass."""

    name = "brevo"

    def __init__(self, config: Brevo, now: clock.Clock = clock.now) -> None:
        self._config = config
        self._now = now
        self._is_proven = False
        self._silences = 0
        self._last_used = self._asked_at = monotonic()
        self._session = requests.Session()
        # No password from a netrc file, no proxy from the environment.
        self._session.trust_env = False
        self._session.headers["api-key"] = config.api_key.get_secret_value()
        self._session.headers["Accept"] = "application/json"

    def send(self, work: Work) -> None:
        """See Sender. All mails of one request ask for their verdict at once.

        At the start and after each fault a harmless request (GET /v3/account) proves name lookup,
        TLS and the key, so that ProviderDown comes before the verdict. Should Brevo close the door
        between that and the mails (401, 402, 403, 429 …), Brevo says that it took nothing: they
        end HELD, in their old order, and only then ProviderDown is raised.
        """
        while mails := self._take(work):
            unusable: list[Outcome] = []
            letters: list[Letter] = []
            for mail in mails:
                try:
                    letters.append(read_letter(mail))
                except UnusableError as fault:
                    words = tidy(str(fault))
                    unusable.append(Outcome(mail.key, Fate.REFUSED, "request", 0, words))
            work.commit(unusable, [])
            for group in requests_of(letters, self._config.batch_size):
                self._send_group(group, work)

    def close(self) -> None:
        self._session.close()

    def _take(self, work: Work) -> list[Mail]:
        # After too many lost answers one mail is enough to find out how things are.
        size = 1 if self._silences >= MOST_SILENCES else self._config.batch_size
        mails = (work.take() for _ in range(size))
        return [mail for mail in takewhile(lambda mail: mail is not None, mails) if mail]

    def _send_group(self, group: list[Letter], work: Work) -> None:
        self._prove()
        self._asked_at = monotonic()
        open_keys = work.commit([], [letter.mail.key for letter in group])
        passed = [letter for letter in group if letter.mail.key in open_keys]
        shut = [letter for letter in group if letter.mail.key not in open_keys]
        work.commit(_alike(shut, Fate.HELD, 0, ""), [])
        if passed:
            self._tell_fates(passed, work)

    def _tell_fates(self, passed: list[Letter], work: Work) -> None:
        """Commit an outcome for each of these, whenever the door is closed and by whom: one that
        has its verdict and no outcome would be taken for sent."""
        waiting = {letter.mail.key: letter for letter in passed}
        try:
            for outcomes in self._hand_over(passed):
                work.commit(outcomes, [])
                for outcome in outcomes:
                    del waiting[outcome.key]
                self._count_silence(outcomes)
        except ProviderDown:
            words = "The door was closed before this mail."
            work.commit(_alike([*waiting.values()], Fate.HELD, 0, words), [])
            raise

    def _count_silence(self, outcomes: Sequence[Outcome]) -> None:
        """Raise ProviderDown for a service that keeps mails to itself, once it did so in a row:
        the account may be in order while every mail ends unknown."""
        if any(outcome.fate is not Fate.UNKNOWN for outcome in outcomes):
            self._silences = 0
            return
        self._silences += 1
        if self._silences >= MOST_SILENCES:
            last = outcomes[-1]
            raise ProviderDown(f"Brevo does not say what becomes of mails: {last.text}", last.code)

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

    def _hand_over(self, letters: list[Letter]) -> Iterator[list[Outcome]]:
        if monotonic() - self._asked_at > VERDICT_HOLDS:
            yield _alike(letters, Fate.HELD, 0, "It took too long until this mail's turn came.")
            return
        body = body_of(letters)
        try:
            answer = self._ask("POST", "/v3/smtp/email", body)
        except _NotReachedError as fault:
            self._is_proven = False
            yield _alike(letters, Fate.HELD, 0, str(fault))
            raise ProviderDown(f"Brevo cannot be reached: {fault}") from fault
        except _AnswerLostError as fault:
            yield self._ask_again(letters, body, _alike(letters, Fate.UNKNOWN, 0, str(fault)))
            return
        yield from self._judge(answer, letters, body)

    def _ask_again(self, letters: list[Letter], body: bytes, doubt: list[Outcome]) -> list[Outcome]:
        """Nobody knows what became of a request: send the very same one once more.

        Brevo does not carry out twice what has the same key, for 15 minutes. So this may prove that
        the mails were taken; whatever else it brings, the first request may have been read.
        """
        self._is_proven = False
        sleep(REPEAT_AFTER)
        if monotonic() - self._asked_at > VERDICT_HOLDS:
            return doubt
        try:
            answer = self._ask("POST", "/v3/smtp/email", body)
        except (_NotReachedError, _AnswerLostError):
            return doubt
        return _read(answer, letters) if answer.is_yes or answer.is_seen else doubt

    def _judge(
        self, answer: _Answer, letters: list[Letter], body: bytes
    ) -> Iterator[list[Outcome]]:
        if answer.is_yes or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # After an error of theirs some were sent all the same.
            outcomes = _read(answer, letters)
            is_certain = outcomes[0].fate is Fate.ACCEPTED
            yield outcomes if is_certain else self._ask_again(letters, body, outcomes)
        elif answer.is_seen:
            yield _read(answer, letters)
        elif not answer.blames_a_mail:
            self._is_proven = False
            yield _alike(letters, Fate.HELD, answer.status, answer.words)
            raise self._down(answer)
        elif len(letters) == 1:
            yield _alike(letters, Fate.REFUSED, answer.status, answer.words)
        else:
            yield from self._one_by_one(letters)

    def _one_by_one(self, letters: list[Letter]) -> Iterator[list[Outcome]]:
        """Brevo refuses a whole batch for one bad address and does not say which one it is."""
        for letter in letters:
            yield from self._hand_over([letter])

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


def _read(answer: _Answer, letters: list[Letter]) -> list[Outcome]:
    """Accepted, if the answer proves that much; else unknown."""
    if answer.is_seen:
        return _alike(letters, Fate.SEEN, answer.status, answer.words)
    ids = answer.message_ids(len(letters)) if answer.is_yes else []
    if not ids:
        nameless = "Brevo's answer does not name the mails it took."
        words = nameless if answer.is_yes else answer.words
        return _alike(letters, Fate.UNKNOWN, answer.status, words)
    return [
        Outcome(letter.mail.key, Fate.ACCEPTED, "request", answer.status, "", name)
        for letter, name in zip(letters, ids, strict=True)
    ]


def _alike(letters: Sequence[Letter], fate: Fate, code: int, text: str) -> list[Outcome]:
    return [Outcome(letter.mail.key, fate, "request", code, tidy(text)) for letter in letters]


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
