//! Real browsers against the real server, through a proxy that injects faults.
//!
//! A scenario puts together a [`server::Server`], a [`proxy::Proxy`] in front
//! of it, [`pages::Pages`] with the built page and a [`browser::Browser`]. What
//! a scenario asserts is the order of requests on the wire (`proxy.log()`),
//! what storage holds and what that is worth at the server ([`session`]), and
//! what the page shows ([`page::LoginPage`]).
//!
//! Every wait has a deadline, and whatever is started ends with the process
//! that started it, also when that process is killed.
#![deny(missing_docs)]

pub mod browser;
pub mod outsider;
pub mod page;
pub mod pages;
pub mod process;
pub mod proxy;
pub mod scene;
pub mod sentences;
mod serve;
pub mod server;
pub mod session;
pub mod tabs;
pub mod temp;
pub mod witness;
