//! What a refresh decides after it was sent (steps 4 to 6 of docs/protocol.md), as functions on the ledger's rows.

use crate::protocol::attempt::Attempt;
use crate::protocol::rows::{Key, Page};
use crate::protocol::times::{BACKOFF, RETRY_AFTER, Span, Wait};
use crate::wire::{EndReason, RefreshToken};

/// What became of an attempt's answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// The row is at this generation now, or was already and lacked the token. Whether the token can
    /// be read back.
    Stored { generation: u32, readable: bool },
    /// Same session, moved on: the access token is good, of this generation; the refresh token is dropped.
    MovedOn(u32),
    /// The vault cannot be written: the row was left, the attempt will be repeated.
    Unwritable,
    /// Ended, or another session: everything is dropped.
    Gone(EndReason),
}

/// What an answer brought, and where it goes.
pub(crate) struct Received {
    /// The refresh token; the attempt's own if the answer had none.
    pub(crate) token: RefreshToken,
    /// Whether the answer announced idempotent rotation.
    pub(crate) idempotent: bool,
    /// Whether the refresh token goes into the row.
    pub(crate) in_row: bool,
    /// A key for a row that lacks its next one.
    pub(crate) spare: Key,
}

/// Whether a token was written, and whether it can be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Put {
    pub(crate) written: bool,
    pub(crate) readable: bool,
}

/// Step 4: compares (session, generation, key) with the row, and stores with `put` before the row
/// says so. `has` tells whether the vault shows the token of a generation.
pub(crate) fn commit(
    page: &mut Page,
    attempt: &Attempt,
    received: &Received,
    put: impl Fn(u32, &RefreshToken) -> Put,
    has: impl Fn(u32) -> bool,
) -> Committed {
    let row = match page.current(&attempt.session) {
        Ok(row) => row,
        Err(reason) => return Committed::Gone(reason),
    };
    let next = attempt.generation.saturating_add(1);
    if row.generation == attempt.generation && row.key == attempt.key {
        let (in_row, readable) = if received.in_row {
            (true, true)
        } else {
            let put = put(next, &received.token);
            if !put.written && attempt.harmless {
                return Committed::Unwritable;
            }
            // A token that the vault refuses goes into the row, because this server would take the spent token,
            // sent again, for theft.
            (!put.written, put.readable || !put.written)
        };
        // A token that stays the same keeps its key: no token is ever sent with two.
        if received.token == attempt.token {
            row.unchanged = row.unchanged.saturating_add(1);
        } else {
            row.unchanged = 0;
            // The previous key is kept only if it was sent. A token that went out without a key and comes back
            // with one looks stolen.
            row.previous_key = attempt.idempotent.then(|| row.key.clone());
            row.key = row.next.take().unwrap_or_else(|| received.spare.clone());
        }
        row.generation = next;
        row.token = in_row.then(|| received.token.reveal().to_owned());
        row.idempotent = received.idempotent;
        (row.flight, row.not_before, row.failures, row.timeouts) = (None, None, 0, 0);
        return Committed::Stored { generation: next, readable };
    }
    let same_attempt = row.generation == next && row.previous_key.as_ref() == Some(&attempt.key);
    // Only an idempotent server gives the same token twice.
    if same_attempt && attempt.idempotent && row.token.is_none() && !has(next) {
        let put = put(next, &received.token);
        return if put.written {
            Committed::Stored { generation: next, readable: put.readable }
        } else {
            Committed::Unwritable
        };
    }
    Committed::MovedOn(row.generation.min(next))
}

/// For how long the server asks not to be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) seconds: u32,
    /// Whether there were too many attempts (429): what a caller is told then.
    pub(crate) limited: bool,
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) patience: Option<Patience>,
    /// Whether no answer came in time.
    pub(crate) timed_out: bool,
}

/// Step 5: moves `not_before` by full-jitter backoff, or by what the server asked for, and says for
/// how long. `random` is any number; a row that has moved on is left alone.
pub(crate) fn back_off(
    page: &mut Page,
    attempt: &Attempt,
    owner: &str,
    wall: u64,
    failure: Failure,
    random: u32,
) -> u32 {
    let jittered = |failures: u32| random % ((500_u32 << failures.min(6)).min(BACKOFF) + 1);
    let asked = failure.patience.map(|asked| asked.seconds.saturating_mul(1_000).min(RETRY_AFTER));
    let Some(row) = page.row.as_mut().filter(|row| row.is_live()) else { return 0 };
    row.flight.take_if(|flight| flight.owner == owner);
    if row.generation != attempt.leaves() {
        return 0;
    }
    let length = asked.unwrap_or_else(|| jittered(row.failures));
    row.failures = row.failures.saturating_add(1);
    row.timeouts = if failure.timed_out { row.timeouts.saturating_add(1) } else { 0 };
    // Another attempt was under way when the server asked for patience: its failure shortens nothing.
    let asked_before = row.not_before.filter(|wait| wait.asked);
    let left = asked_before.map_or(0, |wait| wait.left(wall));
    if left > length {
        return left;
    }
    let limited = failure.patience.is_some_and(|asked| asked.limited);
    row.not_before = Some(Wait { span: Span::new(wall, length), asked: asked.is_some(), limited });
    length
}

/// What a terminal answer or a 409 means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is about the current token: the session was ended.
    Ended,
    /// The winner is elsewhere.
    Ahead,
    /// Ended before, or another session.
    Gone(EndReason),
}

/// Step 6. `may_have` tells whether the vault may hold the token of a generation.
pub(crate) fn terminal(
    page: &mut Page,
    attempt: &Attempt,
    reason: EndReason,
    may_have: impl Fn(u32) -> bool,
) -> Verdict {
    let row = match page.current(&attempt.session) {
        Ok(row) => row,
        Err(reason) => return Verdict::Gone(reason),
    };
    let equal = row.generation == attempt.generation && row.key == attempt.key;
    // The lost token's predecessor was refused: no way is left to what the row stands for.
    let lost = attempt.previous
        && row.generation == attempt.generation.saturating_add(1)
        && row.previous_key.as_ref() == Some(&attempt.key)
        && !may_have(row.generation);
    if equal || lost {
        row.end(reason);
        return Verdict::Ended;
    }
    Verdict::Ahead
}

/// The server refuses the key: the belief that it takes one ends, unless the row has moved on.
pub(crate) fn unlearn(page: &mut Page, attempt: &Attempt) {
    if let Ok(row) = page.current(&attempt.session)
        && row.generation == attempt.leaves()
    {
        row.idempotent = false;
    }
}

#[cfg(test)]
mod tests;
