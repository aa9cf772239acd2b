//! What kind of world a seed makes: which faults can happen in it, which server it has.

use auth::{AccessCustody, Custody, RefreshCustody};

use crate::rng::Rng;

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
}

impl Class {
    pub(crate) const ALL: [Self; 34] = [
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

    /// How many of a hundred worlds have it. What breaks an assumption of the protocol is rare, so that most
    /// worlds are judged by the full invariants.
    fn share(self) -> u64 {
        match self {
            Self::StorageVeryLate | Self::CrashLedger | Self::LedgerDenied | Self::StorageDenied => 3,
            Self::StorageThrows | Self::StorageFull | Self::StorageWiped | Self::Thief => 5,
            Self::StorageLate | Self::Kill | Self::Reload => 70,
            Self::LostAnswer | Self::Crash | Self::Freeze => 45,
            _ => 30,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The table "Idempotent rotation".
    Idempotent,
    /// A spent token ends the family.
    Strict,
    /// For so many milliseconds a token that was just spent gets its successor again.
    Grace(u64),
    /// The refresh token stays; in the answer or not.
    None { repeated: bool },
}

/// What the token answer says of the access token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    ExpiresIn,
    /// `exp` and `iat` of a JWT by a clock that is a day off.
    Jwt,
    /// Nothing: a 401 will tell.
    Unsaid,
    /// An `exp` that is already past, or is no number.
    Absurd(&'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) classes: u64,
    pub(crate) locks: bool,
    pub(crate) rotation: Rotation,
    /// Milliseconds that an access token is accepted for.
    pub(crate) life: u64,
    pub(crate) lifetime: Lifetime,
    /// Milliseconds after which the server ends a family, however it is used.
    pub(crate) absolute: Option<u64>,
    pub(crate) custody: Custody,
    pub(crate) acts: u64,
    #[cfg(feature = "sabotage")]
    pub(crate) rules: auth::Rules,
}

impl Options {
    pub(crate) fn draw(seed: u64) -> Self {
        let rng = Rng::new(seed, 1);
        let mut classes = 0;
        for class in Class::ALL {
            if rng.percent(class.share()) {
                classes |= 1 << class as u32;
            }
        }
        // A calm world now and then: what fails there needs no fault at all.
        if rng.percent(5) {
            classes &= 1 << Class::StorageLate as u32 | 1 << Class::Reload as u32;
        }
        let rotation = match rng.below(10) {
            0..=4 => Rotation::Idempotent,
            5..=7 => Rotation::Strict,
            8 => Rotation::Grace(*rng.pick(&[2_000, 10_000, 60_000])),
            _ => Rotation::None { repeated: rng.percent(50) },
        };
        let lifetime = match rng.below(10) {
            0..=5 => Lifetime::ExpiresIn,
            6..=7 => Lifetime::Jwt,
            8 => Lifetime::Unsaid,
            _ => Lifetime::Absurd(rng.pick::<&str>(&["null", "-5", "1e400", "\"soon\"", "0", "1"])),
        };
        let refresh = match rng.below(10) {
            0..=1 => RefreshCustody::Database,
            2 => RefreshCustody::Memory,
            _ => RefreshCustody::Local,
        };
        let access = if rng.percent(75) { AccessCustody::Session } else { AccessCustody::Memory };
        Self {
            classes,
            locks: rng.percent(65),
            rotation,
            life: *rng.pick(&[5_000, 30_000, 60_000, 300_000, 900_000]),
            lifetime,
            absolute: rng.percent(5).then_some(6 * 3_600_000),
            custody: Custody { access, refresh },
            acts: rng.between(4, 22),
            #[cfg(feature = "sabotage")]
            rules: crate::sabotage::asked_for(),
        }
    }

    /// The world in words.
    pub(crate) fn told(&self) -> String {
        let Self { rotation, life, lifetime, absolute, custody, .. } = self;
        let classes: Vec<_> = Class::ALL.into_iter().filter(|class| self.has(*class)).collect();
        let locks = if self.locks { "locks" } else { "no locks" };
        let absolute =
            absolute.map_or(String::new(), |end| format!(", every session ends after {} s", end / 1_000));
        format!(
            "{rotation:?} server{absolute}; access tokens live {} s, said by {lifetime:?}; {locks}; access token: \
             {:?}, refresh token: {:?}; faults and acts: {classes:?}",
            life / 1_000,
            custody.access,
            custody.refresh
        )
    }

    pub(crate) fn has(&self, class: Class) -> bool {
        self.classes & (1 << class as u32) != 0
    }

    pub(crate) fn without(&self, class: Class) -> Self {
        Self { classes: self.classes & !(1 << class as u32), ..self.clone() }
    }
}
