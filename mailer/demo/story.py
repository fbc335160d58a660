"""The whole job, played unattended: a visitor signs up in Czech and confirms, a digest is composed,
approved and delivered over SMTP, a reader leaves by one click, the next digest skips them.

Each step says in one line what happened and raises StepFailed when it did not hold.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http import HTTPStatus
from urllib.parse import urlsplit

import requests

from mailer.demo.browser import Visitor
from mailer.demo.content import WHO, add_late_event
from mailer.demo.stage import Stage
from mailer.domain.consent import SubscriberState
from mailer.domain.delivery import DeliveryState
from mailer.domain.errors import MailerError
from mailer.domain.newsletter import NewsletterState
from mailer.message.headers import message_id
from mailer.storage import accounts
from mailer.storage.imports import list_imports
from mailer.storage.maildir import FullMessage, get_message, list_messages
from mailer.storage.newsletters import get_newsletter
from mailer.storage.plans import get_plan
from mailer.storage.subscribers import Filter, count_subscribers
from mailer.usecases import approvals
from mailer.usecases.approvals import Order
from mailer.usecases.plans import make_next_issue

GMAIL_CLIPS_AT = 102_000
VISITOR = "jana@example.org"
PATIENCE = 60.0
FORM_AGE = 3.0
"""Seconds from opening the sign-up form to sending it: who is faster is taken for a robot."""


class StepFailed(Exception):
    """A step of the story did not hold."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the table shows: what was done and what came of it."""

    title: str
    result: str
    held: bool


