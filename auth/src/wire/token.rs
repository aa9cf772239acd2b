//! Tokens, which do not show their text, and the hints that a JWT carries.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::json::{Object, Raw};

/// The longest token that is accepted, in bytes. A server whose header limit is lower answers 431.
const TOKEN_LIMIT: usize = 64 * 1024;

/// An access token (RFC 6750). Its text leaves this type for calls to the API, for its custody and for the user's other
/// tabs only. `Debug` prints a placeholder, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Box<str>);

/// A refresh token (RFC 6749 §1.5), or the handle of one that is in a cookie which script cannot read. `Debug` prints a
/// placeholder, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(Box<str>);

impl AccessToken {
    /// Accepts visible ASCII without blanks, 64 KiB at most. These are the characters that a header's value can end with
    /// (RFC 9110 §5.5). `b64token` (RFC 6750 §2.1) allows fewer, but servers send `1|abc` and `tok:a`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits =
            !text.is_empty() && text.len() <= TOKEN_LIMIT && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What the token says of itself if it is a JWT; nothing if it is opaque or malformed.
    pub(crate) fn claims(&self) -> Claims {
        Claims::decode(&self.0).unwrap_or_default()
    }
}

impl RefreshToken {
    /// Accepts visible ASCII and spaces (RFC 6749 appendix A.17), 64 KiB at most.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits =
            !text.is_empty() && text.len() <= TOKEN_LIMIT && text.bytes().all(|b| (0x20..=0x7e).contains(&b));
        fits.then(|| Self(text.into()))
    }

    /// The refresh token is in a cookie, which `handle` names. Where one cookie serves all sessions, the handle is this page's
    /// name of the session, and no call has it.
    pub(crate) fn in_cookie(handle: &[String]) -> Option<Self> {
        let is_sound = |value: &String| !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
        let text = [IN_COOKIE, &handle.join(SEPARATOR)].concat();
        let fits = text.len() <= TOKEN_LIMIT && handle.iter().all(is_sound);
        fits.then(|| Self(text.into()))
    }

    /// Reads what [`reveal`](Self::reveal) wrote into storage.
    pub(crate) fn stored(text: &str) -> Option<Self> {
        match values(text) {
            Some(handle) => Self::in_cookie(&handle.map(str::to_owned).collect::<Vec<_>>()),
            None => Self::parse(text),
        }
    }

    /// The handle's values, if the token itself is in a cookie.
    pub(crate) fn handle(&self) -> Option<impl Iterator<Item = &str>> {
        values(&self.0)
    }

    pub(crate) fn is_in_cookie(&self) -> bool {
        self.0.starts_with(IN_COOKIE)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// Stands before a handle, and between its values. No refresh token has a line break.
const IN_COOKIE: &str = "cookie\n";
const SEPARATOR: &str = "\n";

fn values(text: &str) -> Option<impl Iterator<Item = &str>> {
    Some(text.strip_prefix(IN_COOKIE)?.split(SEPARATOR).filter(|value| !value.is_empty()))
}

/// The tokens of one session, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) refresh: Option<RefreshToken>,
    pub(crate) access: Option<AccessToken>,
}

impl From<RefreshToken> for Tokens {
    fn from(refresh: RefreshToken) -> Self {
        Self { refresh: Some(refresh), access: None }
    }
}

impl From<AccessToken> for Tokens {
    fn from(access: AccessToken) -> Self {
        Self { refresh: None, access: Some(access) }
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(redacted)")
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(redacted)")
    }
}

/// Hints from a JWT's payload. No signature is checked, so they may say when to refresh, and decide nothing else.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// `exp − iat` in seconds (RFC 7519 §4.1): how long the server meant the token to live. `exp` alone would have
    /// to be compared with this device's clock, which may be wrong.
    pub(crate) lifetime: Option<u64>,
    /// `sub` (RFC 7519 §4.1.2): the user's identifier.
    pub(crate) subject: Option<String>,
}

