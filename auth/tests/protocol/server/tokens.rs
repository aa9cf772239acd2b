//! How the server begins sessions and makes tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Family, Reply, Rotation, Server};

impl Server {
    pub(super) fn begin(&mut self, user: &str, now: u64) -> Reply {
        let sub = self.sub.map(str::to_owned).or_else(|| self.one_cookie.map(|_| format!("\"{user}\"")));
        let user = user.to_owned();
        self.families.push(Family { user, sub, current: String::new(), alive: true, keyed: false });
        self.grant(self.families.len() - 1, now, Rotation::Strict)
    }

    /// Begins a session of `user` without a request. Returns its access token and its refresh token.
    pub(crate) fn issue(&mut self, user: &str, now: u64) -> (String, String) {
        self.begin(user, now);
        let (access, _) =
            self.access.iter().find(|(_, (family, _))| *family == self.families.len() - 1).unwrap();
        (access.clone(), self.families.last().unwrap().current.clone())
    }

    /// Spends the current token of the newest family with a key of the thief's own.
    pub(crate) fn steal(&mut self) {
        let token = self.families.last().unwrap().current.clone();
        let family = self.families.len() - 1;
        self.grant(family, 0, Rotation::Strict);
        self.spent.insert(token, (Some("thief".to_owned()), self.families[family].current.clone()));
    }

    pub(super) fn announced(&self) -> Option<&'static str> {
        self.announces.or((self.rotation == Rotation::Idempotent).then_some("true"))
    }

    pub(super) fn grant(&mut self, family: usize, now: u64, rotation: Rotation) -> Reply {
        self.minted += 1;
        let n = self.minted;
        let sub = || Some(format!(r#"{{"sub":{}}}"#, self.families[family].sub.as_ref()?));
        let access = match self.payload.clone().or_else(sub) {
            Some(payload) => format!("e30.{}.s{n}", URL_SAFE_NO_PAD.encode(payload)),
            None => format!("{}access-{n}", self.prefix),
        };
        self.access.insert(access.clone(), (family, now + self.lifetime * 1000));
        let mut parts = vec![format!(r#""{}":"{access}""#, self.dialect.access_name)];
        parts.push(r#""token_type":"bearer""#.to_owned());
        parts.extend(self.announced().map(|announced| format!(r#""idempotent_refresh":{announced}"#)));
        parts.extend(self.names_user.map(|(name, user)| format!(r#""{name}":{user}"#)));
        parts.extend(self.expires_in.as_ref().map(|seconds| format!(r#""expires_in":{seconds}"#)));
        if rotation == Rotation::Strict && self.issues_refresh {
            let token = format!("{}refresh-{n}", self.prefix);
            self.refresh.insert(token.clone(), family);
            self.families[family].current = token;
        }
        if self.cookies.asked && self.issues_refresh {
            parts.push(self.put_in_cookie(family));
            return (200, format!("{{{}}}", parts.join(",")));
        }
        let current = &self.families[family].current;
        match rotation {
            Rotation::Strict | Rotation::Same if self.issues_refresh => {
                parts.push(format!(r#""{}":"{current}""#, self.dialect.refresh_name));
            }
            Rotation::Null => parts.push(format!(r#""{}":null"#, self.dialect.refresh_name)),
            _ => {}
        }
        (200, format!("{{{}}}", parts.join(",")))
    }
}
