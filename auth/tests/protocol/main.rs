//! The protocol over a fake world: virtual time, storage that fails on demand, a small strict server.
//!
//! No test sleeps. Each test reads as: what the world is, what is done, what was on the wire.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may stop at what they do not expect, like the tests themselves"
)]

mod access_logouts;
mod answers;
mod arbitrary;
mod borders;
mod broken_ledger;
mod clocks;
mod contract_parts;
mod contracts;
mod cookies;
mod custody_change;
mod deadlines;
mod edited_records;
mod errors;
mod flights;
mod handed_over;
mod idempotent;
mod idempotent_lost_token;
mod late_logins;
mod ledger;
mod ledger_logins;
mod left_alive;
mod listeners;
mod login;
mod logout;
mod logout_before_restore;
mod logout_late_answers;
mod looking;
mod newer_records;
mod newer_takeover;
mod news;
mod no_longer_kept;
mod not_taken_over;
mod not_unlearnt;
mod not_yet;
mod noted;
mod notice;
mod one_cookie;
mod own_sessions;
mod patience;
mod pauses;
mod rates;
mod recovering;
mod refreshing;
mod reloading;
mod requests;
mod restoring;
mod restoring_other_users;
mod same_user;
mod scope;
mod secrecy;
mod server;
mod storage;
mod stories;
mod tabs;
mod tabs_refreshing;
mod taken_over;
mod takeover_races;
mod token_only;
mod token_only_servers;
mod token_only_tabs;
mod turns;
mod unlearnt;
mod unwritten;
mod views;
mod world;
