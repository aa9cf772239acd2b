//! Waiting for better times.

use std::rc::Rc;

use crate::client::Client;
use crate::logout::TRIES;
use crate::outcome::BACKOFF;
use crate::session::{Age, Session};

/// How long better times are waited for after the callers are gone, in milliseconds: a page recovers
/// from ten bad minutes without a click.
const RECOVERY: u64 = 900_000;

impl Client {
    /// Tries again while a page without callers waits for better times.
    pub(super) fn recover_later(&self, session: Rc<str>) {
        if self.0.recovering.replace(Some(session.clone())).as_ref() == Some(&session) {
            return;
        }
        let client = self.clone();
        self.spawn(async move {
            let started = client.platform().now().monotonic;
            let mut pause = 2_000;
            while client.platform().now().monotonic.saturating_sub(started) < RECOVERY {
                client.platform().sleep(pause / 2 + client.random() % (pause / 2)).await;
                pause = (pause * 2).min(BACKOFF);
                let now = client.platform().now();
                let Some(current) = client.session().filter(|current| current.id == session) else { break };
                if current.age(now, client.rules()) == Some(Age::Fresh) && !client.is_degraded() {
                    break;
                }
                match client.refresh(current.id, current.generation).await {
                    Err(error) if error.retry_helps() => {}
                    _ => break,
                }
            }
            client.0.recovering.borrow_mut().take_if(|recovering| *recovering == session);
        });
    }

    /// Commits in the background what the ledger refused, as soon as it takes it: until then other tabs know
    /// the spent token only.
    pub(super) fn write_later(&self, session: Session) {
        let client = self.clone();
        self.spawn(async move {
            for n in 0..TRIES {
                client.platform().sleep(client.pause_before(n)).await;
                if client.write_the_unwritten(&session).await.is_ok() {
                    break;
                }
            }
        });
    }
}
