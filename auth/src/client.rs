//! The client: what a page holds. It is a handle; what happens is in `flows/`.

use std::fmt;
use std::rc::Rc;

use crate::custody::Custody;
use crate::engine::{Engine, Subscription};
use crate::flows::look::Looks;
use crate::flows::refresh::Refresher;
use crate::flows::send::Sender;
use crate::flows::{login, logout, start};
use crate::platform::Platform;
use crate::protocol::state::State;
use crate::wire::{Answer, BaseUrl, Contract, Error, Request};

/// A session at one API. Cloning gives another handle to the same session.
///
/// Make one for each page and call [`start`](Self::start) once.
#[derive(Clone)]
pub struct Client(Rc<Parts>);

struct Parts {
    engine: Rc<Engine>,
    looks: Rc<Looks>,
    refresher: Rc<Refresher>,
    sender: Sender,
}

impl Client {
    /// A client for the API at `base`, which names things as `contract` says. Reads and sends
    /// nothing yet.
    pub fn new(platform: impl Platform, base: BaseUrl, contract: Contract, custody: Custody) -> Self {
        let engine = Rc::new(Engine::new(Rc::new(platform), base, contract, custody));
        let looks = Looks::new(engine.clone());
        let refresher = Refresher::new(looks.clone());
        let sender = Sender::new(engine.clone(), refresher.clone());
        Self(Rc::new(Parts { engine, looks, refresher, sender }))
    }

    /// What the page knows of its session.
    pub fn state(&self) -> State {
        self.0.engine.state()
    }

    /// Calls `listener` at every change of [`state`](Self::state), until the subscription is dropped.
    #[must_use = "dropping the subscription ends it"]
    pub fn subscribe(&self, listener: impl Fn(State) + 'static) -> Subscription {
        self.0.engine.subscribe(Box::new(listener))
    }

    /// Takes up the session that an earlier life of the page, or another tab, stored.
    ///
    /// An access token that may still be fresh causes no traffic. Otherwise the state stays
    /// [`State::Restoring`] until the server has answered, or cannot be reached: 15 s at most, and up to
    /// 20 s more for a ledger that gives no answer. In
    /// [`State::SignedInElsewhere`] a second call takes up the other user's session.
    pub fn start(&self) {
        start::start(&self.0.looks, &self.0.refresher);
    }

    /// Logs in and begins a session. White space and invisible characters around the name are dropped. The password is
    /// sent byte for byte and kept nowhere. From the server's answer on the login goes on even if the caller drops the call. Another
    /// one fails with [`Error::AlreadySigningIn`] until it is done.
    pub async fn login(&self, username: &str, password: &str) -> Result<(), Error> {
        login::login(&self.0.looks, username, password, &[]).await
    }

    /// As [`login`](Self::login), with a value for each field that the contract [`asks`](Contract::asks) for, in its order. A
    /// missing value counts as empty.
    ///
    /// # Errors
    /// [`Error::EmptyFields`] if the name, the password or a required value is empty. Nothing is sent then. Else as of
    /// [`login`](Self::login).
    pub async fn login_with(&self, username: &str, password: &str, asked: &[String]) -> Result<(), Error> {
        login::login(&self.0.looks, username, password, asked).await
    }

    /// Ends the session here, at once, and tells the ledger, the other tabs and the server in the
    /// background: this works offline, with an expired access token, and while a refresh is under way. A logout while the page
    /// is [`Restoring`](State::Restoring) ends the session that is then found.
    pub fn logout(&self) {
        logout::log_out(&self.0.engine);
    }

    /// Sends `request` with the session's access token, refreshing it first if its time is up.
    ///
    /// After a 401 (any answer that [`Contract::expired`] fits) the request goes out again: with another token, which a refresh
    /// brings if the session has no newer one, or after 1 s with the same token if that is less than 15 s old (RFC 7519 §4.1.5).
    /// It goes out with two tokens at most, or with three if the second came from another tab, or if the session has a newer one
    /// by then. After that the 401 is the answer. A request that failed on the network is never repeated.
    ///
    /// It waits for its turn for 30 s at most, for a refresh for 15 s at most, and for the answer for 30 s at most each time that it
    /// goes out.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`] without a session, [`Error::SessionEnded`] or [`Error::SessionChanged`] if it ends or changes meanwhile,
    /// [`Error::ForeignOrigin`] and [`Error::MalformedHeader`] for a request that is not sent, else why there is no answer. An answer
    /// with an error's status is no error here: [`Answer::success`] makes it one.
    pub async fn send(&self, request: &Request) -> Result<Answer, Error> {
        self.0.sender.send(request).await
    }

    /// Looks whether the session is still what this tab shows, and ends or adopts accordingly: for a
    /// page that was hidden, frozen, cached or offline. Calls at the same time share one look.
    ///
    /// Each transaction takes 2 s at most. Sends the server nothing and calls no listener unless the state changes. `false` if
    /// this browser's storage gave no answer: then nothing private should be shown yet. If the server could not be reached
    /// before, the session is also refreshed in the background, after a random delay of 500 ms at most.
    pub async fn recheck(&self) -> bool {
        start::recheck(&self.0.looks, &self.0.refresher).await
    }

    /// Hears nothing more of other tabs, until [`recheck`](Self::recheck): a message would evict a page from the
    /// back/forward cache.
    pub fn pause(&self) {
        self.0.engine.siblings.pause();
    }

    /// How the server names things.
    pub fn contract(&self) -> &Contract {
        &self.0.engine.contract
    }
}

impl PartialEq for Client {
    /// Whether both are handles to the same session.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({}, {:?})", self.0.engine.base.origin(), self.state())
    }
}
