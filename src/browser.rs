//! The one implementation of [`Platform`] for pages. Everything that the auth service needs of a
//! browser is below this module.

mod channel;
pub(crate) mod clipboard;
pub(crate) mod early;
mod hint;
mod http;
mod ledger;
mod lock;
pub(crate) mod remembered;
pub mod resume;
mod storage;
mod timer;
pub(crate) mod worker;

use auth::{
    Answer, Area, Decide, Guard, HttpError, HttpRequest, Instant, LedgerError, Platform, StorageError,
};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use wasm_bindgen::throw_str;
use wasm_bindgen_futures::spawn_local;
use web_sys::Performance;

/// The browser, as the protocol sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Browser;

impl Platform for Browser {
    fn now(&self) -> Instant {
        now()
    }

    fn random(&self, bytes: &mut [u8]) {
        let crypto = web_sys::window().and_then(|window| window.crypto().ok());
        let filled = crypto.is_some_and(|crypto| crypto.get_random_values_with_u8_array(bytes).is_ok());
        if !filled {
            // A session id that can be guessed would be worse than a page that stops.
            throw_str("this browser gives no secure random numbers");
        }
    }

    fn sleep(&self, milliseconds: u32) -> LocalBoxFuture<'static, ()> {
        timer::sleep(milliseconds).boxed_local()
    }

    fn spawn(&self, task: LocalBoxFuture<'static, ()>) {
        spawn_local(task);
    }

    fn read(&self, area: Area, key: &str) -> Result<Option<String>, StorageError> {
        storage::read(area, key)
    }

    fn write(&self, area: Area, key: &str, text: &str) -> Result<(), StorageError> {
        storage::write(area, key, text)
    }

    fn keys(&self, area: Area, prefix: &str) -> Result<Vec<String>, StorageError> {
        storage::keys(area, prefix)
    }

    fn remove(&self, area: Area, key: &str) -> Result<(), StorageError> {
        storage::remove(area, key)
    }

    fn transact(
        &self,
        keys: Vec<String>,
        decide: Decide,
    ) -> LocalBoxFuture<'static, Result<(), LedgerError>> {
        ledger::transact(keys, decide).boxed_local()
    }

    fn lock(&self, name: &str) -> LocalBoxFuture<'static, Option<Guard>> {
        lock::lock(name.to_owned()).map(|lock| lock.map(|lock| Box::new(lock) as Guard)).boxed_local()
    }

    fn post(&self, channel: &str, text: &str, secret: bool) {
        channel::post(channel, text, secret);
    }

    fn listen(&self, channel: &str, listener: Box<dyn Fn(String)>) -> Guard {
        Box::new(channel::listen(channel, listener))
    }

    fn http(&self, request: HttpRequest) -> LocalBoxFuture<'static, Result<Answer, HttpError>> {
        http::send(request).boxed_local()
    }

    fn hint(&self, line: &str) {
        hint::say(line);
    }
}

/// Whether the device may have a connection. The browser knows only of a connection that is missing.
pub(crate) fn is_online() -> bool {
    web_sys::window().is_none_or(|window| window.navigator().on_line())
}

/// Both clocks. `performance.now()` begins with the page; with `timeOrigin` it is comparable to
/// what an earlier life of the page wrote down.
pub(crate) fn now() -> Instant {
    let since_start = CLOCK.with(|clock| clock.as_ref().map_or(0.0, |(_, clock)| clock.now()));
    instant_of(since_start, js_sys::Date::now())
}

/// The instant at which a script read `performance.now()` and `Date.now()`.
fn instant_of(since_start: f64, wall: f64) -> Instant {
    let monotonic = CLOCK.with(|clock| clock.as_ref().map_or(wall, |(origin, _)| origin + since_start));
    Instant { monotonic: whole(monotonic), wall: whole(wall) }
}

thread_local! {
    /// `timeOrigin` and the clock. They are looked up once, because a request reads the clock seven times.
    static CLOCK: Option<(f64, Performance)> = {
        let clock = web_sys::window().and_then(|window| window.performance());
        // Old browsers have no `timeOrigin`. The wall clock stands in then, because waits end by this clock.
        clock.map(|clock| (clock.time_origin(), clock)).filter(|(origin, _)| origin.is_finite())
    };
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and no clock is negative"
)]
fn whole(milliseconds: f64) -> u64 {
    milliseconds as u64
}
