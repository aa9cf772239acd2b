//! Real browsers against the real server, through a proxy that injects faults.
//!
//! A scenario consists of a [`server::Server`], a [`proxy::Proxy`] in front of it, [`pages::Pages`] with
//! the built page, and a [`browser::Browser`]. It asserts the order of requests on the wire
//! (`proxy.log()`), the stored tokens and whether the server still accepts them ([`session`]), and the
//! page's content ([`page::LoginPage`]).
//!
//! Every wait has a deadline. A started process ends with the process that started it, also if that one
//! is killed.
#![deny(missing_docs)]

pub mod browser;
pub mod cookie;
pub mod deployment;
pub mod outsider;
pub mod page;
pub mod pages;
pub mod process;
pub mod proxy;
pub mod scene;
pub mod sentences;
pub mod serve;
pub mod server;
pub mod session;
pub mod tabs;
pub mod temp;
pub mod third_party;
pub mod witness;
