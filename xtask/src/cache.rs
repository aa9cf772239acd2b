//! The user's folder that keeps slow tools between clones, keyed by version or by the hash of a lock file.
//! The next run repairs an incomplete install. Two runs at the same time do not disturb each other.

use std::{
    env,
    ffi::OsString,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn locate() -> Result<Self> {
        let root = root(|name| env::var_os(name), cfg!(target_os = "macos"))
            .context("Neither HOME nor YEW_JWT_AUTH_CACHE is set: set one, so that tools have a place.")?;
        let root = std::path::absolute(root)?;
        fs::create_dir_all(&root)
            .with_context(|| format!("The cache folder {} cannot be created.", root.display()))?;
        Ok(Self { root })
    }

    /// The path of `name` after its install.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Installs into a temporary folder and renames it at the end. Every complete install contains the file
    /// `proof`.
    pub(crate) fn install(
        &self,
        name: &str,
        proof: &str,
        install: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let path = self.path(name);
        if path.join(proof).exists() {
            return Ok(path);
        }
        let _lock = self.lock(name)?;
        if path.join(proof).exists() {
            return Ok(path);
        }
        let temporary = self.root.join(format!(".installing-{name}"));
        empty(&temporary)?;
        install(&temporary)?;
        if !temporary.join(proof).exists() {
            bail!("Installing {name} left no {proof}: remove {} and try again.", temporary.display());
        }
        remove(&path)?;
        fs::rename(&temporary, &path)
            .with_context(|| format!("{} cannot be put in place", path.display()))?;
        Ok(path)
    }

    /// Installs into the final folder, for tools that cannot be moved. A marker file shows that the install
    /// is complete.
    pub(crate) fn install_in_place(
        &self,
        name: &str,
        works: impl Fn(&Path) -> bool,
        install: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let path = self.path(name);
        if self.is_in_place(name) && works(&path) {
            return Ok(path);
        }
        let _lock = self.lock(name)?;
        if self.is_in_place(name) && works(&path) {
            return Ok(path);
        }
        empty(&path)?;
        install(&path)?;
        let marker = path.join(MARKER);
        File::create(&marker).with_context(|| format!("{} cannot be written", marker.display()))?;
        Ok(path)
    }

    /// Whether such an install is complete.
    pub(crate) fn is_in_place(&self, name: &str) -> bool {
        self.path(name).join(MARKER).exists()
    }

    fn lock(&self, name: &str) -> Result<File> {
        let path = self.root.join(format!(".lock-{name}"));
        let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                crate::report::progress(&format!("Waiting for another run that installs {name}"));
            }
            Err(TryLockError::Error(_)) => {}
        }
        file.lock().with_context(|| format!("{} cannot be locked", path.display()))?;
        Ok(file)
    }
}

/// A short hash of contents. The same bytes have the same key on every machine.
pub(crate) fn key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut key = format!("{:x}", hash.finalize());
    key.truncate(16);
    key
}

pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

pub(crate) fn empty(path: &Path) -> Result<()> {
    remove(path)?;
    fs::create_dir_all(path).with_context(|| format!("{} cannot be created", path.display()))
}

fn root(variable: impl Fn(&str) -> Option<OsString>, macos: bool) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(root) = set("YEW_JWT_AUTH_CACHE") {
        return Some(root);
    }
    // The XDG Base Directory Specification says that a relative path must be ignored.
    if let Some(caches) = set("XDG_CACHE_HOME").filter(|path| path.is_absolute()) {
        return Some(caches.join("yew-jwt-auth"));
    }
    let caches = set("HOME")?.join(if macos { "Library/Caches" } else { ".cache" });
    Some(caches.join("yew-jwt-auth"))
}

const MARKER: &str = ".complete";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn root_with(variables: &[(&str, &str)], macos: bool) -> Option<PathBuf> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        root(find, macos)
    }

    #[test]
    fn the_folder_follows_the_environment() {
        let home = ("HOME", "/home/a");
        for (variables, macos, expected) in [
            (vec![home], false, "/home/a/.cache/yew-jwt-auth"),
            (vec![home], true, "/home/a/Library/Caches/yew-jwt-auth"),
            (vec![home, ("XDG_CACHE_HOME", "/x")], false, "/x/yew-jwt-auth"),
            (vec![home, ("XDG_CACHE_HOME", "x")], false, "/home/a/.cache/yew-jwt-auth"),
            (vec![home, ("XDG_CACHE_HOME", "/x"), ("YEW_JWT_AUTH_CACHE", "/y")], false, "/y"),
        ] {
            assert_eq!(root_with(&variables, macos), Some(expected.into()), "{variables:?}");
        }
        assert_eq!(root_with(&[], false), None);
    }

    #[test]
    fn keys_tell_contents_and_their_order_apart() {
        let key_of = |parts: &[&str]| key(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(key_of(&["a", "b"]), key_of(&["a", "b"]));
        assert_ne!(key_of(&["ab", "c"]), key_of(&["a", "bc"]));
        assert_ne!(key_of(&["a", "b"]), key_of(&["b", "a"]));
        assert_eq!(key_of(&["a"]).len(), 16);
    }

    #[test]
    fn an_interrupted_install_is_repaired_and_a_complete_one_is_kept() {
        let cache = Cache { root: env::temp_dir().join(format!("xtask-cache-{}", std::process::id())) };
        empty(&cache.root).unwrap();
        let failed = cache.install("tool", "bin", |folder| {
            fs::write(folder.join("half"), "")?;
            bail!("interrupted")
        });
        assert!(failed.is_err() && !cache.path("tool").exists());
        // An incomplete folder under the final name does not count as an install either.
        fs::create_dir_all(cache.path("tool")).unwrap();
        let path = cache.install("tool", "bin", |folder| Ok(fs::write(folder.join("bin"), "")?)).unwrap();
        assert!(path.join("bin").exists() && !path.join("half").exists());
        cache.install("tool", "bin", |_| bail!("installed twice")).unwrap();

        let halfway = cache.install_in_place("venv", |_| true, |_| bail!("interrupted"));
        assert!(halfway.is_err() && !cache.is_in_place("venv"));
        cache.install_in_place("venv", |_| true, |_| Ok(())).unwrap();
        assert!(cache.is_in_place("venv"));
        cache.install_in_place("venv", |_| true, |_| bail!("installed twice")).unwrap();
        assert!(cache.install_in_place("venv", |_| false, |_| bail!("repaired")).is_err());
        remove(&cache.root).unwrap();
    }
}
