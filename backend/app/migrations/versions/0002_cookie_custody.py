"""Cookie custody: a session's key, and its current token sealed with that key."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("families", sa.Column("session_key_hash", sa.LargeBinary()))
    op.add_column("families", sa.Column("sealed_current", sa.LargeBinary()))
