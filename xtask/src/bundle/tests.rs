#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use super::*;
use crate::{
    cache::{self, Cache},
    node, process,
};

fn asset(name: &str) -> Asset {
    Asset { name: name.to_owned(), integrity: format!("sha384-{name}") }
}

#[test]
fn the_page_names_its_files() {
    let page = with_files("<head></head><body><p>x</body>", &asset("g.js"), &asset("w.wasm"));
    assert_eq!(
        page.unwrap(),
        "<head><link rel=\"preload\" href=\"./w.wasm\" as=\"fetch\" type=\"application/wasm\" crossorigin><script type=\"module\" src=\"./g.js\" integrity=\"sha384-g.js\"></script></head><body><p>x</body>"
    );
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be listed", folder.display()))? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

/// Finishes what might have been compiled, and returns the files by name.
fn finished(run: usize) -> Vec<(String, String)> {
    let folder = std::env::temp_dir().join(format!("xtask-bundle-{}-{run}", std::process::id()));
    cache::empty(&folder.join("snippets")).unwrap();
    for (name, text) in [
        (
            "index.html",
            "<head>\n  <meta charset=\"utf-8\" />\n  <!-- a comment -->\n  <meta name=\"api-base-url\" content=\"/\" />\n  <script>{ const words = [\"long\", \"long\"]; try { self.words = words; } catch (_) {} }</script>\n  <style>p {\n  color: red;\n}</style>\n</head><body><main id=\"app\"></main></body>",
        ),
        (app::WASM, "\0asm\x01\0\0\0"),
        ("snippets/inline.js", "export const snippet = () => \"of a dependency\";"),
        (
            app::GLUE,
            "import { snippet } from \"./snippets/inline.js\";\nasync function unused() { return \"unused\"; }\nasync function start(options) { return [\"long\", \"long\", 7, 7, null, null, Array.from, Array.from, snippet(), options, { \"./page_bg.js\": { __wbg_long_1: 0 } }, wasm.memory]; }\nlet wasm;\nexport { unused };\nexport default start;\n",
        ),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    let shell = |script: &str| {
        let mut command = process::command("sh");
        command.args(["-c", script]);
        command
    };
    let names = r#"{"imports": [["./page_bg.js", "__wbg_long_1", "A"]], "exports": [["memory", "b"]]}"#;
    let tools = Tools {
        wasm_opt: shell(&format!("echo '{names}'")),
        esbuild: node::esbuild(&Cache::locate().unwrap()).unwrap(),
        prerender: shell("printf '<p>the form</p>\\0<p>signed in</p>'"),
    };
    finish(&folder, Some("https://api.example.org"), tools).unwrap();
    let files = files(&folder).unwrap();
    let files = files.iter().map(|file| (file_name(file), fs::read_to_string(file).unwrap())).collect();
    cache::remove(&folder).unwrap();
    files
}

#[test]
fn the_same_files_become_the_same_page() {
    let files = finished(0);
    assert_eq!(finished(1), files);

    assert_eq!(files.len(), 3, "{files:#?}");
    let page = "index.html";
    let [script, wasm] = [".js", "_bg.wasm"].map(|ending| {
        files.iter().map(|(name, _)| name.as_str()).find(|name| name.ends_with(ending)).unwrap()
    });
    let text = |wanted: &str| files.iter().find(|(name, _)| name == wanted).unwrap().1.as_str();
    let integrity = |name| format!("sha384-{}", BASE64_STANDARD.encode(Sha384::digest(text(name))));
    for (holder, named) in [(page, script), (script, wasm)] {
        for part in [named, integrity(named).as_str()] {
            assert!(text(holder).contains(part), "{holder} lacks {part}: {}", text(holder));
        }
    }
    assert!(text(page).contains("<style>p{color:red}</style>"), "{}", text(page));
    assert!(text(script).contains("of a dependency") && !text(script).contains("unused"), "{}", text(script));
    assert!(text(script).contains("{a:{A:0}}") && text(script).contains(".b]"), "{}", text(script));
    let (form, home) =
        ("<main id=\"app\"><p>the form</p></main>", "<template id=\"home\"><p>signed in</p></template>");
    assert!(text(page).contains(&[form, home].concat()), "{}", text(page));
    // Its hash is in the policy, as a browser computes it.
    let inline = page::inline(text(page), "script");
    let [inline] = &*inline else { panic!("{}", text(page)) };
    let inline = &text(page)[inline.clone()];
    assert!(!inline.contains("words ="), "{inline}");
    assert!(inline.contains("catch("), "an old browser cannot read it: {inline}");
    let hash = BASE64_STANDARD.encode(Sha256::digest(inline));
    assert!(text(page).contains(&format!("'sha256-{hash}'")), "{}", text(page));
    assert!(!text(page).contains("comment"), "{}", text(page));
}
