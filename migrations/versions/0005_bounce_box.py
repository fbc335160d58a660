"""How far the mailbox of bounces was read.

The mails in it stay as they are, so the mark of what was read cannot be in the box. It moves on
in the transaction that acts upon a bounce: a crash neither loses one nor counts it twice.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bounce_box",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bounce_box")),
    )


def downgrade() -> None:
    op.drop_table("bounce_box")
