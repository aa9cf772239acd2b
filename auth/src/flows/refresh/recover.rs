//! Tries without callers, commits in the background, and the question whether the server still takes the key (step 5).

use std::rc::Rc;

use super::Refresher;
use crate::engine::{TRIES, pause_before};
use crate::protocol::attempt::Attempt;
use crate::protocol::decide::ATTEMPT_DEADLINE;
use crate::protocol::ids::Sid;
use crate::protocol::outcome::unlearn;
use crate::protocol::rows::Page;
use crate::protocol::session::{Age, Session};
use crate::protocol::times::BACKOFF;
use crate::wire::{self, Answer, Error};

/// How long better times are waited for after the callers are gone, in milliseconds: a page recovers
/// from ten bad minutes without a click.
const RECOVERY: u64 = 900_000;

impl Refresher {
    /// Tries again while a page without callers waits for better times.
    pub(super) fn recover_later(self: &Rc<Self>, session: Sid) {
        if self.recovering.replace(Some(session.clone())).as_ref() == Some(&session) {
            return;
        }
        let this = self.clone();
        self.engine.spawn(async move {
            let engine = &this.engine;
            let started = engine.platform.now();
            let mut pause = 2_000;
            while engine.platform.now().waited_since(started) < RECOVERY {
                engine.platform.sleep(pause / 2 + engine.random() % (pause / 2)).await;
                pause = (pause * 2).min(BACKOFF);
                let now = engine.platform.now();
                let Some(current) = engine.session().filter(|current| current.id == session) else { break };
                let degraded = engine.believes(|belief| belief.is_degraded());
                if current.age(now) == Some(Age::Fresh) && !degraded {
                    break;
                }
                match this.refresh(current.id, current.generation).await {
                    Err(error) if error.retry_helps() => {}
                    _ => break,
                }
            }
            this.recovering.borrow_mut().take_if(|recovering| *recovering == session);
        });
    }

    /// Commits in the background what the ledger refused, as soon as it takes it: until then other tabs know
    /// the spent token only.
    pub(super) fn write_later(self: &Rc<Self>, sid: Sid) {
        let this = self.clone();
        self.engine.spawn(async move {
            for n in 0..TRIES {
                this.engine.platform.sleep(pause_before(&this.engine, n)).await;
                if this.write_the_unwritten(&sid).await.is_ok() {
                    break;
                }
            }
        });
    }

    /// Whether the server was idempotent and is not any more. Such a server refuses the key's header in the browser's
    /// preflight, so that no attempt reaches it. It is asked without a token: an idempotent server announces itself in
    /// every answer of this endpoint. One that does not is asked with a key, which it must refuse as well.
    pub(super) async fn is_key_refused(&self) -> bool {
        let Ok(answer) = self.probe(false).await else { return false };
        let announced = wire::announces_idempotence(&answer, &self.engine.contract);
        announced == Some(false) && self.probe(true).await.err() == Some(Error::Unreachable)
    }

    /// Asks the refresh endpoint without a token.
    async fn probe(&self, with_key: bool) -> Result<Answer, Error> {
        let contract = &self.engine.contract;
        let endpoint = contract.refresh.as_ref().ok_or(Error::NotSignedIn)?;
        let mut request = wire::probe(&self.engine.base, endpoint)?;
        if with_key {
            request.headers.push((wire::IDEMPOTENCY_KEY.into(), self.engine.mint().0));
        }
        self.engine.exchange(request, ATTEMPT_DEADLINE).await
    }

    /// The session goes on as at a server that never took a key.
    pub(super) async fn unlearn(&self, session: &Session, attempt: &Attempt) {
        let about = attempt.clone();
        let _idempotent_still =
            self.engine.insist(session, move |page: &mut Page| unlearn(page, &about)).await;
    }
}
