//! What kind of world a seed makes: which faults can happen in it, which server it has.

use auth::{AccessCustody, Custody, RefreshCustody};

pub(crate) use crate::classes::Class;
use crate::rng::Rng;

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
    /// Whether one of the deployments keeps refresh tokens in cookies.
    pub(crate) cookies: bool,
    pub(crate) acts: u64,
    /// Whether the page's contract names a refresh endpoint.
    pub(crate) refresh_endpoint: bool,
    /// What the seed made of the world before its rare classes changed it.
    pub(crate) drawn: Drawn,
}

/// Numbers that a rare class may change, as they are without it and with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    life: u64,
    long_life: u64,
    no_endpoint: bool,
    custody: Custody,
    /// Whether one of the world's deployments may keep refresh tokens in cookies.
    cookies: bool,
    rotation: Rotation,
    lifetime: Lifetime,
}

impl Drawn {
    fn draw(seed: u64, life: u64, custody: Custody, rotation: Rotation, lifetime: Lifetime) -> Self {
        let rng = Rng::new(seed, 5);
        let long_life = *rng.pick(&[60_000, 900_000, 4 * HOUR, 24 * HOUR]);
        let no_endpoint = rng.percent(30);
        let cookies = custody.refresh == RefreshCustody::Cookie || rng.percent(30);
        Self { life, long_life, no_endpoint, custody, cookies, rotation, lifetime }
    }
}

const HOUR: u64 = 3_600_000;

impl Options {
    pub(crate) fn draw(seed: u64) -> Self {
        let rng = Rng::new(seed, 1);
        let mut classes = 0;
        for class in Class::COMMON {
            if rng.percent(class.share()) {
                classes |= 1 << class as u32;
            }
        }
        // A calm world now and then: what fails there needs no fault at all.
        if rng.percent(5) {
            classes &= 1 << Class::StorageLate as u32 | 1 << Class::Reload as u32;
        }
        let rare = Rng::new(seed, 3);
        for class in Class::RARE {
            if rare.percent(class.share()) {
                classes |= 1 << class as u32;
            }
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
            3 => RefreshCustody::Cookie,
            _ => RefreshCustody::Local,
        };
        let access = if rng.percent(75) { AccessCustody::Session } else { AccessCustody::Memory };
        let locks = rng.percent(65);
        let life = *rng.pick(&[5_000, 30_000, 60_000, 300_000, 900_000]);
        let custody = Custody { access, refresh };
        let options = Self {
            classes,
            locks,
            rotation,
            life,
            lifetime,
            absolute: rng.percent(5).then_some(6 * HOUR),
            custody,
            cookies: false,
            acts: rng.between(4, 22),
            refresh_endpoint: true,
            drawn: Drawn::draw(seed, life, custody, rotation, lifetime),
        };
        options.shaped()
    }

    /// The world as its rare classes make it.
    fn shaped(self) -> Self {
        let Drawn { life, long_life, no_endpoint, mut custody, mut cookies, rotation, lifetime } = self.drawn;
        // A session that its page keeps to itself has nothing that a redeploy could move.
        if self.has(Class::Redeploy) && custody.refresh == RefreshCustody::Memory {
            custody.refresh = RefreshCustody::Local;
        }
        let token_only = self.has(Class::TokenOnly);
        // What these classes are about has no part in a session whose token is in a cookie.
        cookies = cookies && !self.has(Class::Rollback) && !token_only;
        if custody.refresh == RefreshCustody::Cookie && !cookies {
            custody.refresh = RefreshCustody::Local;
        }
        // Elsewhere the first deployment is the only one.
        cookies = cookies && (self.has(Class::Redeploy) || custody.refresh == RefreshCustody::Cookie);
        Self {
            // Only a JWT tells the server's own word.
            lifetime: if self.has(Class::LetterCase) { Lifetime::Jwt } else { lifetime },
            rotation: match rotation {
                // The session's key does not rotate.
                _ if cookies => Rotation::None { repeated: false },
                _ if self.has(Class::Rollback) => Rotation::Idempotent,
                rotation => rotation,
            },
            life: if token_only { long_life } else { life },
            refresh_endpoint: !(token_only && no_endpoint),
            custody,
            cookies,
            ..self
        }
    }

    /// The world in words.
    pub(crate) fn told(&self) -> String {
        let Self { rotation, life, lifetime, absolute, custody, .. } = self;
        let classes: Vec<_> = Class::all().filter(|class| self.has(*class)).collect();
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

    /// The rare classes that the world has.
    pub(crate) fn rare(&self) -> Vec<Class> {
        Class::RARE.into_iter().filter(|class| self.has(*class)).collect()
    }

    pub(crate) fn without(&self, class: Class) -> Self {
        let fewer = Self { classes: self.classes & !(1 << class as u32), ..self.clone() };
        fewer.shaped()
    }
}
