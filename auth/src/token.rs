//! Tokens that do not show themselves, and the hints a JWT may carry.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::platform::Platform;

/// The longest token that is accepted, in bytes. Servers' header limits start at 8 KiB.
const TOKEN_LIMIT: usize = 8 * 1024;

/// An access token (RFC 6750). Its text leaves this type for the `Authorization` header and its
/// own custody only; `Debug` prints a placeholder, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Box<str>);

/// A refresh token (RFC 6749 §1.5). As silent as [`AccessToken`].
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(Box<str>);

impl AccessToken {
    /// Accepts the characters of `b64token` (RFC 6750 §2.1), 8 KiB at most: anything else could
    /// break out of the header that carries it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unpadded = text.trim_end_matches('=');
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
        let fits = !unpadded.is_empty() && text.len() <= TOKEN_LIMIT && unpadded.bytes().all(allowed);
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
    /// Accepts visible ASCII and spaces (RFC 6749 appendix A.17), 8 KiB at most.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits =
            !text.is_empty() && text.len() <= TOKEN_LIMIT && text.bytes().all(|b| (0x20..=0x7e).contains(&b));
        fits.then(|| Self(text.into()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
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

/// Hints from a JWT's payload. Nobody checked a signature, so they schedule and display; they
/// decide nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// `exp − iat` in seconds: how long the server meant the token to live. `exp` alone says
    /// nothing on a device whose clock may be wrong.
    pub(crate) lifetime: Option<u64>,
}

impl Claims {
    fn decode(token: &str) -> Option<Self> {
        // Strict decoders of the field refuse padding, lax issuers send it.
        const BASE64URL: GeneralPurpose = GeneralPurpose::new(
            &URL_SAFE,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        #[derive(Deserialize)]
        struct Payload<'a> {
            #[serde(borrow)]
            exp: Option<&'a RawValue>,
            #[serde(borrow)]
            iat: Option<&'a RawValue>,
        }
        let mut parts = token.split('.');
        let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = BASE64URL.decode(payload).ok()?;
        let payload: Payload<'_> = serde_json::from_slice(&bytes).ok()?;
        let (exp, iat) = (payload.exp.and_then(seconds)?, payload.iat.and_then(seconds)?);
        Some(Self { lifetime: exp.checked_sub(iat) })
    }
}

/// 128 random bits as text that fits into names, headers and JSON.
pub(crate) fn random_text(platform: &dyn Platform) -> String {
    let mut bytes = [0; 16];
    platform.random(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Whole seconds from a JSON number or a string of one; a fraction is cut (AuthX sends `exp` with
/// one). `null`, `NaN`, `1e400`, negative and absurd values are unknown, never a panic.
pub(crate) fn seconds(value: &RawValue) -> Option<u64> {
    // Beyond ten years in the year 9999 nobody means a time in seconds.
    const LATEST: u64 = 253_402_300_799;
    let text = value.get().trim_matches('"');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let plain = digits(whole) && digits(fraction);
    whole.parse().ok().filter(|s| plain && *s <= LATEST)
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
        for text in ["", "=", "a b", "a\r\nX: y", "a\0", "tökén", "a,b", "a=b", &"a".repeat(8_193)] {
            assert!(AccessToken::parse(text).is_none(), "{text:?}");
        }
        assert!(AccessToken::parse(&"a".repeat(8_192)).is_some());
        assert!(AccessToken::parse("az09-._~+/==").is_some());
    }

    #[test]
    fn a_refresh_token_is_visible_ascii() {
        assert!(RefreshToken::parse("1|abc def~").is_some());
        for text in ["", "a\n", "\u{7f}", "é", &"a".repeat(8_193)] {
            assert!(RefreshToken::parse(text).is_none(), "{text:?}");
        }
        assert!(RefreshToken::parse(&"a".repeat(8_192)).is_some());
    }

    #[test]
    fn tokens_do_not_show_themselves() {
        let (access, refresh) =
            (AccessToken::parse("canary").unwrap(), RefreshToken::parse("canary").unwrap());
        assert!(!format!("{access:?} {refresh:?} {access:#?} {refresh:#?}").contains("canary"));
    }
}
