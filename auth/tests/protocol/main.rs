//! The protocol over a fake world: virtual time, storage that fails on demand, a small strict server.
//!
//! No test sleeps. Each test reads as: what the world is, what is done, what was on the wire.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may stop at what they do not expect, like the tests themselves"
)]

mod answers;
mod clocks;
mod contracts;
mod deadlines;
mod flights;
mod idempotent;
mod ledger;
mod listeners;
mod login;
mod logout;
mod looking;
mod news;
mod noted;
mod own_sessions;
mod pauses;
mod rates;
mod recovering;
mod refreshing;
mod reloading;
mod requests;
mod restoring;
mod secrecy;
mod server;
mod storage;
mod tabs;
mod unwritten;
mod views;
mod world;
