//! The changes of the files that the page is made of.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::{
    process::{self, Group},
    project,
};

pub(super) struct Changes {
    /// The checkout's folder, as the events name it.
    root: PathBuf,
    events: Receiver<notify::Result<Event>>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    pub(super) fn watch() -> Result<Self> {
        Self::below(&project::root())
    }

    fn below(root: &Path) -> Result<Self> {
        let (sender, events) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(sender)?;
        // Without links, because some systems report no other paths.
        let root = root.canonicalize()?;
        for path in SOURCES.map(|source| root.join(source)) {
            if path.is_dir() {
                watcher.watch(&path, RecursiveMode::Recursive)?;
            } else {
                // Its folder, because many an editor puts a new file in the place of the old one.
                watcher.watch(path.parent().unwrap_or(&root), RecursiveMode::NonRecursive)?;
            }
        }
        Ok(Self { root, events, _watcher: watcher })
    }

    /// Waits for a change, and returns false on Ctrl-C. It is an error if the server ends by itself.
    pub(super) fn wait(&self, mut server: Option<&mut Group>) -> Result<bool> {
        loop {
            if process::interrupted() {
                return Ok(false);
            }
            if let Some(server) = &mut server {
                server.ensure_running()?;
            }
            match self.events.recv_timeout(POLL) {
                Ok(Ok(event)) if self.concerns(&event) => {
                    thread::sleep(PAUSE);
                    while self.events.try_recv().is_ok() {}
                    return Ok(true);
                }
                Ok(Err(error)) => return Err(error).context("The files cannot be watched."),
                _ => {}
            }
        }
    }

    /// The compiler's reading is no change. Changes that the system could not list are one.
    fn concerns(&self, event: &Event) -> bool {
        let is_source = |path: &PathBuf| path.strip_prefix(&self.root).is_ok_and(is_source);
        event.need_rescan() || !event.kind.is_access() && event.paths.iter().any(is_source)
    }
}

/// Whether the page is made of this path of the checkout.
fn is_source(path: &Path) -> bool {
    SOURCES.iter().any(|source| path.starts_with(source)) && !path.iter().any(is_an_editors)
}

/// Whether an editor made this for itself beside a file: `.app.rs.swp`, `.#app.rs`, `#app.rs#`, `app.rs~`, or `4913`, by which
/// vim finds out whether it may make files.
fn is_an_editors(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(['.', '#']) || name.ends_with('~') || name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The files and folders that the page is made of. Much else in the checkout is edited beside them, such as README.md.
const SOURCES: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "auth/Cargo.toml",
    "auth/src",
    "early.js",
    "index.html",
    "loader.js",
    "rust-toolchain.toml",
    "src",
    "styles",
];
const POLL: Duration = Duration::from_millis(100);
/// How long a change waits for more, because an editor changes several files at once.
const PAUSE: Duration = Duration::from_millis(30);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{fs, iter};

    use super::*;
    use crate::{cache, page};

    #[test]
    fn the_page_is_made_of_its_sources_and_not_of_what_lies_beside_them() {
        for path in ["src/app.rs", "auth/src/lib.rs", "styles/page.css", "index.html", "Cargo.toml", "src"] {
            assert!(is_source(Path::new(path)), "{path}");
        }
        for path in [
            "",
            ".data/auth.db",
            ".git/index",
            "target/debug/app",
            "backend/app/main.py",
            "xtask/src/app.rs",
            "auth/tests/protocol/main.rs",
            "README.md",
            "CHANGELOG.md",
            "4913",
        ] {
            assert!(!is_source(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_saved_source_is_a_change_and_a_swap_file_or_a_changelog_is_none() {
        let root = std::env::temp_dir().join(format!("xtask-changes-{}", std::process::id()));
        for folder in ["src/hooks", "auth/src", "styles"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let changes = Changes::below(&root).unwrap();
        // Whether the first event that names the file is a change. Events of the file before may still come.
        let is_change = |file: &str| {
            fs::write(root.join(file), "").unwrap();
            let named = |event: &Event| event.paths.iter().any(|path| path.ends_with(file));
            let events = iter::from_fn(|| changes.events.recv_timeout(Duration::from_secs(10)).ok());
            let event = events.flatten().find(named);
            event.map(|event| changes.concerns(&event))
        };
        let sources =
            ["src/hooks/calls.rs", "auth/Cargo.toml", "auth/src/lib.rs", "index.html"].map(is_change);
        let others = ["src/.app.rs.swp", "src/hooks/4913", "CHANGELOG.md"].map(is_change);
        cache::remove(&root).unwrap();
        assert_eq!(sources, [Some(true); 4]);
        assert_eq!(others, [Some(false); 3]);
    }

    #[test]
    fn what_an_editor_makes_for_itself_is_no_source() {
        for name in [".app.rs.swp", ".#app.rs", "#app.rs#", "app.rs~", "4913"] {
            for folder in ["src", "src/hooks", "auth/src", "styles", ""] {
                let path = Path::new(folder).join(name);
                assert!(!is_source(&path), "{}", path.display());
            }
        }
        assert!(!is_source(Path::new("src/.cache/app.rs")));
    }

    #[test]
    fn every_file_that_index_html_names_is_a_source() {
        let html = project::read("index.html").unwrap();
        let tags = page::tags(&html);
        let named = tags.iter().filter(|tag| tag.attribute("data-trunk").is_some());
        let files: Vec<_> = named.filter_map(|tag| tag.attribute("href")).collect();
        assert!(!files.is_empty());
        for file in files {
            assert!(is_source(Path::new(file)), "{file}");
        }
    }
}
