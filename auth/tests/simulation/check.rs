//! The invariants, as predicates over what the world records. They look at the client from outside only: at its
//! calls, its writes, its states and its answers.

mod answers;
mod calls;
mod ends;
mod excuses;
mod handing_over;
mod invariant;
mod newer;
mod operations;
mod orphans;
mod patience;
pub(crate) mod person;
mod places;
mod redeploy;
mod retries;
mod rollback;
mod silence;
mod token_only;
pub(crate) mod using;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use invariant::Invariant;
pub(crate) use operations::{Kind, Outcome};

use crate::apps::App;
use crate::options::Rotation;
use crate::tasks::Life;
use crate::token::Token;
use crate::world::World;

#[derive(Default)]
pub(crate) struct Check {
    pub(crate) calls: Vec<Call>,
    pub(crate) families: Vec<Family>,
    pub(crate) tabs: BTreeMap<Life, Seen>,
    pub(crate) operations: Vec<operations::Operation>,
    /// Indices of operations that have not ended.
    pub(crate) open: Vec<usize>,
    /// Which family an entry's or a row's name stands for.
    pub(crate) names: BTreeMap<String, usize>,
    /// How often the wall clock was set forward.
    pub(crate) clock_leaps: u64,
    /// The family whose login ended last and well, for each app.
    pub(crate) last_login: BTreeMap<App, usize>,
    /// The sessions that pages without custody found.
    pub(crate) found: Vec<redeploy::Found>,
}

/// One call of the client's to the platform's `http`.
pub(crate) struct Call {
    pub(crate) life: Life,
    /// When, by the device's clocks.
    pub(crate) sent: auth::Instant,
    /// When, by true time.
    pub(crate) at: u64,
    pub(crate) path: String,
    pub(crate) token: Option<Token>,
    pub(crate) outcome: Answered,
    /// When the answer came, in milliseconds of the device's monotonic clock.
    pub(crate) answered: Option<u64>,
    /// Its tab froze, died or slept after the call was made: the client cannot be held to have committed its
    /// answer.
    pub(crate) disturbed: bool,
    /// The ledger failed its tab after the call was made: others may not hear of its answer in time.
    pub(crate) unheard: bool,
    pub(crate) operation: Option<usize>,
    /// The family that it created.
    pub(crate) login: Option<usize>,
    /// The browser crashed while it was under way.
    pub(crate) orphaned: bool,
    /// The server spent its token for it.
    pub(crate) rotated: bool,
    /// When it was refused although its tab had moved on to a newer token.
    pub(crate) late: Option<u64>,
    /// It was made before the server was rolled back.
    pub(crate) before_rollback: bool,
    /// When it was made another call with the same token was under way, in a tab that ran all the time.
    pub(crate) clash: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    NotYet,
    Status(u16),
    /// The network or the client's own deadline ended it.
    Lost,
}

/// What the checks know of one login.
#[derive(Default)]
pub(crate) struct Family {
    pub(crate) user: String,
    /// Why it may end. Empty: it must not.
    pub(crate) ends: BTreeSet<&'static str>,
    /// When the ledger first said that it is over; of a session in memory, when its tab told the server.
    pub(crate) over: Option<u64>,
    /// When a tab first told the server of its end, having told the other tabs. Without a refresh token: when it
    /// told the other tabs.
    pub(crate) told: Option<u64>,
    /// Whose transaction ended its row.
    pub(crate) ended_by: Option<Life>,
    /// When a page ended it of its own accord, and saw a refresh token of it.
    pub(crate) to_tell: Option<u64>,
    /// The ledger has it.
    pub(crate) entered: bool,
    /// The login call that made it returned well.
    pub(crate) adopted: bool,
    /// Where the login was made.
    pub(crate) home: Option<Life>,
    /// It belongs to that page alone, and ends with it.
    pub(crate) in_memory: bool,
    /// What befell it is outside of what the document promises.
    pub(crate) given_up: Option<&'static str>,
    /// The key that each refresh token went out with first.
    pub(crate) keys: BTreeMap<usize, Option<String>>,
    /// The highest refresh token that a tab stored and whose transaction was committed.
    pub(crate) completed: Option<Completed>,
    /// What the rate gate has left, in thousandths of a refresh, since when, and after how many leaps of the
    /// clock.
    pub(crate) bucket: Option<(u64, u64, u64)>,
    pub(crate) stolen: bool,
    /// The login call whose answer brings it to its page.
    pub(crate) offered: Option<usize>,
    /// How often in a row an attempt was given up soon, and when the last one was.
    pub(crate) given_up_soon: (u32, u64),
    /// The highest refresh token that an answer brought to a tab.
    pub(crate) received: usize,
    /// The refresh tokens that came in an answer which did not announce idempotent rotation.
    pub(crate) unannounced: BTreeSet<usize>,
    /// The access tokens that were refused.
    pub(crate) refused: BTreeSet<usize>,
    /// The patience that the server asked for last.
    pub(crate) asked: Option<using::Asked>,
}

