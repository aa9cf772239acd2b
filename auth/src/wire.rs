//! What crosses the wire, and how it is spelled: the ring below the engine. It knows data, bytes and names; it
//! waits for nothing, stores nothing and decides nothing.

mod answer;
mod cache;
mod clock;
mod contract;
mod contract_text;
mod date;
mod end_reason;
mod error;
mod grant;
mod http;
mod ip;
pub(crate) mod json;
mod mismatch;
mod preset;
mod refusal;
mod request;
mod target;
mod token;

pub(crate) use answer::{announces_idempotence, end_named, invalid_fields, retry_after};
pub(crate) use cache::Unstored;
pub use clock::Instant;
pub(crate) use contract::Place;
pub use contract::{AskedField, Carrier, Contract, Encoding, Endpoint, Fields, RefreshCookie, Rotation};
pub use contract_text::InvalidContract;
pub use end_reason::EndReason;
pub use error::{Error, FormFields};
pub(crate) use grant::{Grant, has_refresh_token, tokens_of};
pub(crate) use http::headers::IDEMPOTENCY_KEY;
pub use http::{Answer, CacheMode, Headers, HttpError, HttpRequest, Method, Request};
pub(crate) use mismatch::login_mismatch;
pub(crate) use refusal::misses_cookie;
pub use refusal::{FieldTest, Matcher, Meaning, Refusal};
pub(crate) use request::{authorization, by_cookie, carrying, login, probe};
pub use target::{BaseUrl, InvalidBaseUrl, is_path};
pub(crate) use token::Tokens;
pub use token::{AccessToken, RefreshToken};
