//! What the client sends: single use, crossing, one retry, sending after logout, rate.

use auth::{Answer, HttpError, HttpRequest};

use crate::check::using::USING;
use crate::check::{Answered, Call};
use crate::options::{Class, Rotation};
use crate::server::{Deed, carried, header};
use crate::tasks::{Life, Owner};
use crate::token::{Kind, Token, tokens_in};
use crate::world::{BASE, World};

/// The gate's bucket and refill (constants table), and how many tabs may have passed it just before.
const BUCKET: u64 = 10;
const REFILL: u64 = 5_000;
const PASSED_BEFORE: u64 = 3;
/// Constants table: the catch-up bound.
const CATCH_UP: u64 = 1_000;

impl World {
    pub(crate) fn called(&self, id: usize, life: Life, request: &HttpRequest) {
        let path = request.url.strip_prefix(BASE).unwrap_or_default().to_owned();
        self.check_containment(request, &path);
        let bearer = header(request, "authorization").and_then(|value| tokens_in(value).next());
        let token = if path == "/refresh" || path == "/logout" { carried(request) } else { bearer };
        let operation = match path.as_str() {
            "/token" => self.operation_of_login(life),
            _ => header(request, "x-op").and_then(|id| id.parse().ok()),
        };
        self.note(life.tab, || {
            let key =
                header(request, "idempotency-key").map(|key| format!(" key {}", key.get(..6).unwrap_or(key)));
            let token = token.map(|t| {
                format!(" {}-{}-{}", if t.kind == Kind::Access { "AT" } else { "RT" }, t.family, t.number)
            });
            format!(
                "#{id} {} {path}{}{}",
                request.method.name(),
                token.unwrap_or_default(),
                key.unwrap_or_default()
            )
        });
        let clash = path == "/refresh" && {
            let under_way = |call: &Call| call.outcome == Answered::NotYet && !call.disturbed;
            let check = self.check.borrow();
            check.calls.iter().any(|call| call.path == path && call.token == token && under_way(call))
        };
        let call = Call {
            life,
            sent: self.now(),
            path: path.clone(),
            token,
            outcome: Answered::NotYet,
            disturbed: false,
            unheard: false,
            operation,
            login: None,
            late: None,
            orphaned: false,
            rotated: false,
            clash,
        };
        self.check.borrow_mut().calls.push(call);
        match (path.as_str(), token) {
            ("/refresh", Some(token)) => self.check_refresh(life, token, header(request, "idempotency-key")),
            ("/logout", Some(token)) => self.check_logout(life, token),
            ("/token" | "/refresh" | "/logout", _) => {}
            (_, Some(token)) => self.check_application(id, life, token, operation),
            _ => self.violate(7, || format!("{path} went out without a token")),
        }
    }

    /// Invariants 1 and 8.
    fn check_refresh(&self, life: Life, token: Token, key: Option<&str>) {
        self.cover("refresh sent");
        let key = key.map(str::to_owned);
        let mut check = self.check.borrow_mut();
        let looked = check.tab(life).looked;
        check.tab(life).family = Some(token.family);
        let leaps = check.clock_leaps;
        let family = check.family(token.family);
        let first = family.keys.entry(token.number).or_insert_with(|| key.clone()).clone();
        // A token that does not rotate is not a single-use token: each generation's key goes with it.
        let given_up = family.given_up.is_some();
        let two_keys = self.rotates() && first != key && !given_up;
        let spent = family.completed.filter(|done| done.number > token.number && looked > done.step);
        // The bucket, simulated. A clock that is set forward refills a gate that counts by it, once each time.
        let now = self.time();
        let full = (BUCKET + PASSED_BEFORE) * 1000;
        let (left, since, before) = family.bucket.unwrap_or((full, now, leaps));
        let left = (left + (now - since) * 1000 / REFILL).min(full) + (leaps - before) * BUCKET * 1000;
        let too_fast = left < 1000 && !given_up;
        family.bucket = Some((left.saturating_sub(1000), now, leaps));
        drop(check);
        self.check_need(life, token);
        if two_keys {
            self.violate(1, || format!("RT-{}-{} is sent with a second key", token.family, token.number));
        }
        if let Some(newer) = spent.filter(|_| self.rotates()) {
            // "… except with its own key, to an idempotent server, when its successor was lost", or came back
            // so lately that this tab, which has waited in vain, need not see it.
            let kept = self.kept_since(|t| t.family == token.family && t.number > token.number);
            let lost = kept.is_none_or(|at| at > newer.at + CATCH_UP && at + CATCH_UP > now);
            let own = self.options.rotation == Rotation::Idempotent && first == key;
            if lost && own {
                self.cover("previous token used after its successor was lost");
            } else if !given_up {
                let Token { family, number, .. } = token;
                self.violate(1, || {
                    format!("RT-{family}-{number} is sent although the ledger showed {}", newer.number)
                });
            }
        }
        if too_fast {
            self.violate(8, || format!("family {} refreshes faster than the gate allows", token.family));
        }
    }

