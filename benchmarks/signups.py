"""`mailer run`, pages and worker in one process on SQLite: how long somebody who signs up waits
while a newsletter is enqueued and sent."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from statistics import median

import requests

from benchmarks.audience import LANGUAGE, add_readers
from benchmarks.machine import scratch
from benchmarks.rows import Row
from benchmarks.scale import Stand
from benchmarks.service import CONNECTIONS, Sections, configure_smtp
from mailer import clock
from mailer.domain.newsletter import NewsletterState
from mailer.storage.newsletters import get_newsletter
from mailer.usecases import newsletters
from tests.service import Installation, install, run_service
from tests.sinks import free_port

GOAL_MS = 250
ENQUEUED_WITHIN_SECONDS = 300.0
WATCHED_SECONDS = 60.0
# The form refuses whoever fills it in faster than people can.
_SHORTEST_FILLING = 2.1
_MANY = 1_000_000_000
_WHO = "bench@example.org"
_TOKEN = re.compile(r'name="opened"[^>]*value="([^"]+)"')
_BODY = "Setkání pro nově příchozí: čaj, koláče a krátké rozhovory.\n\n" * 40

Waits = dict[NewsletterState, list[float]]
"""Milliseconds of each sign-up, by what happened to the newsletter meanwhile."""


def measure(stand: Stand) -> Iterator[Row]:
    web = free_port()
    with scratch() as folder:
        sections: Sections = {
            "site": {"base_url": f"http://127.0.0.1:{web}"},
            "web": {"port": web},
            "limits": {"signups_per_hour": _MANY, "signups_per_hour_per_ip": _MANY},
            "smtp": configure_smtp(stand.port, CONNECTIONS),
            "database": {"url": f"sqlite:///{folder / 'mailer.db'}"},
        }
        with install(folder, **sections) as installation, run_service(installation):
            waits = _sign_up_meanwhile(installation, stand.scale.crowd)
    yield _row(waits, stand.scale.crowd)


def _row(waits: Waits, crowd: int) -> Row:
    enqueueing, sending = waits[NewsletterState.PREPARING], waits[NewsletterState.SENDING]
    return Row(
        f"Slowest of {len(enqueueing) + len(sending):,} sign-ups while {crowd:,} mails are "
        "enqueued and sent, one process, SQLite",
        [max(enqueueing + sending)],
        "ms",
        GOAL_MS,
        is_ceiling=True,
        measured={
            "median": [median(enqueueing + sending)],
            "slowest while enqueueing": [max(enqueueing, default=0)],
            "slowest while sending": [max(sending, default=0)],
        },
        measured_in="ms",
    )


def _sign_up_meanwhile(installation: Installation, crowd: int) -> Waits:
    waits: Waits = {state: [] for state in NewsletterState}
    page = f"{installation.url}/en/subscribe"
    with requests.Session() as http:
        http.trust_env = False  # no proxy of this machine stands before the loopback
        opened = _open_form(http, page)
        newsletter_id = _start_newsletter(installation, crowd)
        for number, state in enumerate(_watch(installation, newsletter_id)):
            waits[state].append(_sign_up(http, page, opened, f"new{number}@example.net"))
    return waits


def _watch(installation: Installation, newsletter_id: int) -> Iterator[NewsletterState]:
    """What is happening to the newsletter, as often as asked, until it is sent or has been on its
    way for long enough."""
    deadline, is_sending = time.monotonic() + ENQUEUED_WITHIN_SECONDS, False
    while (state := _find_state(installation, newsletter_id)) is not NewsletterState.SENT:
        if state is NewsletterState.SENDING and not is_sending:
            deadline, is_sending = time.monotonic() + WATCHED_SECONDS, True
        if time.monotonic() > deadline and is_sending:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing was ever sent. {installation.said()[-3000:]}")
        yield state


def _open_form(http: requests.Session, page: str) -> str:
    found = _TOKEN.search(http.get(page, timeout=30).text)
    assert found, "the sign-up form has no token"
    time.sleep(_SHORTEST_FILLING)
    return found[1]


def _sign_up(http: requests.Session, page: str, opened: str, address: str) -> float:
    """Milliseconds until the answer is there."""
    form = {"email": address, "languages": "en", "topics": "events", "opened": opened}
    started = time.perf_counter()
    answer = http.post(page, data=form, allow_redirects=False, timeout=30)
    waited = time.perf_counter() - started
    if answer.status_code != requests.codes.see_other:
        raise RuntimeError(f"a sign-up was answered {answer.status_code}: {answer.text[:300]}")
    return waited * 1000


def _start_newsletter(installation: Installation, crowd: int) -> int:
    """A letter that is due at once, to readers that are there already."""
    now, parts = clock.now(), installation.parts
    with parts.sessions() as session:
        add_readers(session, crowd, now)
    with parts.sessions() as session:
        letter = newsletters.new_letter(session, "Bench", (), _WHO, now)
        texts = {LANGUAGE: ("Setkání v pátek", "", _BODY)}
        newsletters.edit(session, letter, "Bench", (), texts, _WHO, now)
        newsletters.approve(session, letter, None, _WHO, now, grace=timedelta())
        return letter.id


def _find_state(installation: Installation, newsletter_id: int) -> NewsletterState:
    with installation.parts.reading() as session:
        return get_newsletter(session, newsletter_id).state
