"""How the mails of a newsletter were answered, counted for all senders together.

Each process counted for itself: twelve of them let twelve times as much be refused before the
newsletter paused, and a restart began anew.

Without a foreign key: to look whether the newsletter is there, PostgreSQL locks its row, and who
writes here has locked mails. Whoever cancels a newsletter locks it first, and then its mails.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refusal_count",
        sa.Column(
            "newsletter_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("answered", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("newsletter_id", name=op.f("pk_refusal_count")),
    )


def downgrade() -> None:
    op.drop_table("refusal_count")
