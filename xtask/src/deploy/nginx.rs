//! nginx with the configuration of deploy/nginx.conf.

use std::{
    fs::{self, File},
    net::{Ipv6Addr, TcpListener},
    path::Path,
};

use anyhow::{Result, bail};

use crate::{
    process::{self, Group},
    project,
};

/// What the words between @ signs in deploy/nginx.conf stand for.
#[derive(Debug)]
pub(crate) struct Site(Vec<(&'static str, String)>);

impl Site {
    /// A site on a machine with this name, with the folders that deploy/README.md gives.
    pub(crate) fn of_a_host(name: &str, policy: String) -> Self {
        Self(vec![
            ("NAME", name.to_owned()),
            ("ORIGIN", format!("https://{name}")),
            ("HTTP_IPV4", "80".to_owned()),
            ("HTTP_IPV6", "[::]:80".to_owned()),
            ("HTTPS_IPV4", "443".to_owned()),
            ("HTTPS_IPV6", "[::]:443".to_owned()),
            ("RUN", "/run".to_owned()),
            ("ROOT", "/srv/yew-jwt-auth".to_owned()),
            ("CERTIFICATE", "/etc/yew-jwt-auth/certificate.pem".to_owned()),
            ("KEY", "/etc/yew-jwt-auth/key.pem".to_owned()),
            ("UPSTREAM", "127.0.0.1:8000".to_owned()),
            ("POLICY", policy),
        ])
    }

    /// A site on this machine's loopback addresses, with all its files in `folder`.
    pub(crate) fn of_this_machine(places: &Places<'_>, policy: String) -> Self {
        let Places { folder, http, https, upstream, certificate, key } = *places;
        let path = |path: &Path| path.display().to_string();
        let mut words = vec![
            ("NAME", "localhost".to_owned()),
            ("ORIGIN", format!("https://localhost:{https}")),
            ("HTTP_IPV4", format!("127.0.0.1:{http}")),
            ("HTTPS_IPV4", format!("127.0.0.1:{https}")),
            ("RUN", path(folder)),
            ("ROOT", path(&folder.join("pages"))),
            ("CERTIFICATE", path(certificate)),
            ("KEY", path(key)),
            ("UPSTREAM", format!("127.0.0.1:{upstream}")),
            ("POLICY", policy),
        ];
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
            words.push(("HTTP_IPV6", format!("[::1]:{http}")));
            words.push(("HTTPS_IPV6", format!("[::1]:{https}")));
        }
        Self(words)
    }

    /// The configuration's text.
    pub(crate) fn configuration(&self) -> Result<String> {
        let mut text = project::read("deploy/nginx.conf")?;
        for (word, value) in &self.0 {
            text = text.replace(&format!("@{word}@"), value);
        }
        // A machine without IPv6 has no such address to listen on.
        let lines = text.lines().filter(|line| !line.contains("_IPV6@"));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        let is_word = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        match text.split('@').find(is_word) {
            Some(word) => bail!("deploy/nginx.conf has the word @{word}@, which stands for nothing."),
            None => Ok(text),
        }
    }
}

/// Where the parts of a site on this machine are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) http: u16,
    pub(crate) https: u16,
    pub(crate) upstream: u16,
    pub(crate) certificate: &'a Path,
    pub(crate) key: &'a Path,
}

/// Starts nginx in the foreground.
pub(crate) fn start(nginx: &Path, site: &Site, folder: &Path, log: Option<&File>) -> Result<Group> {
    let configuration = folder.join("nginx.conf");
    fs::write(&configuration, site.configuration()?)?;
    let mut command = process::command(nginx);
    command.arg("-c").arg(&configuration).args(["-e", "stderr", "-g", "daemon off;"]);
    if let Some(log) = log {
        command.stderr(log.try_clone()?);
    }
    Group::spawn(&mut command, "nginx")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_word_of_the_template_has_a_value() {
        let text = Site::of_a_host("login.example.org", "default-src 'none'".to_owned());
        let text = text.configuration().unwrap();
        assert!(text.contains("server_name login.example.org;"));
        assert!(text.contains("Content-Security-Policy \"default-src 'none'\" always;"));
        assert!(Site(Vec::new()).configuration().is_err());
    }
}
