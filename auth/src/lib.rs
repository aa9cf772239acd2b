//! The session protocol of a browser-side login client: login, refresh, logout and authenticated
//! requests against a server that issues an access token, and maybe a refresh token.
//!
//! The crate knows no browser and no user interface. Everything it needs from outside (clocks,
//! randomness, storage, HTTP) comes through one trait, [`Platform`], so that the same code runs in a
//! page and, natively, in tests with virtual time.
//!
//! The login call is a *first-party login with an OAuth-shaped wire format*: RFC 9700 §2.4 forbids
//! OAuth's password grant, so nothing here claims to be an OAuth client.
#![deny(missing_docs)]

mod client;
mod custody;
mod engine;
mod flows;
mod own_sessions;
mod platform;
mod ports;
mod protocol;
mod wire;

pub use client::Client;
pub use custody::{AccessCustody, Custody, RefreshCustody, UnknownCustody};
pub use engine::Subscription;
pub use own_sessions::OwnSession;
pub use platform::{Area, Decide, Guard, LedgerError, Platform, StorageError};
pub use protocol::state::{Degraded, State};
pub use wire::{
    AccessToken, Answer, AskedField, BaseUrl, CacheMode, Carrier, Contract, Encoding, EndReason, Endpoint,
    Error, FieldTest, Fields, FormFields, Headers, HttpError, HttpRequest, Instant, InvalidBaseUrl,
    InvalidContract, Matcher, Meaning, Method, RefreshCookie, RefreshToken, Refusal, Request, Rotation,
    is_path,
};
