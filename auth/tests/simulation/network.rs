//! The way to the server and back, and what gets lost on it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use auth::{Answer, HttpError, HttpRequest};

use crate::apps::App;
use crate::cookies::Jar;
use crate::options::{Class, Rotation};
use crate::request::header;
use crate::server::Deed;
use crate::slot::Slot;
use crate::tasks::{Life, Owner};
use crate::world::World;

#[derive(Default)]
pub(crate) struct Network {
    /// Nothing reaches the server until then.
    pub(crate) down_until: u64,
    /// Something in front of the server answers until then.
    pub(crate) proxy_until: u64,
    pub(crate) proxy: usize,
    /// The server needs long for logins and refreshes until then.
    pub(crate) slow_until: u64,
    calls: usize,
}

/// Status, headers, body.
type Said = (u16, &'static [(&'static str, &'static str)], &'static str);

/// What something in front of the server, or the server in trouble, says.
const PROXY: [Said; 9] = [
    (408, &[], "{}"),
    (429, &[("retry-after", "7")], "{}"),
    (429, &[("retry-after", "Thu, 01 Jan 2026 00:10:00 GMT")], "{}"),
    (429, &[("retry-after", "soon")], "{}"),
    (500, &[("content-type", "text/plain")], "Internal Server Error"),
    (502, &[("content-type", "text/html")], "<html>Bad Gateway</html>"),
    (503, &[("retry-after", "1")], "{\"detail\":\"busy\"}"),
    (200, &[("content-type", "text/html")], "<html>Sign in to the hotel's network</html>"),
    (307, &[], ""),
];

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Lost,
    LostAnswer,
    Silent,
    Cut,
    Slow,
    /// The server needs so long before it does what it is asked, and so long after.
    Late(u64, u64),
    /// The browser sends the same bytes again: the connection was reset before the answer.
    Repeat,
    /// The same bytes arrive once more, much later; nobody waits for the answer.
    Echo,
    Proxy(usize),
}

/// A call as its caller holds it.
pub(crate) struct Call {
    world: World,
    id: usize,
    slot: Slot<Result<Answer, HttpError>>,
    done: bool,
}

impl Future for Call {
    type Output = Result<Answer, HttpError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.slot).poll(cx);
        if let Poll::Ready(outcome) = &polled {
            self.done = true;
            let world = self.world.clone();
            world.answered(self.id, outcome.as_ref());
        }
        polled
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.done {
            self.world.call_given_up(self.id);
        }
    }
}

impl World {
    pub(crate) fn request(&self, life: Life, request: HttpRequest) -> Call {
        let id = {
            let mut network = self.network.borrow_mut();
            network.calls += 1;
            network.calls - 1
        };
        self.called(id, life, &request);
        let slot = Slot::new();
        let fault = self.draw_fault(&request);
        self.travel(id, life, request, fault, slot.clone());
        Call { world: self.clone(), id, slot, done: false }
    }

    fn draw_fault(&self, request: &HttpRequest) -> Fault {
        let rng = &self.chance.network;
        let roll = rng.below(1000);
        let proxy = rng.below(PROXY.len() as u64) as usize;
        let network = self.network.borrow();
        if network.down_until > self.time() {
            return Fault::Lost;
        }
        if network.proxy_until > self.time() {
            return Fault::Proxy(network.proxy);
        }
        // Token calls are where it hurts.
        let weight = if request.url.ends_with("/refresh") { 3 } else { 1 };
        let mut from = 0;
        for (class, share, fault) in [
            (Class::Lost, 25, Fault::Lost),
            (Class::Lost, 10, Fault::Silent),
            (Class::LostAnswer, 40, Fault::LostAnswer),
            (Class::Cut, 25, Fault::Cut),
            (Class::Slow, 30, Fault::Slow),
            (Class::Repeat, 30, Fault::Repeat),
            (Class::Repeat, 20, Fault::Echo),
            (Class::Proxy, 40, Fault::Proxy(proxy)),
        ] {
            if (from..from + share * weight).contains(&roll) && self.has(class) {
                return fault;
            }
            from += share * weight;
        }
        let long = request.url.ends_with("/refresh") || request.url.ends_with("/token");
        if long && network.slow_until > self.time() && self.has(Class::SlowServer) {
            drop(network);
            return self.draw_lateness(request);
        }
        Fault::None
    }

    /// An answer after 10 to 25 s. A login's answer may come when nobody waits for it any more.
    fn draw_lateness(&self, request: &HttpRequest) -> Fault {
        self.cover("server slower than ten seconds");
        let rng = &self.chance.network;
        let login = request.url.ends_with("/token");
        let time =
            if login && rng.percent(25) { rng.between(31_000, 90_000) } else { rng.between(10_000, 25_000) };
        if rng.percent(50) { Fault::Late(time, 0) } else { Fault::Late(0, time) }
    }