@dataclass(slots=True)
class Story:
    """What is known so far. Steps run in order; each builds on those before."""

    stage: Stage
    visitor: Visitor = field(init=False)
    confirm_url: str = ""
    issues: list[int] = field(default_factory=list)
    unsubscribe_url: str = ""

    def __post_init__(self) -> None:
        self.visitor = Visitor(self.stage.parts.config.site.base_url)

    def steps(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        """Every step: its title, and the function that does it and says what happened."""
        return (
            ("Read the pasted website", self.read_website),
            ("Sign up in Czech", self.sign_up),
            ("Find the confirmation mail", self.find_confirmation),
            ("A mail scanner opens the link", self.scan),
            ("Confirm with the button", self.confirm),
            ("Compose the digest", self.compose),
            ("Check and approve it", self.approve_issue),
            ("Deliver it over SMTP", self.deliver),
            ("Each in their own language", self.compare_languages),
            ("Read the visitor's copy", self.read_copy),
            ("Leave by one click", self.leave),
            ("Compose a second digest", self.compose),
            ("Approve and deliver it", self.deliver_second),
            ("Who left is skipped", self.look_for_who_left),
        )

    def read_website(self) -> str:
        with self.stage.parts.reading() as session:
            findings = list_imports(session)[0].findings
            kinds = Counter(finding.kind for finding in findings)
            waiting = sum(finding.state == "open" for finding in findings)
        expect(kinds == {"milestone": 20, "project": 4}, f"it read {dict(kinds)}")
        return f"20 timeline rows, 4 projects; {waiting} wait for a person to decide"

    def sign_up(self) -> str:
        page = self.visitor.get("/cs/")
        expect('lang="cs"' in page.text, "the sign-up page is not in Czech")
        time.sleep(FORM_AGE)
        answer = self.visitor.submit(page, having="email", email=VISITOR)
        expect(answer.ok, f"the form answered {answer.status_code}")
        return f"the form took {VISITOR} and said to look into the inbox"

    def find_confirmation(self) -> str:
        mail = self.wait_for_mail(lambda message: "/c/" in message.text)
        self.confirm_url = next(link for link in mail.links if "/c/" in link)
        letter = parse(mail)
        expect(letter["Content-Language"] == "cs", "the mail is not in Czech")
        expect(letter["List-Unsubscribe"] is None, "a confirmation is no newsletter")
        return f"“{letter['Subject']}”"

    def scan(self) -> str:
        before = self.count_readers()
        for _ in range(2):
            expect(self.visitor.get(self.confirm_url).ok, "the confirmation page does not open")
        expect(self.count_readers() == before, "opening the link subscribed somebody")
        return "the link was opened twice, and nobody was subscribed by it"

    def confirm(self) -> str:
        before = self.count_readers()
        page = self.visitor.get(self.confirm_url)
        answer = self.visitor.submit(page, having="")
        expect(answer.ok, f"the button answered {answer.status_code}")
        expect(self.count_readers() == before + 1, "the visitor is not subscribed")
        return f"{before + 1} confirmed readers now"

    def compose(self) -> str:
        parts = self.stage.parts
        with parts.sessions() as session:
            if self.issues:
                add_late_event(session, parts.clock())
            issue = make_next_issue(session, get_plan(session, "weekly"), WHO, parts.clock())
            self.issues.append(issue.id)
            return f"newsletter {issue.id}: {issue.title}"

    def approve_issue(self) -> str:
        parts = self.stage.parts
        with parts.sessions() as session:
            issue, now = get_newsletter(session, self.issues[-1]), parts.clock()
            check = approvals.approve(
                session,
                issue,
                Order(now),
                renderer=parts.renderer,
                who=WHO,
                now=now,
                grace=timedelta(seconds=parts.config.engine.grace_seconds),
            )
            by_language = ", ".join(f"{lang} {number}" for lang, number in check.readers.items())
            return f"goes to {check.audience} people: {by_language}"

    def deliver(self) -> str:
        self.wait_until(self.is_sent, "the digest was not sent in time")
        with self.stage.parts.reading() as session:
            issue = get_newsletter(session, self.issues[-1])
            account = accounts.get_account(session, issue)
        accepted = account.count(DeliveryState.ACCEPTED)
        expect(account.adds_up, "the accounting does not add up")
        copies = self.count_copies(self.issues[-1])
        expect(copies == accepted, f"{accepted} accepted, but {copies} in the inbox")
        return f"{accepted} of {account.audience} accepted, and {copies} lie in the inbox"

    def compare_languages(self) -> str:
        counts: Counter[str] = Counter()
        with self.stage.parts.reading() as session:
            rows = accounts.list_deliveries(session, self.issues[-1], limit=1000)
            wanted = {row.address: row.language for row in rows}
        for address, language in wanted.items():
            found = [m for m in self.list_digests() if m["To"] == address]
            expect(len(found) == 1, f"{address} has {len(found)} copies")
            expect(found[0]["Content-Language"] == language, f"{address} got another language")
            counts[language] += 1
        return ", ".join(f"{lang} {number}" for lang, number in counts.most_common())

    def read_copy(self) -> str:
        letter = next(mail for mail in self.list_digests() if mail["To"] == VISITOR)
        header = "".join(str(letter["List-Unsubscribe"]).split())
        self.unsubscribe_url = header.partition("<http")[2].partition(">")[0]
        expect(bool(self.unsubscribe_url), "there is no one-click link")
        self.unsubscribe_url = f"http{self.unsubscribe_url}"
        page, text = letter.get_body(("html",)), letter.get_body(("plain",))
        expect(page is not None and text is not None, "a part is missing")
        size = len(bytes(letter))
        expect(size < GMAIL_CLIPS_AT, f"it has {size} bytes")
        return f"“{letter['Subject']}”, {size // 1024} KB, HTML and text"

    def leave(self) -> str:
        path = urlsplit(self.unsubscribe_url).path
        before = self.count_readers()
        expect(self.visitor.get(path).ok, "the unsubscribe page does not open")
        expect(self.count_readers() == before, "opening the page unsubscribed somebody")
        for _ in range(2):
            answer = self.visitor.post(path, {"List-Unsubscribe": "One-Click"})
            expect(answer.status_code == HTTPStatus.OK, f"one click answered {answer.status_code}")
        expect(self.count_readers() == before - 1, "one click did not unsubscribe")
        return "one POST, no cookie, no redirect; the second one changed nothing"

    def deliver_second(self) -> str:
        self.approve_issue()
        return self.deliver()

    def look_for_who_left(self) -> str:
        with self.stage.parts.reading() as session:
            rows = accounts.list_deliveries(session, self.issues[-1], limit=1000)
            addresses = {row.address for row in rows}
        expect(VISITOR not in addresses, "the visitor who left was written to")
        return f"{VISITOR} is not among the {len(addresses)} readers of the second digest"

    def is_sent(self) -> bool:
        with self.stage.parts.reading() as session:
            return get_newsletter(session, self.issues[-1]).state == NewsletterState.SENT

    def count_readers(self) -> int:
        with self.stage.parts.reading() as session:
            return count_subscribers(session, Filter(states=(SubscriberState.CONFIRMED,)))

    def list_digests(self) -> list[EmailMessage]:
        """Every newsletter mail in the inbox, parsed."""
        inbox = self.stage.parts.config.inbox.directory
        found = (get_message(inbox, line.id) for line in list_messages(inbox))
        letters = (parse(message) for message in found)
        return [letter for letter in letters if letter["List-Id"]]

    def count_copies(self, newsletter_id: int) -> int:
        """How many mails of that newsletter lie in the inbox, by their Message-IDs."""
        secret = self.stage.parts.identity
        domain = self.stage.parts.config.mail.from_address.partition("@")[2]
        with self.stage.parts.reading() as session:
            rows = accounts.list_deliveries(session, newsletter_id, limit=1000)
            ours = {message_id(row.id, secret, domain) for row in rows}
        return sum(letter["Message-ID"] in ours for letter in self.list_digests())

    def wait_for_mail(self, wanted: Callable[[FullMessage], bool]) -> FullMessage:
        inbox = self.stage.parts.config.inbox.directory
        found: list[FullMessage] = []

        def look() -> bool:
            messages = (get_message(inbox, line.id) for line in list_messages(inbox))
            found.extend(message for message in messages if wanted(message))
            return bool(found)

        self.wait_until(look, "the mail did not arrive")
        return found[0]

    def wait_until(self, condition: Callable[[], bool], failure: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            expect(time.monotonic() < deadline, failure)
            time.sleep(0.2)


def parse(message: FullMessage) -> EmailMessage:
    letter = message_from_bytes(message.raw, policy=policy.default)
    assert isinstance(letter, EmailMessage)
    return letter


def expect(held: bool, failure: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not held:
        raise StepFailed(failure)


def play(stage: Stage) -> Iterator[Step]:
    """Play the story, a Step at a time; it ends at the first that did not hold."""
    for title, act in Story(stage).steps():
        try:
            yield Step(title, act(), held=True)
        except (StepFailed, MailerError, LookupError, requests.RequestException) as error:
            yield Step(title, str(error) or type(error).__name__, held=False)
            return
