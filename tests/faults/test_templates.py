"""F39: an operator's template that never ends, or that wants all the memory there is."""

from pathlib import Path

import pytest

from mailer import clock
from mailer.domain.newsletter import GRACE
from mailer.message import press
from mailer.providers.memory import MemorySender
from mailer.storage.newsletters import get_newsletter
from mailer.usecases import newsletters
from tests.letters import WHO, add_letter, start_letter
from tests.people import add_people
from tests.service import install
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
            newsletters.approve(session, letter, None, WHO, now - GRACE)

        service.parts.build_timetable().move_newsletters()
        run_round(sessions, sender, now)

        with sessions() as session:
            stuck = get_newsletter(session, letter.id)
        states = [row.state.value for row in read_deliveries(sessions)]
    assert (stuck.state, stuck.reason) == (
        "paused",
        "The e-mail template letter/body.html was stopped: it takes more than 1 seconds or 512 MB.",
    )
    assert states == ["accepted", "accepted"]
