//! PostgreSQL with a database of its own, below one folder.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::process;

/// A running PostgreSQL. Dropping it stops the server.
#[derive(Debug)]
pub(crate) struct Database {
    /// The folder of the data, the log and the socket.
    folder: PathBuf,
    programs: PathBuf,
    as_root: bool,
}

impl Database {
    /// Starts a server with an empty database in a new folder. It listens on a socket in that folder only, which its owner
    /// and root alone can reach.
    pub(crate) fn start(programs: &Path, folder: &Path) -> Result<Self> {
        fs::create_dir(folder).with_context(|| format!("{} cannot be created", folder.display()))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        let database =
            Self { folder: folder.to_owned(), programs: programs.to_owned(), as_root: process::is_root() };
        if database.as_root {
            process::run(process::command("chown").arg(format!("{USER}:")).arg(folder), "chown").context(
                "PostgreSQL does not run as root: add a user postgres, or start this as another user",
            )?;
        }
        let mut create = database.command("initdb");
        create
            .args(["--username", NAME, "--auth", "trust", "--encoding", "UTF8", "--no-locale"])
            // The folder is removed after the run, so a crash of the machine need not be survived.
            .args(["--no-sync", "--no-instructions", "--pgdata"])
            .arg(database.data())
            .stdout(File::create(folder.join("initdb.log"))?);
        process::run(&mut create, "initdb")?;
        fs::write(
            database.data().join("postgresql.auto.conf"),
            format!("listen_addresses = ''\nunix_socket_directories = '{}'\n", folder.display()),
        )?;
        process::run(&mut database.control(&["start"]), "PostgreSQL")
            .with_context(|| format!("{} has PostgreSQL's words", database.log().display()))?;
        let mut create = database.command("createdb");
        process::run(create.args(["--host"]).arg(folder).args(["--username", NAME, NAME]), "createdb")?;
        Ok(database)
    }

    /// Runs SQL, in which `:name` stands for the number of this name, and writes the last rows into a file: a line for each,
    /// with a space between two columns.
    pub(crate) fn query(&self, sql: &str, numbers: &[(&str, u32)], output: &Path) -> Result<()> {
        let input = self.folder.join("query.sql");
        fs::write(&input, sql)?;
        let mut command = self.command("psql");
        command.arg("--host").arg(&self.folder).args(["--username", NAME, "--no-psqlrc", "--quiet"]);
        command.args(["--tuples-only", "--no-align", "--field-separator", " ", "--set", "ON_ERROR_STOP=1"]);
        for (name, number) in numbers {
            command.args(["--set", &format!("{name}={number}")]);
        }
        // psql fills in the numbers only in what it reads from a file. As another user it reads no path of this user.
        command.stdin(File::open(&input)?).stdout(File::create(output)?);
        process::run(&mut command, "psql")
    }

    /// Whether the server runs. It removes this file when it stops.
    pub(crate) fn runs(&self) -> bool {
        self.data().join("postmaster.pid").exists()
    }

    /// The command that restarts the server as after a crash.
    pub(crate) fn restart(&self) -> Command {
        self.control(&["restart", "-m", "immediate"])
    }

    fn control(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("pg_ctl");
        command.args(arguments).args(["--silent", "--wait", "--pgdata"]).arg(self.data());
        command.arg("--log").arg(self.log());
        command
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if self.as_root {
            let mut command = process::command("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        } else {
            process::command(program)
        };
        command.current_dir(&self.folder);
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("postgresql.log")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.control(&["stop", "-m", "immediate"]).status();
    }
}

/// Debian's package makes this user. PostgreSQL refuses to run as root.
const USER: &str = "postgres";
/// The user's and the database's name in deploy/settings.env.
const NAME: &str = "yew-jwt-auth";
