// The switches that the rule files ask. `cargo xtask simulate --sabotage` adds this text to src/lib.rs in its copy of
// the crate, and `RULES`, the names of all rules; what ships has neither.

std::thread_local! {
    /// At first the rules that `SIM_WITHOUT` names, for a replay.
    static OFF: std::cell::RefCell<Vec<&'static str>> = std::cell::RefCell::new(asked_for());
}

fn asked_for() -> Vec<&'static str> {
    let names = std::env::var("SIM_WITHOUT").unwrap_or_default();
    RULES.iter().copied().filter(|rule| names.split(',').any(|name| name == *rule)).collect()
}

/// Whether `rule` is off on this thread.
pub(crate) fn switched_off(rule: &str) -> bool {
    OFF.with_borrow(|off| off.contains(&rule))
}

/// Switches `rules` off and all others on, for every client of this thread.
#[doc(hidden)]
pub fn switch_off(rules: &[&'static str]) {
    OFF.set(rules.to_vec());
}
