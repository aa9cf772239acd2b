//! The default contract's rules: what servers of the field say in codes and in words. They are static data, because code that
//! makes them would weigh more.

use super::Meaning::{
    self, Disabled, Expired, Locked, NotAccepted, NotVerified, PageNotAccepted, Revoked, Trouble,
};
use super::words::*;
use super::{FieldTest, Matcher, Refusal};

/// Answers of one of these statuses (of any, if there are none) that pass all tests have the meaning.
struct Rule(&'static [u16], &'static [Test], Meaning);

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

/// Where servers put an error's code. FastAPI can only nest it in `detail`.
const CODES: Words = &["error", "error.code", "detail.error", "detail.code"];

/// What is said of a session or of its tokens.
macro_rules! of_sessions {
    ($ends:expr) => {
        [
            Rule(
                REFUSALS,
                &[
                    Says(SESSION),
                    Says(REVOKED),
                    SaysNot(FOREIGN),
                    SaysNot(OF_THE_FORM),
                    NO_GATEWAY,
                    NO_ADDRESS,
                ],
                Revoked,
            ),
            Rule(
                REFUSALS,
                &[Says(SESSION), Says($ends), SaysNot(FOREIGN), SaysNot(OF_THE_FORM), NO_GATEWAY, NO_ADDRESS],
                Expired,
            ),
        ]
    };
}

/// What a 401 means, and a 400 with a message and without an error's code: FastAPI's tutorials send both.
macro_rules! by_status {
    ($means:expr) => {
        [
            Rule(&[401], &[NoCode(NO_WORD_ON_USERS), NO_GATEWAY], $means),
            Rule(
                &[400],
                &[
                    Lacks("error"),
                    Lacks("detail.error"),
                    Says(&[]),
                    SaysNot(&["bad request", "something went wrong", "database"]),
                    SaysNot(OF_THE_FORM),
                    NO_GATEWAY,
                ],
                $means,
            ),
        ]
    };
}

/// The default contract's rules for a login: RFC 6749 §5.2, the answers of FastAPI's tutorials (400 or 401 without any
/// `error`), and what other servers say in words.
pub(crate) fn of_login() -> Vec<Refusal> {
    refusals(&[PAGE_AND_SERVER, ACCOUNTS, LOGIN, &by_status!(NotAccepted)])
}

/// The default contract's rules for a refresh. A status alone ends no session but 401, and 400 without any `error`.
pub(crate) fn of_refresh() -> Vec<Refusal> {
    refusals(&[PAGE_AND_SERVER, EARLY, ACCOUNTS, &of_sessions!(ENDS), REFRESH, &by_status!(Expired)])
}

/// The default contract's rules for a logout. By its status only a success ends the session there, because a 401 may mean
/// that the server wants another token.
pub(crate) fn of_logout() -> Vec<Refusal> {
    refusals(&[PAGE_AND_SERVER, LOGOUT, &of_sessions!(&["expired"])])
}

fn refusals(lists: &[&'static [Rule]]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for Rule(statuses, tests, means) in lists.iter().copied().flatten() {
        let tests = tests.iter().map(|test| field_test(*test)).collect();
        refusals.push(Refusal::new(Matcher { statuses: statuses.to_vec(), tests }, *means));
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
    Rule(&[], &[Code(OF_THE_PAGE)], PageNotAccepted),
    Rule(&[], &[Code(OF_THE_SERVER)], Trouble),
    Rule(REFUSALS, &[Says(NO_TOKEN)], PageNotAccepted),
];

/// What servers say of an account that nobody may use.
const ACCOUNTS: &[Rule] = &[
    Rule(&[423], &[], Locked),
    Rule(REFUSALS, &[Says(LOCKED), NO_GATEWAY, NO_ADDRESS], Locked),
    Rule(
        REFUSALS,
        &[Says(ACCOUNT), Says(&["locked"]), SaysNot(&["blocked"]), SaysNot(WARNING), NO_GATEWAY, NO_ADDRESS],
        Locked,
    ),
    Rule(
        REFUSALS,
        &[Says(ADDRESS), Says(UNCONFIRMED), SaysNot(AMONG_OTHERS), NO_GATEWAY, NO_ADDRESS],
        NotVerified,
    ),
    // ASP.NET Core Identity's word for an account that is not confirmed.
    Rule(&[401], &[Is("detail", &["NotAllowed"])], NotVerified),
    Rule(
        REFUSALS,
        &[Says(ACCOUNT), Says(DISABLED), SaysNot(WARNING), SaysNot(AMONG_OTHERS), NO_GATEWAY, NO_ADDRESS],
        Disabled,
    ),
];

const LOGIN: &[Rule] = &[
    Rule(REFUSALS, &[Says(SECOND_STEP), NO_GATEWAY, NO_ADDRESS], PageNotAccepted),
    // Second steps that two servers name by a field alone.
    Rule(&[401], &[Has("mfaId")], PageNotAccepted),
    Rule(&[401], &[Has("data.flows")], PageNotAccepted),
    Rule(REFUSALS, &[Says(UNUSABLE), NO_GATEWAY, NO_ADDRESS], Disabled),
    Rule(&[], &[Is("error", &["invalid_grant"])], NotAccepted),
    Rule(REFUSALS, &[DENIED, Says(OF_POLICIES)], PageNotAccepted),
    Rule(REFUSALS, &[DENIED], NotAccepted),
    // Django's sentence, which speaks of its form as well.
    Rule(REFUSALS, &[Says(&["correct username and password"]), NO_GATEWAY, NO_ADDRESS], NotAccepted),
    Rule(
        &[400, 403, 404],
        &[
            Says(WRONG),
            SaysNot(&["should not exist", "are blocked"]),
            SaysNot(OF_THE_FORM),
            NoCode(&["invalid_request"]),
            NO_GATEWAY,
            NO_ADDRESS,
        ],
        NotAccepted,
    ),
    Rule(&[200], &[Says(WRONG), Says(WRONG_200)], NotAccepted),
    Rule(
        REFUSALS,
        &[Says(USER), Says(UNKNOWN), SaysNot(&["field", "should not exist"]), NO_GATEWAY, NO_ADDRESS],
        NotAccepted,
    ),
    Rule(&[200], &[Says(USER), Says(UNKNOWN)], NotAccepted),
    Rule(&[422], &[Says(WRONG_422)], NotAccepted),
];

/// A JWT of the future, by another clock.
const EARLY: &[Rule] =
    &[Rule(REFUSALS, &[Says(&["jwt not active", "not yet valid"]), NO_GATEWAY, NO_ADDRESS], Trouble)];

const REFRESH: &[Rule] = &[
    Rule(&[], &[Code(&["invalid_grant", "invalid_token", "bad_refresh_token"])], Expired),
    Rule(REFUSALS, &[Says(UNKNOWN_USER), NO_GATEWAY, NO_ADDRESS], Expired),
];

const LOGOUT: &[Rule] = &[
    // dj-rest-auth without its block list.
    Rule(&[200], &[Says(&["not been deleted"])], PageNotAccepted),
    Rule(&[], &[Code(&["invalid_grant", "bad_refresh_token"])], Expired),
    Rule(REFUSALS, &[Says(&["session not found"]), NO_GATEWAY, NO_ADDRESS], Expired),
];

const NO_GATEWAY: Test = SaysNot(OF_GATEWAYS);
const NO_ADDRESS: Test = SaysNot(OF_ADDRESSES);
const DENIED: Test = Is("error", &["access_denied"]);
