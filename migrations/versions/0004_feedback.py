"""What comes back about mails that left.

Reports come twice, late and out of order, and before the mail they are about is written down. Each
is kept once, so that a repeat changes nothing, and waits here until it can be applied. Nothing
refers to the ledger by a key: a report may name a mail that is not there yet.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", _ID, nullable=False),
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("delivery_id", _ID, nullable=True),
        sa.Column("provider_message_id", sa.String(length=200), nullable=False),
        sa.Column("address_key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("provider", "event_id", name=op.f("uq_feedback_provider_event_id")),
    )
    op.create_index("ix_feedback_delivery_id", "feedback", ["delivery_id"])
    for name, column, where in (
        ("waiting", "received_at", "applied_at IS NULL"),
        ("address_key", "address_key", "address_key <> ''"),
        ("words", "received_at", "text <> ''"),
        ("complaint", "received_at", "kind = 'complaint'"),
    ):
        op.create_index(
            f"ix_feedback_{name}",
            "feedback",
            [column],
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def downgrade() -> None:
    op.drop_table("feedback")
