//! The classes of faults and acts that a world can have.

/// A class of faults or acts; a world has a set of them, and shrinking takes them away one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Class {
    Lost,
    LostAnswer,
    Cut,
    Slow,
    Repeat,
    Proxy,
    Outage,
    StorageLate,
    StorageVeryLate,
    StorageThrows,
    StorageFull,
    StorageDenied,
    StorageWiped,
    Crash,
    CrashLedger,
    LedgerAborts,
    LedgerBlocked,
    LedgerDenied,
    MessagesLost,
    MessagesLate,
    MessagesDoubled,
    Freeze,
    Kill,
    Reload,
    Duplicate,
    Busy,
    Sleep,
    Clock,
    TimersLate,
    Thief,
    OtherUser,
    Logout,
    SecondLogin,
    Impatience,
    /// The server changes its signing key: it refuses all access tokens that it issued before.
    NewKey,
    /// A second app lives on the origin, with a base path and a server of its own.
    SecondApp,
    /// The server gives no refresh token. A session lives as long as its one access token.
    TokenOnly,
    /// A new deployment of the page keeps the refresh token in another place.
    Redeploy,
    /// An idempotent server is rolled back to a version that is not.
    Rollback,
    /// Logins and refreshes take longer than ten seconds for a while.
    SlowServer,
    /// The browser does not open its database for a page: from the page's start, for a while.
    LedgerSilent,
    /// A newer build of the page, since rolled back, has left its records.
    NewerRecords,
    /// People type their name in one letter case or another. The server knows them by one word.
    LetterCase,
    /// The server accepts an access token only a moment after it has made it.
    NotYetValid,
}

impl Class {
    /// Faults and acts that many worlds have.
    pub(crate) const COMMON: [Self; 34] = [
        Self::Lost,
        Self::LostAnswer,
        Self::Cut,
        Self::Slow,
        Self::Repeat,
        Self::Proxy,
        Self::Outage,
        Self::StorageLate,
        Self::StorageVeryLate,
        Self::StorageThrows,
        Self::StorageFull,
        Self::StorageDenied,
        Self::StorageWiped,
        Self::Crash,
        Self::CrashLedger,
        Self::LedgerAborts,
        Self::LedgerBlocked,
        Self::LedgerDenied,
        Self::MessagesLost,
        Self::MessagesLate,
        Self::MessagesDoubled,
        Self::Freeze,
        Self::Kill,
        Self::Reload,
        Self::Duplicate,
        Self::Busy,
        Self::Sleep,
        Self::Clock,
        Self::TimersLate,
        Self::Thief,
        Self::OtherUser,
        Self::Logout,
        Self::SecondLogin,
        Self::Impatience,
    ];

    /// What befalls few servers, apps and browsers. A stream of chance of its own draws these classes, so that a
    /// world without them is the same as before they were there.
    pub(crate) const RARE: [Self; 10] = [
        Self::NewKey,
        Self::SecondApp,
        Self::TokenOnly,
        Self::Redeploy,
        Self::Rollback,
        Self::SlowServer,
        Self::LedgerSilent,
        Self::NewerRecords,
        Self::LetterCase,
        Self::NotYetValid,
    ];

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::COMMON.into_iter().chain(Self::RARE)
    }

    /// How many of a hundred worlds have it. What breaks an assumption of the protocol is rare, so that most
    /// worlds are judged by the full invariants.
    pub(crate) fn share(self) -> u64 {
        match self {
            Self::StorageVeryLate | Self::CrashLedger | Self::LedgerDenied | Self::StorageDenied => 3,
            Self::StorageThrows | Self::StorageFull | Self::StorageWiped | Self::Thief => 5,
            Self::StorageLate | Self::Kill | Self::Reload => 70,
            Self::LostAnswer | Self::Crash | Self::Freeze => 45,
            _ if Self::RARE.contains(&self) => 4,
            _ => 30,
        }
    }
}
