//! Whether two logins are the same user's. The server's own word decides. If one login lacks it, the typed
//! names decide.

use auth::{AccessCustody, Client, Contract, Custody, Error, Fields, State};
use futures_util::future::join;

use crate::world::{BASE, Fault, LedgerFault, Tab, UNCONFIRMED, World, me, signed_in};

fn elsewhere(user: &str) -> State {
    State::SignedInElsewhere { user: user.into() }
}

/// A world for two logins in two tabs.
struct Logins {
    world: World,
    contract: Contract,
    custody: Custody,
}

/// The name that the user types, and the claim `sub` of the access token as JSON.
type Login = (&'static str, Option<&'static str>);

impl Logins {
    fn new() -> Self {
        Self { world: World::new(), contract: Contract::default(), custody: Custody::default() }
    }

    fn open(&self, tab: &Tab) -> Client {
        let client = tab.open_with(self.contract.clone(), self.custody);
        self.world.settle();
        client
    }

    fn log_in(&self, client: &Client, (user, sub): Login) {
        self.world.server(|server| server.sub = sub);
        self.world.run(client.login(user, "secret")).unwrap();
        self.world.settle();
        self.world.take_log();
    }

    /// Logs in in one tab, then in another. Returns the first tab, its page and the other tab's page.
    fn one_after_the_other(&self, first: Login, second: Login) -> (Tab, Client, Client) {
        let tab = self.world.tab();
        let (client, other) = (self.open(&tab), self.open(&self.world.tab()));
        self.log_in(&client, first);
        assert_eq!(other.state(), signed_in(first.0));
        self.log_in(&other, second);
        (tab, client, other)
    }