    fn travel(
        &self,
        id: usize,
        life: Life,
        request: HttpRequest,
        fault: Fault,
        slot: Slot<Result<Answer, HttpError>>,
    ) {
        let rng = &self.chance.network;
        let (there, back) = match fault {
            Fault::Slow => (rng.below(12_000), rng.below(12_000)),
            Fault::Late(before, after) => (rng.between(2, 40) + before, rng.between(2, 40) + after),
            _ => (rng.between(2, 40), rng.between(2, 40)),
        };
        let fail = |delay: u64, slot: Slot<_>, error| {
            self.after(delay, Owner::Tab(life), move |_| slot.fill(Err(error)));
        };
        let cookies = self.cookies(&request);
        let unknown = header(&request, "idempotency-key").is_some();
        if unknown && self.rotation() != Rotation::Idempotent {
            // A header that the server does not name fails its preflight.
            self.lose(id, || "the browser refuses the header".to_owned());
            return fail(there, slot, HttpError::Unreachable);
        }
        match fault {
            Fault::Lost => {
                self.cover("request lost");
                self.lose(id, || "the request is lost".to_owned());
                return fail(there, slot, HttpError::Unreachable);
            }
            Fault::Silent => {
                self.cover("request never answered");
                return self.lose(id, || "no answer will come".to_owned());
            }
            Fault::Proxy(which) => {
                let (status, headers, body) = PROXY[which];
                self.cover(match status {
                    307 => "redirect",
                    408 | 429 => "408 or 429",
                    200 => "captive portal",
                    _ => "5xx",
                });
                self.note(life.tab, || format!("#{id} a proxy answers {status}"));
                let headers: Vec<_> =
                    headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
                return self.after(there + back, Owner::Tab(life), move |world| {
                    let body = body.as_bytes().to_vec();
                    let answer = Answer { status, headers: headers.into(), body, received: world.now() };
                    slot.fill(if status == 307 { Err(HttpError::Redirected) } else { Ok(answer) });
                });
            }
            Fault::Repeat | Fault::Echo => {
                self.cover("request repeated by the browser");
                let (again, echo) = (request.clone(), fault == Fault::Echo);
                let cookies_again = cookies.clone();
                let delay = if echo { rng.below(600_000) } else { rng.below(3_000) };
                let slot = Some(slot);
                let (first, second) = if echo { (slot, None) } else { (None, slot) };
                if !echo {
                    self.lose(id, || "the connection is reset; the browser sends the bytes again".to_owned());
                }
                self.after(there, Owner::Elsewhere, move |world| {
                    world.arrive(id, life, (&request, &cookies), Fault::None, back, first);
                });
                return self.after(there + delay, Owner::Elsewhere, move |world| {
                    world.arrive(id, life, (&again, &cookies_again), Fault::None, back, second);
                });
            }
            _ => {}
        }
        self.after(there, Owner::Elsewhere, move |world| {
            world.arrive(id, life, (&request, &cookies), fault, back, Some(slot));
        });
    }

    fn arrive(
        &self,
        id: usize,
        life: Life,
        (request, cookies): (&HttpRequest, &Jar),
        fault: Fault,
        back: u64,
        slot: Option<Slot<Result<Answer, HttpError>>>,
    ) {
        let rng = &self.chance.network;
        let dead = !self.tabs.borrow()[life.tab].is(life) && !request.outlives_page;
        if dead && rng.percent(50) {
            return self.note(life.tab, || format!("#{id} never left the dead page"));
        }
        let (app, path) = App::at(&request.url).unwrap_or_default();
        let now = self.time();
        let (reply, set) = self.server.borrow_mut().handle(request, cookies, app, path, now);
        self.ended_by_login(&set, &reply.deed);
        if self.options.cookies {
            self.cover(match reply.deed {
                Deed::Repeated { .. } => "a cookie's current token set again",
                Deed::Rotated { .. } => "a cookie's token rotated",
                Deed::Terminal { .. } if reply.body.contains("no_cookie") => "refresh without its cookie",
                _ => "call with cookies",
            });
        }
        self.note(life.tab, || format!("#{id} server: {} {:?}", reply.status, reply.deed));
        self.served(id, &reply.deed);
        match (fault, &reply.deed) {
            (Fault::LostAnswer | Fault::Cut, deed) => {
                self.cover(match deed {
                    Deed::Rotated { .. } => "answer of a rotation lost",
                    _ => "answer lost",
                });
                self.lose(id, || "the answer is lost".to_owned());
                let error = if fault == Fault::Cut { HttpError::Interrupted } else { HttpError::Unreachable };
                if fault == Fault::Cut {
                    self.after(back, Owner::Device, move |world| world.set_cookies(set));
                }
                let fail = move |_: &Self| slot.into_iter().for_each(|slot| slot.fill(Err(error)));
                return self.after(back, Owner::Tab(life), fail);
            }
            (Fault::Slow, _) => self.cover("slow answer"),
            _ => {}
        }
        if self.has(Class::Outage) && rng.percent(3) {
            self.cover("server restarted after its commit");
            self.network.borrow_mut().down_until = now + rng.below(8_000);
            self.lose(id, || "the server restarts before it answers".to_owned());
            let fail =
                move |_: &Self| slot.into_iter().for_each(|slot| slot.fill(Err(HttpError::Unreachable)));
            return self.after(back, Owner::Tab(life), fail);
        }
        let Some(slot) = slot else { return };
        self.after(back, Owner::Device, move |world| world.set_cookies(set));
        self.will_answer(id, &reply.deed);
        let (status, body) = (reply.status, reply.body.into_bytes());
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        // An answer that nobody waits for is the browser's own: the page has nothing of it that runs.
        let owner = if slot.is_awaited() { Owner::Tab(life) } else { Owner::Device };
        self.after(back, owner, move |world| {
            let received = world.now();
            slot.fill(Ok(Answer { status, headers: headers.into(), body, received }));
        });
    }
}
