"""Which letters cannot wait, and in which order mails leave because of it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from mailer.domain.compose import compose
from mailer.domain.newsletter import LONGEST_LIFE
from mailer.domain.urgency import due_from, find_urgent_until
from mailer.domain.when import When
from tests.domain.samples import (
    NOW,
    RUN,
    Item,
    after,
    deadline,
    doubtful,
    event,
    moment,
    reader,
    snapshot,
    update,
)

IN_FIVE_DAYS = NOW + LONGEST_LIFE
MAY_5 = date(2024, 5, 5)


def urgency_of(*items: Item, ends_at: datetime = IN_FIVE_DAYS) -> datetime | None:
    """Of the letter that carries these items, some news besides them."""
    digest = compose(reader(), RUN, snapshot(update(99), *items))
    assert digest is not None
    return find_urgent_until(digest.cards(), NOW, ends_at)


@pytest.mark.parametrize(
    ("items", "until"),
    [
        ((), None),
        # an event: its end, or the end of the day on which it starts
        ((event(1, moment("2024-05-02 18:00/2024-05-02 20:00")),), datetime(2024, 5, 2, 18)),
        ((event(1, moment("2024-05-02 18:00")),), datetime(2024, 5, 2, 22)),
        ((event(1, When.on(MAY_5)),), datetime(2024, 5, 5, 22)),
        # a deadline: when it closes
        ((deadline(1, moment("2024-05-03 12:00")),), datetime(2024, 5, 3, 10)),
        ((deadline(1, When.on(MAY_5)),), datetime(2024, 5, 5, 22)),
        # the first of several, and of several evenings the next one
        (
            (deadline(1, When.on(MAY_5)), event(2, When.on(date(2024, 5, 3)))),
            datetime(2024, 5, 3, 22),
        ),
        (
            (event(1, moment("2024-05-03 18:00"), moment("2024-05-05 18:00")),),
            datetime(2024, 5, 3, 22),
        ),
        # over only after all mail has left
        ((event(1, moment("2024-05-08 18:00")),), None),
        # no day to rely on
        ((event(1, When.month(2024, 5)),), None),
        ((event(1, doubtful(moment("2024-05-02 18:00"))),), None),
    ],
)
def test_a_letter_is_urgent_until_the_first_of_its_items_is_over(
    items: tuple[Item, ...], until: datetime | None
) -> None:
    assert urgency_of(*items) == (until and until.replace(tzinfo=UTC))


def test_what_is_over_after_the_last_mail_is_not_urgent() -> None:
    tonight = event(1, moment("2024-05-02 18:00/2024-05-02 20:00"))

    assert urgency_of(tonight, ends_at=datetime(2024, 5, 2, 18, tzinfo=UTC)) is not None
    assert urgency_of(tonight, ends_at=datetime(2024, 5, 2, 17, 59, tzinfo=UTC)) is None


def test_the_sooner_something_is_over_the_earlier_its_mail_is_due() -> None:
    ends = [after(hours=1), after(days=1), after(days=4), None]

    due = [due_from(until, NOW) for until in ends]

    assert due == sorted(due)
    assert len(set(due)) == len(due)
    assert due[-1] == NOW


def test_nothing_urgent_is_due_later_than_now() -> None:
    assert due_from(NOW + LONGEST_LIFE + timedelta(days=1), NOW) == NOW
