"""The mails that one person asked for, written from their rows in the ledger."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from mailer.message.links import Links, Purpose
from mailer.message.render import Renderer
from mailer.storage import claiming
from mailer.storage.deliveries import Claim
from mailer.storage.plans import get_plan
from mailer.storage.subscribers import Subscriber
from mailer.usecases import letters, newsletters
from mailer.usecases.passwords import find_link_owner
from mailer.usecases.plans import make_next_issue
from mailer.usecases.users import NewUser, ensure_roles, invite
from mailer.usecases.writing import LetterWriter
from tests.letters import BASE_URL, GRACE, WHO, add_letter
from tests.people import add_subscriber

LINKS = Links(["k" * 40])
DAY = timedelta(days=1)


@pytest.fixture
def writer() -> LetterWriter:
    return LetterWriter(Renderer(BASE_URL), LINKS)


@pytest.fixture
def reader(session: Session, now: datetime) -> Subscriber:
    return add_subscriber(session, "new@example.org", now, language="cs")


def queue(
    session: Session, template: str, reader: Subscriber, now: datetime, **context: str | int
) -> Claim:
    letters.queue(
        session,
        template,
        subscriber=reader,
        language=reader.language,
        context=context,
        now=now,
        lives=DAY,
    )
    (claim,) = claiming.claim_transactional(session, "test", now, DAY, 10)
    return claim


@pytest.mark.parametrize(
    ("template", "path", "purpose"),
    [
        ("confirm", "/c/", Purpose.CONFIRM),
        ("address_change", "/a/", Purpose.ADDRESS_CHANGE),
        ("data", "/d/", Purpose.DATA),
    ],
)
def test_timed_links_are_about_the_reader_and_carry_the_jti(
    session: Session,
    now: datetime,
    writer: LetterWriter,
    reader: Subscriber,
    template: str,
    path: str,
    purpose: Purpose,
) -> None:
    claim = queue(session, template, reader, now, jti="one-time")

    text = writer.write(session, claim, now).text

    token = text.partition(f"{BASE_URL}{path}")[2].split()[0]
    link = LINKS.read(purpose, token, now)
    assert (link.subject, link.jti) == (str(reader.public_id), "one-time")


def test_an_unknown_template_is_an_error_of_its_own(
    session: Session, now: datetime, writer: LetterWriter, reader: Subscriber
) -> None:
    claim = queue(session, "nonsense", reader, now)

    with pytest.raises(ValueError, match="nonsense"):
        writer.write(session, claim, now)


def test_an_invitation_sets_the_password_of_its_owner(
    session: Session, now: datetime, writer: LetterWriter
) -> None:
    ensure_roles(session)
    user = invite(session, NewUser("eva@example.org", "Eva", "editor"), WHO, now)
    (claim,) = claiming.claim_transactional(session, "test", now, DAY, 10)

    text = writer.write(session, claim, now).text

    token = text.partition("/desk/password/")[2].split()[0]
    assert find_link_owner(session, LINKS, token, now) is user


def test_a_test_copy_is_marked_and_its_links_are_inert(
    session: Session, now: datetime, writer: LetterWriter, reader: Subscriber
) -> None:
    letter = add_letter(session, now)
    claim = queue(session, "test", reader, now, newsletter_id=letter.id, lang="en")

    rendered = writer.write(session, claim, now)

    assert rendered.subject == "[TEST] Subject en"
    assert "/u/" not in rendered.html


def test_the_draft_notice_says_when_and_to_how_many(
    session: Session, now: datetime, writer: LetterWriter, reader: Subscriber
) -> None:
    add_letter(session, now)
    reader.language = "en"
    issue = make_next_issue(session, get_plan(session, "weekly"), WHO, now)
    claim = queue(session, "draft_ready", reader, now, newsletter_id=issue.id, readers=312)

    text = writer.write(session, claim, now).text

    assert "312 readers" in text
    assert "3 Dec" in text
    assert f"{BASE_URL}/desk/newsletters/{issue.id}" in text


def test_the_draft_notice_says_when_by_the_clock_of_its_plan(
    session: Session, now: datetime, writer: LetterWriter, reader: Subscriber
) -> None:
    add_letter(session, now)
    reader.language = "en"
    plan = get_plan(session, "weekly")
    plan.tz = "America/New_York"
    issue = make_next_issue(session, plan, WHO, now)
    claim = queue(session, "draft_ready", reader, now, newsletter_id=issue.id, readers=1)

    text = writer.write(session, claim, now).text

    assert "09:00 (New York time)" in text


@pytest.mark.parametrize(
    ("is_approved", "sentence"),
    [
        (False, "It is sent only if somebody approves it before then."),
        (True, "It is sent then, unless somebody stops it."),
    ],
)
def test_the_draft_notice_says_whether_somebody_must_act(
    session: Session,
    now: datetime,
    writer: LetterWriter,
    reader: Subscriber,
    is_approved: bool,
    sentence: str,
) -> None:
    add_letter(session, now)
    reader.language = "en"
    issue = make_next_issue(session, get_plan(session, "weekly"), WHO, now)
    if is_approved:
        newsletters.approve(session, issue, issue.send_at, WHO, now, grace=GRACE)
    claim = queue(session, "draft_ready", reader, now, newsletter_id=issue.id, readers=1)

    text = writer.write(session, claim, now).text

    assert [line for line in text.splitlines() if line.startswith("It is sent")] == [sentence]
