//! Serves the built page as a plain web server does. A test may change its files and settings.

mod document;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::sleep;

use crate::serve::{Cut, Script, Serving};

/// How files are served. A test may change it while a page is open.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Run-time configuration: the `content` of each `<meta name="…">` in HTML files. An element that a
    /// file lacks is added.
    pub meta: BTreeMap<String, String>,
    /// Headers of every answer, such as `Content-Security-Policy`.
    pub headers: Vec<(String, String)>,
    /// Whether the browser may cache answers. If not, they are `no-store`, so that no test sees files of
    /// an earlier one, but some engines keep a `no-store` page out of the back/forward cache.
    pub cached: bool,
    /// The path of a file that is served with one bit of one byte flipped.
    pub tampered: Option<String>,
    /// The position of that byte. `None` means the middle of the file.
    pub tampered_at: Option<usize>,
    /// Whether to add a script that collects errors, before the page's own scripts
    /// ([`crate::browser::Browser::complaints`]).
    pub collect_complaints: bool,
    /// A test's own script, run after that one. For example, it denies storage or sets the clock.
    pub preload: String,
    /// Additional files, by path. They replace files of the folder.
    pub files: BTreeMap<String, String>,
    /// Whether files are sent as they lie compressed beside the others (`NAME.br`). Settings do not reach those.
    pub brotli: bool,
    /// Faults in place of answers, by path.
    pub faults: BTreeMap<String, Fault>,
}

/// What a browser gets in place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 404 with a page of HTML.
    Gone,
    /// 200 with a page of HTML, as a server answers that sends its page for every unknown path.
    Html,
    /// No answer until the fault is taken back.
    Hang,
    /// No answer. The connection is closed.
    Cut,
}

/// A running file server. Its connections end on drop.
#[derive(Debug)]
pub struct Pages {
    serving: Serving,
    settings: Arc<Mutex<Settings>>,
}

impl Pages {
    /// Serves the files below `folder` on a free port. Errors are collected, and answers are not cached.
    pub async fn start(folder: impl Into<PathBuf>) -> Result<Self> {
        let settings = Settings { collect_complaints: true, ..Settings::default() };
        let (folder, settings): (PathBuf, _) = (folder.into(), Arc::new(Mutex::new(settings)));
        let shared = Arc::clone(&settings);
        let answer = move |request: Request<Incoming>| {
            let (folder, shared) = (folder.clone(), Arc::clone(&shared));
            async move {
                let settings = || shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let path = request.uri().path();
                while settings().faults.get(path) == Some(&Fault::Hang) {
                    sleep(PAUSE).await;
                }
                let settings = settings();
                match settings.faults.get(path) {
                    Some(Fault::Cut) => Err(Cut),
                    _ => Ok(answer(&folder, &settings, request.method(), path)),
                }
            }
        };
        Ok(Self { serving: Serving::start(0, true, answer).await?, settings })
    }

    /// Serves the built page with the API at `api_base_url`.
    pub async fn of_the_app(api_base_url: &str) -> Result<Self> {
        let pages = Self::start(dist()).await?;
        pages.meta("api-base-url", api_base_url);
        Ok(pages)
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.serving.address
    }

    /// The pages' origin: `http://localhost:PORT`. Browsers treat it as secure.
    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.address().port())
    }

    /// Changes how files are served from now on.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Runs `script` before the scripts of each page that is loaded from now on. An empty one ends that.
    pub fn preload(&self, script: &str) {
        self.change(|settings| script.clone_into(&mut settings.preload));
    }

    /// Answers requests for `path` with `fault` from now on.
    pub fn fail(&self, path: &str, fault: Fault) {
        self.change(|settings| settings.faults.extend([(path.to_owned(), fault)]));
    }

    /// Adds a header to every answer from now on.
    pub fn header(&self, name: &str, value: &str) {
        self.change(|settings| settings.headers.push((name.to_owned(), value.to_owned())));
    }

    /// Sets one `<meta name="…">` from now on.
    pub fn meta(&self, name: &str, content: &str) {
        self.change(|settings| drop(settings.meta.insert(name.to_owned(), content.to_owned())));
    }
}

/// The path of the one file of the built page with this extension.
pub fn shipped(extension: &str) -> Result<String> {
    let names = std::fs::read_dir(dist())?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names = names.filter(|name| name.ends_with(&format!(".{extension}")));
    let name = names.next().with_context(|| format!("no .{extension} in {}", dist().display()))?;
    ensure!(names.next().is_none(), "more than one .{extension}");
    Ok(format!("/{name}"))
}

/// The folder of the built page: `E2E_DIST`, or else `dist/` of the repository.
pub fn dist() -> PathBuf {
    std::env::var_os("E2E_DIST")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist"), PathBuf::from)
}

