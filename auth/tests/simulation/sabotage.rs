//! The proof of the proof: with any one rule of the protocol switched off, the simulation finds a violation.

use std::collections::BTreeMap;

use auth::{Rule, Rules};

use crate::many::run_many;
use crate::{acts, options::Options, run};

const RULES: [Rule; 18] = [
    Rule::DecideByLedger,
    Rule::Adopt,
    Rule::EndByCompare,
    Rule::CommitBySession,
    Rule::CommitByGeneration,
    Rule::CommitByKey,
    Rule::OneTask,
    Rule::NeverRevokeSiblings,
    Rule::StoreBeforeRelease,
    Rule::Late401,
    Rule::KeyBeforeAttempt,
    Rule::OneKey,
    Rule::ConflictIsNoEnd,
    Rule::LockBound,
    Rule::LogoutWins,
    Rule::ElapsedAge,
    Rule::RateGate,
    Rule::PreviousKey,
];

/// So many violations make a median.
const FINDS: usize = 9;

#[test]
fn every_rule_that_is_switched_off_is_missed() {
    let most = crate::number("SIM_SEEDS").unwrap_or(20_000);
    let mut blind = Vec::new();
    println!("{:<22} {:<28} median seeds to find", "rule switched off", "invariants broken");
    for rule in RULES {
        let total = run_many(1, most, FINDS, |seed| {
            let options = Options::draw(seed);
            let steps = acts::draw(seed, &options);
            let without = Options { rules: Rules::default().without(rule), ..options.clone() };
            let mut found = run::run(seed, without, &steps, false);
            // Only what the rule would have prevented counts.
            found.violation.take_if(|_| run::run(seed, options, &steps, false).violation.is_some());
            found
        });
        let mut broken: BTreeMap<u8, usize> = BTreeMap::new();
        total.failures.iter().for_each(|(_, found)| *broken.entry(found.invariant).or_default() += 1);
        let mut waits: Vec<u64> = total.failures.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        waits.extend(total.failures.first().map(|(seed, _)| *seed));
        waits.sort_unstable();
        let median = waits.get(waits.len() / 2).map_or("none".to_owned(), u64::to_string);
        let broken: Vec<String> =
            broken.into_iter().map(|(which, times)| format!("{which} ({times}×)")).collect();
        println!("{:<22} {:<28} {median}", format!("{rule:?}"), broken.join(", "));
        if total.failures.is_empty() {
            blind.push(rule);
        }
    }
    assert!(blind.is_empty(), "in {most} seeds nothing breaks without {blind:?}");
}
