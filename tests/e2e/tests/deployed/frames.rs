//! Another origin's page that shows the page in a frame.

use anyhow::{Result, ensure};
use e2e::pages::Pages;
use e2e::temp::TempDir;
use serde_json::Value;

use crate::Visit;

/// Fails if the deployed page is in the frame. The same frame shows another page, so frames work.
pub(crate) async fn stay_empty(visit: &Visit) -> Result<()> {
    let folder = TempDir::new("e2e-frames")?;
    let pages = Pages::start(folder.path()).await?;
    let framed =
        |address: &str| format!("<!doctype html><title>t</title><iframe src=\"{address}\"></iframe>");
    pages.change(|settings| {
        settings.files.insert("/ours.html".to_owned(), framed(&visit.address));
        settings.files.insert("/theirs.html".to_owned(), framed("/main.html"));
        settings.files.insert("/main.html".to_owned(), "<!doctype html><main id=app>x</main>".to_owned());
    });
    for (name, shown) in [("theirs", true), ("ours", false)] {
        // Not by the name `localhost`, which a browser may know to be HTTPS only by now.
        visit.browser.open(&format!("http://{}/{name}.html", pages.address())).await?;
        ensure!(is_framed(visit).await == shown, "{name}");
    }
    Ok(())
}

/// Whether the frame has the page's element. A driver may find no frame, or refuse to run a script in the error page
/// that stands in it.
async fn is_framed(visit: &Visit) -> bool {
    let driver = visit.browser.driver();
    if driver.enter_frame(0).await.is_err() {
        return false;
    }
    let found = visit.browser.run("return document.querySelector('#app') !== null", Value::Null).await;
    let left = driver.enter_default_frame().await;
    left.is_ok() && found.is_ok_and(|found| found == true)
}
