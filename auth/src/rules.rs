//! The protocol's rules by name, so that a test build can switch one off and see its proof fail.
//!
//! Without the feature `sabotage` every rule holds by construction: [`Rules::on`] is `true`.

/// One rule of the protocol that the simulation can break.
#[cfg_attr(not(feature = "sabotage"), expect(unreachable_pub, reason = "public in test builds only"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Rule {
    /// The row says which token is current; off: this tab's memory does.
    DecideByLedger,
    /// A newer row is adopted from a sibling; off: it is refreshed.
    Adopt,
    /// A terminal answer ends the session only if the row equals the attempt.
    EndByCompare,
    /// A commit needs `now` to name its session.
    CommitBySession,
    /// A commit needs the row to have its generation.
    CommitByGeneration,
    /// A commit needs the row to have its key.
    CommitByKey,
    /// Check and write are one transaction.
    OneTask,
    /// The token of an attempt that was overtaken is dropped, not revoked.
    NeverRevokeSiblings,
    /// The token is stored before those who wait are released.
    StoreBeforeRelease,
    /// A 401 to an older token causes no refresh.
    Late401,
    /// The key lies in the ledger before the attempt that uses it.
    KeyBeforeAttempt,
    /// Whoever commits, the next key is the ledger's.
    OneKey,
    /// A 409 to an attempt that was overtaken neither ends nor revokes anything.
    ConflictIsNoEnd,
    /// The lock is waited for with a bound.
    LockBound,
    /// What was ended stays ended.
    LogoutWins,
    /// Age is elapsed time on the better of two clocks; off: the wall clock alone.
    ElapsedAge,
    /// Refreshes pass the ledger's rate gate.
    RateGate,
    /// The previous generation's token goes with the previous key.
    PreviousKey,
}

#[cfg(not(feature = "sabotage"))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules;

#[cfg(not(feature = "sabotage"))]
impl Rules {
    #[expect(clippy::unused_self, reason = "a test build keeps the switches here")]
    pub(crate) const fn on(self, _: Rule) -> bool {
        true
    }
}

/// The switches of a test build; all rules hold by default.
#[cfg(feature = "sabotage")]
#[derive(Clone, Copy, Debug, Default)]
#[doc(hidden)]
pub struct Rules {
    off: u32,
}

#[cfg(feature = "sabotage")]
impl Rules {
    /// These rules without `rule`.
    #[must_use]
    pub fn without(self, rule: Rule) -> Self {
        Self { off: self.off | 1 << rule as u32 }
    }

    pub(crate) fn on(self, rule: Rule) -> bool {
        self.off & 1 << rule as u32 == 0
    }
}
