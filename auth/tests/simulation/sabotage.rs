//! The proof of the proof: with a rule of the protocol switched off, the simulation finds a violation.
//!
//! Only what the rule would have prevented counts: the same world must be sound with all rules on and, where rules
//! are switched off together because each stands in for the other, with any one of them off alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use auth::{RULES, RefreshCustody, switch_off};

use crate::acts::{self, Step};
use crate::check::Invariant;
use crate::check::using::tabs_go_on;
use crate::many::{Total, run_many};
use crate::options::{Class, Lifetime, Options, Rotation};
use crate::run::{self, Run};

/// Rules that are switched off together, and the worlds in which that is looked for.
struct Case {
    off: &'static [&'static str],
    worlds: Worlds,
}

/// Worlds as the seeds make them, less those in which the rule has nothing to do.
struct Worlds {
    name: &'static str,
    fit: fn(&Options) -> bool,
}

const ANY: Worlds = Worlds { name: "any", fit: |_| true };

const fn case(off: &'static [&'static str]) -> Case {
    Case { off, worlds: ANY }
}

const fn case_in(off: &'static [&'static str], name: &'static str, fit: fn(&Options) -> bool) -> Case {
    Case { off, worlds: Worlds { name, fit } }
}

/// Several rules at once: each stands in for the others, so that no world misses one alone.
const CASES: &[Case] = &[
    case(&["DecideByLedger", "Adopt"]),
    case(&["Adopt"]),
    case_in(&["EndByCompare"], "idempotent, no locks, bad network, 5 s", crossing),
    case(&["CommitBySession", "LogoutWins"]),
    case(&["CommitByGeneration", "CommitByKey"]),
    case(&["OneTask"]),
    case(&["NeverRevokeSiblings"]),
    case(&["StoreBeforeRelease"]),
    case(&["Late401"]),
    case(&["KeyBeforeAttempt"]),
    case_in(
        &["OneKey"],
        "idempotent, no locks, late storage, tokens said to live 1 s, 12 acts or more",
        |options| {
            let late = options.has(Class::StorageLate) || options.has(Class::StorageVeryLate);
            let short = options.lifetime == Lifetime::Absurd("1");
            idempotent(options) && !options.locks && late && short && options.acts >= 12
        },
    ),
    case_in(&["ConflictIsNoEnd"], "idempotent, no locks, bad network, 5 s", crossing),
    case(&["LockBound"]),
    case(&["CallerBound"]),
    case(&["LogoutWins"]),
    case(&["ElapsedAge"]),
    case(&["RateGate"]),
    case(&["PreviousKey"]),
    case(&["CatchUp"]),
    case(&["Flight"]),
    case_in(&["FlightTime"], "not idempotent, pages freeze", |options| {
        one_at_a_time(options) && options.has(Class::Freeze)
    }),
    case_in(&["ProvenOver"], "not idempotent, no locks, clock set, slow network", |options| {
        one_at_a_time(options) && !options.locks && options.has(Class::Clock) && options.has(Class::Slow)
    }),
    case(&["SameAttempt"]),
    case_in(&["RemoveLast"], "local, transactions abort, tabs die", |options| {
        let local = options.custody.refresh == RefreshCustody::Local;
        local && options.has(Class::LedgerAborts) && options.has(Class::Kill)
    }),
    case(&["Midpoint"]),
    case(&["SharedBackoff"]),
    case(&["DropLateAnswers"]),
    case(&["OneFlight"]),
    case(&["KeyIfAnnounced"]),
    case(&["OnlyAfter401"]),
    case(&["OneRetry"]),
    case(&["CallDeadline"]),
    case_in(&["LedgerDeadline"], "ledger blocked, pages freeze", |options| {
        options.has(Class::LedgerBlocked) && options.has(Class::Freeze)
    }),
    case(&["LookFirst"]),
    case(&["TellTabs"]),
    case(&["AskBeforeAdopting"]),
    case_in(&["RepeatAborted", "KeepUnwritten"], "not idempotent, transactions abort", |options| {
        one_at_a_time(options) && options.has(Class::LedgerAborts)
    }),
    case_in(&["KeepUnwritten"], "not idempotent, ledger blocked", |options| {
        one_at_a_time(options) && options.has(Class::LedgerBlocked)
    }),
    case(&["TellServer"]),
    case_in(&["TellOfReuse"], "a thief", |options| options.has(Class::Thief)),
    case_in(&["LongerWait"], "crossing attempts, a proxy, pages and transactions go on", |options| {
        let crossing = idempotent(options) && !options.locks && options.life == 5_000;
        crossing && options.has(Class::Slow) && options.has(Class::Proxy) && tabs_go_on(options)
    }),
    case_in(&["RenewCatchUp"], "idempotent, local, no locks, late storage, crashes, 5 s", |options| {
        short_and_local(options) && !options.locks && options.has(Class::StorageLate)
    }),
    case_in(
        &["SecondLook"],
        "idempotent, local, locks, outages, crashes, pages freeze, 5 s, 12 acts or more",
        |options| {
            let faults = options.has(Class::Outage) && options.has(Class::Freeze);
            short_and_local(options) && options.locks && faults && options.acts >= 12
        },
    ),
    case_in(&["LookAgain"], "transactions abort, pages freeze, logouts", |options| {
        options.has(Class::LedgerAborts) && options.has(Class::Freeze) && options.has(Class::Logout)
    }),
    case(&["HandedOverRetry"]),
    case_in(&["ScopeByAddress"], "two apps", |options| options.has(Class::SecondApp)),
    case_in(&["LeaveClaimed"], "two apps", |options| options.has(Class::SecondApp)),
    case_in(&["TokenOnlyShared"], "no refresh token", |options| options.has(Class::TokenOnly)),
    case_in(&["CustodyMoves"], "redeployed", |options| options.has(Class::Redeploy)),
    case_in(&["CustodyEnds"], "redeployed", |options| options.has(Class::Redeploy)),
    case_in(&["CookieEndsReadable"], "cookies, redeployed", cookies_redeployed),
    case_in(&["CookieGoesAlong"], "cookies, redeployed", cookies_redeployed),
    case_in(&["LastAnswerDecides"], "server rolled back", |options| options.has(Class::Rollback)),
    case_in(&["Unlearn"], "server rolled back", |options| options.has(Class::Rollback)),
    case_in(&["Patience"], "slow server", |options| options.has(Class::SlowServer)),
    case_in(&["LongDeadline"], "slow server", |options| options.has(Class::SlowServer)),
    case_in(&["FlightLength"], "not idempotent, slow server", |options| {
        one_at_a_time(options) && options.has(Class::SlowServer)
    }),
    case_in(&["LateLoginEnded"], "slow server", |options| options.has(Class::SlowServer)),
    case_in(&["BrokenIsDenied"], "database not opened", |options| options.has(Class::LedgerSilent)),
    case_in(&["SayNotStored"], "database not opened", |options| options.has(Class::LedgerSilent)),
    case_in(&["LeaveNewer"], "records of a newer build", |options| options.has(Class::NewerRecords)),
    case_in(&["WaitForClocks"], "tokens not valid yet", |options| options.has(Class::NotYetValid)),
    case_in(&["ServersWordOnUser"], "names in any letter case", |options| options.has(Class::LetterCase)),
];

