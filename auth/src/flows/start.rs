//! A page starts, or comes back.

use std::rc::Rc;

use crate::custody::RefreshCustody;
use crate::engine::Engine;
use crate::flows::logout::{UNTIL_NAMED, log_out};
use crate::flows::look::Looks;
use crate::flows::redeploy::adopt_custody;
use crate::flows::refresh::{LONGEST_WAIT, Refresher};
use crate::flows::takeover::{noted, take_over};
use crate::platform::Instant;
use crate::protocol::belief::{Belief, Next};

/// The pause before a ledger that refused is asked again, in milliseconds.
const PAUSE: u32 = 250;
/// The longest jitter before a page that came back asks the server, in milliseconds.
const JITTER: u32 = 500;

/// Takes up the session that an earlier life of the page, or another tab, stored.
pub(crate) fn start(looks: &Rc<Looks>, refresher: &Rc<Refresher>) {
    let engine = looks.engine();
    let noted = noted(engine);
    if !engine.apply(|belief, effects| belief.restore(noted, effects)) {
        return;
    }
    looks.listen();
    let (looks, refresher) = (looks.clone(), refresher.clone());
    engine.clone().spawn(async move {
        restore(&looks, &refresher).await;
    });
}

async fn restore(looks: &Rc<Looks>, refresher: &Rc<Refresher>) {
    let engine = looks.engine();
    let started = engine.platform.now();
    let in_memory = engine.custody.refresh == RefreshCustody::Memory;
    if !in_memory {
        take_over(engine, started).await;
    }
    let seen = patiently(looks, started).await;
    let look_later = !seen && settle_unseen(engine);
    if seen {
        adopt_custody(engine).await;
    }
    // The belief is asked for the session, because a look that another tab caused may have found it.
    if let Some((sid, generation)) = engine.believes(|belief| belief.joining()) {
        let _shown_without = refresher.refresh(sid.clone(), generation).await;
        engine.apply(|belief, _| {
            if belief.session_of(&sid).is_some() {
                belief.show();
            }
        });
    }
    if look_later {
        looks.until_seen();
    }
    if in_memory {
        // In this custody nothing moves. So the form need not wait for it.
        take_over(engine, engine.platform.now()).await;
    }
}

/// The ledger gave no answer for too long. Returns whether a look is to follow.
fn settle_unseen(engine: &Rc<Engine>) -> bool {
    let is_wanted = engine.believes(Belief::is_logout_wanted);
    let kept = engine.kept().filter(|kept| is_wanted || !engine.vault.notes_logout(&kept.session));
    let now = engine.platform.now();
    if engine.apply(|belief, effects| belief.unseen(kept, now, effects)) == Next::LogOut {
        // No look follows, because it would take up another session.
        log_out(engine);
        return false;
    }
    // After a logout a look carries out its note, if the tab has a session of its own.
    !is_wanted || engine.tab.noted().is_some_and(|(own, _)| own.is_some())
}

/// A look, repeated for a while since `started` if the ledger gives no answer. A logout that is wanted waits longer, because a
/// slow ledger may yet name the session.
async fn patiently(looks: &Rc<Looks>, started: Instant) -> bool {
    let engine = looks.engine();
    loop {
        let seen = looks.look().await;
        let is_wanted = engine.believes(|belief| belief.is_logout_wanted());
        let bound = if is_wanted { UNTIL_NAMED } else { LONGEST_WAIT.into() };
        if seen || engine.platform.now().waited_since(started) >= bound {
            return seen;
        }
        engine.platform.sleep(PAUSE).await;
    }
}

/// Looks whether the session is still what this tab shows. If the server could not be reached before, it is asked again
/// in the background.
pub(crate) async fn recheck(looks: &Rc<Looks>, refresher: &Rc<Refresher>) -> bool {
    looks.listen();
    let engine = looks.engine();
    let checked = looks.look().await;
    // Without a refresh token there is nothing to ask with: the next request will tell.
    let session = engine.session().filter(|session| session.is_renewable());
    if let Some(session) = session.filter(|_| is_degraded(engine)) {
        let (engine, refresher) = (engine.clone(), refresher.clone());
        engine.clone().spawn(async move {
            engine.platform.sleep(engine.random() % JITTER).await;
            // As it is by then: it may have been refreshed meanwhile.
            let current = engine.session().filter(|current| current.id == session.id);
            if let Some(current) = current.filter(|_| is_degraded(&engine)) {
                let _degraded_still = refresher.refresh(current.id, current.generation).await;
            }
        });
    }
    checked
}

fn is_degraded(engine: &Engine) -> bool {
    engine.believes(|belief| belief.is_degraded())
}
