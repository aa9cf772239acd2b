//! The production client in a simulated world: several tabs, virtual time, every fault that the design names,
//! and the invariants of refresh-protocol.md checked after every step.
//!
//! A seed is a world. `SIM_SEED=7 cargo test -p auth --test simulation` replays one, shrinks it and prints its
//! timeline; `SIM_SEEDS=100000` and `SIM_FROM=1` say how many are run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a simulation may stop at what it does not expect, like any test"
)]

mod acts;
mod check;
mod ledger;
mod locks;
mod network;
mod options;
mod rng;
mod run;
mod server;
mod storage;
mod tab;
mod tasks;
mod token;
mod user;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What a range of seeds came to.
#[derive(Default)]
struct Total {
    covered: BTreeMap<&'static str, u64>,
    failures: Vec<(u64, world::Violation)>,
}

fn run_many(from: u64, count: u64, enough: usize) -> Total {
    let next = AtomicU64::new(from);
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Total::default());
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut covered: BTreeMap<&'static str, u64> = BTreeMap::new();
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count {
                        break;
                    }
                    let run = run::run_seed(seed, false);
                    for (what, times) in run.covered {
                        *covered.entry(what).or_default() += times;
                    }
                    if let Some(violation) = run.violation {
                        let mut total = total.lock().unwrap();
                        total.failures.push((seed, violation));
                        if total.failures.len() >= enough {
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
                let mut total = total.lock().unwrap();
                for (what, times) in covered {
                    *total.covered.entry(what).or_default() += times;
                }
            });
        }
    });
    total.into_inner().unwrap()
}

fn print_shrunk(seed: u64) {
    let Some((options, steps, run)) = run::shrink(seed) else {
        println!("seed {seed} breaks nothing");
        return;
    };
    println!("seed {seed}, shrunk to {} acts: {options:?}", steps.len());
    run.timeline.iter().for_each(|line| println!("{line}"));
}

#[test]
fn the_invariants_hold_in_every_world() {
    if let Some(seed) = number("SIM_SEED") {
        if std::env::var_os("SIM_WHOLE").is_some() {
            run::run_seed(seed, true).timeline.iter().for_each(|line| println!("{line}"));
        } else {
            print_shrunk(seed);
        }
        assert!(run::run_seed(seed, false).violation.is_none(), "seed {seed} breaks an invariant");
        return;
    }
    let (from, count) = (number("SIM_FROM").unwrap_or(1), number("SIM_SEEDS").unwrap_or(1_000));
    let began = Instant::now();
    let mut total = run_many(from, count, number("SIM_ENOUGH").unwrap_or(20) as usize);
    let seconds = began.elapsed().as_secs_f64();
    println!("{count} seeds in {seconds:.1} s ({:.0}/s)", count as f64 / seconds);
    for (what, times) in &total.covered {
        println!("{times:>10}  {what}");
    }
    total.failures.sort_by_key(|(seed, _)| *seed);
    for (seed, violation) in &total.failures {
        println!("SIM_SEED={seed}: invariant {}: {}", violation.invariant, violation.text);
    }
    if let Some((seed, _)) = total.failures.first() {
        print_shrunk(*seed);
    }
    assert!(total.failures.is_empty(), "{} seeds break an invariant", total.failures.len());
}
