"""F39: an operator's template that never ends, or that wants all the memory there is; and a machine
on which no template can be written at present."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from mailer import clock
from mailer.domain.consent import SubscriberState
from mailer.domain.pausing import NOT_PREPARED
from mailer.message import press
from mailer.providers.memory import MemorySender
from mailer.storage.newsletters import get_newsletter
from mailer.usecases import letters, newsletters
from mailer.worker.round import NOT_NOW_FOR
from tests.faults.workers import Watch, hire, install_worker, read_fates
from tests.letters import WHO, add_letter, start_letter
from tests.people import add_people, add_subscriber
from tests.service import install
from tests.sinks import slow_smtp
from tests.worker.engines import run_round
from tests.worker.ledger import read_deliveries

LOOP = "{% for _x in 'a' * 1000 %}" * 4 + "{% endfor %}" * 4


@pytest.mark.parametrize("bomb", [LOOP, "{{ 'a' * 10 ** 10 }}"])
def test_template_that_takes_too_much_pauses_its_newsletter_and_nothing_else(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: str
) -> None:
    monkeypatch.setattr(press, "SECONDS", 1.0)
    now = clock.now()
    body = tmp_path / "emails" / "letter" / "body.html"
    body.parent.mkdir(parents=True)
    body.write_text(bomb, encoding="utf-8")
    sections = {
        "database": {"url": sqlite_url},
        "templates": {"overrides": str(tmp_path / "emails")},
    }
    with install(tmp_path, **sections) as service:
        sessions, sender = service.parts.sessions, MemorySender()
        with sessions() as session:
            add_people(session, 2, now)
        start_letter(sessions, now)  # written by our own template
        with sessions() as session:
            letter = add_letter(session, now)
            newsletters.approve(session, letter, None, WHO, now, grace=timedelta())

        service.parts.build_jobs().move_newsletters()
        run_round(sessions, sender, now)

        with sessions() as session:
            stuck = get_newsletter(session, letter.id)
        states = [row.state.value for row in read_deliveries(sessions)]
    words = (
        "The e-mail template letter/body.html was stopped: it takes more than 1 seconds or 512 MB."
    )
    assert (stuck.state, stuck.reason) == ("paused", NOT_PREPARED)
    assert stuck.reason_facts == {"said": words}
    assert states == ["accepted", "accepted"]


def test_machine_that_cannot_write_a_mail_leaves_it_for_later(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = tmp_path / "emails" / "confirm" / "subject.txt"
    subject.parent.mkdir(parents=True)
    subject.write_text("Please confirm\n", encoding="utf-8")
    templates = {"overrides": str(tmp_path / "emails")}
    watch, now = Watch(), clock.now()
    with (
        slow_smtp(0) as server,
        install_worker(tmp_path, sqlite_url, server.port, templates=templates) as worker,
    ):
        sessions = worker.parts.sessions
        with sessions() as session:
            reader = add_subscriber(session, "new@example.org", now, state=SubscriberState.PENDING)
            letters.queue(
                session,
                "confirm",
                subscriber=reader,
                language="en",
                context={"jti": "abc"},
                now=now,
                lives=timedelta(days=1),
            )
        with hire(worker, watch) as engine:
            with monkeypatch.context() as ill:
                ill.setattr(sys, "executable", "/bin/true")
                engine.run_once()
            put_off = read_fates(sessions)
            watch.pass_time(NOT_NOW_FOR)
            engine.run_once()
        sent = read_fates(sessions)
    assert put_off == {("deferred", 0)}
    assert sent == {("accepted", 1)}
    assert len(server.bodies) == 1
