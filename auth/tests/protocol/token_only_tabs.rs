//! All tabs share a session without a refresh token: a new tab takes its access token from a sibling, and a
//! logout or another login reaches every tab.

use auth::{AccessCustody, Client, Contract, EndReason, Error, Platform as _, State};

use crate::token_only::{DATABASE, LOCAL, Stage};
use crate::world::{CHANNEL, UNCONFIRMED, World, me, parsed, signed_in};

const ELSEWHERE: State = State::SignedOut(Some(EndReason::LoggedOutElsewhere));

#[test]
fn a_logout_reaches_a_duplicated_tab_at_once() {
    for stage in Stage::all() {
        let world = &stage.world;
        let (tab, client) = stage.sign_in();
        let copy = tab.duplicate();
        let second = stage.open(&copy);
        assert_eq!(second.state(), UNCONFIRMED);
        client.logout();
        world.pass(100);
        assert_eq!(second.state(), ELSEWHERE);
        assert!(copy.is_wiped());
        assert_eq!(world.run(second.send(&me())).err(), Some(Error::NotSignedIn));
        world.settle();
        assert!(matches!(client.state(), State::SignedOut(Some(_))));
    }
}

#[test]
fn a_logout_in_the_duplicate_reaches_the_first_tab() {
    for stage in Stage::all() {
        let (tab, client) = stage.sign_in();
        let second = stage.open(&tab.duplicate());
        stage.uses(&second, "ann");
        second.logout();
        stage.world.pass(100);
        assert_eq!((client.state(), tab.is_wiped()), (ELSEWHERE, true));
    }
}

#[test]
fn a_duplicate_that_is_loaded_after_the_logout_shows_nothing() {
    for stage in Stage::all() {
        let (tab, client) = stage.sign_in();
        let copy = tab.duplicate();
        client.logout();
        stage.world.settle();
        let second = stage.open(&copy);
        stage.world.settle();
        assert_eq!((second.state(), copy.is_wiped()), (State::SignedOut(None), true));
    }
}

/// A tab that heard nothing of the logout in another one.
fn unheard(stage: &Stage) -> Client {
    let (tab, client) = stage.sign_in();
    let second = stage.open(&tab.duplicate());
    second.pause();
    client.logout();
    stage.world.settle();
    second
}

#[test]
fn a_tab_that_heard_nothing_of_the_logout_finds_it_when_it_looks() {
    for stage in Stage::all() {
        let second = unheard(&stage);
        assert!(stage.world.run(second.recheck()));
        assert_eq!(second.state(), ELSEWHERE);
    }
}

#[test]
fn a_tab_that_heard_nothing_of_the_logout_finds_it_when_the_server_refuses_its_token() {
    for stage in Stage::all() {
        let second = unheard(&stage);
        stage.world.server(|server| server.expire_access());
        let refused = stage.world.run(second.send(&me())).err();
        assert_eq!(refused, Some(Error::SessionEnded(EndReason::LoggedOutElsewhere)));
        assert_eq!(
            (second.state(), stage.world.row()["ended"]["reason"].clone()),
            (ELSEWHERE, "logged_out".into())
        );
    }
}

#[test]
fn a_new_tab_takes_the_access_token_from_a_sibling() {
    for stage in Stage::all() {
        let world = &stage.world;
        let (_tab, _client) = stage.sign_in();
        let second = stage.open(&world.tab());
        world.pass(1_000);
        assert_eq!((second.state(), world.take_log()), (signed_in("ann"), vec![]));
        stage.uses(&second, "ann");
        // The second tab hands the token on as well.
        let third = stage.open(&world.tab());
        world.pass(1_000);
        assert_eq!(third.state(), signed_in("ann"));
        second.logout();
        world.pass(100);
        assert_eq!(third.state(), ELSEWHERE);
    }
}

#[test]
fn a_new_tab_without_siblings_shows_the_form_and_leaves_the_session_alone() {
    for stage in Stage::all() {
        let world = &stage.world;
        let (tab, client) = stage.sign_in();
        let rows = world.entries();
        assert!(rows.values().any(|row| parsed(row)["renewable"] == false), "{rows:?}");
        client.pause();
        let second = stage.open(&world.tab());
        world.pass(1_000);
        assert_eq!((second.state(), world.take_log()), (State::SignedOut(None), vec![]));
        assert_eq!(world.entries(), rows);
        // The first tab keeps its session, also when it is loaded again.
        assert!(world.run(client.recheck()));
        assert_eq!(client.state(), signed_in("ann"));
        stage.uses(&client, "ann");
        let again = stage.open(&tab);
        assert_eq!(again.state(), UNCONFIRMED);
        let third = stage.open(&world.tab());
        world.pass(1_000);
        assert!(matches!(third.state(), State::SignedIn { .. }));
    }
}

