//! The production client in a simulated world of several tabs, virtual time and faults. The invariants of
//! docs/protocol.md are checked after every step.
//!
//! A seed is a world. `SIM_SEED=7 cargo test -p auth --test simulation -- --nocapture` replays one, shrinks it
//! and prints its timeline (`SIM_WHOLE=1`: unshrunk); `SIM_SEEDS` and `SIM_FROM` say which are run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a simulation may stop at what it does not expect, like any test"
)]

mod acts;
mod apps;
mod check;
mod classes;
mod cookies;
mod coverage;
mod ledger;
mod lifecycle;
mod locks;
mod many;
mod network;
mod options;
mod page;
mod rare;
mod request;
mod rng;
mod run;
#[cfg(sabotage)]
mod sabotage;
mod server;
mod slot;
mod storage;
mod tab;
mod tasks;
mod timeline;
mod token;
mod user;
mod world;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Whoever runs all tests is not kept waiting; `cargo xtask simulate` runs the optimised program.
const SEEDS: u64 = if cfg!(debug_assertions) { 300 } else { 100_000 };
/// So many failures are enough to see what they have in common.
const ENOUGH: u64 = 10;

#[test]
fn the_invariants_hold_in_every_world() {
    if let Some(seed) = number("SIM_SEED") {
        return replay(seed);
    }
    let (from, count) = (number("SIM_FROM").unwrap_or(1), number("SIM_SEEDS").unwrap_or(SEEDS));
    let enough = number("SIM_ENOUGH").unwrap_or(ENOUGH) as usize;
    let total = many::run_many(from, count, enough, |seed| run::run_seed(seed, false));
    total.print();
    if let Some((seed, _)) = total.failures.first() {
        many::print_shrunk(*seed);
    }
    assert!(total.failures.is_empty(), "{} seeds break an invariant", total.failures.len());
    coverage::assert_complete(&total);
}

fn replay(seed: u64) {
    if std::env::var_os("SIM_WHOLE").is_some() {
        run::run_seed(seed, true).timeline.iter().for_each(|line| println!("{line}"));
    } else {
        many::print_shrunk(seed);
    }
    assert!(run::run_seed(seed, false).violation.is_none(), "seed {seed} breaks an invariant");
}

#[test]
fn a_seed_is_the_same_world_each_time() {
    for seed in 1..=60 {
        let (first, second) = (run::run_seed(seed, true), run::run_seed(seed, true));
        assert_eq!(first.timeline, second.timeline, "seed {seed}");
        assert_eq!(first.violation, second.violation, "seed {seed}");
    }
}
