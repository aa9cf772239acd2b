//! What people and devices do, drawn from the seed as a list, so that shrinking can leave acts out.

use auth::RefreshCustody;

use crate::options::{Class, Options};
use crate::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Open,
    Duplicate,
    Login {
        other: bool,
    },
    Logout,
    Send {
        post: bool,
    },
    /// Every tab at once, as after a restart of the browser.
    SendEverywhere,
    /// A send whose caller goes away after so many milliseconds.
    Impatient(u64),
    Reload,
    Kill,
    /// Frozen for so many milliseconds: hidden tabs, the back/forward cache.
    Freeze(u64),
    /// The tab becomes visible.
    Look,
    /// The page's thread is busy.
    Busy(u64),
    Sleep(u64),
    SetClock(i64),
    /// The browser crashes; so many milliseconds of storage, and of the ledger, are lost.
    Crash(u64, u64),
    Outage(u64),
    Proxy(usize, u64),
    BlockLedger(u64),
    FillStorage(u64),
    Wipe,
    Steal,
    ChangeKey,
    /// Somebody opens the second app and logs in there.
    OpenSecond {
        other: bool,
    },
    /// The tab goes from one app to the other.
    Navigate,
    /// Pages that load from now on keep their refresh token there.
    Redeploy(RefreshCustody),
    /// The server is rolled back to a version that is not idempotent.
    RollBack,
    /// The server takes 10 s and more for a login or a refresh, for so many milliseconds.
    SlowDown(u64),
}

/// An act, in which tab, and how long after the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) gap: u64,
    pub(crate) tab: u64,
    pub(crate) act: Act,
}

/// Where a redeploy puts refresh tokens, by how often.
const DEPLOYED: [RefreshCustody; 5] = {
    use RefreshCustody::{Database, Local, Memory};
    [Local, Local, Database, Database, Memory]
};

const DEPLOYED_WITH_COOKIES: [RefreshCustody; 5] = {
    use RefreshCustody::{Cookie, Database, Local, Memory};
    [Local, Database, Cookie, Cookie, Memory]
};

const HOUR: u64 = 3_600_000;

pub(crate) fn draw(seed: u64, options: &Options) -> Vec<Step> {
    let rng = Rng::new(seed, 2);
    let first = [Act::Open, Act::Login { other: false }, Act::Open];
    let mut steps: Vec<Step> = first.into_iter().map(|act| Step { gap: 400, tab: 0, act }).collect();
    if rng.percent(20) {
        steps.pop();
    }
    for _ in 0..options.acts {
        // Bursts, pauses, the time around which a token ends, and hours.
        let gap = match rng.below(10) {
            0..=3 => rng.below(60),
            4..=5 => rng.below(3_000),
            6..=7 => (options.life + 300).saturating_sub(rng.below(600)),
            8 => rng.below(90_000),
            _ => rng.below(10 * HOUR),
        };
        let (needs, act) = draw_act(&rng);
        let tab = rng.next();
        let act = if needs.is_none_or(|class| options.has(class)) { act } else { Act::Send { post: false } };
        steps.push(Step { gap, tab, act });
    }
    add_rare(seed, options, &mut steps);
    steps
}

/// Inserts what the rare classes do. It takes its chances from a stream of its own, as the classes do.
fn add_rare(seed: u64, options: &Options, steps: &mut Vec<Step>) {
    let rng = Rng::new(seed, 4);
    for class in options.rare() {
        for _ in 0..rng.between(1, 2) {
            let act = match class {
                Class::NewKey => Act::ChangeKey,
                Class::SecondApp if rng.percent(75) => Act::OpenSecond { other: rng.percent(50) },
                Class::SecondApp => Act::Navigate,
                // What must reach every tab, and the tabs that it must reach.
                Class::TokenOnly => {
                    *rng.pick(&[Act::Open, Act::Duplicate, Act::Logout, Act::Login { other: true }])
                }
                Class::LedgerSilent => Act::Reload,
                Class::LetterCase => Act::Login { other: false },
                Class::SlowServer => Act::SlowDown(*rng.pick(&[60_000, 600_000])),
                Class::Rollback => Act::RollBack,
                Class::Redeploy if options.cookies => Act::Redeploy(*rng.pick(&DEPLOYED_WITH_COOKIES)),
                Class::Redeploy => Act::Redeploy(*rng.pick(&DEPLOYED)),
                _ => continue,
            };
            let at = rng.between(2, steps.len() as u64) as usize;
            let tab = rng.next();
            steps.insert(at, Step { gap: rng.below(3_000), tab, act });
            let then = match class {
                Class::Redeploy => Act::Reload,
                Class::LedgerSilent => Act::Login { other: rng.percent(50) },
                Class::SlowServer => *rng.pick(&[Act::Login { other: false }, Act::SendEverywhere]),
                _ => continue,
            };
            steps.insert(at + 1, Step { gap: rng.below(3_000), tab, act: then });
        }
    }
}

fn draw_act(rng: &Rng) -> (Option<Class>, Act) {
    let short = rng.below(3_000);
    let long = *rng.pick(&[3_000, 20_000, 600_000, 8 * HOUR]);
    match rng.below(40) {
        0..=10 => (None, Act::Send { post: rng.percent(40) }),
        11..=16 => (None, Act::SendEverywhere),
        17 => (None, Act::Open),
        18 => (Some(Class::Duplicate), Act::Duplicate),
        19 => (Some(Class::SecondLogin), Act::Login { other: false }),
        20 => (Some(Class::OtherUser), Act::Login { other: true }),
        21..=22 => (Some(Class::Logout), Act::Logout),
        23 => (Some(Class::Impatience), Act::Impatient(rng.below(200))),
        24..=25 => (Some(Class::Reload), Act::Reload),
        26..=27 => (Some(Class::Kill), Act::Kill),
        28..=29 => (Some(Class::Freeze), Act::Freeze(long)),
        30 if rng.percent(50) => (None, Act::Look),
        30 => (Some(Class::Busy), Act::Busy(short)),
        31..=32 => (Some(Class::Sleep), Act::Sleep(long)),
        33 => (Some(Class::Clock), Act::SetClock(if rng.percent(50) { 86_400_000 } else { -86_400_000 })),
        34 => (Some(Class::Crash), Act::Crash(rng.below(5_000), rng.below(2_000))),
        35 => (Some(Class::Outage), Act::Outage(*rng.pick(&[500, 5_000, 60_000]))),
        36 => (Some(Class::Proxy), Act::Proxy(rng.below(9) as usize, *rng.pick(&[500, 5_000, 600_000]))),
        37 => (Some(Class::LedgerBlocked), Act::BlockLedger(*rng.pick(&[500, 5_000, 30_000]))),
        38 => match rng.below(2) {
            0 => (Some(Class::StorageFull), Act::FillStorage(rng.below(60_000))),
            _ => (Some(Class::StorageWiped), Act::Wipe),
        },
        _ => (Some(Class::Thief), Act::Steal),
    }
}
