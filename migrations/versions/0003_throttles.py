"""What sending remembers of its own pace.

Limits must hold over a restart and for any number of workers, so what was used of them is in the
database. The forecast read `changed_at` of every mail that had left, a million rows for a glance
at a page; it reads a handful of samples instead.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "throttle",
        sa.Column("key", sa.String(length=270), nullable=False),
        sa.Column("bursts", sa.JSON(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("day_began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("day_number", sa.Integer(), nullable=False),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("promised", sa.Integer(), nullable=False),
        sa.Column("idle_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
    )
    op.create_index("ix_throttle_idle_at", "throttle", ["idle_at"])
    op.create_table(
        "pace_sample",
        sa.Column(
            "newsletter_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"],
            ["newsletter.id"],
            name=op.f("fk_pace_sample_newsletter_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("newsletter_id", "at", name=op.f("pk_pace_sample")),
    )


def downgrade() -> None:
    op.drop_table("pace_sample")
    op.drop_index("ix_throttle_idle_at", table_name="throttle")
    op.drop_table("throttle")
