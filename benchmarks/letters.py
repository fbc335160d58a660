"""A realistic letter of a given size, and people to send it to."""

from datetime import datetime
from uuid import UUID

from mailer.message.build import build
from mailer.message.headers import date_value, message_id
from mailer.message.links import Links
from mailer.message.slots import PREFERENCES, UNSUBSCRIBE
from mailer.message.values import Envelope, Person, Rendered

BASE_URL = "https://news.example.org"
SECRET = b"k" * 40
LINKS = Links([SECRET.decode()])
SENTENCE = "Setkání pro nově příchozí: čaj, koláče a krátké rozhovory. "
WIDTH = 70

ENVELOPE = Envelope(
    from_name="MigAct",
    from_address="news@example.org",
    subject="Setkání v pátek + 3 další",
    language="cs",
    list_name="MigAct",
    list_domain="example.org",
)


def make_letter(size: int) -> Rendered:
    """HTML and text, with both personal links, whose message has about `size` bytes: all that is
    transferred, headers and encoding included."""
    few, many = 10, 1000
    least, most = _weigh(few), _weigh(many)
    return _write(few + round((size - least) * (many - few) / (most - least)))


def _weigh(sentences: int) -> int:
    person = make_person(1, datetime.fromisoformat("2026-11-26T08:00:00+00:00"))
    return len(build(_write(sentences), ENVELOPE, person, base_url=BASE_URL))


def _write(sentences: int) -> Rendered:
    links = f"{BASE_URL}/u/{UNSUBSCRIBE}\n{BASE_URL}/p/{PREFERENCES}\n"
    body = SENTENCE * sentences
    lines = "\n".join(body[at : at + WIDTH] for at in range(0, len(body), WIDTH))
    link = f'<a href="{links.split(maxsplit=1)[0]}">Odhlásit</a>'
    html = f'<html lang="cs"><body><p>{lines}</p>{link}</body></html>'
    return Rendered("Setkání v pátek + 3 další", "Čtyři akce", html, f"{lines}\n{links}", "cs")


def make_person(number: int, now: datetime) -> Person:
    """Everything that differs per recipient, tokens and Message-ID included."""
    reader = UUID(int=number)
    return Person(
        address=f"reader{number}@example.org",
        message_id=message_id(number, SECRET, "example.org"),
        date=date_value(now),
        unsubscribe_token=LINKS.unsubscribe_token(reader, number),
        preferences_token=LINKS.preferences_token(reader, number),
    )
