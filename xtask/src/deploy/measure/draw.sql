-- Draws sessions from all over the table, with their current tokens: those that no earlier measure has refreshed, and a
-- quarter at most, so that some are left for the next measures.
SELECT 'user-' || session / 10, token(session, 1)
FROM (SELECT DISTINCT floor(random() * :sessions)::int FROM generate_series(1, 100000)) AS drawn (session)
JOIN refresh_tokens ON hash = token_hash(session, 1)
WHERE spent_at IS NULL
ORDER BY random()
LIMIT least(20000, :sessions / 4);
