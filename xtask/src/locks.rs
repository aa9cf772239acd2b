//! Reads what the lock files pin: versions, sources and hashes.

use anyhow::{Context as _, Result, bail};

/// The lock files of Python packages. pip checks each package by the hashes in them.
pub(crate) const PYTHON: [&str; 5] = [
    "backend/requirements.lock",
    "backend/requirements-dev.lock",
    "tests/servers/requirements.lock",
    "xtask/tools/audit-requirements.lock",
    "xtask/tools/node-requirements.txt",
];

/// The lock files of npm packages.
pub(crate) const NPM: [&str; 3] =
    ["xtask/tools/package-lock.json", "xtask/lighthouse/package-lock.json", "bench/peers/package-lock.json"];

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Locked {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Where cargo gets a crate from. The crates of this workspace have none.
    pub(crate) source: Option<String>,
    /// The systems that need a Python package, if not all do.
    pub(crate) marker: Option<String>,
    /// In hexadecimal digits. A Python package has one for each of its archives.
    pub(crate) sha256: Vec<String>,
}

/// The packages of a Cargo.lock.
pub(crate) fn crates(lock: &str) -> Result<Vec<Locked>> {
    lock.split("[[package]]\n").skip(1).map(locked_crate).collect()
}

fn locked_crate(entry: &str) -> Result<Locked> {
    let field = |name: &str| {
        let mut lines = entry.lines().take_while(|line| !line.is_empty());
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'));
        value.map(str::to_owned)
    };
    Ok(Locked {
        name: field("name").context("Cargo.lock has a package without a name.")?,
        version: field("version").context("Cargo.lock has a package without a version.")?,
        source: field("source"),
        marker: None,
        sha256: field("checksum").into_iter().collect(),
    })
}