impl Claims {
    /// The payload is the second of the three parts of a signed JWT (RFC 7519 §3).
    fn decode(token: &str) -> Option<Self> {
        // A JWT has no padding (RFC 7515 §2), but some issuers send it.
        const BASE64URL: GeneralPurpose = GeneralPurpose::new(
            &URL_SAFE,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        let mut parts = token.as_bytes().split(|b| *b == b'.');
        let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = BASE64URL.decode(payload).ok()?;
        let payload = Object::read(std::str::from_utf8(&bytes).ok()?)?;
        let time = |name| payload.raw(name).and_then(seconds);
        let lifetime = time("exp").zip(time("iat")).and_then(|(exp, iat)| exp.checked_sub(iat));
        Some(Self { lifetime, subject: payload.raw("sub").and_then(identifier) })
    }
}

/// The identifier of a user: a text of at least one character, or a whole number, because some servers write a number.
pub(super) fn identifier(value: Raw<'_>) -> Option<String> {
    let id = value.text().or_else(|| value.number::<u64>().map(|number| number.to_string()))?;
    (!id.is_empty()).then_some(id)
}

/// Whole seconds from a JSON number or a string of one; a fraction is cut (AuthX sends `exp` with
/// one). `null`, `NaN`, `1e400`, negative and absurd values are unknown, never a panic.
pub(super) fn seconds(value: Raw<'_>) -> Option<u64> {
    // The last second of the year 9999. A larger number is no time in seconds.
    const LATEST: u64 = 253_402_300_799;
    let text = value.get();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let point = text.bytes().position(|b| b == b'.').unwrap_or(text.len());
    let (whole, fraction) = text.split_at_checked(point)?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let plain = digits(whole) && fraction.get(1..).is_none_or(digits);
    whole.parse().ok().filter(|seconds| plain && *seconds <= LATEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(payload: &str) -> AccessToken {
        let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload);
        AccessToken::parse(&format!("e30.{encoded}.c2ln")).unwrap()
    }

    fn lifetime(payload: &str) -> Option<u64> {
        jwt(payload).claims().lifetime
    }

    #[test]
    fn a_cookies_handle_has_visible_values() {
        let handle = |values: &[&str]| {
            RefreshToken::in_cookie(&values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>())
        };
        assert!(handle(&["sid", "key"]).is_some());
        for unsound in ["", " ", "a b", "\u{e9}"] {
            assert!(handle(&["sid", unsound]).is_none(), "{unsound:?}");
        }
        assert!(handle(&[&"k".repeat(TOKEN_LIMIT)]).is_none());
    }

    #[test]
    fn a_lifetime_is_the_distance_between_iat_and_exp() {
        assert_eq!(lifetime(r#"{"sub":"a","iat":1000,"exp":1900,"aud":["x","y"]}"#), Some(900));
        assert_eq!(lifetime(r#"{"iat":1000.25,"exp":1900.75}"#), Some(900));
        assert_eq!(lifetime(r#"{"iat":"1000","exp":"1900"}"#), Some(900));
        assert_eq!(lifetime(r#"{"iat":0,"exp":253402300799}"#), Some(253_402_300_799));
    }

    #[test]
    fn an_absurd_exp_is_no_lifetime() {
        for exp in [
            "null",
            "\"soon\"",
            "-5",
            "1e400",
            "999999999999999999999",
            "[]",
            "{}",
            "true",
            "1.",
            "\"\"",
            "253402300800",
            "\"+1900\"",
            "\"1900.\"",
            "\".5\"",
            "\"1900.x\"",
        ] {
            assert_eq!(lifetime(&format!(r#"{{"iat":1000,"exp":{exp}}}"#)), None, "{exp}");
        }
        assert_eq!(lifetime(r#"{"iat":1000,"exp":NaN}"#), None);
        assert_eq!(lifetime(r#"{"iat":2000,"exp":1000}"#), None);
        assert_eq!(lifetime(r#"{"exp":1000}"#), None);
    }

    #[test]
    fn an_opaque_token_has_no_claims() {
        for text in ["opaque", "a.b", "a.b.c", "..", "a..b"] {
            assert_eq!(AccessToken::parse(text).unwrap().claims(), Claims::default(), "{text}");
        }
    }

    #[test]
    fn padded_base64_is_read_as_well() {
        let encoded = base64::engine::general_purpose::URL_SAFE.encode(r#"{"iat":10,"exp":70}"#);
        assert!(encoded.ends_with('='));
        let payload = Claims::decode(&format!("e30.{encoded}.s")).unwrap();
        assert_eq!(payload.lifetime, Some(60));
    }

    #[test]
    fn what_could_break_a_header_is_no_access_token() {
        for text in ["", " ", "a b", "a ", "a\r\nX: y", "a\0", "a\t", "\u{7f}", "tökén", &"a".repeat(65_537)]
        {
            assert!(AccessToken::parse(text).is_none(), "{text:?}");
        }
        for text in [
            "az09-._~+/==",
            "x.eyJzdWIiOiJhIn0=.y",
            "1|abc",
            "00D!AQ",
            "tok:a",
            "=",
            "a,b;c",
            &"a".repeat(65_536),
        ] {
            assert!(AccessToken::parse(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_refresh_token_is_visible_ascii() {
        assert!(RefreshToken::parse("1|abc def~").is_some());
        for text in ["", "a\n", "\u{7f}", "é", &"a".repeat(65_537)] {
            assert!(RefreshToken::parse(text).is_none(), "{text:?}");
        }
        assert!(RefreshToken::parse(&"a".repeat(65_536)).is_some());
    }

    #[test]
    fn tokens_do_not_show_themselves() {
        let (access, refresh) =
            (AccessToken::parse("canary").unwrap(), RefreshToken::parse("canary").unwrap());
        assert!(!format!("{access:?} {refresh:?} {access:#?} {refresh:#?}").contains("canary"));
    }
}
