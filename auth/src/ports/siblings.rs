//! Messages between tabs. They only save work: correctness comes from the ledger, so a message that
//! is lost, late, doubled or wrong does no harm.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use crate::platform::{Guard, Instant, Platform, random_text, with_deadline};
use crate::ports::scope::Scope;
use crate::protocol::ids::Sid;
use crate::protocol::session::{Access, Age, Session};
use crate::wire::AccessToken;
use crate::wire::json::{Object, Writer};

/// How long a page that joins a session waits for a sibling's access token, in milliseconds. The wait is short, because
/// somebody watches the page.
pub(crate) const HAND_OVER: u32 = 300;
/// How long a tab waits for one before it refreshes, in milliseconds. It asks three times. Siblings answer late on a machine that
/// is busy or has just woken, and a sibling that has just stored a token may not hold it yet. Each refresh makes the access
/// tokens of all other tabs old.
pub(crate) const HAND_OVER_OR_REFRESH: u32 = 3 * HAND_OVER;
/// Messages of another version are ignored.
const VERSION: u32 = 1;

/// The other tabs of this profile.
pub(crate) struct Siblings {
    platform: Rc<dyn Platform>,
    channel: String,
    /// Whether there are any: a session in memory has none.
    any: bool,
    questions: RefCell<Vec<Weak<Question>>>,
    listening: RefCell<Option<Guard>>,
}

/// What a tab hears.
pub(crate) enum Heard {
    /// A login or the end of a session is in the ledger.
    Changed,
    /// A sibling asks for the access token of exactly this generation.
    Asked { question: String, sid: Sid, generation: u32 },
}

/// An access token that a sibling handed over.
pub(crate) struct HandOver {
    pub(crate) access: Access,
    /// Whether the server has answered for the session in the sibling's life.
    pub(crate) confirmed: bool,
}

/// A question that is open, and the task that waits for its answer.
struct Question {
    id: String,
    reply: RefCell<(Option<Reply>, Option<Waker>)>,
}

enum Reply {
    Offer(Offer),
    /// The token's time is up.
    Stale,
}

struct Offer {
    token: AccessToken,
    /// Milliseconds. The clocks of two tabs need not agree on anything else.
    age: u64,
    /// Seconds.
    lifetime: Option<u64>,
    confirmed: bool,
}

impl Siblings {
    pub(crate) fn new(platform: Rc<dyn Platform>, scope: &Scope, any: bool) -> Self {
        let (questions, listening) = (RefCell::default(), RefCell::default());
        Self { platform, channel: scope.name("tabs"), any, questions, listening }
    }

    /// Hears the other tabs from now on.
    pub(crate) fn listen(this: &Rc<Self>, heard: impl Fn(Heard) + 'static) {
        if !this.any || this.listening.borrow().is_some() {
            return;
        }
        let siblings = Rc::downgrade(this);
        let listener = move |text: String| {
            let Some(siblings) = siblings.upgrade() else { return };
            if let Some(message) = siblings.hear(&text) {
                heard(message);
            }
        };
        let listening = this.platform.listen(&this.channel, Box::new(listener));
        *this.listening.borrow_mut() = Some(listening);
    }

    /// Hears nothing more: a message would evict a page from the back/forward cache.
    pub(crate) fn pause(&self) {
        let listening = self.listening.borrow_mut().take();
        drop(listening);
    }

