//! The names in requests and answers.

use crate::wire::http::Text;

/// The names of fields. In an answer a name may be a path of fields (`data.access_token`). The names of the two tokens and of
/// their type may also be a header (`header:X-Token`). Its value may begin with the contract's
/// [`scheme`](super::Contract::scheme), and the server has to expose it (`Access-Control-Expose-Headers`).
#[derive(Clone, Debug)]
pub struct Fields {
    /// The user name in the login request.
    pub username: Text,
    /// The password in the login request.
    pub password: Text,
    /// The access token in an answer.
    pub access_token: Text,
    /// The refresh token in an answer.
    pub refresh_token: Text,
    /// The token's type in an answer. `DPoP`, `mac` and `pop` need more than this page can do; any other counts as
    /// `bearer`.
    pub token_type: Text,
    /// The access token's lifetime in seconds in an answer.
    pub expires_in: Text,
    /// Whether the server's rotation is idempotent, as `true` or `false` in an answer: such a server takes
    /// `Idempotency-Key`.
    pub idempotent_refresh: Text,
    /// The user's identifier in a login's answer, a text or a number; `None` if there is none but the
    /// access token's `sub` (RFC 7519 §4.1.2).
    pub user: Option<Text>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            username: "username".into(),
            password: "password".into(),
            access_token: "access_token".into(),
            refresh_token: "refresh_token".into(),
            token_type: "token_type".into(),
            expires_in: "expires_in".into(),
            idempotent_refresh: "idempotent_refresh".into(),
            user: None,
        }
    }
}
