"""What a pause was made for, in every language.

The reason of a pause by itself was an English sentence with the numbers and the server's words in
it, which no page could translate. The sentence stands alone now, and what belongs in it beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("newsletter", sa.Column("reason_facts", sa.JSON(), nullable=True))


def downgrade() -> None:
    # Not by way of a new table, which SQLite refuses while other tables refer to this one.
    op.drop_column("newsletter", "reason_facts")