    /// Tells the other tabs to look into the ledger.
    pub(crate) fn announce(&self) {
        self.say(r#""Changed""#, false);
    }

    /// Answers a question with the session's access token, or says that its time is up, so that the tab that asks refreshes
    /// at once. Where nothing can replace the token, another tab may know of no such time, and nothing is said.
    pub(crate) fn offer(&self, question: &str, session: &Session) {
        let Some(access) = &session.access else { return };
        let now = self.platform.now();
        if session.age(now) == Some(Age::Stale) {
            if session.is_renewable() {
                let stale = Writer::new().text("question", question);
                self.say(&Writer::new().object("Stale", stale).finish(), false);
            }
            return;
        }
        let offer = Writer::new()
            .text("access_token", access.token.reveal())
            .number("age", session.elapsed(access, now))
            .optional_number("lifetime", access.lifetime)
            .flag("confirmed", session.confirmed);
        let offer = Writer::new().text("question", question).object("offer", offer);
        self.say(&Writer::new().object("Offer", offer).finish(), true);
    }

    /// Asks for the access token of exactly this generation, and waits for at most `within` milliseconds.
    pub(crate) async fn ask(&self, sid: &Sid, generation: u32, within: u32) -> Option<HandOver> {
        let id = random_text(&*self.platform);
        let question = Rc::new(Question { id: id.clone(), reply: RefCell::default() });
        self.questions.borrow_mut().retain(|open| open.upgrade().is_some());
        self.questions.borrow_mut().push(Rc::downgrade(&question));
        // The age counts from the question, because this page may be frozen between the sibling's answer and its arrival.
        let asked = self.platform.now();
        let ask =
            Writer::new().text("question", &id).text("sid", sid.as_str()).number("generation", generation);
        let ask = Writer::new().object("Ask", ask).finish();
        let mut left = within;
        let reply = loop {
            self.say(&ask, false);
            let reply = poll_fn(|cx| {
                let (reply, waker) = &mut *question.reply.borrow_mut();
                *waker = Some(cx.waker().clone());
                reply.take().map_or(Poll::Pending, Poll::Ready)
            });
            if let Some(reply) = with_deadline(&*self.platform, HAND_OVER, reply).await {
                break reply;
            }
            left = left.saturating_sub(HAND_OVER);
            if left == 0 {
                return None;
            }
        };
        let Reply::Offer(offer) = reply else { return None };
        let received = Instant {
            monotonic: asked.monotonic.saturating_sub(offer.age),
            wall: asked.wall.saturating_sub(offer.age),
        };
        let access = Access { token: offer.token, received, lifetime: offer.lifetime, handed_over: true };
        Some(HandOver { access, confirmed: offer.confirmed })
    }

    fn say(&self, what: &str, secret: bool) {
        if self.any {
            let text = Writer::new().number("v", VERSION).json("say", what).finish();
            self.platform.post(&self.channel, &text, secret);
        }
    }

    /// What a message tells or asks this tab. `None` for an answer, which goes to its question, and for a message that
    /// cannot be read.
    fn hear(&self, text: &str) -> Option<Heard> {
        let message = Object::read(text).filter(|message| message.number("v") == Some(VERSION))?;
        if message.text("say").as_deref() == Some("Changed") {
            return Some(Heard::Changed);
        }
        let say = message.object("say")?;
        if let Some(ask) = say.object("Ask") {
            let (question, sid) = (ask.text("question")?, Sid::parse(&ask.text("sid")?)?);
            return Some(Heard::Asked { question, sid, generation: ask.number("generation")? });
        }
        if let Some(stale) = say.object("Stale") {
            self.answer(&stale.text("question")?, Reply::Stale);
            return None;
        }
        let answer = say.object("Offer")?;
        let offer = answer.object("offer")?;
        let offered = Offer {
            token: AccessToken::parse(&offer.text("access_token")?)?,
            age: offer.number("age")?,
            lifetime: offer.optional("lifetime", |raw| raw.number())?,
            confirmed: offer.flag("confirmed")?,
        };
        self.answer(&answer.text("question")?, Reply::Offer(offered));
        None
    }

    /// Ends the question if it is this tab's. The first reply counts.
    fn answer(&self, question: &str, reply: Reply) {
        let questions = self.questions.borrow();
        let Some(open) = questions.iter().filter_map(Weak::upgrade).find(|open| open.id == question) else {
            return;
        };
        let (first, waker) = &mut *open.reply.borrow_mut();
        first.get_or_insert(reply);
        if let Some(waker) = waker.take() {
            waker.wake();
        }
    }
}
