//! The cookie that holds the refresh token in custody `cookie`.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use thirtyfour::Cookie;
use tokio::time::{Instant, sleep};

use crate::browser::Browser;
use crate::scene::Stored;

/// The refresh cookies that the browser holds, with their attributes.
pub async fn refresh_cookies(browser: &Browser) -> Result<Vec<Cookie>> {
    let all = browser.driver().get_all_cookies().await?;
    Ok(all.into_iter().filter(|cookie| cookie.name.starts_with("__Host-rt-")).collect())
}

/// Fails unless the browser holds one refresh cookie, whose token no script can read. Returns the token.
pub async fn ensure_one_cookie(browser: &Browser) -> Result<String> {
    let cookies = refresh_cookies(browser).await?;
    let [cookie] = &*cookies else { bail!("not one refresh cookie: {cookies:?}") };
    ensure!(cookie.http_only == Some(true) && cookie.secure == Some(true), "{cookie:?}");
    ensure!(cookie.path.as_deref() == Some("/"), "{cookie:?}");
    let readable = Stored::of(browser).await?.text();
    ensure!(!readable.contains(&cookie.value), "script can read the token: {readable}");
    Ok(cookie.value.clone())
}

/// Waits until the browser holds no refresh cookie: the page may learn of its logout before the driver does.
pub async fn ensure_no_cookie(browser: &Browser) -> Result<()> {
    let end = Instant::now() + DEADLINE;
    loop {
        let cookies = refresh_cookies(browser).await?;
        if cookies.is_empty() {
            return Ok(());
        }
        ensure!(Instant::now() < end, "{cookies:?}");
        sleep(PAUSE).await;
    }
}

const DEADLINE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(25);
