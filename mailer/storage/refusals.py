"""How the mails of each newsletter were answered, counted for all senders together: a row for each
newsletter, and no other lock. What the counts mean `domain/pausing` says.
"""

from sqlalchemy import BigInteger, case, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.domain.newsletter import NewsletterState
from mailer.domain.pausing import LONGEST_WINDOW, WINDOW, Refusals
from mailer.storage.db import Base, BigId, insert_into
from mailer.storage.newsletters import Newsletter


class RefusalCount(Base):
    """Names its newsletter without a foreign key, which would lock the newsletter's row: whoever
    adds to a count has locked mails, and whoever cancels locks the newsletter before its mails."""

    __tablename__ = "refusal_count"

    newsletter_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    answered: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    in_a_row: Mapped[int]


_HAS_FADED = RefusalCount.answered > LONGEST_WINDOW
_ANSWERED = case((_HAS_FADED, WINDOW), else_=RefusalCount.answered)
_REFUSED = case(
    (_HAS_FADED, RefusalCount.refused * WINDOW // RefusalCount.answered),
    else_=RefusalCount.refused,
)
"""What was counted before, as far as it still counts."""


def add(session: Session, newsletter_id: int, heard: Refusals) -> Refusals:
    """Count what was heard since the last time; returns all that was heard, by anybody. The row is
    locked until the transaction ends."""
    statement = insert_into(session, RefusalCount).values(
        newsletter_id=newsletter_id,
        answered=heard.answered,
        refused=heard.refused,
        in_a_row=heard.in_a_row,
    )
    run = RefusalCount.in_a_row if heard.is_unbroken else 0
    counted = statement.on_conflict_do_update(
        index_elements=[RefusalCount.newsletter_id],
        set_={
            "answered": _ANSWERED + statement.excluded.answered,
            "refused": _REFUSED + statement.excluded.refused,
            "in_a_row": run + statement.excluded.in_a_row,
        },
    ).returning(RefusalCount.answered, RefusalCount.refused, RefusalCount.in_a_row)
    return Refusals(*session.connection().execute(counted).one())


def forget(session: Session, newsletter_id: int) -> None:
    """Begin to count anew. To be called after all else that locks anything."""
    session.execute(delete(RefusalCount).where(RefusalCount.newsletter_id == newsletter_id))


def forget_ended(session: Session) -> None:
    """Forget the counts of newsletters of which no mail leaves any more: a last answer may have
    come after the end. To be called after all else that locks anything."""
    going = (NewsletterState.SENDING, NewsletterState.PAUSED)
    on_their_way = select(Newsletter.id).where(Newsletter.state.in_(going))
    ended = select(RefusalCount.newsletter_id).where(
        RefusalCount.newsletter_id.not_in(on_their_way)
    )
    # Waits for nobody: whoever counts now is passed over until the next time.
    ids = session.scalars(ended.with_for_update(skip_locked=True)).all()
    session.execute(delete(RefusalCount).where(RefusalCount.newsletter_id.in_(ids)))
