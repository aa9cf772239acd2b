//! Wrong clocks, sleep and absurd lifetimes: the refresh rate stays that of a right clock.

use auth::{AccessCustody, Client, Contract, Custody, RefreshCustody};
use base64::Engine as _;

use crate::world::{World, me, signed_in};

const DAY: i64 = 86_400_000;

/// Uses the session once a minute for two hours and counts the refreshes; every request must succeed.
fn refreshes(world: &World, client: &Client) -> usize {
    world.take_log();
    for _ in 0..120 {
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        world.pass(60_000);
    }
    world.count("POST /refresh")
}

#[test]
fn a_right_clock_refreshes_once_a_lifetime() {
    let (world, _tab, client) = World::signed_in();
    // A minute before its end a token is refreshed in the background: every 840 s.
    assert_eq!(refreshes(&world, &client), 8);
}

#[test]
fn a_clock_that_is_a_day_off_changes_nothing() {
    for skew in [DAY, -DAY] {
        let world = World::new();
        world.set_clock_by(skew);
        let (world, _tab, client) = world.sign_in();
        assert_eq!(refreshes(&world, &client), 8, "{skew}");
    }
}

#[test]
fn a_page_that_is_loaded_after_the_clock_was_set_back_refreshes_a_token_that_is_refused() {
    let (world, tab, _) = World::signed_in();
    world.pass(900_000);
    world.set_clock_by(-DAY);
    world.take_log();
    let client = tab.open();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 200"]);
}

#[test]
fn a_clock_set_by_a_day_in_between_costs_at_most_one_more_refresh() {
    for skew in [DAY, -DAY] {
        let (world, tab, client) = World::signed_in();
        world.set_clock_by(skew);
        assert!((8..=9).contains(&refreshes(&world, &client)), "{skew}");
        let client = tab.open();
        assert!((7..=9).contains(&refreshes(&world, &client)), "{skew}: after a reload");
    }
}

#[test]
fn a_clock_set_while_the_page_was_closed_costs_at_most_one_more_refresh() {
    for skew in [DAY, -DAY] {
        let (world, tab, _) = World::signed_in();
        world.set_clock_by(skew);
        let client = tab.open();
        world.settle();
        assert!((6..=9).contains(&refreshes(&world, &client)), "{skew}");
    }
}

#[test]
fn a_clock_set_during_a_refresh_does_not_make_a_storm() {
    for skew in [DAY, -DAY] {
        let (world, _tab, client) = World::signed_in();
        world.pass(900_000);
        let request = me();
        let (answer, ()) = world.run(futures_util::future::join(client.send(&request), async {
            world.timer(10).await;
            world.set_clock_by(skew);
        }));
        answer.unwrap();
        assert!(refreshes(&world, &client) <= 9, "{skew}");
    }
}

#[test]
fn after_eight_hours_of_sleep_one_refresh_comes_first() {
    let (world, _tab, client) = World::signed_in();
    world.sleep(8 * 3_600_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["POST /refresh 200", "GET /me 200"]);
    assert_eq!(refreshes(&world, &client), 8);
}

#[test]
fn a_sleep_during_a_refresh_ends_in_its_deadline_and_the_next_attempt_succeeds() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.next("/refresh", [crate::world::Fault::SilentAfter]);
    let request = me();
    let (answer, ()) = world.run(futures_util::future::join(client.send(&request), async {
        world.timer(100).await;
        world.sleep(8 * 3_600_000);
    }));
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(world.server(|server| (server.reuses, server.conflicts)), (0, 0));
}

#[test]
fn a_wall_clock_set_back_during_sleep_is_caught_by_the_401() {
    let (world, _tab, client) = World::signed_in();
    world.sleep(8 * 3_600_000);
    world.set_clock_by(-DAY);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 200"]);
}

#[test]
fn an_absurd_or_absent_expires_in_is_reactive() {
    for absurd in
        ["null", "\"soon\"", "-900", "1e400", "0", "[]", "{}", "true", "99999999999999999999", "\"\""]
    {
        let (world, _tab, client) =
            World::with(|server| server.expires_in = Some(absurd.to_owned())).sign_in();
        assert_eq!(refreshes(&world, &client), 7, "{absurd}");
        assert_eq!(world.count("GET /me 401"), 7, "{absurd}");
    }
}

