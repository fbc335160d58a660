"""Updates as a coordinator handles them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from mailer.domain.content import UpdateKind, Visibility
from mailer.domain.errors import Invalid, Refused
from mailer.storage.audit import list_about
from mailer.storage.snapshots import take_snapshot
from mailer.usecases import updates
from mailer.usecases.updates import UpdateEdit
from tests.usecases.edits import ANNA, words

NEWS = UpdateEdit(words("Our strategy is ready", teaser="Read it."))


def test_create_and_publish_offers_it_to_the_next_digest(session: Session, now: datetime) -> None:
    edit = replace(NEWS, kind=UpdateKind.RESULT, is_significant=True)

    update = updates.create(session, edit, who=ANNA, now=now, publish=True)

    told = take_snapshot(session, now).updates
    assert [
        (one.title.source(), one.teaser.source(), one.kind, one.published_at) for one in told
    ] == [("Our strategy is ready", "Read it.", UpdateKind.RESULT, now)]
    actions = [entry.action for entry in list_about(session, "update", update.id)]
    assert actions == ["update created", "update published"]


def test_change_of_a_draft_keeps_up_with_the_clock(session: Session, now: datetime) -> None:
    update = updates.create(session, NEWS, who=ANNA, now=now)
    later = now + timedelta(days=3)

    updates.change(session, update.id, NEWS, revision=1, who=ANNA, now=later, publish=True)

    assert update.published_at == later


def test_change_of_a_published_one_keeps_its_moment(session: Session, now: datetime) -> None:
    update = updates.create(session, NEWS, who=ANNA, now=now, publish=True)
    edit = replace(NEWS, wordings=words("Our strategy"))

    updates.change(session, update.id, edit, revision=1, who=ANNA, now=now + timedelta(days=3))

    assert (update.published_at, update.revision, update.slug) == (now, 2, "our-strategy-is-ready")


def test_change_of_a_stale_form_is_refused(session: Session, now: datetime) -> None:
    update = updates.create(session, NEWS, who=ANNA, now=now)
    updates.change(session, update.id, NEWS, revision=1, who=ANNA, now=now)

    with pytest.raises(Refused, match="Somebody else saved this"):
        updates.change(session, update.id, NEWS, revision=1, who=ANNA, now=now)


def test_create_refuses_a_long_teaser(session: Session, now: datetime) -> None:
    edit = replace(NEWS, wordings=words("Long", teaser="t" * 281))

    with pytest.raises(Invalid) as caught:
        updates.create(session, edit, who=ANNA, now=now)

    assert caught.value.field == "teaser"


def test_withdraw_takes_it_out(session: Session, now: datetime) -> None:
    update = updates.create(session, NEWS, who=ANNA, now=now, publish=True)

    updates.withdraw(session, update.id, who=ANNA, now=now)

    assert update.visibility is Visibility.WITHDRAWN
    assert take_snapshot(session, now).updates == ()
