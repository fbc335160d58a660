"""A service in full use: something behind every address that its pages can have.

`World.list_paths` turns the URL map into real addresses. A page with a new kind of argument must
be given one in `_find_values`, or the tests over the whole map fail.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from itertools import cycle
from pathlib import Path
from threading import Thread

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.serving import WSGIRequestHandler, make_server

from mailer.demo.content import ASSOCIATION, add_content
from mailer.demo.readers import add_readers
from mailer.demo.stage import read_example_website
from mailer.domain.consent import SubscriberState
from mailer.domain.content import Visibility
from mailer.domain.delivery import DeliveryState
from mailer.domain.newsletter import NewsletterState
from mailer.message.links import Purpose
from mailer.storage.deliveries import Attempt, Delivery
from mailer.storage.events import Event
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.storage.plans import get_plan
from mailer.storage.projects import Project
from mailer.storage.settings import save_association
from mailer.storage.subscribers import Subscriber
from mailer.storage.users import User
from mailer.usecases import import_drafts, newsletters, sending
from mailer.usecases.addresses import make_address_key
from mailer.usecases.plans import make_next_issue
from mailer.usecases.preferences import Wishes
from mailer.usecases.subscriber_import import Mode
from mailer.usecases.websites import import_website
from tests.letters import GRACE, WHO, add_letter, prepare
from tests.people import add_subscriber
from tests.web.desk import SECRET, Browser, Desk, open_desk

Values = dict[str, str | int]

ADDRESSES = "email,language\nzoe@example.net,en\nyan@example.net,cs\n"
SPREAD = (
    *(DeliveryState.ACCEPTED,) * 6,
    DeliveryState.BOUNCED,
    DeliveryState.REJECTED,
    DeliveryState.UNKNOWN,
)


@dataclass
class World:
    """`values` is what stands in addresses, by the argument's name; `special` where an endpoint
    needs another value. `letters` names a newsletter per state."""

    desk: Desk
    letters: dict[str, int]
    values: Values = field(default_factory=dict)
    special: dict[str, Values] = field(default_factory=dict)
    _signed_in: dict[str, Browser] = field(default_factory=dict)

    def browse(self, role: str = "") -> Browser:
        """The browser of the coordinator of that role, or of a stranger. Each signs in once: who
        does it too often is taken for a guesser."""
        if not role:
            return self.desk.browse()
        if role not in self._signed_in:
            self._signed_in[role] = self.desk.sign_in(role)
        return self._signed_in[role]

    def list_rules(self, method: str = "GET") -> list[Rule]:
        """All addresses that take this method, but those of static files."""
        rules = (rule for rule in self.desk.app.url_map.iter_rules() if rule.endpoint != "static")
        return sorted(
            (rule for rule in rules if method in (rule.methods or ())), key=lambda rule: rule.rule
        )

    def fill(self, rule: Rule, **changes: str | int) -> str:
        """A real address of that form; KeyError for an argument that this world does not know."""
        known = {**self.values, **self.special.get(rule.endpoint, {}), **changes}
        values = {name: known[name] for name in rule.arguments}
        built = rule.build(values)
        assert built, rule
        return built[1]

    def list_paths(self, method: str = "GET", **changes: str | int) -> list[str]:
        return [self.fill(rule, **changes) for rule in self.list_rules(method)]

    def list_states(self) -> list[str]:
        """The pages of newsletters in each of their states."""
        return [f"/desk/newsletters/{number}" for number in self.letters.values()]


def is_desk(path: str) -> bool:
    return path.startswith("/desk")


def build_world(url: str, inbox: Path, now: datetime) -> World:
    """Example content, readers, a newsletter in each state, an import before and after. The
    coordinator who sends has the desk in Arabic, the others in English."""
    desk = open_desk(url, now, inbox=inbox)
    key = make_address_key(SECRET.encode())
    with desk.sessions() as session:
        save_association(session, ASSOCIATION, now)
        import_website(session, read_example_website(), "website.txt", WHO, now)
        add_content(session, now)
        add_readers(session, key, now)
        for name, state in (("pending", SubscriberState.PENDING), ("reader", None)):
            add_subscriber(
                session, f"{name}@example.org", now, state=state or SubscriberState.CONFIRMED
            )
        sender = session.scalars(select(User).filter_by(email="sender@example.org")).one()
        sender.language = "ar"
        imports = {"draft": _begin_import(session, now), "done": _import(session, key, now)}
    world = World(desk, _add_letters(desk, now))
    with desk.sessions() as session:
        _find_values(world, session, imports)
    world.special["account.set_password"] = {"token": _ask_password_link(desk)}
    world.values["message_id"] = _put_into_inbox(inbox)
    return world


def _begin_import(session: Session, now: datetime) -> int:
    number = import_drafts.begin(session, ADDRESSES, WHO, now)
    draft = import_drafts.get_draft(session, number)
    import_drafts.give_proof(session, draft, "Festival", Wishes(("en",), ("events",)), now)
    return number


def _import(session: Session, key: Callable[[str], str], now: datetime) -> int:
    number = _begin_import(session, now)
    draft = import_drafts.get_draft(session, number)
    import_drafts.carry_out(session, draft, Mode.ASK, key, WHO, now)
    return number


def _add_letters(desk: Desk, now: datetime) -> dict[str, int]:
    """A newsletter in each state, by the name of the state; `digest` is one more draft."""
    with desk.sessions() as session:
        digest = make_next_issue(session, get_plan(session, "weekly"), WHO, now)
        letters = {
            state.value: add_letter(session, now, en="Good *news*.", cs="Dobré *zprávy*.").id
            for state in NewsletterState
            if state not in (NewsletterState.SKIPPED_EMPTY, NewsletterState.MISSED)
        }
    for name, number in letters.items():
        _bring_to(desk, number, NewsletterState(name), now)
    return {"digest": digest.id, **letters}


def _bring_to(desk: Desk, number: int, wanted: NewsletterState, now: datetime) -> None:
    if wanted == NewsletterState.DRAFT:
        return
    started = wanted != NewsletterState.SCHEDULED
    with desk.sessions() as session:
        letter = get_newsletter(session, number)
        newsletters.approve(session, letter, None, WHO, now - timedelta(hours=started), grace=GRACE)
    if not started:
        return
    with desk.sessions() as session:
        sending.start_due(session, now)
    if wanted == NewsletterState.PREPARING:
        return
    prepare(desk.sessions, number, now)
    with desk.sessions() as session:
        letter = get_newsletter(session, number)
        if wanted == NewsletterState.PAUSED:
            sending.pause(session, letter, WHO, now)
        elif wanted == NewsletterState.CANCELLED:
            sending.cancel(session, letter, WHO, now)
        elif wanted == NewsletterState.SENT:
            _spread_fates(session, number, now)
            sending.finish_done(session, now)


def _spread_fates(session: Session, number: int, now: datetime) -> None:
    rows = session.scalars(select(Delivery).where(Delivery.newsletter_id == number))
    for row, state in zip(rows, cycle(SPREAD)):
        row.state, row.attempts, row.next_at = state, 1, None
        if state not in (DeliveryState.ACCEPTED, DeliveryState.UNKNOWN):
            row.last_code, row.last_text = 550, "5.1.1 no such user"
            session.add(
                Attempt(delivery_id=row.id, at=now, outcome="refused", phase="rcpt", code=550)
            )
    session.flush()


def _find_values(world: World, session: Session, imports: dict[str, int]) -> None:
    event = session.scalars(select(Event).order_by(Event.id)).first()
    public = Project.visibility == Visibility.PUBLISHED
    project = session.scalars(select(Project).where(public).order_by(Project.id)).first()
    sent = session.get_one(Newsletter, world.letters["sent"])
    reader = session.scalars(select(Subscriber).filter_by(address="reader@example.org")).one()
    pending = session.scalars(select(Subscriber).filter_by(address="pending@example.org")).one()
    viewer = session.scalars(select(User).filter_by(email="viewer@example.org")).one()
    assert event
    assert project
    world.values |= {
        "lang": "en",
        "slug": event.slug,
        "event_id": event.id,
        "newsletter_id": sent.id,
        "subscriber_id": reader.id,
        "number": imports["draft"],
        **{f"{noun}_id": 1 for noun in ("deadline", "update", "project", "venue", "finding")},
        "user_id": viewer.id,
    }
    links, now = world.desk.links, world.desk.now

    def timed(purpose: Purpose, whom: Subscriber, **extra: str) -> Values:
        token = links.make(purpose, str(whom.public_id), extra, now, purpose.value)
        return {"token": token}

    data = timed(Purpose.DATA, reader)
    preferences: Values = {"token": links.preferences_token(reader.public_id)}
    unsubscribe: Values = {"token": links.unsubscribe_token(reader.public_id)}
    world.special = {
        "public.archive.show": {"slug": sent.slug},
        "public.archive.letter": {"slug": sent.slug},
        "public.projects.show": {"slug": project.slug},
        "settings.change_plan": {"slug": "weekly"},
        "subscriber_import.result": {"number": imports["done"]},
        "subscriber_import.undo": {"number": imports["done"]},
        "public.confirm.show": timed(Purpose.CONFIRM, pending),
        "public.confirm.press": timed(Purpose.CONFIRM, pending),
        "public.address.show": timed(Purpose.ADDRESS_CHANGE, reader, to="new@example.org"),
        "public.address.press": timed(Purpose.ADDRESS_CHANGE, reader, to="new@example.org"),
        "public.personal_data.show": data,
        "public.personal_data.download": data,
        "public.personal_data.erase": data,
        "public.preferences.show": preferences,
        "public.preferences.act": preferences,
        "public.unsubscribe.show": unsubscribe,
        "public.unsubscribe.act": unsubscribe,
        "newsletters.show": {"newsletter_id": world.letters["draft"]},
        "newsletter_check.show": {"newsletter_id": world.letters["draft"]},
        "newsletter_sending.show": {"newsletter_id": world.letters["sending"]},
        "newsletter_sending.cancel": {"newsletter_id": world.letters["sending"]},
    }


def _ask_password_link(desk: Desk) -> str:
    """The token of a mailed link to set a password."""
    desk.browse().post("/desk/forgotten", {"email": "editor@example.org"})
    return desk.mailed_path().rpartition("/")[2]


def _put_into_inbox(inbox: Path) -> str:
    """One mail in the demo's inbox; its id."""
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = "Hello", "news@example.org", "a@example.org"
    letter.set_content("Hello")
    letter.add_alternative("<html lang='en'><head></head><body><p>Hello</p></body></html>", "html")
    place = inbox / "new"
    place.mkdir(parents=True)
    stamp = b"Return-Path: <news@example.org>\r\nDelivered-To: a@example.org\r\n"
    (place / "1764144000.1").write_bytes(stamp + letter.as_bytes())
    return "1764144000.1"


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  its name there
        """A failed test has more to say than which style sheets were loaded."""


@contextmanager
def serve(desk: Desk) -> Iterator[str]:
    """The application over HTTP; its address."""
    server = make_server("127.0.0.1", 0, desk.app, threaded=True, request_handler=_Silent)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()
