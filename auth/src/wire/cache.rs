//! When an application request may use the browser's HTTP cache, and with it the browser's memory of
//! CORS preflights.
//!
//! The cache knows URLs and no users, so it could show one user's answer to the next. A `GET` therefore begins
//! as `no-store`, which keeps it away from the cache. Chromium then sends a CORS preflight before each request,
//! which doubles the round trips.
//!
//! A server that answers with `Cache-Control: no-store` (RFC 9111 §5.2.2.5) leaves nothing of this session in the
//! cache. An entry of an earlier day may still be there, so one `reload` replaces it. After that the cache may be
//! asked, because it holds nothing.

use super::http::{Answer, CacheMode, Method};

/// The URLs of which one session knows that their answers are not stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unstored(Vec<Known>);

/// A URL whose last answer was not to be stored.
#[derive(Clone, Debug)]
struct Known {
    url: String,
    /// Whether that answer has replaced whatever the cache held before this session.
    replaced: bool,
}

/// The most URLs that are known. The oldest is forgotten first, and its requests pay preflights again.
const LIMIT: usize = 64;

impl Unstored {
    /// How a request may use the cache.
    pub(crate) fn mode(&self, method: Method, url: &str) -> CacheMode {
        if method != Method::Get {
            // Nothing but a `GET` is answered from a browser's cache.
            return CacheMode::Default;
        }
        match self.0.iter().find(|known| known.url == url) {
            None => CacheMode::NoStore,
            Some(Known { replaced: false, .. }) => CacheMode::Reload,
            Some(Known { replaced: true, .. }) => CacheMode::Default,
        }
    }

    /// Learns from the answer to a request that was sent with `mode`.
    pub(crate) fn learn(&mut self, method: Method, url: &str, mode: CacheMode, answer: &Answer) {
        if method != Method::Get {
            return;
        }
        let directives = answer.header("cache-control").unwrap_or_default();
        let unstored = directives
            .as_bytes()
            .split(|b| *b == b',')
            .any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-store"));
        match self.0.iter().position(|known| known.url == url) {
            Some(at) if !unstored => drop(self.0.remove(at)),
            Some(at) if mode == CacheMode::Reload => {
                if let Some(known) = self.0.get_mut(at) {
                    known.replaced = true;
                }
            }
            None if unstored => {
                if self.0.len() == LIMIT {
                    self.0.remove(0);
                }
                self.0.push(Known { url: url.to_owned(), replaced: false });
            }
            Some(_) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::clock::Instant;

    const URL: &str = "https://api.example.org/x";

    fn answer(cache_control: Option<&str>) -> Answer {
        let header = cache_control.map(|value| ("cache-control".to_owned(), value.to_owned()));
        let received = Instant { monotonic: 0, wall: 0 };
        Answer { status: 200, headers: Vec::from_iter(header).into(), body: Vec::new(), received }
    }

    /// The modes of requests that are sent one after the other and answered so.
    fn modes(answers: &[Option<&str>]) -> Vec<CacheMode> {
        let mut known = Unstored::default();
        let mut send = |cache_control: &Option<&str>| {
            let mode = known.mode(Method::Get, URL);
            known.learn(Method::Get, URL, mode, &answer(*cache_control));
            mode
        };
        answers.iter().map(&mut send).collect()
    }

    #[test]
    fn a_server_that_forbids_storing_is_asked_the_browsers_way_from_the_third_request_on() {
        use CacheMode::{Default, NoStore, Reload};
        assert_eq!(modes(&[Some("no-store"); 4]), [NoStore, Reload, Default, Default]);
        assert_eq!(modes(&[Some("private, No-Store"); 3]), [NoStore, Reload, Default]);
    }

    #[test]
    fn a_server_that_says_nothing_never_fills_the_cache() {
        assert_eq!(modes(&[None; 3]), [CacheMode::NoStore; 3]);
        assert_eq!(modes(&[Some("private, max-age=60"); 3]), [CacheMode::NoStore; 3]);
        assert_eq!(modes(&[Some("no-stored, x=no-store"); 3]), [CacheMode::NoStore; 3]);
    }

    #[test]
    fn a_server_that_changes_its_mind_is_not_trusted_on() {
        use CacheMode::{Default, NoStore, Reload};
        let no_store = Some("no-store");
        assert_eq!(
            modes(&[no_store, no_store, no_store, None, no_store]),
            [NoStore, Reload, Default, Default, NoStore]
        );
    }

    #[test]
    fn what_was_sent_before_the_first_answer_came_replaces_nothing() {
        let mut known = Unstored::default();
        for _ in 0..2 {
            known.learn(Method::Get, URL, CacheMode::NoStore, &answer(Some("no-store")));
        }
        assert_eq!(known.mode(Method::Get, URL), CacheMode::Reload);
    }

    #[test]
    fn nothing_is_learnt_from_what_is_never_cached() {
        let mut known = Unstored::default();
        known.learn(Method::Post, URL, CacheMode::Default, &answer(Some("no-store")));
        assert_eq!(known.mode(Method::Get, URL), CacheMode::NoStore);
    }

    #[test]
    fn urls_are_known_one_by_one_and_not_without_end() {
        let mut known = Unstored::default();
        for number in 0..=LIMIT {
            let url = format!("{URL}{number}");
            known.learn(Method::Get, &url, CacheMode::NoStore, &answer(Some("no-store")));
        }
        assert_eq!(known.0.len(), LIMIT);
        assert_eq!(known.mode(Method::Get, &format!("{URL}0")), CacheMode::NoStore);
        assert_eq!(known.mode(Method::Get, &format!("{URL}1")), CacheMode::Reload);
        assert_eq!(known.mode(Method::Post, &format!("{URL}0")), CacheMode::Default);
    }
}
