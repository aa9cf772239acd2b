//! Answers that come after a logout: none brings the session back, and a token that one carries is revoked.

use auth::{Client, Error};
use futures_util::future::join;

use crate::logout::LOGGED_OUT;
use crate::world::{Fault, LedgerFault, World, me, signed_in, watch};

/// A request that is still out when the user logs out, so many milliseconds later: its answer is dropped.
fn send_and_log_out_after(world: &World, client: &Client, milliseconds: u64) {
    let (answer, ()) = world.run(async {
        join(client.send(&me()), async {
            wait(world, milliseconds).await;
            client.logout();
        })
        .await
    });
    assert_eq!(answer.err(), Some(Error::SessionChanged));
}

async fn wait(world: &World, milliseconds: u64) {
    world.timer(milliseconds).await;
}

#[test]
fn a_refresh_answer_after_a_logout_is_dropped_and_what_it_carried_revoked() {
    let (world, tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 2_000)]);
    let seen = watch(&client);
    // The request is on its way: the server has rotated when the logout comes.
    send_and_log_out_after(&world, &client, 100);
    world.settle();
    assert_eq!(world.take_log(), ["POST /refresh 200", "POST /logout 204", "POST /logout 204"]);
    let told = world.sent().pop().unwrap();
    assert_eq!(told.body.as_deref().unwrap(), br#"{"refresh_token":"refresh-2"}"#);
    assert!(tab.is_wiped());
    assert_eq!(seen.take(), [LOGGED_OUT]);
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn a_token_that_comes_after_a_logout_is_revoked_although_the_ledger_is_silent() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 2_000)]);
    let request = me();
    let (answer, ()) = world.run(join(client.send(&request), async {
        world.timer(500).await;
        world.next_transactions([LedgerFault::Aborts; 200]);
        client.logout();
    }));
    assert!(answer.is_err());
    world.settle();
    let sent = world.sent();
    let of = |path: &'static str| sent.iter().filter(move |request| request.url.ends_with(path));
    let spent = &of("/refresh").next().unwrap().body;
    assert_eq!(of("/logout").filter(|request| request.body != *spent).count(), 1, "with the successor");
}

#[test]
fn a_late_tokens_failed_revocation_is_not_told_after_a_good_logout() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 2_000)]);
    world.next("/logout", [Fault::None, Fault::says(503, "")]);
    let _ = world.run(async {
        join(client.send(&me()), async {
            wait(&world, 100).await;
            client.logout();
        })
        .await
    });
    world.settle();
    assert_eq!(world.count("POST /logout"), 3, "the failed one is repeated");
    assert_eq!(client.state(), LOGGED_OUT);
}

#[test]
fn a_logout_overtaken_by_its_refresh_ends_the_family_all_the_same() {
    let (world, tab, client) = World::signed_in();
    world.pass(900_000);
    // The logout reaches the server first, the refresh is refused.
    world.next("/refresh", [Fault::Slow(2_000, 0)]);
    let (answer, ()) = world.run(async {
        join(client.send(&me()), async {
            wait(&world, 5).await;
            client.logout();
        })
        .await
    });
    assert!(answer.is_err());
    world.settle();
    assert_eq!(world.take_log(), ["POST /logout 204", "POST /refresh 401"]);
    assert_eq!((client.state(), tab.is_wiped()), (LOGGED_OUT, true));
}

#[test]
fn an_answer_that_comes_after_a_logout_is_not_shown() {
    for fault in [Fault::Slow(0, 1_000), Fault::SaysLate(1_000, 401, ""), Fault::SaysLate(1_000, 503, "")] {
        let (world, _tab, client) = World::signed_in();
        world.next("/me", [fault]);
        send_and_log_out_after(&world, &client, 100);
        world.settle();
        assert_eq!(world.count("GET /me"), 1);
        assert_eq!(world.count("POST /refresh"), 0);
        assert_eq!(client.state(), LOGGED_OUT);
    }
}

#[test]
fn the_old_sessions_refresh_does_not_touch_a_new_one() {
    for fault in [
        Fault::Slow(0, 3_000),
        Fault::SaysLate(3_000, 401, "{}"),
        Fault::SaysLate(3_000, 409, "{}"),
        Fault::SaysLate(3_000, 503, "{}"),
        Fault::SaysLate(3_000, 200, "<html>"),
        Fault::Silent,
    ] {
        let (world, tab, client) = World::signed_in();
        world.pass(900_000);
        world.next("/refresh", [fault]);
        let after_login = std::cell::RefCell::default();
        let (answer, ()) = world.run(async {
            join(client.send(&me()), async {
                wait(&world, 100).await;
                client.logout();
                client.login("bob", "secret").await.unwrap();
                *after_login.borrow_mut() = tab.stored();
            })
            .await
        });
        assert!(answer.is_err());
        world.settle();
        assert_eq!(client.state(), signed_in("bob"));
        assert_eq!(tab.stored(), after_login.into_inner());
        assert_eq!(world.server(|server| server.alive()), 1);
        assert_eq!(world.run(client.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
        assert!(world.sent().iter().filter(|r| r.url.ends_with("/me")).count() == 1);
    }
}

#[test]
fn the_new_session_refreshes_while_the_old_ones_refresh_is_out() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Silent, Fault::None]);
    let (_, answer) = world.run(async {
        join(client.send(&me()), async {
            wait(&world, 100).await;
            client.logout();
            client.login("bob", "secret").await.unwrap();
            world.server(|server| server.expire_access());
            client.send(&me()).await
        })
        .await
    });
    assert_eq!(answer.unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
    world.settle();
    assert_eq!(client.state(), signed_in("bob"));
}

#[test]
fn a_failed_logout_is_not_told_over_a_new_login() {
    let (world, _tab, client) = World::signed_in();
    world.next("/logout", [Fault::SaysLate(3_000, 503, "")]);
    client.logout();
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(client.state(), signed_in("bob"));
}
