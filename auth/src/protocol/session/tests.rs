use super::*;

fn access(lifetime: Option<u64>) -> Access {
    let received = Instant { monotonic: 1_000, wall: 1_000_000 };
    Access { token: AccessToken::parse("t").unwrap(), received, lifetime, handed_over: false }
}

fn session(id: &str, generation: u32) -> Session {
    Session {
        id: Sid::parse(id).unwrap(),
        user: User::named("ann"),
        generation,
        access: Some(access(None)),
        confirmed: true,
        tenure: Tenure::Shared { renewable: true, stored: true },
        unwritten: None,
    }
}

/// The age of a session's access token with this lifetime.
fn age_of(lifetime: Option<u64>, now: Instant) -> Age {
    Session { access: Some(access(lifetime)), ..session("s", 0) }.age(now).unwrap()
}

/// What follows from the first 401 to a token that is older than the call.
fn on_401(current: Option<&Session>, carried: &Carried) -> On401 {
    Session::on_401(current, carried, RefusedToken::default(), 1)
}

#[test]
fn a_token_is_stale_when_its_lifetime_has_elapsed_on_either_clock() {
    let age = |monotonic, wall| age_of(Some(60), Instant { monotonic, wall });
    assert_eq!(age(60_999, 1_059_999), Age::Ageing);
    assert_eq!(age(61_000, 1_000_000), Age::Stale);
    assert_eq!(age(1_000, 1_060_000), Age::Stale);
}

#[test]
fn a_token_ages_in_its_last_minute_or_its_last_fifth() {
    let age = |lifetime, elapsed: u64| {
        age_of(Some(lifetime), Instant { monotonic: 1_000 + elapsed, wall: 1_000_000 })
    };
    assert_eq!((age(900, 839_999), age(900, 840_000)), (Age::Fresh, Age::Ageing));
    assert_eq!((age(60, 47_999), age(60, 48_000)), (Age::Fresh, Age::Ageing));
    assert_eq!((age(1, 799), age(1, 800), age(1, 1_000)), (Age::Fresh, Age::Ageing, Age::Stale));
}

#[test]
fn a_clock_set_back_makes_no_token_stale() {
    assert_eq!(age_of(Some(60), Instant { monotonic: 30_000, wall: 0 }), Age::Fresh);
}

#[test]
fn without_a_lifetime_only_a_401_tells() {
    let much_later = Instant { monotonic: u64::MAX, wall: u64::MAX };
    assert_eq!(age_of(None, much_later), Age::Fresh);
    let at_once = Instant { monotonic: 9, wall: 9 };
    assert_eq!(age_of(Some(u64::MAX), at_once), Age::Fresh);
}

#[test]
fn a_late_401_is_sent_again_with_the_newer_token() {
    let carried = session("s", 3).carry().unwrap();
    assert!(matches!(on_401(Some(&session("s", 4)), &carried), On401::SendAgain(c) if c.generation == 4));
    assert!(matches!(on_401(Some(&session("s", 3)), &carried), On401::Refresh));
}

#[test]
fn a_401_of_another_session_is_dropped() {
    let carried = session("s", 3).carry().unwrap();
    assert!(matches!(on_401(Some(&session("other", 9)), &carried), On401::Drop));
    assert!(matches!(on_401(None, &carried), On401::Drop));
}

#[test]
fn a_401_to_the_servers_own_answer_is_the_callers() {
    let session = session("s", 3);
    let carried = session.carry().unwrap();
    assert!(matches!(Session::on_401(Some(&session), &carried, refused(true), 1), On401::Answer));
    assert!(matches!(Session::on_401(Some(&session), &carried, refused(false), 2), On401::Answer));
}

fn refused(is_of_this_call: bool) -> RefusedToken {
    RefusedToken { is_of_this_call, may_be_early: false }
}

#[test]
fn a_new_token_gets_a_moment_before_its_401_is_the_callers() {
    let new = |is_of_this_call| RefusedToken { is_of_this_call, may_be_early: true };
    let mut session = session("s", 3);
    let carried = session.carry().unwrap();
    for (refused, tokens) in [(new(true), 1), (new(false), 2), (new(true), 3)] {
        assert!(
            matches!(Session::on_401(Some(&session), &carried, refused, tokens), On401::Wait),
            "{refused:?} {tokens}"
        );
    }
    // A refresh may help at once.
    assert!(matches!(Session::on_401(Some(&session), &carried, new(false), 1), On401::Refresh));
    // Without a refresh token it would end the session.
    session.tenure = Tenure::Shared { renewable: false, stored: true };
    assert!(matches!(Session::on_401(Some(&session), &carried, new(false), 1), On401::Wait));
    assert!(matches!(on_401(Some(&session), &carried), On401::Refresh));
}

#[test]
fn a_newer_token_that_is_there_is_sent_up_to_the_bound() {
    let carried = session("s", 3).carry().unwrap();
    let newer = session("s", 4);
    for may_be_early in [false, true] {
        let refused = RefusedToken { is_of_this_call: true, may_be_early };
        for tokens in [1, 2] {
            let next = Session::on_401(Some(&newer), &carried, refused, tokens);
            assert!(matches!(next, On401::SendAgain(now) if now.generation == 4), "{refused:?} {tokens}");
        }
        let next = Session::on_401(Some(&newer), &carried, refused, MOST_TOKENS);
        assert!(matches!(next, On401::Answer), "{refused:?}");
    }
}

#[test]
fn a_siblings_dead_token_costs_a_refresh_and_not_the_retry() {
    let mut session = session("s", 3);
    session.access.as_mut().unwrap().handed_over = true;
    let carried = session.carry().unwrap();
    for (tokens, is_of_this_call) in [(1, false), (1, true), (2, false), (2, true)] {
        let next = Session::on_401(Some(&session), &carried, refused(is_of_this_call), tokens);
        assert!(matches!(next, On401::Refresh), "{tokens} {is_of_this_call}");
    }
    assert!(
        matches!(Session::on_401(Some(&session), &carried, refused(false), 3), On401::Answer),
        "the bound"
    );
}
