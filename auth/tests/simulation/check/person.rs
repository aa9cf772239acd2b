//! Who a user is. People type their name in one letter case or another, and the server takes it for the same name.

use auth::State;

use crate::check::Invariant;
use crate::check::newer::is_newer;
use crate::options::Class;
use crate::tasks::Life;
use crate::world::World;

/// The server's own word for who typed `name`.
pub(crate) fn person(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl World {
    /// How somebody types the name this time.
    pub(crate) fn typed(&self, name: &str) -> String {
        let rng = &self.chance.pauses;
        if !self.has(Class::LetterCase) {
            return name.to_owned();
        }
        let (first, rest) = name.split_at(1);
        let typed = [name.to_owned(), first.to_ascii_uppercase() + rest, name.to_ascii_uppercase()];
        let typed = rng.pick(&typed).clone();
        if typed != name {
            self.cover("name typed in another letter case");
        }
        typed
    }

    /// A page says that somebody else has signed in elsewhere. It must not mean its own user, unless that one logged out before the
    /// page knew the session.
    pub(crate) fn check_stranger(&self, life: Life, state: &State) {
        let State::SignedInElsewhere { user: stranger } = state else { return };
        if self.check.borrow_mut().tab(life).leaving {
            return;
        }
        if self.user_noted_by(life).is_some_and(|own| person(&own) == person(stranger)) {
            self.violate(Invariant::NoCrossing, || {
                format!("tab {} takes its own user, who typed {stranger}, for somebody else", life.tab)
            });
        }
    }

    /// The user whose tab it is, as its storage notes: who was shown last, or whom its user agreed to take up.
    fn user_noted_by(&self, life: Life) -> Option<String> {
        let scope = format!("yew-jwt-auth:{}:", self.app(life).base());
        let tabs = self.tabs.borrow();
        let notes =
            tabs[life.tab].session.iter().filter(|(key, note)| key.starts_with(&scope) && !is_newer(note));
        let user = |note: &String| Some(note.split_once("\"user\":\"")?.1.split('"').next()?.to_owned());
        notes.filter_map(|(_, note)| user(note)).next()
    }
}