impl Family {
    /// Since when live tabs can know that it is over: the ledger says so, and its tab was not stopped before it
    /// could tell the others.
    pub(crate) fn news(&self) -> Option<u64> {
        Some(self.over?.max(self.told?))
    }

    /// "`memory`: the session belongs to this tab alone": a copy of the tab hears nothing of it.
    pub(crate) fn is_foreign_to(&self, life: Life) -> bool {
        self.in_memory && self.home != Some(life)
    }
}

/// A commit: of which refresh token, at which step, and when.
#[derive(Clone, Copy)]
pub(crate) struct Completed {
    pub(crate) number: usize,
    pub(crate) step: u64,
    pub(crate) at: u64,
}

/// What the checks know of one life of a tab.
#[derive(Default)]
pub(crate) struct Seen {
    /// The family of the last token that the tab used or got.
    pub(crate) family: Option<usize>,
    /// Those that it logged out of.
    pub(crate) left: BTreeSet<usize>,
    /// Those of them that its user may have taken up again since, and knows it.
    pub(crate) taken_up: BTreeSet<usize>,
    /// Its user logged out before the page knew of what.
    pub(crate) leaving: bool,
    /// The newest access token that it has sent or kept.
    pub(crate) held: Option<Token>,
    /// The access tokens that the server gave it, and when by the monotonic clock. It has others from siblings.
    pub(crate) granted: BTreeMap<Token, u64>,
    /// The access tokens that siblings gave it, and when by the monotonic clock.
    pub(crate) handed: BTreeMap<Token, u64>,
    /// The questions that it has asked its siblings.
    pub(crate) questions: BTreeSet<String>,
    /// Its user logged out of who knows which.
    pub(crate) logged_out: bool,
    /// The step at which it last read the ledger.
    pub(crate) looked: u64,
    /// The highest refresh token that it stored in a transaction which is not committed yet.
    pub(crate) storing: Option<Token>,
    /// The rows of whose sessions it saw a refresh token when its last transaction decided.
    pub(crate) tellable: BTreeSet<String>,
    pub(crate) shown: Option<auth::State>,
    /// Why it said that a session ended.
    pub(crate) reasons: Vec<auth::EndReason>,
    /// How long it had run when it began to restore.
    pub(crate) restoring: Option<u64>,
    /// When its page last came back or looked.
    pub(crate) came_back: u64,
    /// True time since when it has run without a pause.
    pub(crate) running_since: u64,
    pub(crate) got: Option<using::Got>,
    /// A call of its had no usable answer: it may refresh to learn whether the server is back.
    pub(crate) in_trouble: bool,
    /// Which family's server asked for patience, until the tab's next commit.
    pub(crate) asked: Option<(usize, using::Asked)>,
    /// Who was shown last.
    pub(crate) user: Option<String>,
    pub(crate) asked_for_user: u32,
}

impl Check {
    pub(crate) fn family(&mut self, family: usize) -> &mut Family {
        if self.families.len() <= family {
            self.families.resize_with(family + 1, Family::default);
        }
        &mut self.families[family]
    }

    pub(crate) fn tab(&mut self, life: Life) -> &mut Seen {
        self.tabs.entry(life).or_default()
    }

    pub(crate) fn looked_at_ledger(&mut self, life: Life, step: u64) {
        self.tab(life).looked = step;
    }

    /// From now on this life's calls may have been in vain.
    pub(crate) fn disturb(&mut self, life: Life) {
        self.calls.iter_mut().filter(|call| call.life == life).for_each(|call| call.disturbed = true);
    }

    /// The ledger failed this life: it has to keep what it could not commit, and the others cannot know of it.
    pub(crate) fn ledger_failed(&mut self, life: Life) {
        self.calls.iter_mut().filter(|call| call.life == life).for_each(|call| call.unheard = true);
    }

    pub(crate) fn ledger_failed_all(&mut self) {
        self.calls.iter_mut().for_each(|call| call.unheard = true);
    }

    /// The browser crashed: nobody will hear what the server does with calls that are under way.
    pub(crate) fn orphan_all(&mut self) {
        let under_way = self.calls.iter_mut().filter(|call| !call.rotated);
        under_way.for_each(|call| call.orphaned = true);
    }

    pub(crate) fn disturb_all(&mut self) {
        self.calls.iter_mut().for_each(|call| call.disturbed = true);
    }

    pub(crate) fn resumed(&mut self, life: Life, now: u64) {
        let seen = self.tab(life);
        (seen.running_since, seen.came_back) = (now, now);
    }
}

impl World {
    pub(crate) fn rotates(&self) -> bool {
        !matches!(self.options.rotation, Rotation::None { .. })
    }
}
