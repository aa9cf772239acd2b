//! The deployment on this machine: nginx, the reference server with several processes, and PostgreSQL.

use std::{
    env,
    fs::{self, File},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    cache::{self, Cache},
    deploy::{api::Api, certificate, database::Database, nginx, pages, policy, servers::Servers},
    http,
    process::Group,
    reference_server,
    report::progress,
};

/// How a deployment on this machine is started.
#[derive(Debug)]
pub(crate) struct Options {
    /// The folder of the built pages.
    pub(crate) dist: PathBuf,
    /// The interpreter with the reference server's packages.
    pub(crate) python: PathBuf,
    pub(crate) port: u16,
    /// Variables that replace those of deploy/settings.env.
    pub(crate) settings: Vec<(String, String)>,
    /// Whether `/local/` has the pages a second time, with custody `local`.
    pub(crate) local_custody: bool,
    /// The file for the servers' output, otherwise the terminal.
    pub(crate) log: Option<PathBuf>,
}

impl Options {
    /// The pages in dist/ on a free port near `port`. What the servers say goes to a file in `scratch`.
    pub(crate) fn of_built(cache: &Cache, scratch: &Path, port: u16) -> Result<Self> {
        Ok(Self {
            dist: pages::built()?,
            python: reference_server::interpreter(cache)?,
            port: http::free_port(port)?,
            settings: Vec::new(),
            local_custody: false,
            log: Some(scratch.join("deployment.log")),
        })
    }
}

/// A running deployment. Dropping it stops the servers, in this order, and removes their files.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) origin: String,
    nginx: Group,
    api: Group,
    pub(crate) database: Database,
    /// How `api` is started.
    server: Api,
    folder: Folder,
}

impl Deployment {
    /// Starts all servers, and returns when they answer.
    pub(crate) fn start(cache: &Cache, servers: &Servers, options: &Options) -> Result<Self> {
        let started = Self::start_servers(cache, servers, options);
        match &options.log {
            Some(log) => started.with_context(|| format!("What the servers said is in {}.", log.display())),
            None => started,
        }
    }

    fn start_servers(cache: &Cache, servers: &Servers, options: &Options) -> Result<Self> {
        let Options { dist, python, port, settings, local_custody, log } = options;
        let log = log.as_deref().map(File::create).transpose()?;
        let certificate = certificate::of_this_machine(cache, &servers.openssl)?;
        let folder = Folder::new(*port)?;
        let path = folder.0.as_path();
        progress("Compressing the pages");
        pages::copy(cache, dist, &path.join("pages"), "cookie")?;
        if *local_custody {
            pages::copy(cache, dist, &path.join("pages/local"), "local")?;
        }
        progress("Starting PostgreSQL");
        let socket = path.join("database");
        let database = Database::start(&servers.postgresql, &socket)?;
        let api_port = http::free_port(reference_server::PORT)?;
        let mut settings = settings.clone();
        settings.push(("AUTH_PORT".to_owned(), api_port.to_string()));
        settings.push(("PGHOST".to_owned(), socket.display().to_string()));
        let server = Api::new(python, path, api_port, &settings, log.as_ref())?;
        let api = server.start(None)?;
        progress("Starting nginx");
        let places = nginx::Places {
            folder: path,
            http: http::free_port(HTTP_PORT)?,
            https: *port,
            upstream: api_port,
            certificate: &certificate.certificate,
            key: &certificate.key,
        };
        let site = nginx::Site::of_this_machine(&places, policy::of(dist)?);
        let mut nginx = nginx::start(&servers.nginx, &site, path, log.as_ref())?;
        nginx.wait_until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok(), PATIENCE)?;
        Ok(Self { origin: format!("https://localhost:{port}"), nginx, api, database, server, folder })
    }

    /// Fails if one of the servers has ended.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        self.nginx.ensure_running()?;
        self.api.ensure_running()?;
        if !self.database.runs() {
            bail!("PostgreSQL stopped.");
        }
        Ok(())
    }

    /// Restarts the reference server with this number of processes.
    pub(crate) fn restart_with(&mut self, workers: u32) -> Result<()> {
        // The port is free only after the end.
        self.api.end();
        self.api = self.server.start(Some(workers))?;
        Ok(())
    }

    /// The process number of the reference server, whose children are its workers.
    pub(crate) fn api_process(&self) -> u32 {
        self.api.child.id()
    }

    /// Writes a program that restarts PostgreSQL as after a crash, for a test in another process.
    pub(crate) fn write_restart(&self) -> Result<PathBuf> {
        let path = self.folder.0.join("restart-database");
        fs::write(&path, script(&self.database.restart()))?;
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        Ok(path)
    }
}

/// A folder that is removed on drop. It is among the temporary ones, because PostgreSQL and nginx run as users who may
/// not read the checkout, and because a socket's path must be short.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new(port: u16) -> Result<Self> {
        let path = env::temp_dir().join(format!("yew-jwt-auth-{port}-{}", std::process::id()));
        cache::empty(&path)?;
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .with_context(|| format!("{} is not this user's", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = cache::remove(&self.0);
    }
}

/// A shell script that runs the command.
fn script(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: String =
        words.map(|word| format!(" '{}'", word.to_string_lossy().replace('\'', r"'\''"))).collect();
    let folder = command.get_current_dir().unwrap_or(Path::new("/")).display();
    format!("#!/bin/sh\ncd '{folder}' && exec{words}\n")
}

/// The port of the redirect to HTTPS.
const HTTP_PORT: u16 = 8442;
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_keeps_the_commands_words_apart() {
        let mut command = Command::new("a b");
        command.args(["it's", "-c"]).current_dir("/tmp");
        assert_eq!(script(&command), "#!/bin/sh\ncd '/tmp' && exec 'a b' 'it'\\''s' '-c'\n");
    }
}