#[test]
fn a_jwts_exp_and_iat_schedule_unless_they_are_absurd() {
    let jwt = |payload: &str| {
        World::with(|server| {
            server.expires_in = None;
            server.payload = Some(payload.to_owned());
        })
        .sign_in()
    };
    // Neither clock matters: this server lives in 1970.
    let (world, _tab, client) = jwt(r#"{"sub":"ann","iat":1000,"exp":1900}"#);
    assert_eq!((refreshes(&world, &client), world.count("GET /me 401")), (8, 0));
    for payload in [
        r#"{"sub":"ann"}"#,
        r#"{"exp":1900}"#,
        r#"{"iat":1000,"exp":null}"#,
        r#"{"iat":1000,"exp":NaN}"#,
        r#"{"iat":1000,"exp":"soon"}"#,
        r#"{"iat":1000,"exp":-1}"#,
        r#"{"iat":1000,"exp":1e400}"#,
        r#"{"iat":1000,"exp":1000}"#,
        r#"{"iat":1000,"exp":10}"#,
        r#"{"iat":0,"exp":253402300799}"#,
        "not json",
        "",
    ] {
        let (world, _tab, client) = jwt(payload);
        assert_eq!((refreshes(&world, &client), world.count("GET /me 401")), (7, 7), "{payload}");
    }
}

#[test]
fn expires_in_counts_more_than_the_tokens_own_claims() {
    let payload = r#"{"iat":1000,"exp":1001}"#;
    let (world, _tab, client) = World::with(|server| server.payload = Some(payload.to_owned())).sign_in();
    assert_eq!(refreshes(&world, &client), 8);
}

#[test]
fn an_idle_page_sends_nothing_and_has_no_timer() {
    let (world, _tab, client) = World::signed_in();
    world.run(client.send(&me())).unwrap();
    world.idle();
    assert_eq!(world.timers(), 0);
    world.take_log();
    world.pass(DAY as u64);
    assert_eq!(world.take_log(), [""; 0]);
}

#[test]
fn a_forged_claim_unlocks_nothing() {
    let (world, tab, _) = World::signed_in();
    let claims =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"iat":0,"exp":9000000000,"sub":"root"}"#);
    let record = tab.records().into_values().next().unwrap();
    tab.edit(&record.replace("access-1", &format!("e30.{claims}.x")));
    world.server(|server| server.end_all());
    let client = tab.open();
    assert!(world.run(client.send(&me())).is_err());
    assert!(matches!(client.state(), auth::State::SignedOut(Some(_))));
}

#[test]
fn age_counts_from_half_way_between_request_and_answer_and_so_after_a_reload() {
    for reload in [false, true] {
        let world = World::with(|server| server.lifetime = 2_000);
        let tab = world.tab();
        world.next("/token", [crate::world::Fault::Slow(0, 7_980)]);
        let mut client = tab.open();
        world.run(client.login("ann", "secret")).unwrap();
        if reload {
            client = tab.open();
        }
        // The answer took 8 s: four of them count.
        world.pass(835_999);
        world.take_log();
        world.run(client.send(&me())).unwrap();
        world.idle();
        assert_eq!(world.count("POST /refresh"), 0, "reload: {reload}");
        world.run(client.send(&me())).unwrap();
        world.settle();
        assert_eq!(world.count("POST /refresh"), 1, "reload: {reload}");
    }
}

#[test]
fn a_clock_set_forward_ends_no_session_that_has_no_refresh_token() {
    let memory = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Memory };
    let no_endpoint = || Contract { refresh: None, ..Contract::default() };
    let cases = [
        (false, Contract::default(), Custody::default(), false),
        (true, no_endpoint(), Custody::default(), false),
        (false, Contract::default(), Custody::default(), true),
        (true, Contract::default(), memory, true),
    ];
    for (issues_refresh, contract, custody, reload) in cases {
        let world = World::with(|server| server.issues_refresh = issues_refresh);
        let tab = world.tab();
        let mut client = tab.open_with(contract.clone(), custody);
        world.run(client.login("ann", "secret")).unwrap();
        world.set_clock_by(DAY);
        if reload {
            client = tab.open_with(contract, custody);
            world.settle();
        }
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{reload}");
        assert_eq!(client.state(), signed_in("ann"));
    }
}