fn answer(folder: &Path, settings: &Settings, method: &Method, path: &str) -> Response<Script> {
    let (status, kind, body) = match (method, file(folder, settings, path)) {
        _ if settings.faults.get(path) == Some(&Fault::Gone) => {
            (StatusCode::NOT_FOUND, HTML, OTHER_PAGE.into())
        }
        _ if settings.faults.get(path) == Some(&Fault::Html) => (StatusCode::OK, HTML, OTHER_PAGE.into()),
        (&Method::GET | &Method::HEAD, Some((kind, body))) => (StatusCode::OK, kind, body),
        (&Method::GET | &Method::HEAD, None) => {
            (StatusCode::NOT_FOUND, "text/plain", Bytes::from("Not found"))
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", Bytes::new()),
    };
    let mut answer = Response::new(Script::whole(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    let caching = if settings.cached { "public, max-age=60" } else { "no-store" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if settings.brotli && status == StatusCode::OK {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    for (name, value) in &settings.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    answer
}

fn file(folder: &Path, settings: &Settings, path: &str) -> Option<(&'static str, Bytes)> {
    let name = if path == "/" { "/index.html" } else { path };
    if settings.brotli {
        let compressed = std::fs::read(inside(folder, &format!("{name}.br"))?).ok()?;
        return Some((media_type(name), Bytes::from(compressed)));
    }
    let mut body = match name {
        document::COMPLAINTS_PATH => [document::COMPLAINTS, &settings.preload].concat().into_bytes(),
        _ => match settings.files.get(name) {
            Some(text) => text.clone().into_bytes(),
            None => std::fs::read(inside(folder, name)?).ok()?,
        },
    };
    let kind = media_type(name);
    if kind.starts_with("text/html") {
        body = document::prepared(String::from_utf8_lossy(&body).into_owned(), settings).into_bytes();
    }
    if settings.tampered.as_deref() == Some(path) {
        let at = settings.tampered_at.unwrap_or(body.len() / 2);
        if let Some(byte) = body.get_mut(at) {
            *byte ^= 1;
        }
    }
    Some((kind, Bytes::from(body)))
}

/// The file's path below `folder`. `None` if `path` leads out of the folder.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    relative.components().all(|part| matches!(part, Component::Normal(_))).then(|| folder.join(relative))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => HTML,
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        _ => "application/octet-stream",
    }
}

const HTML: &str = "text/html; charset=utf-8";
const OTHER_PAGE: &str = "<!doctype html><title>Another page</title>";
/// How often a request that hangs looks whether its fault is taken back.
const PAUSE: Duration = Duration::from_millis(25);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

    use super::*;
    use crate::temp::TempDir;

    fn served(settings: &Settings, path: &str) -> Option<(&'static str, String)> {
        let folder = TempDir::new("e2e-pages").unwrap();
        std::fs::write(folder.path().join("index.html"), "<html><head><title>t</title></head></html>")
            .unwrap();
        std::fs::write(folder.path().join("a.wasm"), "0123456789").unwrap();
        let (kind, body) = file(folder.path(), settings, path)?;
        Some((kind, String::from_utf8_lossy(&body).into_owned()))
    }

    #[test]
    fn files_have_their_media_type_and_only_the_root_means_the_page() {
        let settings = Settings::default();
        assert_eq!(served(&settings, "/a.wasm").unwrap(), ("application/wasm", "0123456789".to_owned()));
        assert_eq!(served(&settings, "/").unwrap().0, "text/html; charset=utf-8");
        assert!(served(&settings, "/missing.wasm").is_none());
        assert!(served(&settings, "/../Cargo.toml").is_none());
    }

    #[test]
    fn exactly_one_byte_of_the_tampered_file_is_wrong() {
        let settings = Settings { tampered: Some("/a.wasm".to_owned()), ..Settings::default() };
        assert_eq!(served(&settings, "/a.wasm").unwrap().1, "0123446789");
    }

    #[test]
    fn a_compressed_file_is_sent_as_it_lies_there() {
        let folder = TempDir::new("e2e-pages").unwrap();
        std::fs::write(folder.path().join("index.html.br"), "small").unwrap();
        let settings = Settings { brotli: true, ..Settings::default() };
        let answer = answer(folder.path(), &settings, &Method::GET, "/");
        assert_eq!(answer.headers()[CONTENT_ENCODING], "br");
        assert_eq!(answer.headers()[CONTENT_TYPE], HTML);
        assert_eq!(file(folder.path(), &settings, "/").unwrap().1, "small");
        let missing = super::answer(folder.path(), &settings, &Method::GET, "/missing.js");
        assert_eq!(
            (missing.status(), missing.headers().get(CONTENT_ENCODING)),
            (StatusCode::NOT_FOUND, None)
        );
    }

    #[test]
    fn the_collector_comes_first() {
        let settings = Settings { collect_complaints: true, ..Settings::default() };
        assert!(
            served(&settings, "/")
                .unwrap()
                .1
                .contains("<head><script src=\"/__complaints.js\"></script><title>")
        );
    }
}
