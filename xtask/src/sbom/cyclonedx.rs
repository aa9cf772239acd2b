//! A list of components as CycloneDX 1.6 in JSON. It has neither a serial number nor a time, so that the same lock
//! files give the same bytes.

use serde_json::{Value, json};

use super::{Component, Licence};

/// The document for the application that `name` and `purl` name.
pub(super) fn document(name: &str, purl: &str, components: &[Component]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "purl": purl,
                "licenses": [{"expression": "MIT OR Apache-2.0"}],
            },
        },
        "components": components.iter().map(component).collect::<Vec<_>>(),
    })
}

fn component(it: &Component) -> Value {
    let mut value = json!({
        "type": "library",
        "bom-ref": it.purl,
        "name": it.name,
        "version": it.version,
        "purl": it.purl,
    });
    let Some(fields) = value.as_object_mut() else { return value };
    match &it.licence {
        Licence::Unknown => None,
        Licence::Expression(text) => fields.insert("licenses".into(), json!([{"expression": text}])),
        Licence::Named(name) => fields.insert("licenses".into(), json!([{"license": {"name": name}}])),
    };
    if !it.sha256.is_empty() {
        let hashes: Vec<Value> =
            it.sha256.iter().map(|hash| json!({"alg": "SHA-256", "content": hash})).collect();
        fields.insert("hashes".into(), hashes.into());
    }
    if let Some(url) = &it.repository {
        fields.insert("externalReferences".into(), json!([{"type": "vcs", "url": url}]));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_its_purl_licence_and_hashes() {
        let it = Component {
            name: "a".into(),
            version: "1.0.0".into(),
            purl: "pkg:cargo/a@1.0.0".into(),
            licence: Licence::Expression("MIT".into()),
            sha256: vec!["0f".into()],
            ..Component::default()
        };
        let expected = json!({
            "type": "library",
            "bom-ref": "pkg:cargo/a@1.0.0",
            "name": "a",
            "version": "1.0.0",
            "purl": "pkg:cargo/a@1.0.0",
            "licenses": [{"expression": "MIT"}],
            "hashes": [{"alg": "SHA-256", "content": "0f"}],
        });
        assert_eq!(component(&it), expected);
        let named = Component { licence: Licence::Named("BSD License".into()), ..Component::default() };
        assert_eq!(component(&named).get("licenses"), Some(&json!([{"license": {"name": "BSD License"}}])));
        assert_eq!(component(&Component::default()).get("licenses"), None);
    }
}
