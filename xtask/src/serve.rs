//! `cargo xtask serve`: starts the app with live reload, and the reference server unless `--api` names
//! another one.

mod beginning;
mod changes;

use std::{
    fs,
    path::PathBuf,
    thread::{self, ScopedJoinHandle},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

use self::changes::Changes;
use crate::{
    app::{self, APP},
    build,
    cache::{self, Cache},
    cli::{self, Args},
    crates, http, page,
    page_server::{BUILDS, PageServer},
    process::{self, Group},
    project,
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
    beginning::tell(&cache, api.is_none())?;
    tools::wasm_target()?;
    tools::fetch_crates()?;
    // A file may change while the app compiles.
    let changes = Changes::watch()?;
    let (mut server, wasm_bindgen, compiled) = side_by_side(
        || api.is_none().then(|| start_server(&cache, port)).transpose(),
        || tools::wasm_bindgen(&cache),
        || crates::compile(&mut APP.cargo("dev"), "Compiling the app"),
        process::interrupt,
    )?;
    let pages = Pages { wasm_bindgen, api };
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

/// Does the three at the same time, because none of them keeps two cores busy. If there can be no server, `stop` ends the
/// other two at once: no edit mends that. An app that does not compile is mended by an edit, so it ends nothing.
fn side_by_side<S: Send, W: Send>(
    server: impl FnOnce() -> Result<S> + Send,
    wasm_bindgen: impl FnOnce() -> Result<W> + Send,
    compile: impl FnOnce() -> Result<()>,
    stop: impl FnOnce() + Send,
) -> Result<(S, W, Result<()>)> {
    thread::scope(|scope| {
        let server = scope.spawn(|| server().inspect_err(|_| stop()));
        let wasm_bindgen = scope.spawn(wasm_bindgen);
        let compiled = compile();
        Ok((joined(server)?, joined(wasm_bindgen)?, compiled))
    })
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

const PAGE_PORT: u16 = 8080;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{
        sync::atomic::{AtomicBool, Ordering},
        time::Duration,
    };

    use super::*;

    #[test]
    fn without_a_server_the_compilers_are_stopped_and_its_error_is_told() {
        let (is_stopped, end) = (AtomicBool::new(false), Instant::now() + Duration::from_secs(10));
        let compile = || -> Result<()> {
            while !is_stopped.load(Ordering::Relaxed) && Instant::now() < end {
                thread::sleep(Duration::from_millis(1));
            }
            bail!("Interrupted.")
        };
        let stop = || is_stopped.store(true, Ordering::Relaxed);
        let server = || -> Result<()> { bail!("There is no venv.") };
        let error = side_by_side(server, compile, compile, stop).unwrap_err();
        assert!(is_stopped.load(Ordering::Relaxed));
        assert_eq!(error.to_string(), "There is no venv.");
    }

    #[test]
    fn an_app_that_does_not_compile_stops_nothing_because_an_edit_mends_it() {
        let compile = || -> Result<()> { bail!("A semicolon is missing.") };
        let (server, wasm_bindgen, compiled) =
            side_by_side(|| Ok(1), || Ok(2), compile, || panic!("stopped")).unwrap();
        assert_eq!((server, wasm_bindgen), (1, 2));
        assert!(compiled.is_err());
    }
}
