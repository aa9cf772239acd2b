//! Messages between tabs. They only save work: correctness comes from the ledger, so a message that
//! is lost, late, doubled or wrong does no harm.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use serde::{Deserialize, Serialize};

use crate::client::{Client, with_deadline};
use crate::custody::RefreshCustody;
use crate::platform::Instant;
use crate::rules::Rule;
use crate::session::{Access, Age, Session};
use crate::token::{AccessToken, random_text};
use crate::vault::json;

/// How long siblings are waited for, in milliseconds.
const HAND_OVER: u32 = 300;
/// Messages of another version are ignored.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Message {
    v: u8,
    say: Say,
}

#[derive(Serialize, Deserialize)]
enum Say {
    /// A login or the end of a session is in the ledger.
    Changed,
    /// Who has the access token of exactly this generation?
    Ask { question: String, sid: String, generation: u32 },
    /// Here it is.
    Offer { question: String, offer: Offer },
}

#[derive(Serialize, Deserialize)]
struct Offer {
    access_token: String,
    /// Milliseconds; clocks of two tabs need not agree on anything else.
    age: u64,
    lifetime: Option<u64>,
    /// Whether the server has answered for the session in the sibling's life.
    confirmed: bool,
}

/// A question that is open, and who waits for its answer.
pub(crate) struct Question {
    id: String,
    answer: RefCell<(Option<Offer>, Option<Waker>)>,
}

impl Client {
    /// Hears other tabs from now on. A session in memory has none.
    pub(crate) fn listen(&self) {
        if self.0.custody.refresh == RefreshCustody::Memory || self.0.listening.borrow().is_some() {
            return;
        }
        let client = Rc::downgrade(&self.0);
        let listening = self.platform().listen(
            &self.ledger_key("tabs"),
            Box::new(move |text| {
                if let Some(inner) = Weak::upgrade(&client) {
                    Self(inner).hear(&text);
                }
            }),
        );
        *self.0.listening.borrow_mut() = Some(listening);
    }

    /// Hears nothing more, until [`recheck`](Self::recheck): a message would evict a page from the
    /// back/forward cache.
    pub fn pause(&self) {
        let listening = self.0.listening.borrow_mut().take();
        drop(listening);
    }

    /// Tells the other tabs to look into the ledger.
    pub(crate) fn announce(&self) {
        if self.rules().on(Rule::TellTabs) {
            self.say(Say::Changed);
        }
    }

    fn say(&self, say: Say) {
        if self.0.custody.refresh != RefreshCustody::Memory {
            let secret = matches!(say, Say::Offer { .. });
            self.platform().post(&self.ledger_key("tabs"), &json(&Message { v: VERSION, say }), secret);
        }
    }

    fn hear(&self, text: &str) {
        let Ok(Message { v: VERSION, say }) = serde_json::from_str(text) else { return };
        match say {
            Say::Changed => self.look_until_seen(),
            Say::Ask { question, sid, generation } => {
                if let Some(offer) = self.offer(&sid, generation) {
                    self.say(Say::Offer { question, offer });
                }
            }
            Say::Offer { question, offer } => {
                let open =
                    self.0.questions.borrow().iter().filter_map(Weak::upgrade).find(|q| q.id == question);
                if let Some(open) = open {
                    let (answer, waker) = &mut *open.answer.borrow_mut();
                    answer.get_or_insert(offer);
                    if let Some(waker) = waker.take() {
                        waker.wake();
                    }
                }
            }
        }
    }

    fn offer(&self, sid: &str, generation: u32) -> Option<Offer> {
        let session = self.session().filter(|s| *s.id == *sid && s.generation == generation)?;
        let access = session.access?;
        let now = self.platform().now();
        (access.age(now, self.rules()) != Age::Stale).then(|| Offer {
            access_token: access.token.reveal().to_owned(),
            age: now.since(access.received),
            lifetime: access.lifetime,
            confirmed: session.confirmed,
        })
    }

    /// Asks the siblings, briefly, for the access token of exactly `generation`, and takes it.
    pub(crate) async fn adopt(&self, session: &Session, generation: u32) -> bool {
        let id = random_text(self.platform());
        let question = Rc::new(Question { id: id.clone(), answer: RefCell::default() });
        self.0.questions.borrow_mut().retain(|open| open.upgrade().is_some());
        self.0.questions.borrow_mut().push(Rc::downgrade(&question));
        // What happens between the sibling's word and its being heard counts too: this page may be frozen then.
        let asked = self.platform().now();
        self.say(Say::Ask { question: id, sid: session.id.to_string(), generation });
        let answer = poll_fn(|cx| {
            let (answer, waker) = &mut *question.answer.borrow_mut();
            *waker = Some(cx.waker().clone());
            answer.take().map_or(Poll::Pending, Poll::Ready)
        });
        let Some(offer) = with_deadline(self.platform(), HAND_OVER, answer).await else { return false };
        let Some(token) = AccessToken::parse(&offer.access_token) else { return false };
        let received = Instant {
            monotonic: asked.monotonic.saturating_sub(offer.age),
            wall: asked.wall.saturating_sub(offer.age),
        };
        // The server has answered a sibling since it failed here.
        if self.0.failed.get().is_none_or(|failed| received.monotonic > failed.monotonic) {
            self.0.degraded.set(None);
            self.0.trouble.set(None);
        }
        let access = Access { token, received, lifetime: offer.lifetime };
        let confirmed = offer.confirmed;
        self.take_up(&session.id, generation, access, |current| current.confirmed |= confirmed);
        true
    }
}
