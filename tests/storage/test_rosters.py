"""An audience is written by the database itself, each reader once."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.domain.content import ItemKind
from mailer.domain.delivery import DeliveryKind, DeliveryState
from mailer.domain.digest import Role
from mailer.domain.newsletter import NewsletterState
from mailer.storage import rosters
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Cohort, CohortItem, Newsletter, ReaderKind
from mailer.storage.rosters import Kind, Roster
from mailer.usecases import newsletters, sending
from tests.letters import WHO, add_letter
from tests.people import add_people, add_subscriber

S = DeliveryState
A_DAY = timedelta(days=1)
EVERYBODY = 1000


@pytest.fixture
def newsletter(session: Session, now: datetime) -> Newsletter:
    """A letter whose audience is about to be written down."""
    letter = add_letter(session, now)
    newsletters.approve(session, letter, None, WHO, now, grace=timedelta())
    sending.start_due(session, now)
    return letter


def make_roster(
    newsletter: Newsletter, now: datetime, *, issues: tuple[int, ...] = (), up_to: int = EVERYBODY
) -> Roster:
    return Roster(newsletter, rosters.OF_A_DIGEST, issues, now - A_DAY, 0, up_to, now)


def add_cohort(
    session: Session, newsletter: Newsletter, key: str, *, is_empty: bool = False
) -> Cohort:
    cohort = Cohort(
        newsletter_id=newsletter.id,
        key=key,
        language="en",
        is_empty=is_empty,
        created_at=newsletter.created_at,
    )
    session.add(cohort)
    session.flush()
    return cohort


def learn(session: Session, roster: Roster, cohort: Cohort, next_at: datetime | None) -> list[Kind]:
    """Give all kinds of readers that are not known yet the same letter."""
    kinds = rosters.list_kinds(session, roster, 100)
    rosters.add_kinds(session, roster.newsletter.id, [(kind, cohort.id, next_at) for kind in kinds])
    return kinds


def test_a_reader_is_written_with_all_that_their_mail_needs(
    session: Session, newsletter: Newsletter, now: datetime
) -> None:
    reader = add_subscriber(session, "anna@example.org", now, language="cs")
    cohort = add_cohort(session, newsletter, "all")
    roster = make_roster(newsletter, now)
    learn(session, roster, cohort, now - A_DAY)

    written = rosters.write(session, roster)

    row = session.scalars(select(Delivery)).one()
    assert written == 1
    assert {column.name: getattr(row, column.name) for column in Delivery.__table__.c} == {
        "id": row.id,
        "newsletter_id": newsletter.id,
        "cohort_id": cohort.id,
        "subscriber_id": reader.id,
        "reader_id": reader.public_id,
        "kind": DeliveryKind.NEWSLETTER,
        "language": "cs",
        "address": "anna@example.org",
        "address_key": "anna@example.org",
        "priority": 0,
        "state": S.QUEUED,
        "reason": "",
        "generation": 0,
        "lease_owner": "",
        "lease_until": None,
        "attempts": 0,
        "is_repeat": False,
        "next_at": now - A_DAY,
        "expires_at": newsletter.expires_at,
        "template": "",
        "context": None,
        "provider": "",
        "provider_message_id": "",
        "last_code": 0,
        "last_text": "",
        "created_at": now,
        "changed_at": now,
    }


def test_writing_again_changes_nothing(
    session: Session, newsletter: Newsletter, now: datetime
) -> None:
    add_people(session, 3, now)
    roster = make_roster(newsletter, now)
    learn(session, roster, add_cohort(session, newsletter, "all"), now)
    rosters.write(session, roster)
    session.scalars(select(Delivery)).first().state = S.ACCEPTED  # type: ignore[union-attr]
    session.flush()

    written = rosters.write(session, roster)

    states = session.scalars(select(Delivery.state).order_by(Delivery.id)).all()
    assert (written, states) == (0, [S.ACCEPTED, S.QUEUED, S.QUEUED])


def test_who_has_nothing_to_read_does_not_count(
    session: Session, newsletter: Newsletter, now: datetime
) -> None:
    add_people(session, 2, now)
    roster = make_roster(newsletter, now)
    learn(session, roster, add_cohort(session, newsletter, "none", is_empty=True), None)

    written = rosters.write(session, roster)

    rows = session.execute(select(Delivery.state, Delivery.reason, Delivery.next_at)).all()
    assert written == 0
    assert rows == [(S.SKIPPED, rosters.NOTHING_NEW, None)] * 2


def test_a_roster_is_written_when_nobody_on_it_is_missing(
    session: Session, newsletter: Newsletter, now: datetime
) -> None:
    add_people(session, 2, now)
    add_subscriber(session, "late@example.org", now, language="cs")
    first, all_of_them = make_roster(newsletter, now, up_to=2), make_roster(newsletter, now)
    before = rosters.is_written(session, first)
    learn(session, first, add_cohort(session, newsletter, "all"), now)

    rosters.write(session, all_of_them)

    assert not before
    assert rosters.is_written(session, first)
    assert not rosters.is_written(session, all_of_them)


def test_kinds_are_told_apart_by_wishes_and_by_what_arrived(
    session: Session, newsletter: Newsletter, now: datetime
) -> None:
    for name in "abcdef":
        add_subscriber(session, f"{name}@example.org", now, topics=("events", "trainings"))
    earlier, later = (add_cohort(session, newsletter, key) for key in ("earlier", "later"))
    for subscriber_id, cohort, state, at in (
        (1, later, S.ACCEPTED, now),
        (1, earlier, S.DELIVERED, now),
        (2, earlier, S.ACCEPTED, now),
        (2, later, S.ACCEPTED, now),
        (3, earlier, S.REJECTED, now),
        (4, earlier, S.ACCEPTED, now - 2 * A_DAY),
        (5, later, S.ACCEPTED, now),
    ):
        add_mail(session, subscriber_id, cohort, state, at)
    issues = tuple(session.scalars(select(Delivery.newsletter_id).distinct()))
    wishes = {
        "language": "en",
        "content_languages": ("en",),
        "topics": ("events", "trainings"),
        "cadence": "weekly",
    }

    kinds = rosters.list_kinds(session, make_roster(newsletter, now, issues=issues), 100)

    both, one = (earlier.id, later.id), (later.id,)
    assert kinds == [Kind(wishes, history) for history in (both, (), one)]


def add_mail(
    session: Session, subscriber_id: int, cohort: Cohort, state: DeliveryState, at: datetime
) -> None:
    """A mail of an earlier newsletter, one for each cohort."""
    slug = f"of-{cohort.id}"
    issue = session.scalar(select(Newsletter).where(Newsletter.slug == slug))
    if issue is None:
        issue = Newsletter(slug=slug, kind="digest", title="", created_at=at, changed_at=at)
        session.add(issue)
        session.flush()
    session.add(
        Delivery(
            newsletter_id=issue.id,
            cohort_id=cohort.id,
            subscriber_id=subscriber_id,
            kind=DeliveryKind.NEWSLETTER,
            language="en",
            address="",
            address_key="",
            state=state,
            expires_at=at,
            created_at=at,
            changed_at=at,
        )
    )
    session.flush()


def test_issues_are_newsletters_whose_items_may_be_remembered(
    session: Session, newsletter: Newsletter, now: datetime
) -> None:
    add_cohort(session, newsletter, "plain")
    before = rosters.list_issues(session, now - A_DAY)
    item = CohortItem(kind=ItemKind.EVENT, item_id=7, role=Role.NEW, revision=1)
    cohort = add_cohort(session, newsletter, "digest")
    cohort.items.append(item)
    session.flush()

    assert before == ()
    assert rosters.list_issues(session, now - A_DAY) == (newsletter.id,)
    assert rosters.list_issues(session, now + A_DAY) == ()


@pytest.mark.parametrize(
    ("state", "left"),
    [
        (NewsletterState.PREPARING, 1),
        (NewsletterState.PAUSED, 1),
        (NewsletterState.SENDING, 0),
        (NewsletterState.CANCELLED, 0),
    ],
)
def test_kinds_are_kept_as_long_as_somebody_may_go_on_with_them(
    session: Session, newsletter: Newsletter, now: datetime, state: NewsletterState, left: int
) -> None:
    add_people(session, 1, now)
    roster = make_roster(newsletter, now)
    learn(session, roster, add_cohort(session, newsletter, "all"), now)
    newsletter.state = state
    session.flush()

    rosters.drop_kinds(session)

    assert len(session.scalars(select(ReaderKind)).all()) == left