    /// Asserts that the first tab adopts the second login, because the user is the same.
    fn are_one(&self, first: Login, second: Login) {
        let (tab, client, _other) = self.one_after_the_other(first, second);
        assert_eq!(client.state(), signed_in(second.0), "{first:?} {second:?}");
        let answer = self.world.run(client.send(&me())).unwrap();
        assert_eq!(answer.json(), Ok(format!(r#"{{"user":"{}"}}"#, second.0).into()));
        assert_eq!(self.world.count("POST /refresh"), 0);
        let again = self.open(&tab);
        assert_eq!(again.state(), UNCONFIRMED);
    }

    /// Asserts that the first tab names the second login's user and does not adopt the session.
    fn are_two(&self, first: Login, second: Login) {
        let (tab, client, _other) = self.one_after_the_other(first, second);
        assert_eq!(client.state(), elsewhere(second.0), "{first:?} {second:?}");
        assert_eq!(self.world.run(client.send(&me())).err(), Some(Error::NotSignedIn));
        let again = self.open(&tab);
        assert_eq!(again.state(), elsewhere(second.0), "{first:?} {second:?}: after a reload");
        assert_eq!(self.world.count("GET /me"), 0);
        again.start();
        self.world.settle();
        assert!(matches!(again.state(), State::SignedIn { .. }));
    }
}

const SEVEN: Option<&str> = Some(r#""user-7""#);
const EIGHT: Option<&str> = Some(r#""user-8""#);

#[test]
fn a_user_who_types_another_name_is_the_same_if_the_server_says_so() {
    Logins::new().are_one(("ann", SEVEN), ("Ann@Example.org", SEVEN));
    Logins::new().are_one(("ann", Some("7")), ("ANN", Some("7")));
}

#[test]
fn two_users_who_type_the_same_name_are_two_if_the_server_says_so() {
    Logins::new().are_two(("ann", SEVEN), ("ann", EIGHT));
    Logins::new().are_two(("ann", Some("7")), ("ann", Some("8")));
    // The words are compared byte for byte: case and spaces count.
    Logins::new().are_two(("ann", SEVEN), ("ann", Some(r#""User-7""#)));
    Logins::new().are_two(("ann", SEVEN), ("ann", Some(r#""user-7 ""#)));
}

#[test]
fn the_access_tokens_place_makes_no_difference_to_who_the_user_is() {
    for access in [AccessCustody::Session, AccessCustody::Memory] {
        let logins = || Logins { custody: Custody { access, ..Custody::default() }, ..Logins::new() };
        logins().are_two(("ann", SEVEN), ("ann", EIGHT));
        let logins = logins();
        let (tab, client, _other) = logins.one_after_the_other(("ann", SEVEN), ("Ann", SEVEN));
        assert_eq!(client.state(), signed_in("Ann"));
        assert!(matches!(logins.open(&tab).state(), State::SignedIn { .. }), "{access:?}");
    }
}

/// The state of ann's tab when it is loaded again after this login in another tab.
fn loaded_again(access: AccessCustody, second: Login) -> State {
    let logins = Logins { custody: Custody { access, ..Custody::default() }, ..Logins::new() };
    let tab = logins.world.tab();
    let client = logins.open(&tab);
    logins.log_in(&client, ("ann", SEVEN));
    // The page is away while somebody signs in in another tab.
    drop(client);
    tab.close();
    let other = logins.open(&logins.world.tab());
    logins.log_in(&other, second);
    logins.open(&tab).state()
}

#[test]
fn a_tab_that_is_loaded_again_takes_up_its_users_next_session() {
    for access in [AccessCustody::Session, AccessCustody::Memory] {
        let state = loaded_again(access, ("Ann", SEVEN));
        assert!(matches!(state, State::SignedIn { .. }), "{state:?}");
    }
}

#[test]
fn a_tab_that_is_loaded_again_asks_before_it_takes_up_the_session_of_another_user_of_the_same_name() {
    for access in [AccessCustody::Session, AccessCustody::Memory] {
        assert_eq!(loaded_again(access, ("ann", EIGHT)), elsewhere("ann"));
    }
}

/// Makes this login in another tab while ann's request waits for a refresh. Returns the request's outcome.
fn waits_while(second: Login) -> (World, Result<auth::Answer, Error>) {
    let logins = Logins::new();
    let world = &logins.world;
    let client = logins.open(&world.tab());
    logins.log_in(&client, ("ann", SEVEN));
    let other = logins.open(&world.tab());
    world.pass(900_000);
    world.take_log();
    world.next("/refresh", [Fault::Slow(0, 1_000)]);
    world.server(|server| server.sub = second.1);
    let request = me();
    let (answer, login) = world.run(join(client.send(&request), other.login(second.0, "secret")));
    assert_eq!(login, Ok(()));
    (logins.world, answer)
}

#[test]
fn a_request_that_waits_goes_on_with_the_next_session_of_the_same_user() {
    let (_world, answer) = waits_while(("Ann", SEVEN));
    assert_eq!(answer.unwrap().json(), Ok(r#"{"user":"Ann"}"#.into()));
}

#[test]
fn a_request_that_waits_never_goes_on_with_the_session_of_another_user_of_the_same_name() {
    let (world, answer) = waits_while(("ann", EIGHT));
    assert_eq!(answer.err(), Some(Error::SessionChanged));
    assert_eq!(world.count("GET /me"), 0);
}

#[test]
fn a_field_of_the_answer_is_the_servers_word_if_the_contract_names_one() {
    let named = |user: &'static str, sub, word| {
        let contract = Contract {
            fields: Fields { user: Some("username".into()), ..Fields::default() },
            ..Contract::default()
        };
        let logins = Logins { contract, ..Logins::new() };
        let tab = logins.world.tab();
        let client = logins.open(&tab);
        logins.world.server(|server| server.names_user = Some(("username", r#""ann.lee""#)));
        logins.log_in(&client, ("ann", SEVEN));
        let other = logins.open(&logins.world.tab());
        logins.world.server(|server| server.names_user = Some(("username", word)));
        logins.log_in(&other, (user, sub));
        client.state()
    };
    assert_eq!(named("Ann", EIGHT, r#""ann.lee""#), signed_in("Ann"), "whatever the token says");
    assert_eq!(named("ann", SEVEN, r#""ann.liu""#), elsewhere("ann"), "whatever the token says");
    assert_eq!(named("ann", None, r#""ann.lee""#), signed_in("ann"));
}

#[test]
fn a_field_that_the_contract_does_not_name_says_nothing() {
    let logins = Logins::new();
    logins.world.server(|server| server.names_user = Some(("username", r#""ann.lee""#)));
    logins.are_two(("ann", SEVEN), ("ann", EIGHT));
}

#[test]
fn the_servers_word_lies_in_the_row_and_with_the_tab() {
    let logins = Logins::new();
    let tab = logins.world.tab();
    let client = logins.open(&tab);
    logins.log_in(&client, ("ann", SEVEN));
    assert_eq!(logins.world.row()["who"], "user-7");
    assert_eq!(logins.world.row()["sub"], "ann");
    assert!(format!("{:?}", tab.records()).contains("user-7"));
    assert_eq!(client.state(), signed_in("ann"), "the name that was typed is shown");
}

/// The state of ann's tab that finds this login late, because the ledger gave no answer at the reload.
fn found_late(second: Login) -> State {
    let custody = Custody { access: AccessCustody::Memory, ..Custody::default() };
    let logins = Logins { custody, ..Logins::new() };
    let world = &logins.world;
    let tab = world.tab();
    let client = logins.open(&tab);
    logins.log_in(&client, ("ann", SEVEN));
    drop(client);
    tab.close();
    let other = logins.open(&world.tab());
    logins.log_in(&other, second);
    world.next_transactions([LedgerFault::Aborts; 500]);
    let again = tab.open_with(logins.contract.clone(), logins.custody);
    world.pass(16_000);
    assert_eq!(again.state(), State::SignedOut(None));
    world.unblock_ledger();
    world.settle();
    again.state()
}

#[test]
fn the_servers_word_is_known_although_the_ledger_gave_no_answer_at_first() {
    let state = found_late(("Ann", SEVEN));
    assert!(matches!(state, State::SignedIn { .. }), "{state:?}");
    assert_eq!(found_late(("ann", EIGHT)), elsewhere("ann"));
}

// The tests below assert behaviour that must not change.

#[test]
fn where_one_login_lacks_the_servers_word_the_typed_names_decide() {
    for (first, second) in [(None, SEVEN), (SEVEN, None), (None, None)] {
        Logins::new().are_one(("ann", first), ("ann", second));
        Logins::new().are_two(("ann", first), ("bob", second));
    }
}

#[test]
fn a_claim_that_is_neither_text_nor_a_number_is_no_word() {
    for sub in ["null", "true", "{}", r#"["user-7"]"#] {
        Logins::new().are_one(("ann", Some(sub)), ("ann", SEVEN));
        Logins::new().are_two(("ann", Some(sub)), ("Ann", Some(sub)));
    }
}

#[test]
fn a_session_of_an_earlier_build_has_no_word_of_the_servers() {
    for (second, one) in [("ann", true), ("Ann", false)] {
        let logins = Logins::new();
        let earlier = logins.world.leave_earlier(BASE);
        let client = logins.open(&earlier.tab);
        assert_eq!(client.state(), UNCONFIRMED);
        let other = logins.open(&logins.world.tab());
        logins.log_in(&other, (second, SEVEN));
        assert_eq!(client.state(), if one { signed_in(second) } else { elsewhere(second) });
    }
}
