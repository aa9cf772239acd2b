//! One retry: how often a request is sent, and when its caller gets the 401.

use crate::check::using::tabs_go_on;
use crate::check::{Answered, Call, Invariant, Outcome};
use crate::options::Class;
use crate::tasks::Life;
use crate::token::Token;
use crate::world::World;

/// The time from a token answer to the end of its commit, in milliseconds.
const COMMIT: u64 = 1_000;
/// The same time where transactions or pages stand still.
const SLOW_COMMIT: u64 = 12_000;

impl World {
    /// A request is sent with two tokens at most, and again only after a 401. It is sent with a third one only if its
    /// second token came from a sibling, because the server may have refused that token before, or if the session has
    /// a newer one by then. It is sent once more with its last token if that one was new.
    pub(crate) fn check_retry(&self, id: usize, life: Life, token: Token, operation: Option<usize>) {
        let Some(operation) = operation else { return };
        let check = self.check.borrow();
        let of_operation = |call: &&Call| call.operation == Some(operation);
        let earlier = check.calls[..id].iter().filter(of_operation);
        let answered = earlier.clone().next_back().and_then(|call| call.answered);
        let mut earlier: Vec<_> = earlier.map(|call| (call.token, call.outcome, call.late)).collect();
        let with_it = earlier.iter().filter(|(sent, ..)| *sent == Some(token)).count();
        let refused = matches!(earlier.last(), Some((_, Answered::Status(401), None)));
        if with_it > 0 {
            drop(check);
            self.cover("request sent again with its own new token");
            if with_it > 1 || !refused {
                self.violate(Invariant::OneRetry, || {
                    "a request goes out again with the same token".to_owned()
                });
            }
            return;
        }
        // Before repeats go: the newest send of the last token counts, because a newer token may have come while it waited.
        let last_was_late = matches!(earlier.last(), Some((_, _, Some(_))));
        earlier.dedup_by_key(|(token, ..)| *token);
        let seen = check.tabs.get(&life);
        let last = earlier.last().and_then(|(token, ..)| *token);
        let last_was_granted = last.zip(seen).is_some_and(|(last, seen)| seen.granted.contains_key(&last));
        // It had this token already when the last one was refused, but had not used it yet.
        let received = seen.and_then(|seen| seen.granted.get(&token).or_else(|| seen.handed.get(&token)));
        let had_newer = received.zip(answered).is_some_and(|(received, answered)| *received < answered);
        drop(check);
        match (earlier.len(), earlier.last()) {
            (_, None) => self.check_age(life, token, operation),
            (_, Some((_, Answered::Status(401), Some(at)))) if *at < self.time() => {
                self.violate(Invariant::Using, || {
                    "a late 401 is not sent again at once, with the newer token".to_owned()
                });
            }
            (1, Some((_, Answered::Status(401), late))) => {
                self.cover("request sent again after a 401");
                if late.is_some() {
                    self.cover("late 401");
                }
            }
            (2, Some((_, Answered::Status(401), _))) if !last_was_granted || last_was_late || had_newer => {
                self.cover("request sent a third time");
            }
            (1, Some((_, first, _))) => {
                self.violate(Invariant::OneRetry, || format!("a request goes out again after {first:?}"));
            }
            _ => self.violate(Invariant::OneRetry, || "a request goes out a third time".to_owned()),
        }
    }

    /// A caller gets a 401 if the server gave the refused token to this tab since the call began, if that token was the second
    /// one and the server's, if it was the third, or if a refresh was tried. Otherwise a refresh may bring a better one. A call
    /// causes one refresh, unless other tabs or trouble interfere.
    pub(crate) fn check_effort(&self, id: usize, outcome: &Outcome) {
        // The token of a page that stood still may end between an answer and the request that waits for it.
        let stood_still = self.stood_still(id);
        let check = self.check.borrow();
        let operation = &check.operations[id];
        let life = operation.life;
        let began = operation.at.monotonic;
        let mut sends: Vec<_> = check.calls.iter().filter(|call| call.operation == Some(id)).collect();
        let Some(token) = sends.last().and_then(|call| call.token) else { return };
        let all = sends.len();
        sends.dedup_by_key(|call| call.token);
        let has_waited = sends.len() < all;
        // After three tokens a newer one is not sent, so a 401 that came late is the caller's at once.
        let may_wait = sends.len() < 3 || sends.last().is_none_or(|call| call.late.is_none());
        let since = |call: &&Call| call.life == life && call.sent.monotonic >= began;
        let of_family = |call: &&Call| call.token.is_some_and(|sent| sent.family == token.family);
        let refreshes = check.calls.iter().filter(|call| call.path == "/refresh");
        let refreshes: Vec<_> = refreshes.filter(since).filter(of_family).collect();
        let seen = check.tabs.get(&life);
        let granted = seen.and_then(|seen| seen.granted.get(&token)).copied();
        let done = granted.is_some_and(|at| at + self.longest_commit() >= began)
            || sends.len() >= 3
            || sends.len() == 2 && granted.is_some()
            || !refreshes.is_empty();
        // A captive portal answers 200 as well, and brings nothing.
        let answered = |call: &&&Call| matches!(call.outcome, Answered::Status(200..300)) && call.rotated;
        let brought: Vec<_> = refreshes.iter().filter(answered).collect();
        // The token that a refresh brought ages while the ledger does not take its commit.
        let untaken = brought.first().is_some_and(|call| call.unheard);
        // What another tab got meanwhile may be better than what this one got, but its time may be up too.
        let ends = brought.first().zip(brought.last()).map(|(first, last)| (first.at, last.at));
        let between = |call: &Call| ends.is_some_and(|(first, last)| first < call.at && call.at < last);
        let of_others = |call: &&Call| call.path == "/refresh" && call.life != life && of_family(call);
        let outdone = check.calls.iter().filter(of_others).any(|call| call.rotated && between(call));
        let alone = !outdone && !untaken && !operation.overlapped && seen.is_none_or(|seen| !seen.in_trouble);
        let several = brought.len() > 1 && alone && !stood_still;
        drop(check);
        if *outcome == Outcome::Answer(401) && may_wait && !has_waited && self.is_only_new(token) {
            self.violate(Invariant::Using, || format!("call {id} gets a 401 to a token that is only new"));
        }
        if *outcome == Outcome::Answer(401) && !done && !self.is_token_only() {
            self.violate(Invariant::Using, || {
                format!("call {id} gets a 401 to a token that a refresh would have replaced")
            });
        }
        if several {
            self.violate(Invariant::OneRetry, || format!("call {id} causes a second refresh"));
        }
    }

    /// Whether the server accepts the token a moment later, and nothing keeps the page from knowing that it is new.
    fn is_only_new(&self, token: Token) -> bool {
        use Class::{Busy, Clock, Freeze, MessagesLate, Sleep, Slow, SlowServer, TimersLate};
        let late = [Busy, Clock, Freeze, MessagesLate, Sleep, Slow, SlowServer, TimersLate];
        let (server, now) = (self.server.borrow(), self.time());
        let is_new = !server.accepts(token, now) && server.accepts(token, now + 1_000);
        is_new && !late.into_iter().any(|class| self.options.has(class))
    }

    /// How long after its answer a token may become the tab's.
    fn longest_commit(&self) -> u64 {
        if tabs_go_on(&self.options) { COMMIT } else { SLOW_COMMIT }
    }
}
