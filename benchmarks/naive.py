"""The naive way, as most scripts do it: render the letter for each person with Jinja, build the
message with the standard library, perhaps sign it with dkimpy, hand it to smtplib over one
connection that is kept. No ledger: what it dies with is lost."""

import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

import dkim  # type: ignore[import-untyped]  # dkimpy ships no types
from jinja2 import Environment, Template

from benchmarks.letters import ENVELOPE, make_person
from benchmarks.rounds import Watch, Work
from mailer import clock
from mailer.message.slots import PREFERENCES, UNSUBSCRIBE
from mailer.message.values import Person, Rendered

_JINJA = Environment(autoescape=True)
_WORDS = {UNSUBSCRIBE: "{{ unsubscribe }}", PREFERENCES: "{{ preferences }}"}

Sign = Callable[[bytes], bytes]


class NaiveWriter:
    """A letter as a pair of templates."""

    def __init__(self, letter: Rendered, sign: Sign | None = None) -> None:
        self._text, self._html = _template(letter.text), _template(letter.html)
        self._subject, self._sign = letter.subject, sign

    def write(self, person: Person) -> bytes:
        """The message for one person."""
        words = {
            "unsubscribe": person.unsubscribe_token,
            "preferences": person.preferences_token,
        }
        message = EmailMessage(policy=SMTP)
        message["From"] = f"{ENVELOPE.from_name} <{ENVELOPE.from_address}>"
        message["To"] = person.address
        message["Subject"] = self._subject
        message["Date"] = formatdate()
        message["Message-ID"] = person.message_id
        message["List-Unsubscribe"] = f"<https://news.example.org/u/{person.unsubscribe_token}>"
        message.set_content(self._text.render(words))
        message.add_alternative(self._html.render(words), subtype="html")
        content = message.as_bytes()
        return self._sign(content) if self._sign else content


def sign_with_dkimpy(selector: str, domain: str, key: bytes) -> Sign:
    """As its manual says."""

    def sign(content: bytes) -> bytes:
        header: bytes = dkim.sign(content, selector.encode(), domain.encode(), key)
        return header + content

    return sign


def send_naively(port: int, letter: Rendered, number: int, sign: Sign | None = None) -> Work:
    writer = NaiveWriter(letter, sign)

    def work(watch: Watch) -> int:
        now = clock.now()
        people = [make_person(reader, now) for reader in range(number)]
        with watch.running(), smtplib.SMTP("127.0.0.1", port) as server:
            for person in people:
                content = writer.write(person)
                server.sendmail(ENVELOPE.from_address, [person.address], content)
        return number

    return work


def send_ready_made(port: int, letter: Rendered, number: int) -> Work:
    """smtplib alone: the same ready message to everybody, over one connection."""
    person = make_person(1, clock.now())
    content = NaiveWriter(letter).write(person)

    def work(watch: Watch) -> int:
        with watch.running(), smtplib.SMTP("127.0.0.1", port) as server:
            for _ in range(number):
                server.sendmail(ENVELOPE.from_address, [person.address], content)
        return number

    return work


def _template(text: str) -> Template:
    for slot, word in _WORDS.items():
        text = text.replace(slot, word)
    return _JINJA.from_string(text)
