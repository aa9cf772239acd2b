//! "Using a token": no token is sent whose time is up, none is refreshed that is fresh, nobody refreshes before
//! the time that the server asked for, and nobody becomes somebody else unasked.

use auth::{Answer, Instant, State};

use crate::check::person::person;
use crate::check::{Call, Invariant};
use crate::options::{Class, Lifetime, Options};
use crate::server::ANNOUNCEMENT;
use crate::tasks::Life;
use crate::token::{Kind, Token, tokens_in};
use crate::world::World;

/// "The margin: the smaller of 60 s and a fifth of the lifetime."
const MARGIN: u64 = 60_000;
/// A commit, a question and its answer take less.
const HANDED_OVER: u64 = 1_000;
/// What a server may ask for counts up to here (constants table).
const LONGEST_RETRY_AFTER: u64 = 300_000;

/// The access token that a life of a tab got last, in an answer of its own.
pub(crate) struct Got {
    token: Token,
    /// Half-way between request and answer.
    made: Instant,
    /// The refresh token that came with it.
    refresh: Option<usize>,
    /// When its call was made, by true time.
    called: u64,
    at: u64,
    step: u64,
    /// A 401 answered it, or it cannot be known whether the server can be used, or whether it is its generation's only one.
    doubtful: bool,
}

/// A server asked for patience: until when, and at which step the tab that was told wrote it down.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    number: usize,
    until: u64,
    written: Option<u64>,
}

/// Whether pages and transactions go on all the time, by right clocks.
pub(crate) fn tabs_go_on(options: &Options) -> bool {
    use Class::{Busy, Clock, Freeze, LedgerAborts, LedgerBlocked, LedgerSilent, Sleep};
    let stops = [Busy, Clock, Freeze, LedgerAborts, LedgerBlocked, LedgerSilent, Sleep];
    !stops.into_iter().any(|class| options.has(class))
}

impl World {
    /// The time after which the client knows that an access token is no longer accepted.
    fn known_life(&self) -> Option<u64> {
        matches!(self.options.lifetime, Lifetime::ExpiresIn | Lifetime::Jwt).then_some(self.options.life)
    }

    pub(crate) fn learn_from_answer(&self, id: usize, answer: Option<&Answer>) {
        let (now, at, step) = (self.now(), self.time(), self.steps.get());
        let mut check = self.check.borrow_mut();
        let Call { life, token, sent, at: called, .. } = check.calls[id];
        let path = check.calls[id].path.clone();
        let status = answer.map(|answer| answer.status);
        // A repeated attempt gives a generation a second access token. In a cookie's session no refresh token tells.
        let doubtful = self.options.cookies && path == "/refresh" && !check.calls[id].rotated;
        if let (Some(answer), "/refresh") = (answer, path.as_str()) {
            let seconds = answer.header("retry-after").and_then(|value| value.parse::<u64>().ok());
            let token = token.filter(|_| matches!(answer.status, 429 | 503));
            if let (Some(seconds), Some(token)) = (seconds, token) {
                let until = self.time() + (seconds * 1_000).min(LONGEST_RETRY_AFTER);
                let asked = Asked { number: token.number, until, written: None };
                check.tab(life).asked = Some((token.family, asked));
            }
        }
        let seen = check.tab(life);
        let brings = matches!(path.as_str(), "/token" | "/refresh") && matches!(status, Some(200..300));
        let body = answer.filter(|_| brings).map(|answer| String::from_utf8_lossy(&answer.body));
        let brought = |kind| body.as_ref().and_then(|body| tokens_in(body).find(|token| token.kind == kind));
        let new = brought(Kind::Access);
        let announced = body.as_ref().is_some_and(|body| body.contains(ANNOUNCEMENT));
        let mut received = None;
        if let Some(token) = new {
            seen.granted.insert(token, now.monotonic);
            let refresh = brought(Kind::Refresh).map(|token| token.number);
            received = Some((token.family, refresh.unwrap_or_default()));
            seen.got = Some(Got { token, made: sent.midpoint(now), refresh, called, at, step, doubtful });
        }
        seen.in_trouble |= !matches!(status, Some(200..500));
        if let Some((family, number)) = received {
            let family = check.family(family);
            family.received = family.received.max(number);
            if !announced {
                family.unannounced.insert(number);
            }
        }
        if let (None, Some(token), Some(401)) = (new, token, status) {
            check.family(token.family).refused.insert(token.number);
        }
        if let (None, Some(got)) = (new, &mut check.tab(life).got) {
            let refused = status == Some(401) && token == Some(got.token);
            got.doubtful |= refused || !matches!(status, Some(200..500));
        }
    }

    /// A transaction of a tab that was asked for patience was committed: from now on the ledger knows.
    pub(crate) fn written_down(&self, life: Life) {
        let step = self.steps.get();
        let mut check = self.check.borrow_mut();
        let Some((family, asked)) = check.tab(life).asked.take() else { return };
        let family = check.family(family);
        if family.completed.is_none_or(|done| done.number <= asked.number) {
            family.asked = Some(Asked { written: Some(step), ..asked });
        }
    }

    /// Judged where nothing keeps a tab from knowing.
    fn all_is_known(&self) -> bool {
        tabs_go_on(&self.options) && self.storage_is_sound()
    }

