//! What becomes of the client's calls: what their answers tell, and what the server did.

use auth::{Answer, HttpError};

use crate::check::{Answered, Call};
use crate::server::Deed;
use crate::token::{Token, tokens_in};
use crate::world::World;

impl World {
    pub(crate) fn answered(&self, id: usize, outcome: Result<&Answer, &HttpError>) {
        self.learn_from_answer(id, outcome.ok());
        let body = outcome.ok().map(|answer| String::from_utf8_lossy(&answer.body));
        let brought = body.and_then(|body| tokens_in(&body).next());
        let outcome = outcome.map_or(Answered::Lost, |answer| Answered::Status(answer.status));
        let mut check = self.check.borrow_mut();
        let call = &mut check.calls[id];
        call.outcome = outcome;
        call.answered = Some(self.now().monotonic);
        // A browser that repeats a login makes two; the one that is answered counts.
        if call.path == "/token" {
            call.login = brought.map(|token| token.family).or(call.login);
        }
        let (life, path, ok) = (call.life, call.path.clone(), matches!(outcome, Answered::Status(200..300)));
        let (token, operation, now) = (call.token, call.operation, self.time());
        let held = check.tab(life).held;
        // "A 401 for generation g: if the same session has moved on, send again … and do not refresh."
        let newer = |sent: Token| held.is_some_and(|held| held.is_newer_than(sent));
        // The server may have refused that newer one to this tab before, or this request may have gone out with it: a sibling
        // handed over an older one since.
        let refused = |call: &Call| call.life == life && call.outcome == Answered::Status(401);
        let of_this = |call: &Call| operation.is_some() && call.operation == operation;
        let is_spent = check.calls.iter().any(|call| call.token == held && (of_this(call) || refused(call)));
        if outcome == Answered::Status(401) && token.is_some_and(newer) && !is_spent {
            check.calls[id].late = Some(now);
        }
        let login = check.calls[id].login.filter(|_| ok);
        // An answer that came too late makes no session of the page's.
        let late = operation.is_some_and(|operation| check.operations[operation].outcome.is_some());
        let Some(family) = login.filter(|_| !late) else {
            drop(check);
            if let Some(token) = token.filter(|_| path == "/refresh") {
                self.learn_patience(token.family);
            }
            return self.note(life.tab, || format!("#{id} {path}: {outcome:?}"));
        };
        // "Login: … the old session's row marked ended". Of two logins under way at once either may be the last.
        let same_app = |open: &&usize| self.app(check.operations[**open].life) == self.app(life);
        let contested =
            check.open.iter().filter(same_app).filter(|open| check.operations[**open].is_login()).count() > 1;
        let others = check.families.iter_mut().enumerate().filter(|(at, _)| contested || *at != family);
        let others = others.filter(|(at, _)| self.is_of_app(life, *at));
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
        self.check_patience(id);
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
            Deed::Refused => {
                self.cover("server: 401");
                let token = self.check.borrow().calls[id].token;
                self.learn_refused(token);
            }
            Deed::Served { .. } => self.cover("server: served"),
        }
    }
}
