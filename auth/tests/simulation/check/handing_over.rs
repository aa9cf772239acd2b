//! Which access tokens a tab gets from its siblings.

use crate::tasks::Life;
use crate::token::{Kind, tokens_in};
use crate::world::World;

impl World {
    /// A tab posts a message, which may be a question.
    pub(crate) fn asks_siblings(&self, life: Life, text: &str) {
        if let Some(question) = question_in(text).filter(|_| text.contains("\"Ask\"")) {
            self.check.borrow_mut().tab(life).questions.insert(question.to_owned());
        }
    }

    /// A tab hears a message, which may answer its question.
    pub(crate) fn is_handed(&self, life: Life, text: &str) {
        let access = tokens_in(text).find(|token| token.kind == Kind::Access);
        let now = self.now().monotonic;
        let mut check = self.check.borrow_mut();
        let seen = check.tab(life);
        let own = question_in(text).is_some_and(|question| seen.questions.contains(question));
        if let Some(token) = access.filter(|_| own) {
            seen.handed.entry(token).or_insert(now);
        }
    }
}

fn question_in(text: &str) -> Option<&str> {
    text.split_once("\"question\":\"")?.1.split('"').next()
}
