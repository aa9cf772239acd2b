//! `cargo xtask serve`: starts the app with live reload, and the reference server unless `--api` names
//! another one.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver},
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::{
    app::{self, APP},
    build,
    cache::{self, Cache},
    cli::{self, Args},
    crates, http, page,
    page_server::{BUILDS, PageServer},
    process::{self, Group},
    project, python,
    reference_server::{self, PORT as API_PORT, Start},
    report::progress,
    tools,
};

pub(crate) const HELP: &str = "\
cargo xtask serve [--api URL] [--port N]

Installs what is missing, starts the reference server on http://localhost:8000 with a demo user, and the app with live
reload on http://localhost:8080. Ctrl-C stops both. http://localhost:8080/api/ is the reference server too, for
api-base-url = /api.

  --api URL   start the app alone, against this server; it overrides index.html's api-base-url
  --port N    the app's port (otherwise 8080)";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let api = args.api()?;
    let port = args.value("--port")?.map_or(Ok(PAGE_PORT), |port| cli::port(&port))?;
    args.finish()?;
    // Check the ports before any install, because a port in use is the most frequent obstacle.
    if http::is_taken(port) {
        bail!("Port {port} is in use: stop the program that uses it, or choose another port with --port.");
    }
    if api.is_none() && (port == API_PORT || http::is_taken(API_PORT)) {
        bail!(
            "Port {API_PORT}, the reference server's, is in use: stop the program that uses it, or name your own server with --api."
        );
    }
    let start = Instant::now();
    let cache = Cache::locate()?;
    if api.is_none() {
        // Say at once that it is missing.
        python::find()?;
    }
    tools::wasm_target()?;
    tools::fetch_crates()?;
    // A file may change while the app compiles.
    let changes = Changes::watch()?;
    let (server, wasm_bindgen, compiled) = thread::scope(|scope| {
        // They run side by side, because none of the three keeps two cores busy.
        let server = api.is_none().then(|| scope.spawn(|| start_server(&cache, port)));
        let wasm_bindgen = scope.spawn(|| tools::wasm_bindgen(&cache));
        let compiled = crates::compile(&mut APP.cargo("dev"), "Compiling the app");
        (server.map(joined).transpose(), joined(wasm_bindgen), compiled)
    });
    let (mut server, pages) = (server?, Pages { wasm_bindgen: wasm_bindgen?, api });
    let mut built = compiled.and_then(|()| pages.assemble());
    while let Err(error) = built {
        if process::interrupted() {
            return Ok(());
        }
        eprintln!("error: {error:#}\nThe first build failed; correct the error above and it is built again.");
        if !changes.wait(server.as_mut())? {
            return Ok(());
        }
        built = pages.build();
    }
    let api = server.is_some().then(|| format!("http://localhost:{API_PORT}"));
    let page_server = PageServer::start(port, Pages::folder(), api)?;
    println!("\nReady after {:.1} s.\n  App:     http://localhost:{port}", start.elapsed().as_secs_f64());
    match &pages.api {
        Some(api) => println!("  Server:  {api}"),
        None => println!("  Server:  http://localhost:{API_PORT}\n  {}", reference_server::sign_in()),
    }
    println!("Ctrl-C stops everything.\n");
    while changes.wait(server.as_mut())? {
        match pages.build() {
            Ok(()) => page_server.announce(),
            Err(_) if process::interrupted() => {}
            Err(error) => eprintln!("error: {error:#}\nThe page stays as it was until that is corrected."),
        }
    }
    progress("Stopping");
    Ok(())
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Builds the pages of this command. They do not overwrite a built dist/.
struct Pages {
    wasm_bindgen: PathBuf,
    /// The server's address, if it is not the one in index.html.
    api: Option<String>,
}

impl Pages {
    fn folder() -> PathBuf {
        project::scratch().join("serve")
    }

    fn build(&self) -> Result<()> {
        process::run(&mut APP.cargo("dev"), "The build")?;
        self.assemble()
    }

    /// Puts the pages together from what is compiled.
    fn assemble(&self) -> Result<()> {
        let stage = project::scratch().join("serve-next");
        cache::empty(&stage)?;
        APP.bind(&self.wasm_bindgen, "debug", &stage)?;
        let start =
            START.replace("{builds}", BUILDS).replace("{glue}", app::GLUE).replace("{wasm}", app::WASM);
        let mut html = APP.page(&start)?;
        if self.api.is_some() {
            html = page::with_setting(&html, page::API, self.api.as_deref())?;
        }
        fs::write(stage.join("index.html"), html).context("index.html cannot be written.")?;
        build::replace(&stage, &Self::folder())
    }
}

