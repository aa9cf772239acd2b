//! A canary in every token: it is found nowhere outside its custody and the requests that carry it.

use std::cell::RefCell;
use std::rc::Rc;

use auth::{EndReason, Error, State};

use crate::server::header;
use crate::world::{Fault, World, me};

#[test]
fn no_debug_output_and_no_url_shows_a_token() {
    let world = World::with(|server| server.prefix = "canary");
    let tab = world.tab();
    let client = tab.open();
    let shown: Rc<RefCell<String>> = Rc::default();
    let sink = shown.clone();
    let watch =
        client.subscribe(move |state: State| sink.borrow_mut().push_str(&format!("{state:?}{state:#?}")));
    assert_eq!(format!("{watch:?}"), "Subscription");
    let note = |text: String| shown.borrow_mut().push_str(&text);
    world.run(client.login("ann-canary", "secret")).unwrap();
    world.next(
        "/me",
        [Fault::None, Fault::says(401, r#"{"detail":"canary"}"#), Fault::says(500, "canary"), Fault::Cut],
    );
    for _ in 0..5 {
        let answer = world.run(client.send(&me()));
        note(format!("{answer:?}{answer:#?}{client:?}{client:#?}"));
        let failed = answer.and_then(auth::Answer::success);
        note(failed.map_or_else(|error| format!("{error}{error:?}"), |answer| format!("{answer:?}")));
        world.pass(900_000);
    }
    world.next("/refresh", [Fault::says(401, r#"{"error":"invalid_grant","reason":"canary"}"#)]);
    world.pass(900_000);
    let ended = world.run(client.send(&me())).unwrap_err();
    assert_eq!(ended, Error::SessionEnded(EndReason::Expired));
    note(format!("{ended}{ended:?}"));
    world.next("/token", [Fault::says(422, r#"{"detail":[{"loc":["body","password"],"input":"canary"}]}"#)]);
    let refused = world.run(client.login("canary", "canary")).unwrap_err();
    note(format!("{refused}{refused:?}"));
    world.run(client.login("ann", "secret")).unwrap();
    client.logout();
    world.settle();
    note(format!("{client:?}"));
    for request in world.sent() {
        note(format!("{request:?}{request:#?}{}", request.url));
    }
    let shown = shown.take();
    assert!(shown.len() > 1_000 && !shown.contains("canary"), "{shown}");
    assert!(tab.is_wiped());
}

#[test]
fn a_token_travels_in_its_own_place_only() {
    let (world, _tab, client) = World::with(|server| server.prefix = "canary").sign_in();
    for _ in 0..2 {
        world.pass(900_000);
        world.run(client.send(&me())).unwrap();
    }
    client.logout();
    world.settle();
    for request in world.sent() {
        let body = String::from_utf8(request.body.clone().unwrap_or_default()).unwrap();
        let refresh = request.url.ends_with("/refresh") || request.url.ends_with("/logout");
        assert_eq!(body.contains("canaryrefresh"), refresh);
        assert!(!body.contains("canaryaccess"));
        let bearer = header(&request, "authorization").is_some_and(|v| v.starts_with("Bearer canaryaccess"));
        assert_eq!(bearer, request.url.ends_with("/me"));
        for (name, value) in &request.headers {
            assert!(*name == "authorization" || !value.contains("canary"));
            assert!(!name.contains("canary"));
        }
    }
}

#[test]
fn the_password_is_kept_nowhere() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open();
    world.run(client.login("ann", "secret")).unwrap();
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    assert!(!tab.stored().contains("secret"));
    let after_login = world.sent().into_iter().skip(1);
    for request in after_login {
        assert!(!String::from_utf8(request.body.unwrap_or_default()).unwrap().contains("secret"));
    }
}
