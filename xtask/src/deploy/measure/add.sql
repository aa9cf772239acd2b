-- Adds live sessions with the numbers from :before to :sessions - 1, ten for each user. Each was refreshed once, and
-- began at some time of the last 80 days. Users have the demo user's password.

-- The functions are STABLE, because PostgreSQL would call immutable ones for each row instead of expanding them, which
-- takes many times longer.

-- The refresh token of a session after so many refreshes. A known token lets the load refresh the session.
CREATE OR REPLACE FUNCTION token(session int, refreshes int) RETURNS text LANGUAGE sql STABLE
    RETURN lpad(session || '-' || refreshes, 43, '0');
CREATE OR REPLACE FUNCTION token_hash(session int, refreshes int) RETURNS bytea LANGUAGE sql STABLE
    RETURN sha256(convert_to(token(session, refreshes), 'UTF8'));
-- 22 characters of base64url, as random as a hash. -1 is no number of refreshes, and gives another hash.
CREATE OR REPLACE FUNCTION sid(session int) RETURNS text LANGUAGE sql STABLE
    RETURN left(translate(encode(token_hash(session, -1), 'base64'), '+/', '-_'), 22);

-- The rows fit together, so PostgreSQL need not check each reference.
SET session_replication_role = replica;

INSERT INTO users (name, password_hash, disabled, created_at)
SELECT 'user-' || number, password_hash, disabled, created_at
FROM users, generate_series(:before / 10, :sessions / 10 - 1) AS number
WHERE name = 'demo';

INSERT INTO families (sid, user_name, created_at, absolute_expires_at, device)
SELECT sid(session), 'user-' || session / 10, created_at, created_at + 90 * 86400,
       'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
FROM (
    SELECT session, extract(epoch FROM now())::bigint - session::bigint * 7919 % (80 * 86400) AS created_at
    FROM generate_series(:before, :sessions - 1) AS session
) AS begun;

-- A session's current token is its last, and unspent. Its predecessor has the current token sealed, which takes 71 bytes.
INSERT INTO refresh_tokens (hash, sid, created_at, expires_at, spent_at, successor_hash, key_hash, sealed_successor)
SELECT token_hash(session, refreshes), sid(session), at, at + 14 * 86400,
       CASE WHEN refreshes = 0 THEN at END,
       CASE WHEN refreshes = 0 THEN token_hash(session, refreshes + 1) END,
       CASE WHEN refreshes = 0 THEN token_hash(session, -2) END,
       CASE WHEN refreshes = 0 THEN substr(decode(repeat(md5(session::text), 5), 'hex'), 1, 71) END
FROM generate_series(:before, :sessions - 1) AS session,
     generate_series(0, 1) AS refreshes,
     (SELECT extract(epoch FROM now())::bigint - 3600) AS used (at);

-- Otherwise PostgreSQL would do this while it is measured.
VACUUM ANALYZE;
CHECKPOINT;
