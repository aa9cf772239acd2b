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

/// How long a page that starts waits for a sibling's access token, in milliseconds. Somebody watches it, so the wait is brief.
pub(crate) const HAND_OVER: u32 = 300;
/// How long a tab waits for one before it refreshes, in milliseconds. Siblings answer late on a machine that is busy or has
/// just woken, and each refresh makes the access tokens of all other tabs old.
pub(crate) const HAND_OVER_OR_REFRESH: u32 = 1_000;
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
    /// `Some(None)` if a sibling said that the token's time is up.
    answer: RefCell<(Option<Option<Offer>>, Option<Waker>)>,
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

    /// Answers a question with the session's access token, or that its time is up. It is up in every tab then, so the
    /// one that asks need not wait for others.
    pub(crate) fn offer(&self, question: &str, session: &Session) {
        let Some(access) = &session.access else { return };
        let now = self.platform.now();
        if session.age(now) == Some(Age::Stale) {
            let stale = Writer::new().text("question", question);
            return self.say(&Writer::new().object("Stale", stale).finish(), false);
        }
        // Where nothing can replace the token, the wall clock has no say, because people set it.
        let wall = if session.is_renewable() { now.wall } else { access.received.wall };
        let age = Instant { wall, ..now }.since(access.received);
        let offer = Writer::new()
            .text("access_token", access.token.reveal())
            .number("age", age)
            .optional_number("lifetime", access.lifetime)
            .flag("confirmed", session.confirmed);
        let offer = Writer::new().text("question", question).object("offer", offer);
        self.say(&Writer::new().object("Offer", offer).finish(), true);
    }

    /// Asks for the access token of exactly this generation, and waits so many milliseconds.
    pub(crate) async fn ask(&self, sid: &Sid, generation: u32, within: u32) -> Option<HandOver> {
        let id = random_text(&*self.platform);
        let question = Rc::new(Question { id: id.clone(), answer: RefCell::default() });
        self.questions.borrow_mut().retain(|open| open.upgrade().is_some());
        self.questions.borrow_mut().push(Rc::downgrade(&question));
        // The time between the sibling's word and its being heard counts too: this page may be frozen then.
        let asked = self.platform.now();
        let ask =
            Writer::new().text("question", &id).text("sid", sid.as_str()).number("generation", generation);
        self.say(&Writer::new().object("Ask", ask).finish(), false);
        let answer = poll_fn(|cx| {
            let (answer, waker) = &mut *question.answer.borrow_mut();
            *waker = Some(cx.waker().clone());
            answer.take().map_or(Poll::Pending, Poll::Ready)
        });
        let offer = with_deadline(&*self.platform, within, answer).await??;
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
            self.answer(&stale.text("question")?, None);
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
        self.answer(&answer.text("question")?, Some(offered));
        None
    }

    /// Ends the question if it is this tab's. The first answer counts.
    fn answer(&self, question: &str, offer: Option<Offer>) {
        let questions = self.questions.borrow();
        let Some(open) = questions.iter().filter_map(Weak::upgrade).find(|open| open.id == question) else {
            return;
        };
        let (answer, waker) = &mut *open.answer.borrow_mut();
        answer.get_or_insert(offer);
        if let Some(waker) = waker.take() {
            waker.wake();
        }
    }
}
