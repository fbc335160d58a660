"""A realistic letter of about the given size, and people to send it to."""

from datetime import datetime
from uuid import UUID

from mailer.message.headers import date_value, message_id
from mailer.message.links import Links
from mailer.message.slots import PREFERENCES, UNSUBSCRIBE
from mailer.message.values import Envelope, Person, Rendered

BASE_URL = "https://news.example.org"
SECRET = b"k" * 40
LINKS = Links([SECRET.decode()])
SENTENCE = "Setkání pro nově příchozí: čaj, koláče a krátké rozhovory. "


def make_letter(size: int) -> Rendered:
    """HTML and text of about `size` bytes in all, with both personal links."""
    links = f"{BASE_URL}/u/{UNSUBSCRIBE}\n{BASE_URL}/p/{PREFERENCES}\n"
    body = SENTENCE * (size // 2 // len(SENTENCE.encode()))
    lines = "\n".join(body[at : at + 70] for at in range(0, len(body), 70))
    link = f'<a href="{links.split(maxsplit=1)[0]}">Odhlásit</a>'
    html = f'<html lang="cs"><body><p>{lines}</p>{link}</body></html>'
    return Rendered("Setkání v pátek + 3 další", "Čtyři akce", html, f"{lines}\n{links}", "cs")


ENVELOPE = Envelope(
    from_name="MigAct",
    from_address="news@example.org",
    subject="Setkání v pátek + 3 další",
    language="cs",
    list_name="MigAct",
    list_domain="example.org",
)


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
