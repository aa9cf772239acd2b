//! Acting: lets the steps of a seed happen in the world.

use auth::{Method, Request, State};

use crate::acts::{Act, Step};
use crate::apps::App;
use crate::check::person::person;
use crate::check::{Kind, Outcome};
use crate::options::Class;
use crate::tasks::Owner;
use crate::token::{Kind as TokenKind, Token, tokens_in};
use crate::world::World;

/// More tabs than this add little to the interleavings and much to the time.
pub(crate) const TABS: usize = 4;

impl World {
    pub(crate) fn perform(&self, step: &Step) {
        let open = self.open_tabs();
        let tab = open.get((step.tab % open.len().max(1) as u64) as usize).copied();
        let act = if tab.is_none() { Act::Open } else { step.act };
        let tab = tab.unwrap_or_default();
        self.note(None, || format!("{act:?} (tab {tab})"));
        match act {
            Act::Open if open.len() < TABS => {
                let second = self.has(Class::SecondApp) && step.tab & 8 != 0;
                self.open(Default::default(), if second { App::Second } else { App::First });
            }
            Act::Duplicate if open.len() < TABS => {
                self.cover("tab duplicated");
                let (session, app) = (self.tabs.borrow()[tab].session.clone(), self.app(self.life(tab)));
                self.open(session, app);
            }
            Act::Open | Act::Duplicate => {}
            Act::Login { other } => self.login(tab, if other { "bob" } else { "ann" }),
            Act::Logout => self.log_out(tab),
            Act::Send { post } => {
                self.send(tab, post);
            }
            Act::SendEverywhere => open.into_iter().for_each(|tab| {
                self.send(tab, false);
            }),
            Act::Impatient(patience) => self.send_impatiently(tab, patience),
            Act::Reload => {
                self.cover("page reloaded");
                self.close(tab);
                self.load(tab);
            }
            Act::Kill => {
                self.cover("tab killed");
                self.close(tab);
            }
            Act::Freeze(time) => self.hide(tab, time),
            Act::Busy(time) => self.hang(tab, time),
            Act::Look => self.look_again(self.life(tab)),
            Act::Sleep(time) => {
                self.cover("device asleep");
                self.check.borrow_mut().disturb_all();
                self.check.borrow_mut().tabs.values_mut().for_each(|seen| seen.running_since = u64::MAX);
                self.sleep(time);
            }
            Act::SetClock(by) => {
                self.cover("clock set");
                self.check.borrow_mut().clock_leaps += u64::from(by > 0);
                self.skew.set(self.skew.get() + by);
            }
            Act::Crash(storage, ledger) => self.crash(storage, ledger),
            Act::Outage(time) => {
                self.cover("network down");
                self.network.borrow_mut().down_until = self.time() + time;
                self.after(time, Owner::Device, |world| {
                    // `online`, in all tabs at once.
                    let tabs = world.open_tabs();
                    tabs.into_iter().for_each(|tab| world.look_again(world.life(tab)));
                });
            }
            Act::Proxy(which, time) => {
                let mut network = self.network.borrow_mut();
                (network.proxy, network.proxy_until) = (which, self.time() + time);
            }
            Act::BlockLedger(time) => {
                self.cover("ledger blocked");
                self.check.borrow_mut().ledger_failed_all();
                self.ledger.borrow_mut().blocked_until = self.time() + time;
                self.after(time, Owner::Device, Self::next_transaction);
            }
            Act::FillStorage(time) => self.profile.borrow_mut().full_until = self.time() + time,
            Act::Wipe => {
                self.cover("storage wiped");
                self.give_up(None, "removed by somebody");
                self.wipe();
                if self.chance.storage.percent(50) {
                    self.ledger.borrow_mut().wipe();
                }
            }
            Act::Steal => self.steal(),
            Act::ChangeKey => self.change_key(),
            Act::OpenSecond { other } => self.open_second(other),
            Act::Navigate => self.navigate(tab),
            Act::SlowDown(time) => self.slow_down(time),
            Act::RollBack => self.roll_back(),
            Act::Redeploy(refresh) => self.redeploy(refresh),
        }
    }

    pub(crate) fn open_tabs(&self) -> Vec<usize> {
        let tabs = self.tabs.borrow();
        (0..tabs.len()).filter(|tab| tabs[*tab].open).collect()
    }

    fn crash(&self, storage: u64, ledger: u64) {
        self.cover("browser crashed");
        let open = self.open_tabs();
        open.iter().for_each(|tab| self.close(*tab));
        let lost = self.profile.borrow_mut().roll_back(self.time().saturating_sub(storage));
        if lost > 0 {
            self.cover("crash lost storage");
        }
        // The last cookies may not be on the disk.
        for number in self.jar.borrow_mut().values_mut() {
            *number = number.saturating_sub(u64::from(self.chance.storage.percent(50)) as usize);
        }
        if self.has(Class::CrashLedger) {
            let lost = self.ledger.borrow_mut().roll_back(self.time().saturating_sub(ledger));
            for key in lost {
                self.cover("crash lost ledger");
                self.give_up(Some(&key), "a ledger that forgets commits");
            }
        }
        self.note(None, || format!("{lost} writes are lost"));
        self.check.borrow_mut().disturb_all();
        self.check.borrow_mut().orphan_all();
        self.judge_crash();
        // The restarted browser restores its tabs, all at once.
        open.into_iter().for_each(|tab| self.load(tab));
    }