    /// A refresh goes out: the tab must have a reason, and the server's leave.
    pub(crate) fn check_need(&self, life: Life, token: Token) {
        let (now, time) = (self.now(), self.time());
        let mut check = self.check.borrow_mut();
        let looked = check.tab(life).looked;
        let asked = check.family(token.family).asked.filter(|asked| asked.number == token.number);
        let early = asked
            .is_some_and(|asked| time < asked.until && asked.written.is_some_and(|written| written < looked));
        let fresh = check.tab(life).got.as_ref().filter(|got| got.token.family == token.family);
        let needless = fresh.zip(self.known_life()).is_some_and(|(got, known)| {
            let left = known.saturating_sub(now.since(got.made));
            left > (known / 5).min(MARGIN) && !got.doubtful && got.step < looked
        });
        drop(check);
        let sibling = self.sibling_with_fresh_token(life, token.family);
        if !self.all_is_known() {
            return;
        }
        if early && self.rotates() {
            self.violate(Invariant::BoundedRate, || {
                format!("family {} refreshes before the server's time", token.family)
            });
        }
        if let Some(sibling) = sibling {
            self.violate(Invariant::Using, || {
                format!("tab {} refreshes what tab {sibling} would give it", life.tab)
            });
        }
        if needless {
            self.violate(Invariant::Using, || {
                format!("tab {} refreshes although its token is fresh", life.tab)
            });
        }
    }

    /// Another tab that has had the newest access token for so long that whoever asked would have got it.
    fn sibling_with_fresh_token(&self, life: Life, family: usize) -> Option<usize> {
        use Class::{MessagesLate, MessagesLost, TimersLate};
        if [MessagesLate, MessagesLost, TimersLate].into_iter().any(|class| self.options.has(class)) {
            return None;
        }
        let (known, newest) = (self.known_life()?, self.server.borrow().newest_access(family)?);
        let (now, time, tabs) = (self.now(), self.time(), self.tabs.borrow());
        let check = self.check.borrow();
        let of = check.families.get(family)?;
        let own = check.tabs.get(&life)?;
        // What it was given before it has, and refreshes when that ages.
        if own.held == Some(Token { kind: Kind::Access, family, number: newest }) {
            return None;
        }
        // "… or g = none": a tab that has no token refreshes, and with that learns whether the session lives.
        let older = own.got.as_ref().filter(|got| got.token.family == family && got.token.number < newest);
        // An attempt that was repeated gives a generation a second access token, and nobody asks for that. So do two
        // tabs that refresh at once a token that the server does not replace.
        let mut all = check.tabs.values().filter_map(|seen| seen.got.as_ref());
        let held = all.find(|got| Some(got.token) == own.held).or(older);
        let same_generation = |got: &Got| {
            let same_token = got.refresh.is_some() && got.refresh == held.and_then(|held| held.refresh);
            same_token || held.is_some_and(|held| got.called < held.at)
        };
        if older.is_none() || own.in_trouble || of.refused.contains(&newest) || !of.ends.is_empty() {
            return None;
        }
        let others = (0..tabs.len()).filter(|tab| *tab != life.tab && tabs[*tab].open);
        others.into_iter().find(|tab| {
            let seen = check.tabs.get(&tabs[*tab].life(*tab));
            let got = seen.and_then(|seen| seen.got.as_ref());
            let got = got.filter(|got| !same_generation(got));
            got.filter(|got| got.token.family == family && got.token.number == newest).is_some_and(|got| {
                let left = known.saturating_sub(now.since(got.made));
                left > (known / 5).min(MARGIN) && !got.doubtful && got.at + HANDED_OVER < time
            })
        })
    }

    /// An application request goes out for the first time, and at once: its token's time must not be up. One that
    /// had to wait for a refresh takes what it got.
    pub(crate) fn check_age(&self, life: Life, token: Token, operation: usize) {
        let now = self.now();
        let mut check = self.check.borrow_mut();
        let began = check.operations[operation].at;
        let got = check.tab(life).got.as_ref().filter(|got| got.token == token);
        let stale = got
            .zip(self.known_life())
            .is_some_and(|(got, known)| now == began && now.since(got.made) >= known);
        let refresh = got.and_then(|got| got.refresh);
        let stored = check.family(token.family).completed.map(|done| done.number);
        drop(check);
        // Where nothing can replace a token it is sent until the server refuses it.
        if stale && !self.is_token_only() {
            self.violate(Invariant::Using, || format!("tab {} sends a token whose time is up", life.tab));
        }
        if refresh > stored && self.all_is_known() {
            self.violate(Invariant::Using, || format!("tab {} uses what it has not stored", life.tab));
        }
    }

    /// "Nothing is adopted silently": whoever is shown was shown before, logged in here, or was asked for.
    pub(crate) fn check_user(&self, life: Life, state: &State) {
        let State::SignedIn { user: Some(user), .. } = state else { return };
        let mut check = self.check.borrow_mut();
        let seen = check.tab(life);
        let before = seen.user.replace(user.to_string());
        let Some(before) = before.filter(|before| person(before) != person(user)) else { return };
        let asked = seen.asked_for_user > 0;
        seen.asked_for_user = seen.asked_for_user.saturating_sub(1);
        drop(check);
        if !asked {
            self.violate(Invariant::NoCrossing, || {
                format!("tab {} shows {user} where {before} was", life.tab)
            });
        }
    }

    /// Somebody logs in here, or takes up the session that another tab shows.
    pub(crate) fn asks_for_user(&self, life: Life) {
        self.check.borrow_mut().tab(life).asked_for_user += 1;
    }
}
