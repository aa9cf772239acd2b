//! `cargo xtask serve`: starts the app with live reload, and the reference server unless `--api` names
//! another one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::{
    cache::Cache,
    cli::{self, Args},
    http, page,
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
    let interpreter = match api {
        None => Some(reference_server::interpreter(&cache)?),
        Some(_) => None,
    };
    tools::wasm_target()?;
    tools::fetch_crates()?;
    let trunk = tools::trunk(&cache)?;
    let wasm_bindgen = tools::wasm_bindgen(&cache)?;

    let mut running = Vec::new();
    if let Some(interpreter) = &interpreter {
        running.push(start_server(interpreter, port)?);
    }
    progress("Building the app");
    running.push(start_app(&trunk, &wasm_bindgen, api.as_deref(), port)?);
    let announce = || {
        println!("\nReady after {:.1} s.\n  App:     http://localhost:{port}", start.elapsed().as_secs_f64());
        match &api {
            Some(api) => println!("  Server:  {api}"),
            None => {
                println!("  Server:  http://localhost:{API_PORT}\n  {}", reference_server::sign_in())
            }
        }
        println!("Ctrl-C stops everything.\n");
    };
    supervise(&mut running, port, announce)
}

/// Puts the other server's address into the built page. Trunk calls this after each build, see [`start_app`].
pub(crate) fn set_api(mut args: Args) -> Result<()> {
    let api = cli::api_url(&args.positional("The address")?)?;
    args.finish()?;
    let stage = env::var_os("TRUNK_STAGING_DIR").context("This command is for Trunk's post_build hook.")?;
    let index = Path::new(&stage).join("index.html");
    let html = fs::read_to_string(&index)?;
    Ok(fs::write(&index, page::with_setting(&html, page::API, Some(&api))?)?)
}

fn start_server(interpreter: &Path, page_port: u16) -> Result<Group> {
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

/// Starts Trunk with a generated configuration in the scratch folder. So its pages do not overwrite a built
/// dist/, and a hook can put another server's address into each built page without a change to a tracked
/// file.
fn start_app(trunk: &Path, wasm_bindgen: &Path, api: Option<&str>, port: u16) -> Result<Group> {
    let root = project::root();
    let folder = project::scratch().join("serve");
    // Remove the old page, because it would look like the result of the first build.
    crate::cache::empty(&folder)?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |path| root.join(path));
    // Trunk refuses to ignore a path that does not exist.
    let ignored: Vec<PathBuf> =
        ["backend", "bench", "tests", "wasm-runner", "xtask", ".data", "dist", "target"]
            .iter()
            .map(|name| root.join(name))
            .chain([target])
            .filter(|path| path.exists())
            .collect();
    let (hooks, proxy) = match api {
        // The page calls this server directly, so nothing is passed on.
        Some(api) => (
            json!([{
                "stage": "post_build",
                "command": env::current_exe()?,
                "command_arguments": ["set-api", api],
            }]),
            json!([]),
        ),
        // Custody `cookie` needs page and API on one origin. A redirect is the page's to refuse.
        None => (
            json!([]),
            json!([{
                "backend": format!("http://localhost:{API_PORT}/"),
                "rewrite": "/api/",
                "no_redirect": true,
                "no_system_proxy": true,
            }]),
        ),
    };
    let configuration = json!({
        "build": { "target": root.join("index.html"), "dist": folder.join("dist"), "locked": true, "offline": true },
        "watch": { "watch": [root], "ignore": ignored },
        "serve": { "port": port, "disable_address_lookup": true },
        "proxy": proxy,
        "hooks": hooks,
    });
    let file = folder.join("Trunk.json");
    fs::write(&file, configuration.to_string()).context("Trunk's configuration cannot be written.")?;
    let mut command = process::command(trunk);
    command
        .args(["serve", "--skip-version-check", "--config"])
        .arg(&file)
        .env("PATH", tools::path_with(&[wasm_bindgen])?)
        // Trunk reads this variable as the value of its own option and refuses `1`.
        .env_remove("NO_COLOR")
        .current_dir(&root);
    Group::spawn(&mut command, "Trunk")
}

/// Waits for Ctrl-C. If one of the programs ends by itself, that is an error and ends the other one.
fn supervise(running: &mut [Group], port: u16, announce: impl Fn()) -> Result<()> {
    let (mut ready, mut told) = (false, false);
    loop {
        if process::interrupted() {
            progress("Stopping");
            return Ok(());
        }
        for group in running.iter_mut() {
            group.ensure_running()?;
        }
        if !ready {
            match http::status(port, "/") {
                Some(200) => {
                    ready = true;
                    announce();
                }
                // Trunk listens after the first build. If that build failed, Trunk has no page.
                Some(_) if !told => {
                    told = true;
                    eprintln!("The first build failed; correct the error above and it is built again.");
                }
                _ => {}
            }
        }
        thread::sleep(POLL);
    }
}

const PAGE_PORT: u16 = 8080;
const POLL: Duration = Duration::from_millis(100);
