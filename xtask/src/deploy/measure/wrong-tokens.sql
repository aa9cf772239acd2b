-- The demo user's sessions are those of the races. Each has its first token and one successor.
SELECT sid, count(*)
FROM families JOIN refresh_tokens USING (sid)
WHERE user_name = 'demo'
GROUP BY sid
HAVING count(*) <> 2;
