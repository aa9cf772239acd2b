//! What must have happened over many seeds, so that the simulation cannot go blind.

use crate::many::Total;

/// Fewer seeds than this may miss something rare.
const ENOUGH_SEEDS: u64 = 10_000;

pub(crate) const EXPECTED: &[&str] = &[
    "5xx",
    "408 or 429",
    "another user's session taken up",
    "answer of a rotation lost",
    "application request",
    "browser crashed",
    "call: answered",
    "call: error, session lives",
    "call: error, session over",
    "call: gone",
    "call: logged in",
    "caller went away",
    "captive portal",
    "clock set",
    "crash lost storage",
    "device asleep",
    "gamble lost against a strict server",
    "late 401",
    "judged at the end",
    "ledger blocked",
    "ledger denied",
    "lock granted to a frozen tab",
    "lock waited for",
    "logout",
    "logout sent",
    "message delivered",
    "message doubled",
    "message late",
    "message lost",
    "network down",
    "page looked again",
    "page reloaded",
    "page stays concealed",
    "page suspended after a transaction",
    "previous token used after its successor was lost",
    "redirect",
    "refresh sent",
    "request lost",
    "request never answered",
    "request repeated by the browser",
    "request sent again after a 401",
    "server restarted after its commit",
    "server: 401",
    "server: 409",
    "server: logged out",
    "server: reuse detected",
    "server: rotated",
    "server: terminal",
    "server: the same successor again",
    "signed out",
    "slow answer",
    "storage later than the bound",
    "storage seen late",
    "storage throws",
    "storage wiped",
    "tab busy",
    "tab duplicated",
    "tab frozen",
    "tab killed",
    "tab killed between closure and commit",
    "token stolen",
    "token stolen with its key",
    "transaction aborted after its closure ran",
    "transaction committed",
    "transaction given up after its closure ran",
];

pub(crate) fn assert_complete(total: &Total) {
    if total.seeds < ENOUGH_SEEDS {
        return;
    }
    let missing: Vec<_> = EXPECTED.iter().filter(|what| !total.covered.contains_key(*what)).collect();
    assert!(missing.is_empty(), "in {} seeds this never happened: {missing:?}", total.seeds);
}
