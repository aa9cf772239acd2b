//! Checks a state in every look: sizes, colour schemes and forced colours.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use e2e::browser::ColorScheme;
use e2e::scene::Scene;
use serde_json::{Value, json};

pub(crate) struct Look<'a> {
    scene: &'a Scene,
    axe: String,
}

impl<'a> Look<'a> {
    pub(crate) fn new(scene: &'a Scene) -> Result<Self> {
        Ok(Self { scene, axe: std::fs::read_to_string(axe()?)? })
    }

    /// Checks the page in its current state, in each look.
    pub(crate) async fn at(&self, state: &str) -> Result<()> {
        for (scheme, colours) in SCHEMES {
            for width in WIDTHS {
                let name = format!("{state}-{colours}-{width}");
                let browser = &self.scene.browser;
                browser.screenshot(&name, (width, 800), scheme).await?;
                let scroll = "const root = document.documentElement;
                              return Math.max(root.scrollWidth, document.body.scrollWidth) - innerWidth";
                let overflow = browser.run(scroll, Value::Null).await?;
                ensure!(overflow.as_i64().is_some_and(|by| by <= 0), "{name} scrolls sideways by {overflow}");
                let violations = self.violations().await.with_context(|| name.clone())?;
                ensure!(violations.is_empty(), "{name}: {violations:#?}");
            }
        }
        self.scene.ensure_quiet().await
    }

    async fn violations(&self) -> Result<Vec<String>> {
        let driver = self.scene.browser.driver();
        if self.scene.browser.run("return window.axe === undefined", Value::Null).await? == json!(true) {
            driver.execute(self.axe.as_str(), Vec::new()).await?;
            driver.execute(FORCED, Vec::new()).await?;
        }
        let run = "const {violations} = await axe.run(document, {resultTypes: ['violations']});
            return violations.flatMap((rule) => rule.nodes.map((node) =>
              `${rule.id}: ${node.html} ${node.failureSummary}`))";
        Ok(serde_json::from_value(self.scene.browser.run(run, Value::Null).await?)?)
    }
}

/// axe reads a text's colour from this property, for which Chromium tells the page's own colour in forced colours, and not the
/// one that it paints. No style of the page sets it, so it is the same as `color`.
const FORCED: &str = "
    const read = CSSStyleDeclaration.prototype.getPropertyValue;
    CSSStyleDeclaration.prototype.getPropertyValue = function (name) {
      const other = name === '-webkit-text-fill-color' && matchMedia('(forced-colors: active)').matches;
      return read.call(this, other ? 'color' : name);
    };";

/// The path of `axe.min.js`.
fn axe() -> Result<PathBuf> {
    let path = std::env::var_os("E2E_AXE").context("E2E_AXE must name axe.min.js of axe-core")?;
    Ok(path.into())
}

const SCHEMES: [(ColorScheme, &str); 4] = [
    (ColorScheme::Light, "light"),
    (ColorScheme::Dark, "dark"),
    (ColorScheme::ForcedLight, "forced-light"),
    (ColorScheme::ForcedDark, "forced-dark"),
];
/// The narrow one is that of WCAG's criterion 1.4.10, reflow.
pub(crate) const WIDTHS: [u32; 2] = [1000, 320];