fn idempotent(options: &Options) -> bool {
    options.rotation == Rotation::Idempotent
}

fn cookies_redeployed(options: &Options) -> bool {
    options.cookies && options.has(Class::Redeploy)
}

/// A server to which no token may be sent twice.
fn one_at_a_time(options: &Options) -> bool {
    matches!(options.rotation, Rotation::Strict | Rotation::Grace(_))
}

fn bad_network(options: &Options) -> bool {
    options.has(Class::Slow) && options.has(Class::Repeat)
}

/// An attempt can be overtaken by two others.
fn crossing(options: &Options) -> bool {
    idempotent(options) && !options.locks && options.life == 5_000 && bad_network(options)
}

/// A crash can take back what the vault of an idempotent session holds, soon and often.
fn short_and_local(options: &Options) -> bool {
    let local = options.custody.refresh == RefreshCustody::Local;
    idempotent(options) && local && options.life == 5_000 && options.has(Class::Crash)
}

/// So many finds make a median; the odd one lies in the middle.
const FINDS: u64 = 9;
/// In so many worlds at least nothing may break while another rule of the set holds.
const FEWEST: usize = 2_000;
/// So many worlds are tried for one rule.
const WORLDS: u64 = 40_000;

fn named(off: &[&str]) -> String {
    off.join(" + ")
}

/// The first `count` worlds that fit.
fn seeds(worlds: &Worlds, from: u64, count: u64) -> Vec<u64> {
    (from..).filter(|seed| (worlds.fit)(&Options::draw(*seed))).take(count as usize).collect()
}

