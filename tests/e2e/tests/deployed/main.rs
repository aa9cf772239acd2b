//! The deployment of deploy/ in three engines: one origin over HTTPS, with several workers and PostgreSQL.

mod frames;
mod headers;
mod outage;
mod sessions;

use anyhow::{Result, anyhow};
use e2e::browser::{Browser, Engine, Options};
use e2e::deployment::{Deployment, PASSWORD, USERNAME};
use e2e::page::LoginPage;
use e2e::scene::Stored;
use e2e::session::Row;

/// Where the refresh token is. The deployment has a copy of the pages for each custody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Custody {
    Cookie,
    Local,
}

/// A browser, and the deployment that it visits.
struct Visit {
    browser: Browser,
    deployment: Deployment,
    address: String,
}

impl Visit {
    async fn start(engine: Engine, custody: Custody) -> Result<Self> {
        let deployment = Deployment::find()?;
        let options = Options { any_certificate: true, ..Options::default() };
        let browser = Browser::with(engine, options).await?;
        let path = match custody {
            Custody::Cookie => "/",
            Custody::Local => "/local/",
        };
        let address = format!("{}{path}", deployment.origin);
        Ok(Self { browser, deployment, address })
    }

    async fn log_in(&self) -> Result<LoginPage<'_>> {
        let page = LoginPage::open(&self.browser, &self.address).await?;
        page.login(USERNAME, PASSWORD).await?;
        Ok(page)
    }

    /// The one session in the ledger that lives.
    async fn session(&self) -> Result<Row> {
        let rows = Stored::of(&self.browser).await?.rows();
        let living: Vec<Row> = rows.into_iter().filter(|row| row.ended.is_none()).collect();
        let [row] =
            <[Row; 1]>::try_from(living).map_err(|rows| anyhow!("not one session that lives: {rows:#?}"))?;
        Ok(row)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_files_and_protocol_are_as_promised() -> Result<()> {
    headers::are_as_promised().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_page_works_in_chromium() -> Result<()> {
    a_deployed_page_works(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_page_works_in_firefox() -> Result<()> {
    a_deployed_page_works(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_page_works_in_webkit() -> Result<()> {
    a_deployed_page_works(Engine::WebKit).await
}

async fn a_deployed_page_works(engine: Engine) -> Result<()> {
    for custody in [Custody::Cookie, Custody::Local] {
        let visit = Visit::start(engine, custody).await?;
        sessions::live(&visit, custody).await?;
        if custody == Custody::Cookie {
            frames::stay_empty(&visit).await?;
        }
        outage::ends_no_session(&visit, custody).await?;
    }
    Ok(())
}
