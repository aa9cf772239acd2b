//! The variables of deploy/settings.env.

use anyhow::{Context as _, Result};

use crate::project;

/// The variables of the file. A variable of `changes` replaces the file's.
pub(crate) fn with(changes: &[(String, String)]) -> Result<Vec<(String, String)>> {
    let mut variables = read(&project::read("deploy/settings.env")?)?;
    for (name, value) in changes {
        variables.retain(|(known, _)| known != name);
        variables.push((name.clone(), value.clone()));
    }
    Ok(variables)
}

/// Reads what systemd and Docker Compose read alike: `NAME=value` without quotes, and comments.
fn read(text: &str) -> Result<Vec<(String, String)>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line
                .split_once('=')
                .with_context(|| format!("deploy/settings.env: write `{line}` as NAME=value."))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn lines_are_variables_and_comments() {
        let read = read("# a comment\n\nA=1\nB=\n").unwrap();
        assert_eq!(read, [("A".to_owned(), "1".to_owned()), ("B".to_owned(), String::new())]);
        assert!(super::read("A").is_err());
    }

    #[test]
    fn a_change_replaces_the_files_value() {
        let variables = with(&[("AUTH_PORT".to_owned(), "1".to_owned())]).unwrap();
        let ports: Vec<_> = variables.iter().filter(|(name, _)| name == "AUTH_PORT").collect();
        assert_eq!(ports, [&("AUTH_PORT".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn the_file_has_no_secret() {
        let variables = with(&[]).unwrap();
        assert!(variables.iter().all(|(name, _)| !name.contains("SECRET") && !name.contains("PASSWORD")));
    }
}
