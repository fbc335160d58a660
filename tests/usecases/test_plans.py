"""Digests that come round: one per plan and occurrence, whoever asks and however often."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from mailer.domain.association import Association
from mailer.domain.consent import Cadence
from mailer.domain.newsletter import NewsletterState
from mailer.message.render import Renderer
from mailer.storage import audiences
from mailer.storage.db import Sessions
from mailer.storage.deliveries import Delivery
from mailer.storage.newsletters import Newsletter, get_newsletter
from mailer.storage.plans import get_plan, list_plans
from mailer.storage.settings import save_association
from mailer.usecases import drafts, events, newsletters
from mailer.usecases.editions import open_edition
from mailer.usecases.plans import FOLLOWED, NOT_APPROVED, make_due_issues, make_next_issue
from mailer.usecases.setup import set_up
from mailer.usecases.users import NewUser, add_user, ensure_roles
from tests.letters import BASE_URL, GRACE, WHO
from tests.people import add_people, add_subscriber
from tests.usecases.edits import event_edit

# `now` is Thursday 9:00 in Prague, the moment of sending; the draft is due 17 hours before.
WEEK = timedelta(days=7)
LEAD = timedelta(hours=17)
DUE = WEEK - LEAD
MINUTE = timedelta(minutes=1)
LATE = timedelta(hours=72)
_S = NewsletterState


def set_up_service(sessions: Sessions, now: datetime, *, plan: str = "weekly") -> None:
    """A service with one plan in use, one person who may send and one who may not."""
    with sessions() as session:
        set_up(session, None, now)
        for other in list_plans(session):
            other.is_active = other.slug == plan
        ensure_roles(session)
        add_user(session, NewUser("anna@example.org", "Anna", "sender"), None, WHO, now)
        add_user(session, NewUser("eva@example.org", "Eva", "editor"), None, WHO, now)
        add_people(session, 2, now)


def make_automatic(sessions: Sessions, now: datetime) -> None:
    """Nobody needs to approve the weekly digest, and nothing stands in its way."""
    with sessions() as session:
        save_association(session, Association("MigAct", address="Example Street 1, Praha"), now)
        events.create(session, event_edit(), who=WHO, now=now, publish=True)
        get_plan(session, "weekly").is_automatic = True


def make(sessions: Sessions, moment: datetime) -> list[str | None]:
    with sessions() as session:
        issues = make_due_issues(session, Renderer(BASE_URL), moment, GRACE)
        return [issue.period_key for issue in issues]


def make_ahead(sessions: Sessions, moment: datetime) -> int:
    with sessions() as session:
        return make_next_issue(session, get_plan(session, "weekly"), WHO, moment).id


def read_issues(sessions: Sessions) -> list[tuple[str | None, NewsletterState, str]]:
    """Occurrence, state and reason of every issue, in the order in which they were made."""
    with sessions() as session:
        issues = session.scalars(select(Newsletter).order_by(Newsletter.id))
        return [(issue.period_key, issue.state, issue.reason) for issue in issues]


def list_told(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        rows = session.execute(select(Delivery.address, Delivery.template).order_by(Delivery.id))
        return [(address, template) for address, template in rows]


def test_a_service_starts_with_a_digest_for_each_rhythm(sessions: Sessions, now: datetime) -> None:
    with sessions() as session:
        set_up(session, None, now)
        get_plan(session, "weekly").name = "News"
        set_up(session, None, now)

        found = [(plan.slug, plan.name, plan.cadence) for plan in list_plans(session)]

    assert found == [
        ("weekly", "News", Cadence.WEEKLY),
        ("monthly", "Monthly digest", Cadence.MONTHLY),
    ]


def test_a_new_plan_catches_up_with_nothing(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)

    assert make(sessions, now + timedelta(hours=1)) == []


def test_the_draft_is_made_once_at_its_time(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)
    due = now + DUE

    made = [make(sessions, due - MINUTE), make(sessions, due), make(sessions, due)]

    assert made == [[], ["2026-12-03"], []]


def test_the_monthly_digest_comes_on_the_first_thursday(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now, plan="monthly")

    made = [make(sessions, now + DUE + week * WEEK) for week in range(6)]

    assert made == [["2026-12-03"], [], [], [], [], ["2027-01-07"]]


def test_the_monthly_digest_looks_a_month_ahead_for_its_own_readers(
    sessions: Sessions, now: datetime
) -> None:
    set_up_service(sessions, now, plan="monthly")
    with sessions() as session:
        add_subscriber(session, "slow@example.org", now, cadence=Cadence.MONTHLY, language="cs")

    make(sessions, now + DUE)

    with sessions() as session:
        issue = session.scalars(select(Newsletter)).one()
        run = open_edition(session, issue, Renderer(BASE_URL), now + DUE).run
        assert (run.send_at, run.next_at) == (now + WEEK, datetime(2027, 1, 7, 8, tzinfo=UTC))
        assert audiences.count_audience(session, issue, now + DUE) == {"cs": 1}


def test_an_outage_is_caught_up_with_once(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)

    made = [make(sessions, now + 4 * WEEK + timedelta(hours=2)) for _ in range(2)]

    assert made == [["2026-12-24"], []]


def test_those_who_may_send_are_told(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)

    make(sessions, now + DUE)

    assert list_told(sessions) == [("anna@example.org", "draft_ready")]


def test_an_automatic_plan_schedules_its_issue_and_says_so(
    sessions: Sessions, now: datetime
) -> None:
    set_up_service(sessions, now)
    make_automatic(sessions, now)

    make(sessions, now + DUE)

    with sessions() as session:
        issue = session.scalars(select(Newsletter)).one()
    assert (issue.state, issue.send_at) == (_S.SCHEDULED, now + WEEK)
    assert list_told(sessions) == [("anna@example.org", "draft_ready")]


def test_an_automatic_plan_sends_nothing_that_a_check_would_stop(
    sessions: Sessions, now: datetime
) -> None:
    set_up_service(sessions, now)
    make_automatic(sessions, now)
    with sessions() as session:
        save_association(session, Association("MigAct"), now)

    make(sessions, now + DUE)

    assert read_issues(sessions) == [("2026-12-03", _S.DRAFT, "")]
    assert list_told(sessions) == [("anna@example.org", "draft_ready")]


def test_an_automatic_plan_schedules_what_was_drafted_by_hand(
    sessions: Sessions, now: datetime
) -> None:
    set_up_service(sessions, now)
    make_automatic(sessions, now)
    make_ahead(sessions, now)

    made = [make(sessions, now + DUE), make(sessions, now + DUE + MINUTE)]

    assert made == [["2026-12-03"], []]
    assert read_issues(sessions) == [("2026-12-03", _S.SCHEDULED, "")]


def test_a_draft_that_the_next_one_follows_is_missed(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)
    with sessions() as session:
        get_plan(session, "weekly").late_limit_hours = 300
    make(sessions, now + DUE)

    make(sessions, now + DUE + WEEK)

    assert read_issues(sessions) == [
        ("2026-12-03", _S.MISSED, FOLLOWED),
        ("2026-12-10", _S.DRAFT, ""),
    ]


@pytest.mark.parametrize(
    ("after", "state", "reason"),
    [(LATE, _S.DRAFT, ""), (LATE + MINUTE, _S.MISSED, NOT_APPROVED)],
)
def test_a_draft_is_missed_when_its_limit_is_over(
    sessions: Sessions, now: datetime, after: timedelta, state: NewsletterState, reason: str
) -> None:
    set_up_service(sessions, now)
    make(sessions, now + DUE)

    make(sessions, now + WEEK + after)

    assert read_issues(sessions) == [("2026-12-03", state, reason)]


def test_a_missed_draft_that_somebody_takes_up_again_is_not_missed_at_once(
    sessions: Sessions, now: datetime
) -> None:
    set_up_service(sessions, now)
    make(sessions, now + DUE)
    late = now + WEEK + LATE + MINUTE
    make(sessions, late)
    with sessions() as session:
        issue = session.scalars(select(Newsletter)).one()
        newsletters.stop(session, issue, WHO, late)

    make(sessions, late + MINUTE)

    assert read_issues(sessions) == [("2026-12-03", _S.DRAFT, "")]
    with sessions() as session:
        issue = session.scalars(select(Newsletter)).one()
        newsletters.approve(session, issue, None, WHO, late, grace=GRACE)
        assert (issue.state, issue.send_at) == (_S.SCHEDULED, late + GRACE)


def test_the_next_issue_can_be_made_ahead_of_time(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)
    first, again = make_ahead(sessions, now), make_ahead(sessions, now)
    with sessions() as session:
        get_newsletter(session, first).state = _S.SENT

    following = make_ahead(sessions, now)

    assert again == first
    assert read_issues(sessions) == [("2026-12-03", _S.SENT, ""), ("2026-12-10", _S.DRAFT, "")]
    assert following != first
    assert make(sessions, now + DUE) == []


def test_an_issue_made_far_ahead_does_not_stop_the_plan(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)
    make_ahead(sessions, now + 26 * WEEK)

    made = [make(sessions, now + DUE), make(sessions, now + DUE + WEEK)]

    assert made == [["2026-12-03"], ["2026-12-10"]]
    assert read_issues(sessions)[0] == ("2027-06-03", _S.DRAFT, "")


def test_an_issue_sent_early_is_not_announced_again(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)
    issue_id = make_ahead(sessions, now)
    with sessions() as session:
        get_newsletter(session, issue_id).state = _S.SENT

    with sessions() as session:
        coming = drafts.find_coming(session, get_plan(session, "weekly"), now)

    assert (coming.issue, coming.send_at) == (None, now + 2 * WEEK)


def test_the_clock_and_the_desk_at_once_make_one_issue(sessions: Sessions, now: datetime) -> None:
    set_up_service(sessions, now)
    moment, made = now + WEEK - LEAD, list[int]()
    desk = threading.Thread(target=lambda: made.append(make_ahead(sessions, moment)), daemon=True)

    with sessions() as session:
        issue = make_due_issues(session, Renderer(BASE_URL), moment, GRACE)[0]
        desk.start()
        desk.join(0.5)
        assert desk.is_alive()  # it waits, and then finds the issue made
    desk.join(10)

    assert made == [issue.id]
    assert read_issues(sessions) == [("2026-12-03", NewsletterState.DRAFT, "")]
