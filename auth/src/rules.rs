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
    /// A token that is not to be seen yet is waited for.
    CatchUp,
    /// At a server that is not known to be idempotent one tab's attempt is out at a time.
    Flight,
    /// A flight is checked once more before its attempt is sent: the page may have been frozen.
    FlightTime,
    /// The lock, or having watched it, proves that another's flight is over; off: the wall clock does.
    ProvenOver,
    /// What had no usable answer is repeated with the same token and key.
    SameAttempt,
    /// Older generations' entries are removed after the commit's completion, not within it.
    RemoveLast,
    /// A token's age counts from the midpoint between request and answer; off: from the answer.
    Midpoint,
    /// The ledger's `not_before` holds for every tab.
    SharedBackoff,
    /// An answer is dropped if the session changed meanwhile.
    DropLateAnswers,
    /// One refresh is under way in a tab; later callers share its outcome.
    OneFlight,
    /// The key goes only to a server that announced that it takes it.
    KeyIfAnnounced,
    /// A request goes out again after a 401 only; off: after a failed network too.
    #[cfg(feature = "sabotage")]
    OnlyAfter401,
    /// A request goes out twice at most.
    #[cfg(feature = "sabotage")]
    OneRetry,
    /// Every call has a deadline, over headers and body.
    CallDeadline,
    /// Every transaction has a deadline.
    LedgerDeadline,
    /// A caller waits for refreshes with a bound.
    CallerBound,
    /// A page that comes back looks into the ledger before it shows anything.
    LookFirst,
    /// The other tabs are told of a login and of an end.
    TellTabs,
    /// Another user's login is not adopted silently.
    AskBeforeAdopting,
    /// A commit that was aborted is repeated with the same values.
    RepeatAborted,
    /// An answer that could not be committed is kept, and committed before anything is sent.
    KeepUnwritten,
    /// The server is told of what was ended here.
    TellServer,
    /// After a 409 the server is told to end the family: somebody else holds the successor.
    TellOfReuse,
    /// What a server asked for is made longer by another attempt's failure, never shorter.
    LongerWait,
    /// The wait for a token begins anew when storage moves.
    RenewCatchUp,
    /// The vault is looked at once more before the token before is sent.
    SecondLook,
    /// A look during which another session came to be shown is made again.
    LookAgain,
}

#[cfg(not(feature = "sabotage"))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {}

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
    off: u64,
}

#[cfg(feature = "sabotage")]
impl Rules {
    /// These rules without `rule`.
    #[must_use]
    pub fn without(self, rule: Rule) -> Self {
        Self { off: self.off | 1 << rule as u64 }
    }

    pub(crate) fn on(self, rule: Rule) -> bool {
        self.off & 1 << rule as u64 == 0
    }
}
