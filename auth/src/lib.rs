//! The session protocol of a browser-side login client: login, refresh, logout and authenticated
//! requests against a server that issues an access and a refresh token.
//!
//! The crate knows no browser and no user interface. Everything it needs from outside (clocks,
//! randomness, storage, HTTP) comes through one trait, [`Platform`], so that the same code runs in a
//! page and, natively, in tests with virtual time.
//!
//! The login call is a *first-party login with an OAuth-shaped wire format*: RFC 9700 §2.4 forbids
//! the password grant between parties, so nothing here claims to be an OAuth client.
#![deny(missing_docs)]

mod book;
mod cache;
mod client;
mod contract;
mod custody;
mod decide;
mod error;
mod http;
mod ledger;
mod login;
mod logout;
mod look;
mod outcome;
mod own_sessions;
mod platform;
mod refresh;
mod restore;
mod rules;
mod send;
mod session;
mod tabs;
mod target;
mod token;
mod vault;
mod wire;

pub use client::{Client, Subscription};
pub use contract::{Carrier, Contract, Encoding, Endpoint, Fields, Matcher, Rotation};
pub use custody::{AccessCustody, Custody, RefreshCustody, UnknownCustody};
pub use error::{EndReason, Error, Fields as FormFields};
pub use http::{Answer, CacheMode, HttpError, HttpRequest, Method, Request};
pub use own_sessions::OwnSession;
pub use platform::{Area, Decide, Guard, Instant, LedgerError, Platform, StorageError};
#[cfg(feature = "sabotage")]
#[doc(hidden)]
pub use rules::{Rule, Rules};
pub use session::{Degraded, State};
pub use target::{BaseUrl, InvalidBaseUrl};
pub use token::{AccessToken, RefreshToken};