/// The packages of a lock file that pip reads. Anything but packages with their hashes and comments is an error,
/// because pip would take an option such as another index from it.
pub(crate) fn python(lock: &str) -> Result<Vec<Locked>> {
    let mut packages: Vec<Locked> = Vec::new();
    for line in lock.lines() {
        let text = line.trim().trim_end_matches('\\').trim_end();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match (text.strip_prefix("--hash=sha256:"), text.split_once("=="), packages.last_mut()) {
            (Some(hash), _, Some(package)) => package.sha256.push(hash.to_owned()),
            (None, Some((name, rest)), _) if !name.starts_with('-') => {
                let (version, marker) = rest.split_once(" ; ").unzip();
                packages.push(Locked {
                    name: name.to_owned(),
                    version: version.unwrap_or(rest).to_owned(),
                    source: None,
                    marker: marker.map(str::to_owned),
                    sha256: Vec::new(),
                });
            }
            _ => bail!("The line `{text}` is neither NAME==VERSION nor --hash=sha256:HASH."),
        }
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::Value;

    use super::*;
    use crate::{process, project, tools::cargo};

    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
    const OURS: [&str; 7] = ["auth", "bench", "bench-page", "e2e", "wasm-runner", "xtask", "yew-jwt-auth"];

    fn is_sha256(hash: &str) -> bool {
        hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit())
    }

    #[test]
    fn every_locked_crate_is_ours_or_of_crates_io_with_its_hash() {
        let crates = crates(&project::read("Cargo.lock").unwrap()).unwrap();
        let (ours, others): (Vec<_>, Vec<_>) = crates.iter().partition(|it| it.source.is_none());
        assert_eq!(ours.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), OURS);
        assert!(others.len() > 100);
        for it in others {
            assert_eq!(it.source.as_deref(), Some(CRATES_IO), "{it:?}");
            assert!(matches!(&*it.sha256, [hash] if is_sha256(hash)), "{it:?}");
        }
    }

    /// Whether each part has an alternative that is in the list. `A OR B AND C` is read as `(A OR B) AND C`, which is
    /// stricter.
    fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
        let mut parts = expression.split(" AND ");
        parts.all(|part| part.trim_matches(['(', ')']).split([' ', '/']).any(|word| allowed.contains(&word)))
    }

    #[test]
    fn every_crate_has_a_licence_that_deny_toml_allows() {
        let rules = project::read("deny.toml").unwrap();
        let list = rules.split("\nallow = [").nth(1).unwrap().split(']').next().unwrap();
        let allowed: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        let mut tree = cargo();
        tree.args([
            "tree",
            "--locked",
            "--workspace",
            "--edges=normal,build,dev",
            "--prefix=none",
            "--format={p}: {l}",
        ]);
        let tree = process::output(&mut tree).unwrap();
        assert!(tree.lines().count() > 100);
        for line in tree.lines().filter(|line| !line.is_empty()) {
            let licence = line.trim_end_matches(" (*)").rsplit_once(": ").unwrap_or_default().1;
            assert!(is_allowed(licence, &allowed), "{line}");
        }
        assert!(is_allowed("(MIT OR ISC) AND Zlib", &["MIT", "Zlib"]) && is_allowed("ISC/MIT", &["MIT"]));
        assert!(!is_allowed("MIT AND ISC", &["MIT"]) && !is_allowed("", &["MIT"]));
    }

    #[test]
    fn every_locked_python_package_has_its_hashes() {
        for file in PYTHON {
            let packages = python(&project::read(file).unwrap()).unwrap();
            assert!(!packages.is_empty(), "{file}");
            for it in packages {
                let hashed = !it.sha256.is_empty() && it.sha256.iter().all(|hash| is_sha256(hash));
                assert!(hashed, "{file}: {it:?}");
            }
        }
    }

    #[test]
    fn every_locked_npm_package_has_its_hash_and_no_address() {
        for file in NPM {
            let lock: Value = serde_json::from_str(&project::read(file).unwrap()).unwrap();
            let packages = lock.get("packages").unwrap().as_object().unwrap();
            assert!(packages.len() > 1);
            for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
                let hash = package.get("integrity").and_then(Value::as_str).unwrap_or_default();
                assert!(hash.starts_with("sha512-"), "{file}: {name} has no hash");
                // An address may be a mirror's. npm leaves it out with --omit-lockfile-registry-resolved.
                assert!(package.get("resolved").is_none(), "{file}: {name} has an address");
            }
        }
    }

    #[test]
    fn a_crate_is_read_without_what_follows_its_entry() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"b\",\n]\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\nsource = \"s\"\nchecksum = \"c\"\n";
        let read = crates(lock).unwrap();
        let fields: Vec<_> = read.iter().map(|it| (&*it.name, &*it.version, it.source.as_deref())).collect();
        assert_eq!(fields, [("a", "1.0.0", None), ("b", "2.0.0", Some("s"))]);
        assert_eq!(read.iter().map(|it| it.sha256.len()).collect::<Vec<_>>(), [0, 1]);
        assert!(crates("[[package]]\nversion = \"1.0.0\"\n").is_err());
    }

    #[test]
    fn a_python_package_is_read_with_its_marker_and_hashes() {
        let lock = "# made by uv\na==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:x \\\n    --hash=sha256:y\n    # via b\n";
        let expected = Locked {
            name: "a".into(),
            version: "1.0".into(),
            source: None,
            marker: Some("sys_platform == 'win32'".into()),
            sha256: vec!["x".into(), "y".into()],
        };
        assert_eq!(python(lock).unwrap(), [expected]);
    }

    #[test]
    fn a_lock_that_pip_would_read_an_option_from_is_refused() {
        for line in ["--index-url=https://a.b", "a>=1.0", "-e .", "--hash=sha256:x", "--find-links=a==b"] {
            let said = python(line).unwrap_err().to_string();
            assert!(said.starts_with(&format!("The line `{line}` is neither")), "{said}");
        }
    }
}
