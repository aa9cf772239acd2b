//! Names of records, locks and channels carry the API's whole base address, and the login's path if it is not
//! `/token`. So apps that share a browser's origin have a session each.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use auth::{Carrier, Client, Contract, Custody, Endpoint, Platform as _, RefreshCustody, State};

use crate::server::Dialect;
use crate::world::{BASE, LedgerFault, Tab, UNCONFIRMED, World, me, parsed, signed_in};

const CRM: &str = "http://localhost:8000/crm";
const HR: &str = "http://localhost:8000/hr";
const DATABASE: Custody = Custody { access: auth::AccessCustody::Session, refresh: RefreshCustody::Database };

/// A world with an API below each of two paths. The tokens of each say whose they are.
fn two_apis() -> World {
    let world = World::new();
    world.server_at(CRM, |server| server.prefix = "crm-");
    world.server_at(HR, |server| server.prefix = "hr-");
    world
}

fn open(tab: &Tab, base: &str) -> Client {
    tab.open_at(base, Contract::default(), Custody::default())
}

/// No request to one API carries a token of the other.
fn tokens_stay_put(world: &World) {
    for request in world.sent() {
        let body = String::from_utf8(request.body.clone().unwrap_or_default()).unwrap();
        let all = format!("{body} {:?}", request.headers);
        let foreign = if request.url.starts_with(CRM) { "hr-" } else { "crm-" };
        assert!(!all.contains(foreign), "{request:?}");
    }
}

