//! The name of a device, for people.

use std::borrow::Cow;

/// Names the browser and the system of a `User-Agent` (RFC 9110 §10.1.5): "Firefox on Linux". Any other
/// text, and a `User-Agent` that the tables do not know, is returned unchanged, cut after 60 characters.
///
/// The name helps a user to find a session that is not theirs. It proves nothing, because a client may
/// send any `User-Agent`.
///
/// ```
/// # use yew_jwt_auth::device_name;
/// let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
/// assert_eq!(device_name(agent), "Firefox on Linux");
/// ```
pub fn device_name(agent: &str) -> Cow<'_, str> {
    let named = |names: &[(&str, &'static str)]| {
        names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name)
    };
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}").into(),
        _ => match agent.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", agent.get(..end).unwrap_or_default()).into(),
            None => agent.into(),
        },
    }
}

/// The first entry that occurs in the `User-Agent` names the browser. The order matters, because most
/// browsers' `User-Agent` also contains the names of other browsers.
const BROWSERS: [(&str, &str); 11] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("X11", "Unix"),
];

/// The most characters of a name: they fit on two lines of a narrow screen.
const LONGEST: usize = 60;

#[cfg(test)]
mod tests {
    use super::device_name;

    #[test]
    fn browsers_and_systems_are_told_apart() {
        const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, name) in [
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36"), "Chrome on Windows"),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"), "Edge on Windows"),
            (format!("Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36 EdgA/142.0.0.0"), "Edge on Android"),
            (format!("Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/142.0.0.0 Safari/537.36"), "Chrome on Linux"),
            (format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/142.0.0.0 Safari/537.36"), "Chrome on ChromeOS"),
            (format!("Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"), "Samsung Internet on Android"),
            (format!("Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0"), "Opera on Linux"),
            ("Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0".to_owned(), "Firefox on Android"),
            ("Mozilla/5.0 (X11; FreeBSD amd64; rv:145.0) Gecko/20100101 Firefox/145.0".to_owned(), "Firefox on Unix"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15".to_owned(), "Safari on macOS"),
            ("Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0 Mobile/15E148 Safari/604.1".to_owned(), "Chrome on iPad"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/145.0 Mobile/15E148 Safari/605.1.15".to_owned(), "Firefox on iPhone"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) EdgiOS/142.0 Mobile/15E148 Safari/605.1.15".to_owned(), "Edge on iPhone"),
        ] {
            assert_eq!(device_name(&agent), name, "{agent}");
        }
    }

    #[test]
    fn what_is_not_known_is_shown_as_it_is_but_not_at_any_length() {
        assert_eq!(device_name("curl/8.14.1"), "curl/8.14.1");
        assert_eq!(device_name("Windows"), "Windows");
        assert_eq!(device_name(&"\u{e9}".repeat(60)), "\u{e9}".repeat(60));
        assert_eq!(device_name(&"\u{e9}".repeat(61)), format!("{}…", "\u{e9}".repeat(60)));
    }
}
