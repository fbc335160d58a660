"""Deadlines as a coordinator handles them."""

from dataclasses import replace
from datetime import date, datetime

import pytest
from sqlalchemy.orm import Session

from mailer.domain.content import DeadlineKind, Visibility
from mailer.domain.errors import Invalid, NotFound, Refused
from mailer.domain.when import When
from mailer.storage.audit import list_about
from mailer.storage.deadlines import as_values
from mailer.storage.snapshots import take_snapshot
from mailer.usecases import deadlines
from mailer.usecases.deadlines import DeadlineEdit
from tests.usecases.edits import ANNA, words

NOON = When.at(datetime(2026, 12, 2, 12, 0))
VOTE = DeadlineEdit(words("Vote for two ideas"), DeadlineKind.VOTE, NOON)


def test_create_and_publish_offers_it_to_the_next_digest(session: Session, now: datetime) -> None:
    deadline = deadlines.create(session, VOTE, who=ANNA, now=now, publish=True)

    assert [one.title.source() for one in take_snapshot(session, now).deadlines] == [
        "Vote for two ideas"
    ]
    actions = [entry.action for entry in list_about(session, "deadline", deadline.id)]
    assert actions == ["deadline created", "deadline published"]


@pytest.mark.parametrize("closes", [When.unknown(), When.month(2026, 12)])
def test_publish_needs_a_day(session: Session, now: datetime, closes: When) -> None:
    draft = deadlines.create(session, replace(VOTE, closes=closes), who=ANNA, now=now)

    with pytest.raises(Invalid) as caught:
        deadlines.publish(session, draft.id, who=ANNA, now=now)

    assert (caught.value.field, draft.visibility) == ("closes", Visibility.DRAFT)


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (replace(VOTE, closes=When.on(date(2026, 12, 4))), ("time",)),
        (replace(VOTE, url="https://example.org/vote"), ("url",)),
        (replace(VOTE, kind=DeadlineKind.OPEN_CALL), ("kind",)),
        (replace(VOTE, wordings=words("Vote for three ideas")), ("title",)),
        (replace(VOTE, wordings=words("Vote for two ideas", summary="Soon")), ()),
        (replace(VOTE, topics=("participation",)), ()),
    ],
)
def test_change_counts_what_readers_act_on(
    session: Session, now: datetime, edit: DeadlineEdit, changed: tuple[str, ...]
) -> None:
    deadline = deadlines.create(session, VOTE, who=ANNA, now=now, publish=True)

    said = deadlines.change(session, deadline.id, edit, revision=1, who=ANNA, now=now)

    assert said == changed
    assert (deadline.revision, deadline.material_revision) == (2, 1 + bool(changed))
    assert deadline.slug == "vote-for-two-ideas"


def test_change_of_a_stale_form_is_refused(session: Session, now: datetime) -> None:
    deadline = deadlines.create(session, VOTE, who=ANNA, now=now)
    deadlines.change(session, deadline.id, VOTE, revision=1, who=ANNA, now=now)

    with pytest.raises(Refused, match="Somebody else saved this"):
        deadlines.change(session, deadline.id, VOTE, revision=1, who=ANNA, now=now)


def test_change_of_a_published_one_may_not_lose_its_day(session: Session, now: datetime) -> None:
    deadline = deadlines.create(session, VOTE, who=ANNA, now=now, publish=True)
    edit = replace(VOTE, closes=When.unknown())

    with pytest.raises(Invalid, match="Give the day it closes"):
        deadlines.change(session, deadline.id, edit, revision=1, who=ANNA, now=now)


@pytest.mark.parametrize("missing", [{"project_id": 99}, {"event_id": 99}])
def test_create_refuses_rows_that_are_not_there(
    session: Session, now: datetime, missing: dict[str, int]
) -> None:
    with pytest.raises(NotFound):
        deadlines.create(session, replace(VOTE, **missing), who=ANNA, now=now)  # type: ignore[arg-type]


def test_withdraw_takes_it_out(session: Session, now: datetime) -> None:
    deadline = deadlines.create(session, VOTE, who=ANNA, now=now, publish=True)

    deadlines.withdraw(session, deadline.id, who=ANNA, now=now)

    assert take_snapshot(session, now).deadlines == ()


def test_duplicate_asks_for_the_moment_anew(session: Session, now: datetime) -> None:
    edit = replace(VOTE, url="https://example.org/vote", topics=("participation",))
    deadline = deadlines.create(session, edit, who=ANNA, now=now, publish=True)

    copy = deadlines.duplicate(session, deadline.id, who=ANNA, now=now)

    value = as_values(session, [copy])[0]
    assert (copy.slug, value.visibility) == ("vote-for-two-ideas-2", Visibility.DRAFT)
    assert (value.title.source(), value.closes, value.url, value.topics) == (
        "Vote for two ideas",
        When.unknown(),
        "https://example.org/vote",
        {"participation"},
    )
