//! The invariants by name.

/// What must hold in every world, after every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// No refresh token is sent with two keys, nor with one that its server did not announce to take, nor by a tab to
    /// which the ledger showed that it is spent.
    SingleUse,
    /// A session ends only by a logout, by a terminal answer about its current token, or by its expiry.
    NoSpuriousLogout,
    /// After a logout nothing of the session is stored, sent or shown, and the server knows of it.
    NoResurrection,
    /// No request or answer of one user meets another user's, and no page changes its user unasked.
    NoCrossing,
    /// An application request is sent again only after a 401, and no more often than the rule allows.
    OneRetry,
    /// Every call ends within its bound, and none is given up before its time.
    Liveness,
    /// Tokens are only where they belong.
    Containment,
    /// Refreshes pass the rate gate, and wait for as long as a server asked.
    BoundedRate,
    /// What a newer build of the page stored stays as it is.
    LeftAlone,
    /// The page says that a reload ends the session if that is so, and only then.
    Notice,
    /// No session lives on at the server whose login its page refused or gave up, or that a page ended and could tell of.
    NoOrphans,
    /// An access token is used while it is good, and refreshed only when that is needed.
    Using,
}
