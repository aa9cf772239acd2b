"""The tables of the servers before migrations.

Such a server created its tables without a version, so this step creates only what is missing: a
database of any of these servers is brought to the same tables as an empty one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Columns that servers before migrations added to existing tables, with their types.
ADDED_LATER: dict[str, dict[str, sa.String | sa.LargeBinary]] = {
    "families": {"end_reason": sa.String(32), "device": sa.String(255)},
    "refresh_tokens": {"key_hash": sa.LargeBinary(), "sealed_successor": sa.LargeBinary()},
}


def upgrade() -> None:
    found = sa.inspect(op.get_bind())
    present = set(found.get_table_names())
    if "users" not in present:
        _create_users()
    if "families" not in present:
        _create_families()
    if "refresh_tokens" not in present:
        _create_refresh_tokens()
    for table in ADDED_LATER.keys() & present:
        columns = {column["name"] for column in found.get_columns(table)}
        for name, kind in ADDED_LATER[table].items():
            if name not in columns:
                op.add_column(table, sa.Column(name, kind, nullable=True))


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("disabled", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )


def _create_families() -> None:
    op.create_table(
        "families",
        sa.Column("sid", sa.String(64), primary_key=True),
        sa.Column("user_name", sa.String(255), sa.ForeignKey("users.name"), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("absolute_expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("end_reason", sa.String(32)),
        sa.Column("device", sa.String(255)),
    )
    op.create_index("ix_families_user_name", "families", ["user_name"])
    op.create_index("ix_families_absolute_expires_at", "families", ["absolute_expires_at"])


def _create_refresh_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column(
            "sid",
            sa.String(64),
            sa.ForeignKey("families.sid", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("spent_at", sa.BigInteger),
        sa.Column("successor_hash", sa.LargeBinary, unique=True),
        sa.Column("key_hash", sa.LargeBinary),
        sa.Column("sealed_successor", sa.LargeBinary),
    )
    op.create_index("ix_refresh_tokens_sid", "refresh_tokens", ["sid"])