/// Looks for violations that come from `off` being off, until there are `enough`. Seeds become places in `seeds`.
fn look_for(off: &[&'static str], seeds: &[u64], enough: usize) -> Total {
    let mut total = run_many(0, seeds.len() as u64, enough, |at| {
        let seed = seeds[at as usize];
        let options = Options::draw(seed);
        let steps = acts::draw(seed, &options);
        let mut found = run_without(off, seed, &options, &steps);
        found.violation.take_if(|_| {
            let fewer = |rule: &&str| off.iter().copied().filter(|other| other != rule).collect::<Vec<_>>();
            let others = off.iter().map(fewer);
            others.into_iter().any(|off| run_without(&off, seed, &options, &steps).violation.is_some())
                || run_without(&[], seed, &options, &steps).violation.is_some()
        });
        found
    });
    // Threads end the world that they are in: what more they found depends on the machine.
    total.failures.truncate(enough);
    total
}

fn run_without(off: &[&'static str], seed: u64, options: &Options, steps: &[Step]) -> Run {
    switch_off(off);
    run::run(seed, options.clone(), steps, false)
}

/// One line of the table.
fn line(off: &str, total: &Total, seeds: &[u64], worlds: &str) -> String {
    let mut broken: BTreeMap<Invariant, usize> = BTreeMap::new();
    total.failures.iter().for_each(|(_, found)| *broken.entry(found.invariant).or_default() += 1);
    let broken: Vec<String> =
        broken.into_iter().map(|(which, times)| format!("{which:?} ({times}×)")).collect();
    let broken = if broken.is_empty() { "none".to_owned() } else { broken.join(", ") };
    let places = || total.failures.iter().map(|(at, _)| at + 1);
    let mut waits: Vec<u64> =
        places().zip(std::iter::once(0).chain(places())).map(|(at, before)| at - before).collect();
    waits.sort_unstable();
    let median = waits.get(waits.len() / 2).map_or(format!("over {}", total.seeds), u64::to_string);
    let first = total.failures.first().map_or("none".to_owned(), |(at, _)| seeds[*at as usize].to_string());
    format!("| {off} | {broken} | {median} | {worlds} | {first} |")
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes long unless optimised: `cargo xtask simulate --sabotage`")]
fn every_rule_that_is_switched_off_is_missed() {
    let rules: BTreeSet<&str> = CASES.iter().flat_map(|case| case.off).copied().collect();
    assert_eq!(rules, RULES.iter().copied().collect(), "the lines have other rules than auth/tests/rules");
    let worlds = crate::number("SIM_SEEDS").unwrap_or(WORLDS);
    let from = crate::number("SIM_FROM").unwrap_or(1);
    let enough = crate::number("SIM_FINDS").unwrap_or(FINDS) as usize;
    let only = std::env::var("SIM_ONLY").ok();
    let began = Instant::now();
    let mut blind = Vec::new();
    let mut looked = 0;
    println!("| rules switched off | invariants broken | median worlds to find | worlds | first seed |");
    println!("| --- | --- | --- | --- | --- |");
    for case in CASES {
        let name = named(case.off);
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        looked += 1;
        let seeds = seeds(&case.worlds, from, worlds);
        let total = look_for(case.off, &seeds, enough);
        println!("{}", line(&name, &total, &seeds, case.worlds.name));
        if total.failures.is_empty() {
            blind.push(name);
        } else if enough > 1 {
            let alone = show_alone(case, &seeds, total.seeds as usize, enough);
            alone.iter().for_each(|line| println!("{line}"));
        }
    }
    println!("{looked} rules or sets of rules in {:.0} s", began.elapsed().as_secs_f64());
    assert!(looked > 0, "no such line: {only:?}");
    assert!(blind.is_empty(), "nothing breaks without {blind:?}");
}

/// Each rule of a set that no line has for itself: nothing breaks in the same worlds as long as the others hold.
fn show_alone(case: &Case, seeds: &[u64], worlds: usize, enough: usize) -> Vec<String> {
    let set = case.off.len() > 1;
    let alone = case.off.iter().filter(|rule| set && !CASES.iter().any(|case| case.off == [**rule]));
    let show = |rule: &&'static str| {
        let total = look_for(&[*rule], &seeds[..worlds.max(FEWEST).min(seeds.len())], enough);
        let others: Vec<&str> = case.off.iter().filter(|other| *other != rule).copied().collect();
        let name = format!("{rule} alone ({} holds)", named(&others));
        line(&name, &total, seeds, case.worlds.name)
    };
    alone.map(show).collect()
}
