//! Authenticated requests: the token in hand, one retry after a 401, no answer across sessions.

use crate::client::{Client, with_deadline};
use crate::error::Error;
use crate::http::{Answer, CacheMode, HttpRequest, Request};
use crate::rules::Rule;
use crate::session::{Age, Carried, Degraded, On401, Session, State};

/// The longest time an application request may take, in milliseconds.
const REQUEST_DEADLINE: u32 = 30_000;
/// The most bytes of an application answer that are read.
const REQUEST_BODY_LIMIT: usize = 16 * 1024 * 1024;

impl Client {
    /// Sends `request` with the session's access token, refreshing it first if its time is up.
    ///
    /// After a 401 (or what the contract maps to it) the request goes out once more, with a newer
    /// token; a second 401 is the answer. A request that failed on the network is never repeated.
    pub async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let url = self.base().resolve(&request.target)?;
        if !request.is_sound() {
            return Err(Error::MalformedHeader);
        }
        let (carried, refreshed) = self.credentials().await?;
        let answer = self.transmit(request, url.clone(), &carried).await;
        #[cfg(feature = "sabotage")]
        let answer = self.without(Rule::OnlyAfter401, answer, request, &url, &carried).await;
        let answer = answer?;
        if !self.contract().is_expired(&answer) {
            return Ok(answer);
        }
        let next = Session::on_401(self.0.session.borrow().as_ref(), &carried, self.rules());
        let carried = match next {
            On401::Drop => return Err(Error::SessionChanged),
            On401::SendAgain(newer) => newer,
            // A 401 to a token that has just come from the server: another would fare no better, unless it
            // came so late that the session has moved on.
            On401::Refresh if refreshed && !self.has_read_beyond(&carried.session, carried.generation) => {
                return Ok(answer);
            }
            On401::Refresh => {
                self.refresh(carried.session.clone(), carried.generation).await?;
                self.carried_on(&carried.session)?
            }
        };
        let answer = self.transmit(request, url.clone(), &carried).await;
        #[cfg(feature = "sabotage")]
        let answer = self.without(Rule::OneRetry, answer, request, &url, &carried).await;
        answer
    }

    /// What a client without `rule` makes of `answer`: it sends the request again.
    #[cfg(feature = "sabotage")]
    async fn without(
        &self,
        rule: Rule,
        answer: Result<Answer, Error>,
        request: &Request,
        url: &str,
        carried: &Carried,
    ) -> Result<Answer, Error> {
        let again = match &answer {
            Ok(answer) => rule == Rule::OneRetry && self.contract().is_expired(answer),
            Err(_) => rule == Rule::OnlyAfter401,
        };
        if again && !self.rules().on(rule) {
            return self.transmit(request, url.to_owned(), carried).await;
        }
        answer
    }

    /// The access token to send, and whether the server made it since this was called: as it is if it is
    /// fresh or ageing, after a refresh if it is stale.
    async fn credentials(&self) -> Result<(Carried, bool), Error> {
        let session = self.session().ok_or(Error::NotSignedIn)?;
        let now = self.platform().now();
        let age = session.age(now, self.rules());
        if let Some(Age::Fresh | Age::Ageing) = age
            && let Some(carried) = session.carry()
        {
            if age == Some(Age::Ageing) && session.renewable {
                // No user waits for it, and nobody is told if it fails: the token in hand is good.
                let _outcome = self.join_flight(session.id, session.generation);
            }
            return Ok((carried, false));
        }
        let outcome = self.refresh(session.id.clone(), session.generation).await;
        // A sibling's token may be old, and refused: then a refresh is still to come.
        let made_since = || {
            let current = self.0.session.borrow();
            let access = current.as_ref().and_then(|session| session.access.as_ref());
            access.is_some_and(|access| access.received.monotonic >= now.monotonic)
        };
        if let Err(Error::SessionChanged) = outcome
            && let Some(adopted) = self.session().filter(|now| now.user == session.user)
        {
            // The same user signed in anew, and nothing of this request is out yet.
            let later = self.platform().now();
            let usable = adopted.age(later, self.rules()).is_some_and(|age| age != Age::Stale);
            if usable {
                return Ok((self.carried_on(&adopted.id)?, false));
            }
            self.refresh(adopted.id.clone(), adopted.generation).await?;
            return Ok((self.carried_on(&adopted.id)?, made_since()));
        }
        outcome?;
        Ok((self.carried_on(&session.id)?, made_since()))
    }

    /// The token of `session` after a refresh of it.
    fn carried_on(&self, session: &str) -> Result<Carried, Error> {
        let current = self.0.session.borrow();
        current.as_ref().filter(|s| &*s.id == session).and_then(Session::carry).ok_or(Error::SessionChanged)
    }

    async fn transmit(&self, request: &Request, url: String, carried: &Carried) -> Result<Answer, Error> {
        let method = request.method;
        let cache = self.0.session.borrow().as_ref().map(|session| session.unstored.mode(method, &url));
        let cache = cache.unwrap_or(CacheMode::NoStore);
        let request = HttpRequest::bearer(request, url.clone(), &carried.token, cache, REQUEST_BODY_LIMIT);
        let answer = self.exchange(request, REQUEST_DEADLINE).await;
        if !self.is_current(&carried.session) && self.rules().on(Rule::DropLateAnswers) {
            // The answer is another user's business now, or nobody's.
            return Err(Error::SessionChanged);
        }
        self.note(answer.as_ref());
        let answer = answer?;
        if let Some(session) = self.0.session.borrow_mut().as_mut() {
            session.unstored.learn(method, &url, cache, &answer);
        }
        if (200..300).contains(&answer.status) {
            self.confirm();
        }
        Ok(answer)
    }

    /// One request and its whole answer, within `deadline` milliseconds.
    pub(crate) async fn exchange(&self, request: HttpRequest, deadline: u32) -> Result<Answer, Error> {
        let deadline = if self.rules().on(Rule::CallDeadline) { deadline } else { u32::MAX };
        let answer = with_deadline(self.platform(), deadline, self.platform().http(request)).await;
        Ok(answer.ok_or(Error::TimedOut)??)
    }

    /// Learns from an answer, or its lack, whether the server can be used.
    pub(crate) fn note(&self, answer: Result<&Answer, &Error>) {
        let degraded = match answer {
            Ok(answer) if matches!(answer.status, 502..=504) => Some(Degraded::ServerUnavailable),
            Err(Error::Unreachable | Error::TimedOut | Error::Interrupted) => Some(Degraded::Unreachable),
            Ok(_) | Err(_) => None,
        };
        if degraded.is_some() {
            self.0.failed.set(Some(self.platform().now()));
        }
        if self.0.degraded.replace(degraded) != degraded && matches!(self.state(), State::SignedIn { .. }) {
            self.show_session();
        }
    }

    /// The server has answered for the session in this life of the page.
    fn confirm(&self) {
        if let Some(session) = self.0.session.borrow_mut().as_mut() {
            session.confirmed = true;
        }
        self.show_session();
    }
}
