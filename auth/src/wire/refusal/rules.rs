//! The default contract's rules: what servers that people run say in codes and in words. They are static data, because code
//! that makes them would weigh more.

use super::Meaning::{
    self, Disabled, Expired, Locked, NotAccepted, NotVerified, PageNotAccepted, Revoked, Trouble,
};
use super::words::*;
use super::{FieldTest, Matcher, Refusal};

/// A [`Refusal`] of static texts.
enum Rule {
    /// Answers of one of these statuses (of any, if there are none) that pass all tests have the meaning.
    At(&'static [u16], &'static [Test], Meaning),
    /// Answers under one of [`REFUSALS`] that pass all tests, and that speak neither of a gateway nor of an address.
    Said(&'static [Test], Meaning),
}
use Rule::{At, Said};

/// A [`FieldTest`] of static texts.
#[derive(Clone, Copy)]
enum Test {
    /// One of the places of an error's code holds one of these.
    Code(Words),
    /// No place of an error's code holds one of these.
    NoCode(Words),
    Is(&'static str, Words),
    Has(&'static str),
    Lacks(&'static str),
    Says(Words),
    SaysNot(Words),
}
use Test::{Code, Has, Is, Lacks, NoCode, Says, SaysNot};

/// Where servers put an error's code. FastAPI's `HTTPException` puts its object into `detail`.
const CODES: Words = &["error", "error.code", "detail.error", "detail.code"];

/// The default contract's rules for a login: RFC 6749 §5.2, the answers of FastAPI's tutorials (400 or 401 without any
/// `error`), and what other servers say in words.
pub(crate) fn of_login() -> Vec<Refusal> {
    refusals(&[PAGE_AND_SERVER, ACCOUNTS, LOGIN, BY_STATUS])
}

/// The default contract's rules for a refresh. A status alone ends no session but 401, and 400 without any `error`.
pub(crate) fn of_refresh() -> Vec<Refusal> {
    refusals(&[PAGE_AND_SERVER, EARLY, ACCOUNTS, REVOKED_SESSIONS, REFRESH, BY_STATUS])
}

/// The default contract's rules for a logout. By its status only a success ends the session there, because a 401 may mean
/// that the server wants another token.
pub(crate) fn of_logout() -> Vec<Refusal> {
    refusals(&[PAGE_AND_SERVER, LOGOUT, REVOKED_SESSIONS, EXPIRED_SESSIONS])
}

fn refusals(lists: &[&'static [Rule]]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for rule in lists.iter().copied().flatten() {
        let (statuses, tests, guards, means) = match rule {
            At(statuses, tests, means) => (*statuses, tests, &[] as &[_], *means),
            Said(tests, means) => (REFUSALS, tests, &[NO_GATEWAY, SaysNot(OF_ADDRESSES)] as &[_], *means),
        };
        let tests = tests.iter().chain(guards).map(|test| field_test(*test)).collect();
        refusals.push(Refusal::new(Matcher { statuses: statuses.to_vec(), tests }, means));
    }
    refusals
}

fn field_test(test: Test) -> FieldTest {
    let texts = |words: Words| words.iter().map(|word| (*word).into()).collect();
    match test {
        Code(words) => FieldTest::Is(texts(CODES), texts(words)),
        NoCode(words) => FieldTest::IsNot(texts(CODES), texts(words)),
        Is(path, words) => FieldTest::Is(vec![path.into()], texts(words)),
        Has(path) => FieldTest::Has(path.into()),
        Lacks(path) => FieldTest::Lacks(path.into()),
        Says(words) => FieldTest::Says(texts(words)),
        SaysNot(words) => FieldTest::SaysNot(texts(words)),
    }
}

/// The statuses under which servers say why they refuse.
const REFUSALS: &[u16] = &[400, 401, 403, 404, 422];

/// What speaks of the page or of the server: errors under any status, a gateway that wants a key of the page, and a server
/// that saw no token at all.
const PAGE_AND_SERVER: &[Rule] = &[
    At(&[], &[Code(OF_THE_PAGE)], PageNotAccepted),
    At(&[], &[Code(OF_THE_SERVER)], Trouble),
    At(REFUSALS, &[Says(NO_KEY_OR_TOKEN)], PageNotAccepted),
    // Envoy cannot fetch the keys that it checks tokens with.
    At(REFUSALS, &[Says(&["jwks"])], Trouble),
];

/// What servers say of an account that nobody may use.
const ACCOUNTS: &[Rule] = &[
    At(&[423], &[], Locked),
    Said(&[Says(LOCKED)], Locked),
    Said(&[Says(ACCOUNT), Says(&["locked"]), SaysNot(&["blocked"]), SaysNot(WARNING)], Locked),
    Said(&[Says(ADDRESS), Says(UNCONFIRMED), SaysNot(OTHER_REASONS)], NotVerified),
    // ASP.NET Core Identity's word for an account that is not confirmed.
    At(&[401], &[Is("detail", &["NotAllowed"])], NotVerified),
    Said(&[Says(ACCOUNT), Says(DISABLED), SaysNot(WARNING), SaysNot(OTHER_REASONS)], Disabled),
];

const LOGIN: &[Rule] = &[
    Said(&[Says(SECOND_STEP)], PageNotAccepted),
    At(&[200, 202], &[Says(SECOND_STEP)], PageNotAccepted),
    // Second steps that two servers name by a field alone.
    At(&[401], &[Has("mfaId")], PageNotAccepted),
    At(&[401], &[Has("data.flows")], PageNotAccepted),
    Said(&[Says(UNUSABLE)], Disabled),
    At(&[], &[Is("error", &["invalid_grant"])], NotAccepted),
    At(REFUSALS, &[DENIED, Says(OF_POLICIES)], PageNotAccepted),
    At(REFUSALS, &[DENIED], NotAccepted),
    // Django's sentence, which speaks of its form as well.
    Said(&[Says(&["correct username and password"])], NotAccepted),
    At(
        &[400, 403, 404],
        &[
            Says(WRONG),
            SaysNot(&["should not exist", "are blocked"]),
            SaysNot(OF_THE_FORM),
            NoCode(&["invalid_request"]),
            NO_GATEWAY,
            SaysNot(OF_ADDRESSES),
        ],
        NotAccepted,
    ),
    At(&[200], &[Says(WRONG), Says(WRONG_200)], NotAccepted),
    Said(&[Says(USER), Says(UNKNOWN), SaysNot(&["field", "should not exist"])], NotAccepted),
    At(&[200], &[Says(USER), Says(UNKNOWN)], NotAccepted),
    At(&[422], &[Says(WRONG_422)], NotAccepted),
];

/// A JWT of the future, by another clock.
const EARLY: &[Rule] = &[Said(&[Says(&["jwt not active", "not yet valid"])], Trouble)];

/// What is said of a session or of its tokens.
const REVOKED_SESSIONS: &[Rule] =
    &[Said(&[Says(SESSION), Says(REVOKED), SaysNot(FOREIGN), SaysNot(OF_THE_FORM)], Revoked)];
const EXPIRED_SESSIONS: &[Rule] =
    &[Said(&[Says(SESSION), Says(&["expired"]), SaysNot(FOREIGN), SaysNot(OF_THE_FORM)], Expired)];

const REFRESH: &[Rule] = &[
    Said(&[Says(SESSION), Says(ENDS), SaysNot(FOREIGN), SaysNot(OF_THE_FORM)], Expired),
    At(&[], &[Code(&["invalid_grant", "invalid_token", "bad_refresh_token"])], Expired),
    Said(&[Says(UNKNOWN_USER)], Expired),
];

const LOGOUT: &[Rule] = &[
    // dj-rest-auth without its block list.
    At(&[200], &[Says(&["not been deleted"])], PageNotAccepted),
    At(&[], &[Code(&["invalid_grant", "bad_refresh_token"])], Expired),
    Said(&[Says(&["session not found"])], Expired),
];

/// What a 401 means, and a 400 with a message and without an error's code: FastAPI's tutorials send both.
const BY_STATUS: &[Rule] = &[
    At(&[401], &[NoCode(NO_WORD_ON_USERS), NO_GATEWAY], NotAccepted),
    At(
        &[400],
        &[
            Lacks("error"),
            Lacks("detail.error"),
            Says(&[]),
            SaysNot(&["bad request", "something went wrong", "database"]),
            SaysNot(OF_THE_FORM),
            NO_GATEWAY,
        ],
        NotAccepted,
    ),
];

const NO_GATEWAY: Test = SaysNot(OF_GATEWAYS);
const DENIED: Test = Is("error", &["access_denied"]);