/// What the page begins with. It hears of builds under this machine's other name, because a browser has few connections for
/// each name, and an open one for each tab would leave none for the page's calls.
const START: &str = r#"<script>
  {
    const other = location.hostname == "localhost" ? "127.0.0.1" : "localhost";
    let build;
    new EventSource("http://" + other + ":" + location.port + "{builds}").onmessage = ({ data }) => {
      if (build && build != data) location.reload();
      build = data;
    };
  }
</script>
<script type="module">
  import init from "/{glue}";
  const wasm = new URL("/{wasm}", location).href;
  init({ module_or_path: wasm }).catch((error) => startFailed(wasm, error));
</script>"#;

fn start_server(cache: &Cache, page_port: u16) -> Result<Group> {
    let interpreter = &reference_server::interpreter(cache)?;
    fs::create_dir_all(project::root().join(".data")).context("The folder .data cannot be created.")?;
    let variables = [
        // A relative path, because the folder's name may contain characters that a database address cannot.
        ("AUTH_DATABASE_URL", "sqlite:///../.data/auth.db".to_owned()),
        ("AUTH_HOST", "localhost".to_owned()),
        ("AUTH_PORT", API_PORT.to_string()),
        ("AUTH_CORS_ORIGINS", format!("http://localhost:{page_port},http://127.0.0.1:{page_port}")),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let start =
        Start { interpreter, wrapper: None, variables: &variables, workers: "1", port: API_PORT, log: None };
    start.run()
}

/// The changes of the files that the page is made of.
struct Changes {
    events: Receiver<notify::Result<Event>>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    fn watch() -> Result<Self> {
        let (sender, events) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(sender)?;
        let (root, target) = (project::root(), app::target_folder()?);
        watcher.watch(&root, RecursiveMode::NonRecursive)?;
        for entry in fs::read_dir(&root)? {
            let path = entry?.path();
            if path.is_dir() && path != target && is_source(&path) {
                watcher.watch(&path, RecursiveMode::Recursive)?;
            }
        }
        Ok(Self { events, _watcher: watcher })
    }

    /// Waits for a change, and returns false on Ctrl-C. It is an error if the server ends by itself.
    fn wait(&self, mut server: Option<&mut Group>) -> Result<bool> {
        loop {
            if process::interrupted() {
                return Ok(false);
            }
            if let Some(server) = &mut server {
                server.ensure_running()?;
            }
            match self.events.recv_timeout(POLL) {
                // The compiler's reading is no change. Changes that the system could not list are one.
                Ok(Ok(event))
                    if event.need_rescan()
                        || !event.kind.is_access() && event.paths.iter().any(|path| is_source(path)) =>
                {
                    // An editor changes several files at once.
                    thread::sleep(POLL);
                    while self.events.try_recv().is_ok() {}
                    return Ok(true);
                }
                Ok(Err(error)) => return Err(error).context("The files cannot be watched."),
                _ => {}
            }
        }
    }
}

/// Whether the page may be made of this. `.data` of the reference server appears while this command runs.
fn is_source(path: &Path) -> bool {
    let inside = path.strip_prefix(project::root()).unwrap_or(path);
    let first = inside.iter().next().unwrap_or_default().to_string_lossy();
    !first.starts_with('.') && !IGNORED.contains(&&*first)
}

/// Folders that no page is made of.
const IGNORED: [&str; 9] =
    ["backend", "bench", "deploy", "dist", "docs", "target", "tests", "wasm-runner", "xtask"];
const PAGE_PORT: u16 = 8080;
const POLL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_made_of_its_sources_and_not_of_what_runs_beside_it() {
        let is = |path: &str| is_source(&project::root().join(path));
        for path in ["src/app.rs", "auth/src/lib.rs", "styles/page.css", "index.html", "Cargo.toml"] {
            assert!(is(path), "{path}");
        }
        for path in [
            ".data",
            ".data/auth.db",
            ".git/index",
            "target/debug/app",
            "backend/app/main.py",
            "xtask/src/app.rs",
        ] {
            assert!(!is(path), "{path}");
        }
    }
}