    pub(crate) fn login(&self, tab: usize, user: &'static str) {
        if self.tabs.borrow()[tab].is_frozen() {
            return;
        }
        let Some(client) = self.client(tab) else { return };
        let life = self.life(tab);
        let id = self.begin(life, Kind::Login, &client.state());
        let (world, user) = (self.clone(), self.typed(user));
        self.spawn(life, async move {
            let outcome = client.login(&user, "secret").await;
            world.end(id, outcome.map_or_else(Outcome::Error, |()| Outcome::Done));
        });
    }

    fn log_out(&self, tab: usize) {
        let (Some(client), life) = (self.client(tab), self.life(tab)) else { return };
        if self.tabs.borrow()[tab].is_frozen() {
            return;
        }
        // A page that shows no session has no logout button.
        let state = client.state();
        if matches!(state, State::SignedOut(_) | State::SignedInElsewhere { .. }) {
            return;
        }
        self.cover("logout");
        let noted = self.noted_by(life);
        let mut check = self.check.borrow_mut();
        // The session that the tab last used, or a newer one of the same user, which it may have adopted
        // without a call.
        let app = self.app(life);
        let newest = check.last_login.get(&app).copied().filter(|family| match &state {
            State::SignedIn { user: Some(user), .. } => check.families[*family].user == person(user),
            _ => true,
        });
        // A page that restores again has lost the session that was its own.
        let again = matches!(state, State::Restoring);
        let own = check.tab(life).family.filter(|own| !(again && check.families[*own].in_memory));
        // Whatever it was: the tab may be signed out now. It may have adopted the session that it notes without a call.
        let another = |of: Option<usize>| of.is_some_and(|of| Some(of) != own);
        check.tab(life).logged_out = own.is_none() || another(newest) || another(noted);
        for family in own.into_iter().chain(newest).chain(noted) {
            check.family(family).ends.insert("logout");
        }
        // A login that the ledger does not know yet comes after this, and may be adopted.
        if let Some(own) = own.filter(|own| check.families[*own].entered || check.families[*own].in_memory) {
            check.tab(life).left.insert(own);
            check.tab(life).taken_up.remove(&own);
        }
        check.tab(life).leaving |= matches!(state, State::Restoring);
        drop(check);
        if let (Some(own), State::SignedIn { .. }) = (own, &state) {
            self.expect_news(life, own);
        }
        client.logout();
    }

    /// Sends an application request; the operation's number.
    pub(crate) fn send(&self, tab: usize, post: bool) -> Option<(usize, usize)> {
        let client = self.client(tab).filter(|_| !self.tabs.borrow()[tab].is_frozen())?;
        let life = self.life(tab);
        if matches!(client.state(), State::SignedInElsewhere { .. }) {
            self.cover("another user's session taken up");
            self.asks_for_user(life);
            let mut check = self.check.borrow_mut();
            let seen = check.tab(life);
            seen.taken_up.extend(&seen.left);
            drop(check);
            client.start();
        }
        let world = self.clone();
        let id = self.begin(life, Kind::Send, &client.state());
        let request = match post {
            true => Request::post("/notes").json(r#"{"text":"hello"}"#),
            false => Request::new(Method::Get, "/me"),
        };
        let request = request.header("x-op", id.to_string());
        let task = self.spawn(life, async move {
            let outcome = client.send(&request).await;
            if let Ok(answer) = &outcome {
                world.check_answer(id, answer, &client.state());
            }
            world.end(id, outcome.map_or_else(Outcome::Error, |answer| Outcome::Answer(answer.status)));
        });
        Some((id, task))
    }

    fn send_impatiently(&self, tab: usize, patience: u64) {
        let Some((id, task)) = self.send(tab, false) else { return };
        self.cover("caller went away");
        self.after(patience, Owner::Device, move |world| {
            let gone = world.tasks.borrow_mut().end(task);
            drop(gone);
            world.end(id, Outcome::Gone);
        });
    }

    /// Somebody copies a refresh token out of storage, with its key or without, and uses it; perhaps once more what
    /// that brought.
    fn steal(&self) {
        // Script can read no cookie, and the key alone is of no use.
        if self.options.cookies {
            return;
        }
        let (token, key) = {
            let (profile, ledger) = (self.profile.borrow(), self.ledger.borrow());
            let all = profile.values().chain(ledger.values()).flat_map(tokens_in);
            let Some(token) = all.filter(|t| t.kind == TokenKind::Refresh).max() else { return };
            let row = ledger.entries().find(|(name, _)| self.named_by(name) == Some(token.family));
            (token, row.and_then(|(_, row)| key_in(row)))
        };
        self.cover("token stolen");
        {
            let mut check = self.check.borrow_mut();
            let family = check.family(token.family);
            family.stolen = true;
            family.ends.insert("stolen");
        }
        let rng = &self.chance.network;
        let key = key.filter(|_| rng.percent(50));
        let again = rng.percent(50).then(|| rng.below(self.options.life * 2));
        self.after(rng.below(100), Owner::Elsewhere, move |world| {
            if key.is_some() {
                world.cover("token stolen with its key");
            }
            world.use_stolen(token, key);
            if let Some(pause) = again {
                let next = Token { number: token.number + 1, ..token };
                world.after(pause, Owner::Elsewhere, move |world| world.use_stolen(next, None));
            }
        });
    }

    fn use_stolen(&self, token: Token, key: Option<String>) {
        let (now, key) = (self.time(), key.unwrap_or_else(|| "thief".to_owned()));
        let reply = self.server.borrow_mut().rotate(token, Some(key), now);
        self.note(None, || format!("the thief's {token:?}: {} {:?}", reply.status, reply.deed));
    }
}

/// The key that a row's own token goes with.
fn key_in(row: &str) -> Option<String> {
    let row: serde_json::Value = serde_json::from_str(row).ok()?;
    row.get("key")?.as_str().map(str::to_owned)
}