    /// Since when storage holds such a refresh token.
    fn kept_since(&self, wanted: impl Fn(Token) -> bool) -> Option<u64> {
        let holds = |text: &str| tokens_in(text).any(|token| token.kind == Kind::Refresh && wanted(token));
        let (profile, ledger) = (self.profile.borrow(), self.ledger.borrow());
        let in_row = ledger.values().any(holds).then_some(0);
        in_row.or_else(|| profile.written().filter(|(_, text)| holds(text)).map(|(at, _)| at).min())
    }

    /// Invariants 3 (a tab stops sending where the logout was made; live tabs within a second), 4 and 5.
    fn check_application(&self, id: usize, life: Life, token: Token, operation: Option<usize>) {
        self.cover("application request");
        let user = self.server.borrow().families.get(token.family).map(|family| family.user.clone());
        let mut check = self.check.borrow_mut();
        check.tab(life).family = Some(token.family);
        check.tab(life).held = Some(token);
        let left = check.tab(life).left.contains(&token.family);
        let running_since = check.tab(life).running_since;
        let family = check.family(token.family);
        let over = family.news().filter(|_| !family.is_foreign_to(life));
        let crossed = operation.and_then(|operation| {
            let as_user = check.operations[operation].user.clone();
            as_user.filter(|as_user| Some(as_user) != user.as_ref())
        });
        let earlier: Vec<_> = match operation {
            Some(operation) => {
                let of = check.calls[..id].iter().filter(|call| call.operation == Some(operation));
                of.map(|call| (call.outcome, call.late)).collect()
            }
            None => Vec::new(),
        };
        drop(check);
        if left {
            self.violate(3, || format!("family {} is used where it was logged out", token.family));
        }
        let late = over.filter(|over| self.time() > over + 1_200 && running_since <= *over);
        if late.is_some() && self.news_is_prompt() && !self.is_given_up(token.family) {
            self.violate(3, || {
                format!("family {} is used by a live tab long after its logout", token.family)
            });
        }
        if let Some(as_user) = crossed {
            self.violate(4, || format!("a request made as {as_user} carries a token of {user:?}"));
        }
        match earlier[..] {
            [] => operation.into_iter().for_each(|operation| self.check_age(life, token, operation)),
            [(Answered::Status(401), Some(at))] if at < self.time() => {
                self.violate(USING, || {
                    "a late 401 is not sent again at once, with the newer token".to_owned()
                });
            }
            [(Answered::Status(401), late)] => {
                self.cover("request sent again after a 401");
                if late.is_some() {
                    self.cover("late 401");
                }
            }
            [(first, _)] => self.violate(5, || format!("a request goes out again after {first:?}")),
            _ => self.violate(5, || "a request goes out a third time".to_owned()),
        }
    }

    /// Whether nothing keeps a tab from hearing of a logout and looking at the ledger at once.
    pub(crate) fn news_is_prompt(&self) -> bool {
        use Class::{
            Busy, LedgerAborts, LedgerBlocked, LedgerDenied, MessagesLate, MessagesLost, Sleep, TimersLate,
        };
        let slow =
            [Busy, LedgerAborts, LedgerBlocked, LedgerDenied, MessagesLate, MessagesLost, Sleep, TimersLate];
        !slow.into_iter().any(|class| self.options.has(class))
    }

    /// A call that asks the server to end a family: from now on nothing of it may be stored. Invariant 2: it
    /// must have a reason to end.
    fn check_logout(&self, life: Life, token: Token) {
        self.cover("logout sent");
        let excused = self.may_lose(Some(life), Some(token.family));
        let now = self.time();
        let in_memory = {
            // It may reach the server before a ledger that does not take the end.
            self.leaves_unknown(life, token.family);
            let mut check = self.check.borrow_mut();
            let family = check.family(token.family);
            let spurious = family.ends.is_empty() && family.adopted && !excused;
            if spurious {
                drop(check);
                return self
                    .violate(2, || format!("a tab ends family {}, which nothing ended", token.family));
            }
            family.ends.insert("a tab asked the server to end it");
            family.told.get_or_insert(now);
            family.in_memory
        };
        if in_memory {
            self.ended(token.family);
        }
        self.spread_news(token.family);
    }

