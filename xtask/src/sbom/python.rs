//! The Python packages of the reference server, as its lock file names them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Component, Licence};
use crate::{cache::Cache, locks, process, project, reference_server};

pub(super) fn shipped(cache: &Cache) -> Result<Vec<Component>> {
    let locked = locks::python(&project::read(reference_server::LOCK)?)?;
    let interpreter = reference_server::interpreter(cache)?;
    let mut script = process::command(interpreter);
    script.arg(project::root().join("xtask/tools/licences.py"));
    let described = process::output(&mut script)
        .context("xtask/tools/licences.py failed: run it with Python to see why.")?;
    let described: Vec<Value> =
        serde_json::from_str(&described).context("xtask/tools/licences.py wrote no list in JSON.")?;
    let name = |package: &Value| package.get("name").and_then(Value::as_str).map(str::to_owned);
    let described: BTreeMap<String, Value> =
        described.into_iter().filter_map(|package| Some((name(&package)?, package))).collect();
    Ok(locked.into_iter().map(|it| component(&described, it)).collect())
}

/// A package that this system does not need is not installed, so its licence stays unknown.
fn component(described: &BTreeMap<String, Value>, locked: locks::Locked) -> Component {
    let package = described.get(&locked.name);
    let texts = package.and_then(|it| it.get("texts")).and_then(Value::as_object).into_iter().flatten();
    Component {
        purl: format!("pkg:pypi/{}@{}", locked.name, locked.version),
        licence: package.map_or(Licence::Unknown, licence),
        sha256: locked.sha256,
        texts: texts
            .map(|(name, text)| (name.clone(), text.as_str().unwrap_or_default().to_owned()))
            .collect(),
        marker: locked.marker,
        name: locked.name,
        version: locked.version,
        repository: None,
        ours: false,
    }
}

fn licence(package: &Value) -> Licence {
    let field = |name: &str| package.get(name).and_then(Value::as_str).map(str::to_owned);
    match (field("expression"), field("licence")) {
        (Some(expression), _) => Licence::Expression(expression),
        (None, Some(name)) => Licence::Named(name),
        (None, None) => Licence::Unknown,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn an_expression_says_more_than_a_name() {
        let expression = licence(&json!({"expression": "MIT", "licence": "MIT License"}));
        assert_eq!(expression, Licence::Expression("MIT".into()));
        assert_eq!(
            licence(&json!({"expression": null, "licence": "BSD License"})),
            Licence::Named("BSD License".into())
        );
        assert_eq!(licence(&json!({"expression": null, "licence": null})), Licence::Unknown);
    }

    #[test]
    fn a_package_of_another_system_keeps_its_hashes_and_has_no_licence() {
        let lock = "tzdata==1 ; sys_platform == 'win32' \\\n    --hash=sha256:x\n";
        let locked = locks::python(lock).unwrap().remove(0);
        let it = component(&BTreeMap::new(), locked);
        assert_eq!((it.purl.as_str(), it.sha256.len()), ("pkg:pypi/tzdata@1", 1));
        assert!(it.lacks_a_text() && it.licence == Licence::Unknown);
    }
}
