//! What the web server says of each file. Python asks, because no browser leaves the choice of encodings to a script.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use e2e::deployment::Deployment;
use e2e::pages::shipped;
use serde::Deserialize;
use tokio::process::Command;

/// An answer, its body decoded from gzip.
#[derive(Debug, Deserialize)]
struct Answer {
    status: u16,
    /// Names in lower case. The values of equal names are joined by ` + `.
    headers: BTreeMap<String, String>,
    sha256: String,
    length: usize,
    protocol: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

pub(crate) async fn are_as_promised() -> Result<()> {
    let origin = Deployment::find()?.origin;
    the_document(&origin).await?;
    for (extension, kind) in TYPES {
        a_hashed_file(&origin, &shipped(extension)?, kind).await.context(extension)?;
    }
    what_is_missing_is_404(&origin).await?;
    the_api_keeps_its_headers(&origin).await?;
    let stranger = ask(&origin, "/api/health", "identity", "other.example").await?;
    ensure!(stranger.status == 421, "another host's name is answered: {stranger:#?}");
    Ok(())
}

async fn the_document(origin: &str) -> Result<()> {
    for encoding in ["br", "gzip", "identity"] {
        let answer = get(origin, "/", encoding).await?;
        ensure!(answer.status == 200 && answer.protocol == "h2", "{answer:#?}");
        ensure!(answer.header("content-type") == "text/html; charset=utf-8", "{answer:#?}");
        ensure!(
            answer.header("cache-control") == "no-cache" && !answer.header("etag").is_empty(),
            "{answer:#?}"
        );
        ensure_protected(&answer)?;
        ensure_encoded(&answer, encoding)?;
    }
    Ok(())
}

async fn a_hashed_file(origin: &str, path: &str, kind: &str) -> Result<()> {
    let plain = get(origin, path, "identity").await?;
    for encoding in ["br", "gzip", "identity"] {
        let answer = get(origin, path, encoding).await?;
        ensure!(answer.status == 200 && answer.header("content-type") == kind, "{answer:#?}");
        ensure!(answer.header("cache-control") == "public, max-age=31536000, immutable", "{answer:#?}");
        ensure_protected(&answer)?;
        ensure_encoded(&answer, encoding)?;
        ensure!(encoding == "identity" || answer.length < plain.length, "{answer:#?}");
        ensure!(encoding != "gzip" || answer.sha256 == plain.sha256, "not the same file: {answer:#?}");
    }
    Ok(())
}

async fn what_is_missing_is_404(origin: &str) -> Result<()> {
    for path in ["/yew-jwt-auth-0123456789abcdef_bg.wasm", "/missing", "/missing/"] {
        let answer = get(origin, path, "br").await?;
        ensure!(answer.status == 404 && answer.header("cache-control") == "no-cache", "{path}: {answer:#?}");
        ensure_protected(&answer)?;
    }
    Ok(())
}

async fn the_api_keeps_its_headers(origin: &str) -> Result<()> {
    for (path, status) in [("/api/health", 200), ("/api/missing", 404), ("/api/protected-route", 401)] {
        let answer = get(origin, path, "br").await?;
        ensure!(answer.status == status, "{path}: {answer:#?}");
        ensure!(answer.header("content-type") == "application/json", "{path}: {answer:#?}");
        ensure!(answer.header("cache-control") == "no-store", "{path}: {answer:#?}");
        ensure!(answer.header("x-content-type-options") == "nosniff", "{path}: {answer:#?}");
        ensure!(answer.header("strict-transport-security").starts_with("max-age="), "{path}: {answer:#?}");
    }
    Ok(())
}

fn ensure_protected(answer: &Answer) -> Result<()> {
    for (name, value) in PROTECTION {
        ensure!(answer.header(name) == value, "{name}: {answer:#?}");
    }
    let policy = answer.header("content-security-policy");
    for part in POLICY {
        ensure!(policy.contains(part), "{part} is not in the policy: {answer:#?}");
    }
    Ok(())
}

fn ensure_encoded(answer: &Answer, encoding: &str) -> Result<()> {
    let wanted = if encoding == "identity" { "" } else { encoding };
    ensure!(answer.header("content-encoding") == wanted, "{encoding}: {answer:#?}");
    ensure!(answer.header("vary").eq_ignore_ascii_case("Accept-Encoding"), "{encoding}: {answer:#?}");
    Ok(())
}

async fn get(origin: &str, path: &str, encoding: &str) -> Result<Answer> {
    let host = origin.strip_prefix("https://").unwrap_or(origin);
    ask(origin, path, encoding, host).await
}

/// Asks at the deployment's address, for the site of this host.
async fn ask(origin: &str, path: &str, encoding: &str, host: &str) -> Result<Answer> {
    let python = std::env::var_os("E2E_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(python).args(["-c", ASK, origin, path, encoding, host]).output().await?;
    let words = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{path}: {words}"))
}

const TYPES: [(&str, &str); 2] = [("wasm", "application/wasm"), ("js", "text/javascript; charset=utf-8")];

const PROTECTION: [(&str, &str); 5] = [
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

const POLICY: [&str; 5] = [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval' 'sha256-",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
];

/// A second connection asks which protocol the server chooses, because Python's client speaks HTTP/1.1.
const ASK: &str = r#"
import gzip, hashlib, http.client, json, ssl, sys, urllib.parse
origin, path, encoding, host = sys.argv[1:]
address = urllib.parse.urlsplit(origin)
def context():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
client = http.client.HTTPSConnection(address.hostname, address.port, timeout=20, context=context())
client.request("GET", path, headers={"Accept-Encoding": encoding, "Host": host})
answer = client.getresponse()
body, headers = answer.read(), {}
for name, value in answer.getheaders():
    headers[name.lower()] = " + ".join(filter(None, [headers.get(name.lower()), value]))
length = len(body)
if headers.get("content-encoding") == "gzip":
    body = gzip.decompress(body)
offer = context()
offer.set_alpn_protocols(["h2", "http/1.1"])
second = http.client.HTTPSConnection(address.hostname, address.port, timeout=20, context=offer)
second.connect()
print(json.dumps({"status": answer.status, "headers": headers, "length": length,
                  "sha256": hashlib.sha256(body).hexdigest(), "protocol": second.sock.selected_alpn_protocol()}))
"#;