    /// From now on nothing of it is sent, stored or shown, as soon as a tab can know.
    pub(crate) fn ended(&self, family: usize) {
        let now = self.time();
        self.check.borrow_mut().family(family).over.get_or_insert(now);
        self.spread_news(family);
    }

    /// A second after both the ledger and the other tabs were told, live tabs are done with the family.
    fn spread_news(&self, family: usize) {
        let known = self.check.borrow_mut().family(family).news();
        if known == Some(self.time()) && self.news_is_prompt() && !self.is_given_up(family) {
            self.after(1_200, Owner::Device, move |world| world.check_shown_after_logout(family));
        }
    }

    pub(crate) fn answered(&self, id: usize, outcome: Result<&Answer, &HttpError>) {
        self.learn_from_answer(id, outcome.ok());
        let body = outcome.ok().map(|answer| String::from_utf8_lossy(&answer.body));
        let brought = body.and_then(|body| tokens_in(&body).next());
        let outcome = outcome.map_or(Answered::Lost, |answer| Answered::Status(answer.status));
        let mut check = self.check.borrow_mut();
        let call = &mut check.calls[id];
        call.outcome = outcome;
        // A browser that repeats a login makes two; the one that is answered counts.
        if call.path == "/token" {
            call.login = brought.map(|token| token.family).or(call.login);
        }
        let (life, path, ok) = (call.life, call.path.clone(), matches!(outcome, Answered::Status(200..300)));
        let (token, now) = (call.token, self.time());
        let held = check.tab(life).held;
        // "A 401 for generation g: if the same session has moved on, send again … and do not refresh."
        let newer =
            |t: Token| held.is_some_and(|h| h.kind == t.kind && h.family == t.family && h.number > t.number);
        let call = &mut check.calls[id];
        if outcome == Answered::Status(401) && token.is_some_and(newer) {
            call.late = Some(now);
        }
        let Some(family) = call.login.filter(|_| ok) else {
            drop(check);
            return self.note(life.tab, || format!("#{id} {path}: {outcome:?}"));
        };
        // "Login: … the old session's row marked ended". Of two logins under way at once either may be the last.
        let contested = check.open.iter().filter(|open| check.operations[**open].is_login()).count() > 1;
        let others = check.families.iter_mut().enumerate().filter(|(at, _)| contested || *at != family);
        for (_, other) in others {
            other.ends.insert("another login");
        }
        drop(check);
        self.asks_for_user(life);
        self.logged_in(life, family);
        self.note(life.tab, || format!("#{id} logged in: family {family}"));
    }

    pub(crate) fn call_given_up(&self, id: usize) {
        self.learn_from_answer(id, None);
        let mut check = self.check.borrow_mut();
        let call = &mut check.calls[id];
        call.outcome = Answered::Lost;
        let tab = call.life.tab;
        drop(check);
        self.note(tab, || format!("#{id} given up"));
    }

    /// The network did something to a call that makes its answer unlikely.
    pub(crate) fn lose(&self, id: usize, line: impl FnOnce() -> String) {
        let tab = {
            let mut check = self.check.borrow_mut();
            check.calls[id].disturbed = true;
            check.calls[id].life.tab
        };
        self.note(tab, || format!("#{id} {}", line()));
    }

    pub(crate) fn served(&self, id: usize, deed: &Deed) {
        match *deed {
            Deed::LoggedIn { family } => {
                let user = self.server.borrow().families[family].user.clone();
                let mut check = self.check.borrow_mut();
                check.family(family).user = user;
                check.calls[id].login.get_or_insert(family);
                self.cover("login served");
            }
            Deed::Rotated { .. } => {
                self.cover("server: rotated");
                let orphaned = {
                    let call = &mut self.check.borrow_mut().calls[id];
                    call.rotated = true;
                    call.orphaned
                };
                if orphaned {
                    // The crash took back what storage held of this family, and the server goes on without it.
                    self.judge_crash();
                }
            }
            Deed::Repeated { .. } => self.cover("server: the same successor again"),
            Deed::Conflict { .. } => self.cover("server: 409"),
            Deed::Theft { token } => self.check_theft(id, token),
            Deed::Terminal { family } => {
                self.cover("server: terminal");
                if let Some(family) = family {
                    self.check.borrow_mut().family(family).ends.insert("over at the server");
                }
            }
            Deed::LoggedOut { .. } => self.cover("server: logged out"),
            Deed::Refused => self.cover("server: 401"),
            Deed::Served { .. } => self.cover("server: served"),
        }
    }
}
