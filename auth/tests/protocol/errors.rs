//! What every error says: its sentence, whether the session lives, and whether another try helps.

use std::collections::BTreeSet;

use auth::{EndReason, Error, FormFields as Fields};

use crate::world::{Fault, World};

#[test]
fn every_error_has_a_sentence_of_its_own_without_markup() {
    let fields = |username, password| Fields { username, password, ..Fields::default() };
    let mut all = vec![
        Error::EmptyFields(fields(true, true)),
        Error::EmptyFields(fields(true, false)),
        Error::EmptyFields(fields(false, true)),
        Error::EmptyFields(Fields { other: true, ..Fields::default() }),
        Error::WrongCredentials,
        Error::AccountDisabled,
        Error::AccountNotVerified,
        Error::AccountLocked,
        Error::InvalidFields(fields(true, false)),
        Error::InvalidFields(fields(false, true)),
        Error::InvalidFields(fields(false, false)),
        Error::AlreadySigningIn,
        Error::NotSignedIn,
        Error::SessionChanged,
        Error::StillUnauthorized,
        Error::Forbidden,
        Error::NotFound,
        Error::NotOffered,
        Error::TooManyRequests { retry_after: None },
        Error::Redirected,
        Error::Unreachable,
        Error::TimedOut,
        Error::Unavailable,
        Error::StorageStuck,
        Error::StorageSilent,
        Error::Interrupted,
        Error::Unintelligible,
        Error::TooLarge,
        Error::UnusableToken,
        Error::NoRefreshCookie,
        Error::ForeignOrigin,
        Error::MalformedHeader,
    ];
    let with_status = [
        |status| Error::ServerError { status },
        |status| Error::Refused { status },
        |status| Error::ServiceNotFound { status },
        |status| Error::PageNotAccepted { status },
        |status| Error::Intercepted { status },
    ];
    for make in with_status {
        for status in [418, 507] {
            assert!(make(status).message().contains(&status.to_string()), "{:?}", make(status));
            all.push(make(status));
        }
    }
    let reasons = [
        EndReason::LoggedOut,
        EndReason::LoggedOutHereOnly,
        EndReason::LoggedOutElsewhere,
        EndReason::ReplacedElsewhere,
        EndReason::Lost,
        EndReason::Expired,
        EndReason::Revoked,
        EndReason::Reuse,
        EndReason::PasswordChanged,
        EndReason::Disabled,
        EndReason::NoLongerKept,
        EndReason::NoCookie,
        EndReason::UnusableToken,
    ];
    all.extend(reasons.map(Error::SessionEnded));
    let mut messages = BTreeSet::new();
    for error in &all {
        let message = error.message().into_owned();
        assert!(message.ends_with('.') && message.len() > 10, "{message}");
        assert!(message.starts_with(char::is_uppercase), "{message}");
        assert!(!message.contains(['<', '>', '&', '{', '}', '\n']) && !message.contains("  "), "{message}");
        assert_eq!(message, error.to_string());
        assert!(messages.insert(message), "{error:?} says what another says");
    }
    for status in [402, 406, 409, 410, 413, 418, 421, 451, 500, 501, 507, 599, 301] {
        let world = World::new();
        let client = world.tab().open();
        world.next("/token", [Fault::says(status, r#"{"detail":"<b>secret</b>"}"#)]);
        let message = world.run(client.login("ann", "secret")).unwrap_err().to_string();
        assert!(message.contains(&status.to_string()) && !message.contains("secret"), "{message}");
    }
}

#[test]
fn errors_know_whether_the_session_lives_and_whether_retrying_helps() {
    for (error, lives, helps) in [
        (Error::Unreachable, true, true),
        (Error::TimedOut, true, true),
        (Error::Interrupted, true, true),
        (Error::Unintelligible, true, true),
        (Error::ServerError { status: 500 }, true, true),
        (Error::TooManyRequests { retry_after: None }, true, true),
        (Error::WrongCredentials, true, false),
        (Error::Intercepted { status: 403 }, true, true),
        (Error::StorageStuck, true, true),
        (Error::TooLarge, true, false),
        (Error::UnusableToken, true, false),
        (Error::NoRefreshCookie, true, false),
        (Error::Forbidden, true, false),
        (Error::ServiceNotFound { status: 404 }, true, false),
        (Error::ForeignOrigin, true, false),
        (Error::StillUnauthorized, true, false),
        (Error::NotSignedIn, false, false),
        (Error::SessionEnded(EndReason::Expired), false, false),
    ] {
        assert_eq!((error.session_lives(), error.retry_helps()), (lives, helps), "{error:?}");
    }
}

#[test]
fn an_error_tells_how_long_to_wait_if_the_server_did() {
    assert_eq!(Error::TooManyRequests { retry_after: Some(7) }.wait(), Some(7));
    assert_eq!(Error::TooManyRequests { retry_after: None }.wait(), None);
    assert_eq!(Error::ServerError { status: 503 }.wait(), None);
}
