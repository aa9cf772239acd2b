//! What a refusal means, by what it says and not by its status alone. A contract has one list of rules each for login,
//! refresh and logout. The first rule that fits an answer decides.

use super::end_reason::EndReason;
use super::http::Answer;

use matcher::Body;
pub(super) use matcher::at;
pub use matcher::{FieldTest, Matcher};

/// What the server means by an answer that brings no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// There is no such user with this password. At a refresh: the session is over.
    NotAccepted,
    /// The account is disabled, or not active yet.
    Disabled,
    /// The user has to confirm the account first, usually by a mail.
    NotVerified,
    /// The account is locked for a while, usually after too many attempts.
    Locked,
    /// The session's time was up.
    Expired,
    /// The session was ended at the server.
    Revoked,
    /// The server has a problem of its own, which passes.
    Trouble,
    /// The server cannot serve this page as it is set up: its registration (`client_id`), its way to ask, or a key or second
    /// factor that it does not send. A repeat does not help.
    PageNotAccepted,
}

impl Meaning {
    /// Why the session is over if a refresh gets this answer. `None` if it is not.
    pub(crate) fn end(self) -> Option<EndReason> {
        match self {
            Self::NotAccepted | Self::Expired => Some(EndReason::Expired),
            Self::Revoked => Some(EndReason::Revoked),
            Self::Disabled => Some(EndReason::Disabled),
            // A lock ends by itself, and an account can be confirmed.
            Self::NotVerified | Self::Locked | Self::Trouble | Self::PageNotAccepted => None,
        }
    }
}

/// A rule: answers that fit `when` mean `means`.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which answers.
    pub when: Matcher,
    /// What they mean.
    pub means: Meaning,
}

impl Refusal {
    /// The rule that answers that fit `when` have this meaning.
    pub fn new(when: Matcher, means: Meaning) -> Self {
        Self { when, means }
    }
}

/// The meaning of an answer by the first rule that fits.
pub(crate) fn meaning(rules: &[Refusal], answer: &Answer) -> Option<Meaning> {
    if is_gateway_challenge(answer) {
        return Some(Meaning::PageNotAccepted);
    }
    let text = answer.text();
    let said = Body::read(answer, &text);
    let mut rules = rules.iter().filter(|rule| rule.when.hears(answer));
    rules.find(|rule| rule.when.takes(answer.status) && rule.when.fits(&said)).map(|rule| rule.means)
}

/// Whether a gateway in front of the server refused: a 401 that asks for a name and password of the browser (RFC 7617, RFC 7616, RFC 4559) or
/// for a key of the page (Kong), and for no bearer token, and that says no more than that.
pub(super) fn is_gateway_challenge(answer: &Answer) -> bool {
    let asks = |challenges: &str, scheme: &str| {
        let mut words = challenges.split([',', ' ', '=']);
        words.any(|word| word.eq_ignore_ascii_case(scheme))
    };
    let challenges = answer.header("www-authenticate").filter(|_| answer.status == 401);
    challenges.is_some_and(|challenges| {
        ["Basic", "Digest", "Negotiate", "Key"].into_iter().any(|scheme| asks(&challenges, scheme))
            && !asks(&challenges, "Bearer")
    }) && says_nothing(answer)
}

/// Whether an answer explains itself with nothing but its status.
fn says_nothing(answer: &Answer) -> bool {
    let text = answer.text();
    let said = Body::read(answer, &text);
    said.object.is_none() || matches!(said.words.trim_ascii(), "" | "unauthorized")
}

/// Whether the server says that it saw no cookie, or not the readable one that a header repeats.
pub(crate) fn misses_cookie(answer: &Answer) -> bool {
    let text = answer.text();
    let said = Body::read(answer, &text);
    // What is no JSON object is a proxy's.
    answer.status == 401 && said.object.is_some() && Matcher::status(401).says(words::NO_COOKIE).fits(&said)
}

mod matcher;
pub(super) mod rules;
#[cfg(test)]
mod tests;
mod words;
