//! What the client sends: single use, crossing, one retry, sending after logout, rate.

use auth::HttpRequest;

use crate::apps::App;
use crate::check::redeploy::NO_LONGER_KEPT;
use crate::check::{Answered, Call, Invariant};
use crate::options::{Class, Rotation};
use crate::request::{carried, header};
use crate::tasks::{Life, Owner};
use crate::token::{Kind, Token, tokens_in};
use crate::world::World;

/// The gate's bucket and refill (constants table), and how many tabs may have passed it just before.
const BUCKET: u64 = 10;
const REFILL: u64 = 5_000;
const PASSED_BEFORE: u64 = 3;
/// Constants table: the catch-up bound.
const CATCH_UP: u64 = 1_000;

impl World {
    pub(crate) fn called(&self, id: usize, life: Life, request: &HttpRequest) {
        let (app, path) = App::at(&request.url).unwrap_or_default();
        let path = path.to_owned();
        self.check_containment(life, request, &path);
        self.check_never_refreshed(&path);
        let bearer = header(request, "authorization").and_then(|value| tokens_in(value).next());
        let token = if path == "/refresh" || path == "/logout" { carried(request) } else { bearer };
        let issuer = token.and_then(|token| self.app_of(token.family));
        if let Some(issuer) = issuer.filter(|issuer| *issuer != app) {
            self.violate(Invariant::Containment, || {
                format!("a token of the {issuer:?} app's server goes to the {app:?} app's")
            });
        }
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
            at: self.time(),
            path: path.clone(),
            token,
            outcome: Answered::NotYet,
            answered: None,
            disturbed: false,
            unheard: false,
            operation,
            login: None,
            late: None,
            orphaned: false,
            rotated: false,
            before_rollback: false,
            clash,
        };
        self.check.borrow_mut().calls.push(call);
        match (path.as_str(), token) {
            ("/refresh", Some(token)) => self.check_refresh(life, token, header(request, "idempotency-key")),
            ("/logout", Some(token)) => self.check_logout(life, token),
            ("/refresh", None) => self.check_question(life),
            ("/token" | "/logout", _) => {}
            (_, Some(token)) => self.check_application(id, life, token, operation),
            _ => self.violate(Invariant::Containment, || format!("{path} went out without a token")),
        }
    }

    /// Single use, and bounded rate.
    fn check_refresh(&self, life: Life, token: Token, key: Option<&str>) {
        self.cover("refresh sent");
        let key = key.map(str::to_owned);
        let mut check = self.check.borrow_mut();
        let looked = check.tab(life).looked;
        check.tab(life).family = Some(token.family);
        let leaps = check.clock_leaps;
        let family = check.family(token.family);
        // A refused request never reaches the server, so its token was not sent.
        let refused = self.is_refused(key.as_deref());
        let first = match family.keys.get(&token.number) {
            Some(first) => first.clone(),
            None => key.clone(),
        };
        if !refused {
            family.keys.entry(token.number).or_insert_with(|| key.clone());
        }
        // A token that does not rotate is not a single-use token: each generation's key goes with it.
        let given_up = family.given_up.is_some();
        // A server that was rolled back takes no key.
        let without = self.rolled_back.get() && key.is_none();
        let two_keys = self.rotates() && first != key && !given_up && !refused && !without;
        let unasked = key.is_some() && family.unannounced.contains(&token.number) && !given_up;
        let spent = family.completed.filter(|done| done.number > token.number && looked > done.step);
        let spent = spent.filter(|_| !refused);
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
            self.violate(Invariant::SingleUse, || {
                format!("RT-{}-{} is sent with a second key", token.family, token.number)
            });
        }
        if unasked {
            self.violate(Invariant::SingleUse, || {
                format!(
                    "RT-{}-{} came without an announcement and is sent with a key",
                    token.family, token.number
                )
            });
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
                self.violate(Invariant::SingleUse, || {
                    format!("RT-{family}-{number} is sent although the ledger showed {}", newer.number)
                });
            }
        }
        if too_fast {
            self.violate(Invariant::BoundedRate, || {
                format!("family {} refreshes faster than the gate allows", token.family)
            });
        }
    }

    /// Since when storage holds such a refresh token.
    pub(crate) fn kept_since(&self, wanted: impl Fn(Token) -> bool) -> Option<u64> {
        let holds = |text: &str| tokens_in(text).any(|token| token.kind == Kind::Refresh && wanted(token));
        let (profile, ledger) = (self.profile.borrow(), self.ledger.borrow());
        let in_row = ledger.values().any(holds).then_some(0);
        in_row.or_else(|| profile.written().filter(|(_, text)| holds(text)).map(|(at, _)| at).min())
    }

    /// No resurrection (a tab stops sending where the logout was made; live tabs within a second), no crossing.
    fn check_application(&self, id: usize, life: Life, token: Token, operation: Option<usize>) {
        self.cover("application request");
        let user = self.server.borrow().families.get(token.family).map(|family| family.user.clone());
        let mut check = self.check.borrow_mut();
        check.tab(life).family = Some(token.family);
        // A request that waited for clocks goes out again with its own token.
        let held = &mut check.tab(life).held;
        if !held.is_some_and(|held| held.is_newer_than(token)) {
            *held = Some(token);
        }
        let seen = check.tab(life);
        let left = seen.left.contains(&token.family) && !seen.taken_up.contains(&token.family);
        let running_since = check.tab(life).running_since;
        let family = check.family(token.family);
        let silent = family.ends.contains(NO_LONGER_KEPT);
        let over = family.news().filter(|_| !family.is_foreign_to(life) && !silent);
        let crossed = operation.and_then(|operation| {
            let as_user = check.operations[operation].user.clone();
            as_user.filter(|as_user| Some(as_user) != user.as_ref())
        });
        drop(check);
        if left {
            self.violate(Invariant::NoResurrection, || {
                format!("family {} is used where it was logged out", token.family)
            });
        }
        let late = over.filter(|over| self.time() > over + 1_200 && running_since <= *over);
        if late.is_some() && self.news_is_prompt() && !self.is_given_up(token.family) {
            self.violate(Invariant::NoResurrection, || {
                format!("family {} is used by a live tab long after its logout", token.family)
            });
        }
        if let Some(as_user) = crossed {
            self.violate(Invariant::NoCrossing, || {
                format!("a request made as {as_user} carries a token of {user:?}")
            });
        }
        self.check_retry(id, life, token, operation);
    }

    /// Whether nothing keeps a tab from hearing of a logout and looking at the ledger at once.
    pub(crate) fn news_is_prompt(&self) -> bool {
        use Class::{
            Busy, LedgerAborts, LedgerBlocked, LedgerDenied, LedgerSilent, MessagesLate, MessagesLost, Sleep,
            TimersLate,
        };
        let slow = [
            Busy,
            LedgerAborts,
            LedgerBlocked,
            LedgerDenied,
            LedgerSilent,
            MessagesLate,
            MessagesLost,
            Sleep,
            TimersLate,
        ];
        !slow.into_iter().any(|class| self.options.has(class))
    }

    /// A call that asks the server to end a family: from now on nothing of it may be stored. It must have a
    /// reason to end.
    fn check_logout(&self, life: Life, token: Token) {
        self.cover("logout sent");
        let excused = self.may_lose(Some(life), Some(token.family));
        let now = self.time();
        let in_memory = {
            // It may reach the server before a ledger that does not take the end.
            self.leaves_unknown(life, token.family);
            self.ends_stored(life, token.family);
            let mut check = self.check.borrow_mut();
            let family = check.family(token.family);
            let spurious = family.ends.is_empty() && family.adopted && !excused;
            if spurious {
                drop(check);
                return self.violate(Invariant::NoSpuriousLogout, || {
                    format!("a tab ends family {}, which nothing ended", token.family)
                });
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
    pub(crate) fn spread_news(&self, family: usize) {
        let known = self.check.borrow_mut().family(family).news();
        // Nothing says that a page without custody tells the others.
        let silent = self.check.borrow_mut().family(family).ends.contains(NO_LONGER_KEPT);
        if known == Some(self.time()) && self.news_is_prompt() && !self.is_given_up(family) && !silent {
            self.after(1_200, Owner::Device, move |world| world.check_shown_after_logout(family));
        }
    }
}