#[test]
fn a_tab_that_is_told_of_a_login_takes_its_token() {
    for stage in Stage::all() {
        let world = &stage.world;
        let second = stage.open(&world.tab());
        let (_tab, _client) = stage.sign_in();
        assert_eq!((second.state(), world.take_log()), (signed_in("ann"), vec![]));
        stage.uses(&second, "ann");
    }
}

#[test]
fn a_tab_that_is_told_of_a_login_and_gets_no_token_shows_the_form() {
    for stage in Stage::all() {
        let world = &stage.world;
        let second = stage.open(&world.tab());
        let client = stage.open(&world.tab());
        world.run(client.login("ann", "secret")).unwrap();
        // This tab has announced its login and answers no question any more.
        client.pause();
        world.settle();
        assert_eq!(second.state(), State::SignedOut(None));
        assert!(world.run(client.recheck()));
        assert_eq!(client.state(), signed_in("ann"));
        // The user logs in with that form. The first tab adopts the new session, because it is the same
        // user's.
        world.run(second.login("ann", "secret")).unwrap();
        world.settle();
        assert_eq!((client.state(), second.state()), (signed_in("ann"), signed_in("ann")));
        stage.uses(&client, "ann");
    }
}

#[test]
fn another_users_login_reaches_every_tab_at_once() {
    for stage in Stage::all() {
        let world = &stage.world;
        let (tab, client) = stage.sign_in();
        let copy = tab.duplicate();
        let second = stage.open(&copy);
        let third = stage.open(&world.tab());
        world.pass(1_000);
        world.run(third.login("bob", "secret")).unwrap();
        world.pass(1_000);
        let elsewhere = State::SignedInElsewhere { user: "bob".into() };
        assert_eq!((client.state(), second.state()), (elsewhere.clone(), elsewhere.clone()));
        assert!(!tab.stored().contains("access-1") && !copy.stored().contains("access-1"));
        let again = stage.open(&tab);
        world.pass(1_000);
        assert_eq!(again.state(), elsewhere, "it stays asked");
        again.start();
        world.pass(1_000);
        assert_eq!(again.state(), signed_in("bob"));
        stage.uses(&again, "bob");
        assert_eq!(world.count("POST /refresh"), 0);
    }
}

#[test]
fn a_login_without_a_refresh_token_replaces_one_with_it_in_every_tab_and_the_other_way_round() {
    for custody in [LOCAL, DATABASE] {
        let world = World::new();
        let open = || world.tab().open_with(Contract::default(), custody);
        let (client, second) = (open(), open());
        for (user, issues_refresh) in [("ann", true), ("ann", false), ("ann", true), ("bob", false)] {
            world.server(|server| server.issues_refresh = issues_refresh);
            world.run(second.login(user, "secret")).unwrap();
            world.settle();
            if user == "ann" {
                assert_eq!(client.state(), signed_in("ann"));
                assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
            }
        }
        assert_eq!(client.state(), State::SignedInElsewhere { user: "bob".into() });
        // Only the two sessions with a refresh token can be ended at the server.
        assert_eq!((world.count("POST /logout 204"), world.count("POST /refresh")), (2, 0));
        assert!(!format!("{:?} {}", world.profile(), world.ledger()).contains("refresh-"));
    }
}

#[test]
fn an_access_token_in_memory_is_had_from_a_sibling_after_a_reload() {
    for mut stage in Stage::all() {
        stage.custody.access = AccessCustody::Memory;
        let world = &stage.world;
        let (tab, _client) = stage.sign_in();
        let second = stage.open(&world.tab());
        world.pass(1_000);
        assert_eq!(second.state(), signed_in("ann"));
        let again = stage.open(&tab);
        world.pass(1_000);
        assert_eq!((again.state(), world.take_log()), (signed_in("ann"), vec![]));
        assert!(!format!("{} {:?} {}", tab.stored(), world.profile(), world.ledger()).contains("access-1"));
    }
}

#[test]
fn a_question_is_for_exactly_the_session_that_the_ledger_names() {
    for stage in Stage::all() {
        let world = &stage.world;
        let (_tab, client) = stage.sign_in();
        client.pause();
        let asked = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let sink = asked.clone();
        let _listening = world.tab().listen(CHANNEL, Box::new(move |text| sink.borrow_mut().push(text)));
        let _second = stage.open(&world.tab());
        world.pass(1_000);
        assert!(!world.entries().is_empty(), "the ledger knows the session");
        let sid = world.row()["sid"].as_str().unwrap().to_owned();
        let asked = asked.take();
        assert!(asked.iter().any(|text| text.contains("Ask") && text.contains(&sid)), "{asked:?}");
        assert!(asked.iter().all(|text| !text.contains("access-1")));
    }
}
