-- The tables as the server created them before it had migrations.
CREATE TABLE users (
    name VARCHAR(255) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    disabled BOOLEAN DEFAULT 0 NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE families (
    sid VARCHAR(64) NOT NULL,
    user_name VARCHAR(255) NOT NULL,
    created_at BIGINT NOT NULL,
    absolute_expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason VARCHAR(32),
    device VARCHAR(255),
    PRIMARY KEY (sid),
    FOREIGN KEY(user_name) REFERENCES users (name)
);
CREATE INDEX ix_families_absolute_expires_at ON families (absolute_expires_at);
CREATE INDEX ix_families_user_name ON families (user_name);
CREATE TABLE refresh_tokens (
    hash BLOB NOT NULL,
    sid VARCHAR(64) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at BIGINT,
    successor_hash BLOB,
    key_hash BLOB,
    sealed_successor BLOB,
    PRIMARY KEY (hash),
    FOREIGN KEY(sid) REFERENCES families (sid) ON DELETE CASCADE,
    UNIQUE (successor_hash)
);
CREATE INDEX ix_refresh_tokens_sid ON refresh_tokens (sid);
