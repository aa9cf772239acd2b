//! Containment: where tokens may be. No resurrection: what is stored after the end.

use std::mem::take;

use auth::{Area, HttpRequest};

use crate::apps::App;
use crate::check::{Completed, Invariant};
use crate::tasks::Life;
use crate::timeline;
use crate::token::{Kind, tokens_in};
use crate::world::World;

impl World {
    pub(crate) fn check_containment(&self, life: Life, request: &HttpRequest, path: &str) {
        let expected = ["/token", "/refresh", "/logout", "/me", "/notes"].contains(&path);
        let app = App::at(&request.url).map(|(app, _)| app);
        if app != Some(self.app(life)) || !expected {
            self.violate(Invariant::Containment, || format!("a request goes to {}", request.url));
        }
        self.check_text("a URL", &request.url, true);
        self.check_newer_sent(request);
        let auth = ["/token", "/refresh", "/logout"].contains(&path);
        for (name, value) in &request.headers {
            let bearer = *name == "authorization" && !auth;
            if !bearer && tokens_in(value).next().is_some() {
                self.violate(Invariant::Containment, || {
                    format!("the header {name} of {path} carries a token")
                });
            }
            if bearer && tokens_in(value).any(|token| token.kind == Kind::Refresh) {
                self.violate(Invariant::Containment, || format!("{path} carries a refresh token as bearer"));
            }
        }
        let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default());
        let allowed = path == "/refresh" || path == "/logout";
        let stray = tokens_in(&body).any(|token| token.kind == Kind::Access || !allowed);
        if stray || body.contains("secret") && path != "/token" {
            self.violate(Invariant::Containment, || format!("the body of {path} carries what it must not"));
        }
    }

    /// Text that may hold no refresh token and, with `none`, no token at all.
    pub(crate) fn check_text(&self, what: &str, text: &str, none: bool) {
        let secret =
            tokens_in(text).any(|token| none || token.kind == Kind::Refresh) || text.contains("secret");
        if secret {
            self.violate(Invariant::Containment, || format!("{what} carries a token"));
        }
    }

    /// A tab writes, or removes, an entry of storage.
    pub(crate) fn stored(&self, life: Life, area: Area, key: &str, value: Option<&str>) {
        self.note(life.tab, || format!("{area:?} storage: {}", timeline::entry(key, value)));
        self.check_newer_entry(life, area, key);
        let Some(value) = value else { return };
        if let Some(family) = self.named_by(key).filter(|_| key.contains(":left:")) {
            self.leaves_unknown(life, family);
        }
        let misplaced = |kind| match area {
            Area::Tab => kind == Kind::Refresh,
            Area::Profile => kind == Kind::Access,
        };
        if tokens_in(value).any(|token| misplaced(token.kind)) || value.contains("secret") {
            self.violate(Invariant::Containment, || format!("{area:?} storage gets what it must not hold"));
        }
        if let (Area::Tab, Some(token)) = (area, tokens_in(value).next()) {
            self.check.borrow_mut().tab(life).held = Some(token);
        }
        if area == Area::Tab {
            self.learn_shown(life, value);
        }
        if area == Area::Profile {
            self.learn_name(key, value);
            self.check_resurrection(life, value);
            let stored = tokens_in(value).filter(|token| token.kind == Kind::Refresh).max();
            self.check.borrow_mut().tab(life).storing = stored;
        }
    }

    /// A tab's transaction put `value` into the ledger.
    pub(crate) fn committed(&self, life: Life, key: &str, value: Option<&str>) {
        self.check_newer_row(life, key);
        if let Some(value) = value {
            self.learn_login(life, key);
            self.learn_name(key, value);
            self.check_resurrection(life, value);
            if value.contains("secret") || tokens_in(value).any(|token| token.kind == Kind::Access) {
                self.violate(Invariant::Containment, || "the ledger gets what it must not hold".to_owned());
            }
        }
        self.written_down(life);
        self.entered(life, key, value.unwrap_or_default());
        let in_row = value.and_then(|value| tokens_in(value).filter(|t| t.kind == Kind::Refresh).max());
        let (step, at) = (self.steps.get(), self.time());
        let mut check = self.check.borrow_mut();
        let stored = check.tab(life).storing.take();
        for token in stored.into_iter().chain(in_row) {
            let completed = &mut check.family(token.family).completed;
            if completed.is_none_or(|before| before.number < token.number) {
                *completed = Some(Completed { number: token.number, step, at });
            }
        }
    }

    /// Whoever logs out of what the page does not know yet ends one session, the one that it finds.
    pub(crate) fn leaves_unknown(&self, life: Life, family: usize) {
        let mut check = self.check.borrow_mut();
        if check.family(family).ends.is_empty() && take(&mut check.tab(life).leaving) {
            check.family(family).ends.insert("logout");
        }
    }

    /// A family's row was committed.
    fn entered(&self, life: Life, key: &str, row: &str) {
        let Some(family) = self.named_by(key) else { return };
        let over = row.contains("\"ended\":{");
        let (must_be_told, now) = (over && self.must_be_told(life, key, row), self.time());
        let mut check = self.check.borrow_mut();
        // Whoever logs out of what the page does not know yet ends what the ledger names when it answers.
        let unknown = check.tab(life).leaving && row.contains("\"logged_out\"");
        let family_at = check.family(family);
        family_at.entered = true;
        if over && family_at.ended_by.is_none() && must_be_told {
            family_at.to_tell = Some(now);
        }
        if over {
            family_at.ended_by.get_or_insert(life);
        }
        if unknown {
            family_at.ends.insert("logout");
        }
        drop(check);
        if over {
            self.ends_stored(life, family);
            self.ended(family);
        }
    }

    /// "After a logout no tab ever commits anything of that session."
    fn check_resurrection(&self, life: Life, value: &str) {
        for token in tokens_in(value).filter(|token| token.kind == Kind::Refresh) {
            let mut check = self.check.borrow_mut();
            let family = check.family(token.family);
            let over = family.over.is_some() && family.given_up.is_none();
            drop(check);
            if over {
                self.violate(Invariant::NoResurrection, || {
                    format!("tab {} stores RT-{}-{} after the logout", life.tab, token.family, token.number)
                });
            }
        }
    }
}
