//! Many seeds, on all cores, one world per thread at a time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::options::Options;
use crate::run::{self, Run};
use crate::world::Violation;

/// What a range of seeds came to.
#[derive(Default)]
pub(crate) struct Total {
    pub(crate) seeds: u64,
    pub(crate) seconds: f64,
    pub(crate) covered: BTreeMap<&'static str, u64>,
    pub(crate) failures: Vec<(u64, Violation)>,
}

/// Runs `count` seeds from `from` on, until `enough` of them broke an invariant.
pub(crate) fn run_many(from: u64, count: u64, enough: usize, world: impl Fn(u64) -> Run + Sync) -> Total {
    let (next, stop) = (AtomicU64::new(from), AtomicBool::new(false));
    let total = Mutex::new(Total::default());
    let began = Instant::now();
    let progress = std::env::var_os("SIM_PROGRESS").is_some();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let mut covered: BTreeMap<&'static str, u64> = BTreeMap::new();
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + count {
                break;
            }
            let run = world(seed);
            for (what, times) in run.covered {
                *covered.entry(what).or_default() += times;
            }
            let done = seed - from + 1;
            if progress && done.is_multiple_of(10_000) {
                println!("{done:>9} of {count} seeds, {:.0}/s", done as f64 / began.elapsed().as_secs_f64());
            }
            let mut total = total.lock().unwrap();
            total.seeds += 1;
            if let Some(violation) = run.violation {
                if progress {
                    println!("{}", told(seed, &violation));
                }
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
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut total = total.into_inner().unwrap();
    total.seconds = began.elapsed().as_secs_f64();
    total.failures.sort_by_key(|(seed, _)| *seed);
    total
}

impl Total {
    pub(crate) fn print(&self) {
        println!("{} seeds in {:.1} s ({:.0}/s)", self.seeds, self.seconds, self.seeds as f64 / self.seconds);
        self.covered.iter().for_each(|(what, times)| println!("{times:>10}  {what}"));
        for (seed, violation) in &self.failures {
            println!("{}", told(*seed, violation));
        }
    }
}

/// A failure on one line, with the rare classes of its world.
fn told(seed: u64, violation: &Violation) -> String {
    let rare = Options::draw(seed).rare();
    format!("SIM_SEED={seed} {rare:?}: {:?}: {}", violation.invariant, violation.text)
}

/// What is left of a failing seed once everything that it does not need is taken away.
pub(crate) fn print_shrunk(seed: u64) {
    let Some((steps, run)) = run::shrink(seed) else {
        println!("seed {seed} breaks nothing");
        return;
    };
    println!("SIM_SEED={seed}, shrunk to {} acts:", steps.len());
    run.timeline.iter().for_each(|line| println!("{line}"));
}