#[test]
fn two_apis_below_one_origin_have_a_session_each() {
    for custody in [Custody::default(), DATABASE] {
        let world = two_apis();
        let crm = world.tab().open_at(CRM, Contract::default(), custody);
        world.run(crm.login("ann", "secret")).unwrap();
        let hr = world.tab().open_at(HR, Contract::default(), custody);
        world.settle();
        assert_eq!(hr.state(), State::SignedOut(None));
        world.run(hr.login("bob", "secret")).unwrap();
        world.settle();
        for _ in 0..2 {
            assert_eq!((crm.state(), hr.state()), (signed_in("ann"), signed_in("bob")));
            assert_eq!(world.run(crm.send(&me())).unwrap().json(), Ok(r#"{"user":"ann"}"#.into()));
            assert_eq!(world.run(hr.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
            world.pass(900_000);
        }
        for base in [CRM, HR] {
            assert_eq!(world.server_at(base, |server| (server.reuses, server.alive())), (0, 1));
        }
        tokens_stay_put(&world);
    }
}

#[test]
fn a_tab_that_goes_from_one_app_to_the_other_and_back_keeps_both_sessions() {
    let world = two_apis();
    let tab = world.tab();
    world.run(open(&tab, CRM).login("ann", "secret")).unwrap();
    let hr = open(&tab, HR);
    world.settle();
    assert_eq!(hr.state(), State::SignedOut(None));
    world.run(hr.login("bob", "secret")).unwrap();
    world.settle();
    world.take_log();
    for (base, user) in [(CRM, "ann"), (HR, "bob"), (CRM, "ann")] {
        let client = open(&tab, base);
        assert_eq!(client.state(), UNCONFIRMED, "{base}");
        let answer = world.run(client.send(&me())).unwrap();
        assert_eq!(answer.json(), Ok(format!(r#"{{"user":"{user}"}}"#).into()));
    }
    assert_eq!(world.take_log(), ["GET /crm/me 200", "GET /hr/me 200", "GET /crm/me 200"]);
    tokens_stay_put(&world);
}

#[test]
fn a_logout_in_one_app_is_none_in_the_other() {
    let world = two_apis();
    let (crm_tab, hr_tab) = (world.tab(), world.tab());
    let (crm, hr) = (open(&crm_tab, CRM), open(&hr_tab, HR));
    world.run(crm.login("ann", "secret")).unwrap();
    world.run(hr.login("ann", "secret")).unwrap();
    world.settle();
    world.take_log();
    crm.logout();
    world.settle();
    assert_eq!(world.take_log(), ["POST /crm/logout 204"]);
    assert_eq!(hr.state(), signed_in("ann"));
    assert!(hr_tab.stored().contains("hr-refresh-1") && hr_tab.stored().contains("hr-access-1"));
    // A page that starts removes other sessions' tokens, but only those of its own app.
    assert_eq!(open(&crm_tab, CRM).state(), State::SignedOut(None));
    world.settle();
    world.pass(900_000);
    assert_eq!(world.run(hr.send(&me())).unwrap().status, 200);
}

#[test]
fn two_contracts_at_one_base_have_a_session_each() {
    let carrying = |path: &'static str| {
        Endpoint::post(path).json().refresh_token(Carrier::Field("refresh_token".into()))
    };
    let world = World::new();
    world.server(|server| server.prefix = "staff-");
    world.server_at("http://localhost:8000/admin", |server| server.prefix = "admin-");
    let admin = Contract {
        login: Endpoint::post("/admin/token"),
        refresh: Some(carrying("/admin/refresh")),
        logout: Some(carrying("/admin/logout")),
        ..Contract::default()
    };
    let tab = world.tab();
    world.run(tab.open().login("ann", "secret")).unwrap();
    let boss = tab.open_with(admin.clone(), Custody::default());
    world.settle();
    assert_eq!(boss.state(), State::SignedOut(None));
    world.run(boss.login("bob", "secret")).unwrap();
    world.settle();
    world.pass(900_000);
    let staff = tab.open();
    world.settle();
    assert_eq!(staff.state(), signed_in("ann"));
    let boss = tab.open_with(admin, Custody::default());
    world.settle();
    assert_eq!(boss.state(), signed_in("bob"));
    let boss_me = auth::Request::get("/admin/me");
    assert_eq!(world.run(boss.send(&boss_me)).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

/// All names that a session uses from login to logout at `base` with this login path, and whether a message
/// came on the channel of `scope`.
fn names(base: &str, login: &'static str, scope: &str) -> (BTreeSet<String>, bool) {
    let mut names = BTreeSet::new();
    let mut heard_all = true;
    for custody in [Custody::default(), DATABASE] {
        let world = World::new();
        let server = base.trim_end_matches('/').to_ascii_lowercase();
        world.server_at(&server, |server| server.dialect = Dialect { login, ..Dialect::default() });
        let tab = world.tab();
        let contract = Contract { login: Endpoint::post(login), ..Contract::default() };
        let heard = Rc::new(RefCell::new(false));
        let sink = heard.clone();
        let _listening = world
            .tab()
            .listen(&format!("yew-jwt-auth:{scope}:tabs"), Box::new(move |_| *sink.borrow_mut() = true));
        let client = tab.open_at(base, contract, custody);
        world.run(client.login("ann", "secret")).unwrap();
        world.pass(900_000);
        world.run(client.send(&me())).unwrap();
        let mut note = || {
            names.extend(world.entries().into_keys());
            names.extend(world.profile().into_keys());
            names.extend(tab.records().into_keys());
            names.extend(world.lock_names());
        };
        note();
        world.next_transactions([LedgerFault::Hangs]);
        client.logout();
        world.idle();
        note();
        world.settle();
        heard_all &= *heard.borrow();
    }
    (names, heard_all)
}

fn are_below(scope: &str, names: (BTreeSet<String>, bool)) {
    let (names, heard) = names;
    let mut kinds = BTreeSet::new();
    for name in &names {
        let record = name.strip_prefix(&format!("yew-jwt-auth:{scope}:"));
        let record = record.unwrap_or_else(|| panic!("{name}: not below {scope}"));
        kinds.insert(record.split(':').next().unwrap());
    }
    let all = BTreeSet::from(["access", "left", "lock", "now", "refresh", "row"]);
    assert!(kinds.is_superset(&all), "{scope}: {kinds:?}");
    assert!(heard, "{scope}");
}

#[test]
fn all_names_are_below_the_whole_base_and_the_logins_path() {
    for (base, login, scope) in [
        (CRM, "/token", CRM),
        ("http://localhost:8000/crm/", "/token", CRM),
        ("HTTP://LOCALHOST:8000/crm", "/token", CRM),
        (BASE, "/api/token/", "http://localhost:8000#/api/token/"),
        (CRM, "/login", "http://localhost:8000/crm#/login"),
    ] {
        are_below(scope, names(base, login, scope));
    }
}

#[test]
fn the_row_that_names_the_session_says_whose_it_is() {
    for (base, login, scope) in
        [(BASE, "/token", BASE), (CRM, "/token", CRM), (BASE, "/login", "http://localhost:8000#/login")]
    {
        let world = World::new();
        world.server_at(base, |server| server.dialect = Dialect { login, ..Dialect::default() });
        let contract = Contract { login: Endpoint::post(login), ..Contract::default() };
        let client = world.tab().open_at(base, contract, Custody::default());
        world.run(client.login("ann", "secret")).unwrap();
        let now = &world.entries()[&format!("yew-jwt-auth:{scope}:now")];
        assert_eq!(parsed(now)["base"], scope, "{now}");
    }
}

// The tests below assert behaviour that must not change.

#[test]
fn the_names_at_an_origin_with_the_usual_login_are_those_of_an_earlier_build() {
    are_below("http://localhost:8000", names(BASE, "/token", "http://localhost:8000"));
}

#[test]
fn two_pages_that_name_the_same_api_are_two_doors_to_one_session() {
    let world = two_apis();
    let one = open(&world.tab(), CRM);
    let other = open(&world.tab(), "http://localhost:8000/crm/");
    world.run(one.login("ann", "secret")).unwrap();
    world.settle();
    assert_eq!(other.state(), signed_in("ann"));
    other.logout();
    world.pass(100);
    assert!(matches!(one.state(), State::SignedOut(Some(auth::EndReason::LoggedOutElsewhere))));
}
